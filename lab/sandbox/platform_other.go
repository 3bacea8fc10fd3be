//go:build !linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
)

// group is empty on systems without control groups.
type group struct{}

func (*group) canKill() bool     { return false }
func (*group) kill()             {}
func (*group) waitEmpty()        {}
func (*group) pids() []int       { return nil }
func (*group) renew() error      { return nil }
func (*group) remove() error     { return nil }
func (*group) freeze(bool) error { return nil }
func (*group) serve(bool) error  { return nil }

// hierarchies has nothing to say here; see the Linux one.
type hierarchies struct{}

func detectHierarchies() hierarchies { return hierarchies{} }

// platform is what a host found out about the operating system.
type platform struct {
	freezing  string
	limits    string
	signals   bool
	useFreeze bool
}

func openPlatform(o HostOptions, _ hierarchies, _ string) (*platform, error) {
	p := &platform{freezing: "SIGSTOP", signals: true, limits: "none: control groups exist on Linux only"}
	switch {
	case o.Freezer == "cgroup":
		return nil, errors.New("sandbox: freezer \"cgroup\": control groups exist on Linux only: use \"sigstop\"")
	case o.Limits == "cgroup":
		return nil, errors.New("sandbox: limits \"cgroup\": control groups exist on Linux only: use \"none\"")
	case o.Freezer == "none":
		p.freezing, p.signals = "none", false
	}
	return p, nil
}

func (p *platform) group(string, int) (*group, error) { return &group{}, nil }
func (p *platform) close() error                      { return nil }
func (p *platform) folders() []string                 { return nil }

func runName() string { return fmt.Sprintf("thaw-%d-", os.Getpid()) }

// cleanStale leaves old folders to the system's own cleaning of its temporary
// folder: without a start time it cannot be sure whose process id that was.
func cleanStale(hierarchies, string) {}
