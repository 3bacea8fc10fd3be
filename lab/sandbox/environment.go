package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/thawdev/thaw/lab/runtimeapi"
)

// Environment is one execution environment: a process group with a Runtime API
// endpoint, control groups and a folder of its own. Its methods are safe for
// concurrent use.
type Environment struct {
	host    *Host
	fn      Function
	id      string
	kind    string
	created time.Time
	program string // absolute path of the executable
	dir     string // absolute path of fn.Dir
	folder  string // "/tmp" of the environment; survives resets
	address string // of the Runtime API
	api     *runtimeapi.API
	group   *group
	output  capture

	slots    chan struct{} // one element for each invocation in flight
	stopping chan struct{} // closed when Stop begins
	gone     chan struct{} // closed when Stop is through

	// life is held through init, reset and stop: each replaces the process.
	// It is taken before mu, never after.
	life sync.Mutex

	mu       sync.Mutex
	process  *process // nil: in init or reset
	starting bool     // in the init phase of Start
	stopped  bool
	frozen   bool // only with inflight == 0
	inflight int
	waiting  int // Invokes that wait for a slot or have just got one
	peakMB   int
	sampled  time.Time // when peakMB was last read
}

var errStopped = errors.New("sandbox: the environment was stopped")

// Start makes an environment and performs its init phase. kind is OnDemand or
// Provisioned. An init that fails is no error: see Init. An error says that
// there is no environment, because the program could not be executed, the
// system refused a folder or a control group, or ctx ended; it names the place
// and the way out.
//
// The environment's Close is Stop; Host.Close stops it too.
func (h *Host) Start(ctx context.Context, id string, f *Function, kind string) (*Environment, Init, error) {
	if err := checkVariables(f); err != nil {
		return nil, Init{}, err
	}
	fn := f.withDefaults(kind)
	program, dir, err := fn.program()
	if err != nil {
		return nil, Init{}, err
	}
	e := &Environment{
		host: h, fn: fn, id: id, kind: kind, created: time.Now(),
		program: program, dir: dir, starting: true,
		group:    &group{},
		slots:    make(chan struct{}, fn.MaxConcurrency),
		stopping: make(chan struct{}),
		gone:     make(chan struct{}),
	}
	e.output.shared = fn.MaxConcurrency > 1
	e.output.buffers = &h.buffers
	e.api = runtimeapi.New(runtimeapi.Options{
		FunctionName: fn.Name, FunctionVersion: fn.Version, Handler: fn.Handler,
		AccountID: fn.AccountID, MaxConcurrency: fn.MaxConcurrency,
		ErrorLog: e.output.protocol,
	})
	e.api.ExpectExtensions(fn.Extensions...)
	init, err := e.start(ctx)
	if err != nil {
		e.stop("", false)
		return nil, Init{}, err
	}
	e.freezeIdle()
	return e, init, nil
}

// start takes what the environment needs from the system and initialises it.
// What it took before an error is given back by stop.
func (e *Environment) start(ctx context.Context) (Init, error) {
	e.life.Lock()
	defer e.life.Unlock()
	name, err := e.host.admit(e)
	if err != nil {
		return Init{}, err
	}
	folder := filepath.Join(e.host.folder, name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return Init{}, fmt.Errorf("sandbox: folder of environment %s: %w", e.id, err)
	}
	e.folder = folder
	g, err := e.host.platform.group(name, e.fn.MemoryMB)
	if err != nil {
		return Init{}, err
	}
	e.mu.Lock()
	e.group = g
	e.mu.Unlock()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Init{}, fmt.Errorf("sandbox: Runtime API of environment %s: %w", e.id, err)
	}
	e.address = l.Addr().String()
	go func() { e.host.fault("the Runtime API of environment "+e.id, e.api.Serve(l)) }()

	e.output.platform("INIT_START Runtime Version: %s", e.fn.Runtime)
	init, err := e.initialise(ctx, e.fn.InitLimit, "init", "")
	e.mu.Lock()
	e.starting = false
	e.mu.Unlock()
	return init, err
}

// ID is the name given to Start.
func (e *Environment) ID() string { return e.id }

// State is "init", "idle" (frozen or about to be), "busy", "reset" (the next
// Invoke performs the suppressed init) or "stopped".
func (e *Environment) State() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopped:
		return "stopped"
	case e.starting:
		return "init"
	case e.inflight > 0:
		return "busy"
	case e.process == nil || e.process.hasExited():
		return "reset"
	}
	return "idle"
}

// PIDs lists the live processes of the environment, so that a TCP connection
// can be attributed to it. Without control groups a daemonised child is missing.
func (e *Environment) PIDs() []int {
	e.mu.Lock()
	p, g := e.process, e.group
	e.mu.Unlock()
	switch {
	case g.canKill():
		return g.pids()
	case p == nil:
		return nil
	}
	return processGroup(p.pid)
}

// MemoryMB is the resident memory of the environment's processes now, in MB of
// 2^20 bytes; 0 when it has none or the system does not tell.
func (e *Environment) MemoryMB() int {
	sum := 0
	for _, pid := range e.PIDs() {
		_, now := processMemory(pid)
		sum += now
	}
	return kilobytesToMB(sum)
}

// sampleEvery bounds how often peak memory is read unasked: a reading costs
// 40 µs, which at thousands of invocations a second would be felt. Who reads the
// log or the final report causes one of his own.
const sampleEvery = time.Second

// samplePeak brings peakMB up to date and returns it. It takes the kernel's
// high-water mark of resident memory, summed over the processes, and not the
// control group's: that one counts page cache, which a first run fills and a
// second does not. Unless forced it returns the last value when that is young.
func (e *Environment) samplePeak(force bool) int {
	e.mu.Lock()
	now := time.Now()
	if !force && now.Sub(e.sampled) < sampleEvery {
		defer e.mu.Unlock()
		return e.peakMB
	}
	e.sampled = now
	e.mu.Unlock()

	sum := 0
	for _, pid := range e.PIDs() {
		peak, _ := processMemory(pid)
		sum += peak
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peakMB = max(e.peakMB, kilobytesToMB(sum))
	return e.peakMB
}

func kilobytesToMB(kb int) int { return (kb + 1023) / 1024 }
