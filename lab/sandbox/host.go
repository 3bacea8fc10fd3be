package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// HostOptions says how environments are frozen and limited. The zero value
// takes the best that the system permits.
type HostOptions struct {
	// Freezer is "auto" (the default: control group where one can be made,
	// else SIGSTOP), "cgroup" (an error where none can be made), "sigstop" or
	// "none".
	Freezer string
	// Limits is "auto" (the default: memory and CPU limits by control group
	// where one can be made), "cgroup" (an error where none can be made) or
	// "none".
	Limits string
	// TempDir is the parent of this run's folder; default os.TempDir().
	TempDir string
}

// Mechanisms says how environments are frozen and limited here, for the report.
type Mechanisms struct {
	// Freeze is "cgroup v2 freezer", "cgroup v1 freezer", "SIGSTOP" or "none".
	Freeze string
	// Limits is for example "cgroup v2 memory+cpu", or "none: " and why.
	Limits string
	// Notes are sentences on what these mechanisms cannot copy from AWS.
	Notes []string
}

// Host is one run: it owns the control groups and the temporary folder of all
// its environments. Its methods are safe for concurrent use. Close it.
type Host struct {
	platform *platform
	launcher *launcher
	folder   string
	null     *os.File // stdin of every handler
	buffers  sync.Pool

	mu     sync.Mutex
	lives  map[*Environment]struct{}
	serial int
	closed bool
	faults []string // failed freezes, once each
}

// NewHost prepares a run: it finds out what the system permits by trying,
// removes what earlier runs left that were killed, and makes the folder.
func NewHost(o HostOptions) (*Host, error) { return newHost(o, detectHierarchies()) }

func newHost(o HostOptions, h hierarchies) (*Host, error) {
	setDefault(&o.Freezer, "auto")
	setDefault(&o.Limits, "auto")
	setDefault(&o.TempDir, os.TempDir())
	if err := o.validate(); err != nil {
		return nil, err
	}
	cleanStale(h, o.TempDir)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	folder, err := os.MkdirTemp(o.TempDir, runName()+"*")
	if err != nil {
		null.Close()
		return nil, fmt.Errorf("sandbox: folder of this run: %w: choose another with HostOptions.TempDir", err)
	}
	p, err := openPlatform(o, h, filepath.Base(folder))
	if err != nil {
		null.Close()
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return &Host{
		platform: p, launcher: newLauncher(), folder: folder, null: null,
		buffers: sync.Pool{New: func() any { return new([16 << 10]byte) }},
		lives:   map[*Environment]struct{}{},
	}, nil
}

func (o HostOptions) validate() error {
	switch o.Freezer {
	case "auto", "cgroup", "sigstop", "none":
	default:
		return fmt.Errorf("sandbox: HostOptions.Freezer %q: use auto, cgroup, sigstop or none", o.Freezer)
	}
	switch o.Limits {
	case "auto", "cgroup", "none":
	default:
		return fmt.Errorf("sandbox: HostOptions.Limits %q: use auto, cgroup or none", o.Limits)
	}
	return nil
}

// Mechanisms says how environments are frozen and limited here.
func (h *Host) Mechanisms() Mechanisms {
	m := Mechanisms{Freeze: h.platform.freezing, Limits: h.platform.limits}
	m.Notes = append(m.Notes,
		"a frozen environment's monotonic clock keeps running: idle timeouts inside the handler's client may fire here and not on AWS, where it stops",
		"the kernel acknowledges TCP segments for a frozen environment: a server that writes to it or probes it sees a live peer; on AWS presumably nobody answers",
	)
	if m.Freeze == "SIGSTOP" {
		m.Notes = append(m.Notes, "SIGSTOP reaches the process group only: a daemonised child runs on while its environment is frozen")
	}
	if m.Freeze == "none" {
		m.Notes = append(m.Notes, "environments are not frozen: background work goes on between invocations")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m.Notes = append(m.Notes, h.faults...)
	return m
}

// fault records that a mechanism failed while it was in use, once for each
// message: the report must not claim a freeze that did not happen.
func (h *Host) fault(doing string, err error) {
	if err == nil {
		return
	}
	note := doing + " failed: " + err.Error()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.faults {
		if f == note {
			return
		}
	}
	if len(h.faults) < 10 {
		h.faults = append(h.faults, note)
	}
}

// admit registers an environment and gives it a folder name that is unique in
// this run.
func (h *Host) admit(e *Environment) (name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return "", errors.New("sandbox: the host is closed")
	}
	h.serial++
	h.lives[e] = struct{}{}
	return fmt.Sprintf("env%d", h.serial), nil
}

func (h *Host) dismiss(e *Environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.lives, e)
}

// Close kills whatever lives, without the grace of Stop, and removes the run's
// control groups and folder. It is idempotent.
func (h *Host) Close() error {
	h.mu.Lock()
	again := h.closed
	h.closed = true
	var lives []*Environment
	for e := range h.lives {
		lives = append(lives, e)
	}
	h.mu.Unlock()
	if again {
		return nil
	}
	var all sync.WaitGroup
	for _, e := range lives {
		all.Go(func() { e.stop("", false) })
	}
	all.Wait()
	h.launcher.close()
	return errors.Join(h.platform.close(), os.RemoveAll(h.folder), h.null.Close())
}
