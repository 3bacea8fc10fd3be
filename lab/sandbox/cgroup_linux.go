package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// cpuPeriod is the accounting period of the CPU ceiling in microseconds. A
// process that has used its share waits for the next period; a short period
// keeps that wait short. What AWS uses is not documented.
const cpuPeriod = 20_000

// group is the control groups of one environment: one folder in each hierarchy
// that this host uses. It outlives resets. The zero value is an environment
// without control groups; all methods work on it and do nothing.
type group struct {
	unified              string // v2
	freezer, memory, cpu string // v1
	memory2, cpu2        bool   // unified carries these controllers
	memoryMB             int

	mu    sync.Mutex
	used  bool // cgroup.kill was written
	phase cpuPhase
	gate  *os.File // cgroup.freeze or freezer.state, kept open: an open costs more than the write
}

func (g *group) hasV1() bool { return g.freezer != "" || g.memory != "" || g.cpu != "" }

// canKill reports whether the group reaches every process of the environment,
// daemonised ones too.
func (g *group) canKill() bool { return g.unified != "" || g.hasV1() }

// folders lists the group's folders.
func (g *group) folders() []string {
	var out []string
	for _, f := range []string{g.unified, g.freezer, g.memory, g.cpu} {
		if f != "" {
			out = append(out, f)
		}
	}
	return out
}

// create makes the folders and sets the memory limit.
func (g *group) create() error {
	for _, f := range g.folders() {
		if err := os.Mkdir(f, 0o755); err != nil {
			return err
		}
	}
	// The limit is MemoryMB with no allowance. Page cache counts towards it,
	// but is given back before anything is killed.
	bytes := strconv.Itoa(g.memoryMB << 20)
	switch {
	case g.memory2:
		_ = write(g.unified, "memory.swap.max", "0") // absent without swap
		_ = write(g.unified, "memory.oom.group", "1")
		return write(g.unified, "memory.max", bytes)
	case g.memory != "":
		err := write(g.memory, "memory.limit_in_bytes", bytes)
		_ = write(g.memory, "memory.memsw.limit_in_bytes", bytes) // absent without swap accounting
		return err
	}
	return nil
}

// renew makes the group fit for another process. A group whose cgroup.kill was
// once written is made anew: on Linux 6.18 what is cloned into it dies at birth,
// although the file promises to kill only what is there.
func (g *group) renew() error {
	g.mu.Lock()
	used := g.used
	if used {
		g.used, g.phase = false, cpuUnset
	}
	g.mu.Unlock()
	if !used {
		return nil
	}
	return errors.Join(g.remove(), g.create())
}

// cloneInto opens the group for CLONE_INTO_CGROUP; fd is -1 without a v2 group.
func (g *group) cloneInto() (fd int, release func()) {
	if g.unified == "" {
		return -1, func() {}
	}
	fd, err := unix.Open(g.unified, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, func() {}
	}
	return fd, func() { unix.Close(fd) }
}

// adopt moves a stopped or just started process into the groups that it was not
// born in.
func (g *group) adopt(pid int, bornInside bool) error {
	id := strconv.Itoa(pid)
	for _, f := range g.folders() {
		if f == g.unified && bornInside {
			continue
		}
		if err := write(f, "cgroup.procs", id); err != nil {
			return err
		}
	}
	return nil
}

// Weights of the CPU, relative to each other; the kernel's default is 1024 in v1
// and 100 in v2. An environment in its init gets the lesser one: in AWS a cold
// start runs on capacity of its own, here it would take the cores from warm
// invocations, which then last longer, meet more requests that find no idle
// environment, and so cause the next cold starts.
const (
	sharesServing, sharesInit = "1024", "128"
	weightServing, weightInit = "100", "12"
)

// cpuPhase is what the group's CPU settings are for.
type cpuPhase int

const (
	cpuUnset cpuPhase = iota
	cpuInit
	cpuServing
)

// serve says that init is over: the group gets the CPU ceiling that the memory
// size buys and the full weight. With false an init begins.
func (g *group) serve(on bool) error {
	phase, quota, shares, weight := cpuInit, -1, sharesInit, weightInit
	if on {
		// The kernel's least quota is 1 ms.
		phase, quota, shares, weight = cpuServing, max(g.memoryMB*cpuPeriod/memoryPerCPU, 1000), sharesServing, weightServing
	}
	g.mu.Lock()
	same := g.phase == phase
	g.phase = phase
	g.mu.Unlock()
	switch {
	case same:
		return nil
	case g.cpu2:
		ceiling := "max"
		if on {
			ceiling = strconv.Itoa(quota)
		}
		return errors.Join(
			write(g.unified, "cpu.weight", weight),
			write(g.unified, "cpu.max", ceiling+" "+strconv.Itoa(cpuPeriod)))
	case g.cpu != "":
		return errors.Join(
			write(g.cpu, "cpu.shares", shares),
			write(g.cpu, "cpu.cfs_period_us", strconv.Itoa(cpuPeriod)),
			write(g.cpu, "cpu.cfs_quota_us", strconv.Itoa(quota)))
	}
	return nil
}

// freeze stops or resumes every process of the group. The kernel finishes the
// stop by itself; nobody has to wait for it.
func (g *group) freeze(on bool) error {
	name, word := "cgroup.freeze", "0"
	folder := g.unified
	if on {
		word = "1"
	}
	if folder == "" {
		folder, name, word = g.freezer, "freezer.state", "THAWED"
		if on {
			word = "FROZEN"
		}
	}
	if folder == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gate == nil {
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		g.gate = f
	}
	_, err := g.gate.WriteAt([]byte(word), 0)
	return err
}

// write writes a control file in one system call.
func write(folder, name, value string) error {
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(value)
	return err
}
