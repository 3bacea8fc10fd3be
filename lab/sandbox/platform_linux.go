package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// platform is what a host found out about the operating system: the run's
// control groups and the mechanisms that follow from them.
type platform struct {
	run       group  // the run's folders, parents of the environments' groups
	freezing  string // Mechanisms.Freeze
	limits    string // Mechanisms.Limits
	signals   bool   // freeze with SIGSTOP
	useFreeze bool   // freeze with the control group
}

// openPlatform chooses the way to freeze by this table, medians of
// BenchmarkFreeze on two shared cores, Linux 6.18, a Go handler. Stopped is the
// time from the request until the kernel says that every thread stands; for
// SIGSTOP it includes reading /proc:
//
//	                  freeze   stopped   thaw    reaches
//	v2 cgroup.freeze   24 µs     53 µs   23 µs   all processes, unseen by them
//	v1 freezer.state   95 µs    130 µs   88 µs   all processes, unseen by them
//	SIGSTOP, SIGCONT   11 µs  <=270 µs   28 µs   the process group; the handler
//	                                             can see SIGCONT
//
// v1 comes before SIGSTOP although its requests cost more: 0.2 ms a cycle
// distort less than a daemonised child that runs on.
func openPlatform(o HostOptions, h hierarchies, name string) (*platform, error) {
	p := &platform{}
	p.open(o, h, name)
	err := errors.Join(p.chooseFreezer(o), p.chooseLimits(o, h))
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// open makes the run's folders. The v2 group is made whatever the options say:
// it is also what finds and kills daemonised children.
func (p *platform) open(o HostOptions, h hierarchies, name string) {
	limits := o.Limits != "none"
	p.run.unified, p.run.memory2, p.run.cpu2 = openUnified(h.unified, name, limits)
	if p.run.unified == "" {
		p.run.freezer = openV1(h.v1["freezer"], name, "freezer.state")
	}
	if limits && !p.run.memory2 {
		p.run.memory = openV1(h.v1["memory"], name, "memory.limit_in_bytes")
	}
	if limits && !p.run.cpu2 {
		p.run.cpu = openV1(h.v1["cpu"], name, "cpu.cfs_quota_us")
	}
}

func (p *platform) chooseFreezer(o HostOptions) error {
	switch group := p.run.unified != "" || p.run.freezer != ""; {
	case o.Freezer == "none":
		p.freezing = "none"
	case o.Freezer == "sigstop", o.Freezer == "auto" && !group:
		p.freezing, p.signals = "SIGSTOP", true
	case !group:
		return errors.New("sandbox: freezer \"cgroup\": no control group can be made here: run as root, or under systemd-run --user --scope -p Delegate=yes, or use freezer \"sigstop\"")
	case p.run.unified != "":
		p.freezing, p.useFreeze = "cgroup v2 freezer", true
	default:
		p.freezing, p.useFreeze = "cgroup v1 freezer", true
	}
	return nil
}

func (p *platform) chooseLimits(o HostOptions, h hierarchies) error {
	memory, cpu := p.run.memory != "", p.run.cpu != ""
	switch {
	case o.Limits == "none":
		p.limits = "none: switched off"
	case p.run.cpu2:
		p.limits = "cgroup v2 memory+cpu"
	case p.run.memory2:
		p.limits = "cgroup v2 memory; cpu none: the controller is not handed down to this session"
	case memory && cpu:
		p.limits = "cgroup v1 memory+cpu"
	case memory:
		p.limits = "cgroup v1 memory"
	case cpu:
		p.limits = "cgroup v1 cpu"
	case len(h.unified) == 0 && len(h.v1) == 0:
		p.limits = "none: no control groups are mounted"
	case p.run.unified != "":
		p.limits = "none: the memory and cpu controllers are not handed down to this session; run as root or under systemd-run --user --scope -p Delegate=yes"
	default:
		p.limits = "none: no control group can be made here; run as root or under systemd-run --user --scope -p Delegate=yes"
	}
	if o.Limits == "cgroup" && strings.HasPrefix(p.limits, "none") {
		return fmt.Errorf("sandbox: limits \"cgroup\": %s", p.limits)
	}
	return nil
}

// group makes the control groups of one environment.
func (p *platform) group(name string, memoryMB int) (*group, error) {
	g := &group{memoryMB: memoryMB, memory2: p.run.memory2, cpu2: p.run.cpu2}
	below := func(run string) string {
		if run == "" {
			return ""
		}
		return filepath.Join(run, name)
	}
	g.unified, g.freezer = below(p.run.unified), below(p.run.freezer)
	g.memory, g.cpu = below(p.run.memory), below(p.run.cpu)
	if err := g.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: control group of environment %s: %w", name, err), g.remove())
	}
	return g, nil
}

// close kills what is left in the run's groups and removes them.
func (p *platform) close() error { return removeRun(p.run.folders()) }

// folders lists what close removes, for tests.
func (p *platform) folders() []string { return p.run.folders() }

// runName is the name of everything a host leaves on the system: control groups
// and temporary folder. It tells a later run whether its owner still lives:
// process id, start time of the process (ids are used again) and process
// namespace (in another one the id means somebody else).
func runName() string {
	return fmt.Sprintf("thaw-%d-%d-%s-", os.Getpid(), startTime(os.Getpid()), namespace())
}

// isStale reports whether name was made by a lab of this process namespace that
// no longer runs.
func isStale(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) != 5 || parts[0] != "thaw" || parts[3] != namespace() {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 {
		return false
	}
	return !alive(pid) || strconv.FormatUint(startTime(pid), 10) != parts[2]
}

// namespace identifies the process namespace of the lab, e.g. "4026531836".
func namespace() string {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return "0"
	}
	return strconv.FormatUint(st.Ino, 10)
}
