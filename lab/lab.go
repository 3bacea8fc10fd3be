// Package lab runs a stack on this machine: its functions as real processes in
// many execution environments, its cache as a real server, and measures what a
// production engineer would want to know.
//
//	Open ──▶ caches, origin, code ──▶ Drive (open loop) ──▶ Invoke ──▶ fleet: which environment?
//	                                                                     │ cold: start, init
//	 Result ◀── metrics.Recorder ◀── outcome, sample every 100 ms ◀───── sandbox: thaw, invoke, freeze
//
// What is real: the handler's process and runtime, the Runtime API it speaks,
// the cache server and its connections, freezing between invocations. What is
// injected: the delay of a network profile and the latency of the origin. What
// differs from AWS is listed in the result's Notes.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/lab/origin"
	"github.com/thawdev/thaw/lab/sandbox"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
)

// Options says what to run and how. The zero value of each field but Stack is a
// sane default.
type Options struct {
	Stack *stack.Stack

	// Functions are IDs or names of the functions to run; empty is the first of
	// the stack. Only these are built, and only the caches that they mention
	// are started.
	Functions []string
	// Env overrides environment variables of all functions; it is the way out
	// for a variable that the template alone cannot resolve.
	Env map[string]string

	Cache          string  // auto, valkey, redis, memcached, embedded or a URL; "" is auto
	MaxClients     int     // of each cache; 0 is that of its node type
	Network        Profile // "" is Hyperplane
	OriginLatency  *time.Duration
	Placement      fleet.Placement
	Account        int           // concurrent executions of the account; 0 is 1,000
	ScaleStep      int           // environments each function may add every 10 s; 0 is 1,000
	IdleExpiry     time.Duration // 0 is 10 minutes
	Freezer        string        // see sandbox.HostOptions
	Limits         string        // see sandbox.HostOptions
	TempDir        string        // parent of the run's folder; "" is the system's
	Seed           uint64        // of placement, ENI delays, origin jitter
	SampleInterval time.Duration // of the cache and the fleet; 0 is 100 ms

	// Status is told what the lab is doing while it prepares; nil drops it.
	Status func(format string, args ...any)
	// Log receives the log of each invocation, as CloudWatch would; nil drops
	// it. It is called from many goroutines.
	Log func(function, environment string, log []byte)
}

// Lab is a running stack. Its methods may be called from many goroutines.
type Lab struct {
	options   Options
	stack     *stack.Stack
	host      *sandbox.Host
	caches    []*runningCache
	origin    *origin.Server
	functions map[string]*function // by ID
	order     []*function
	dir       string // temporary folder of this run

	mu           sync.Mutex // guards the fields below
	fleet        *fleet.Fleet
	environments map[fleet.ID]*environment
	closed       bool
	begun        time.Duration // start of the recorded run since started; 0: not yet
	beganAt      time.Time
	notes        []string

	started  time.Time // offsets of the fleet count from here
	recorder *metrics.Recorder
	sampler  *sampler
	memory   *memoryGuard
	starts   chan struct{}  // one for each cold start that runs
	tasks    sync.WaitGroup // background work that Close waits for
	ctx      context.Context
	cancel   context.CancelFunc
}

// runningCache is a cache of the stack and the server that stands for it.
type runningCache struct {
	*cache.Server
	stack *stack.Cache
}

// startsPerCPU bounds the cold starts that run at once. In AWS they run on
// machines of their own; here a hundred at once would slow each other, and every
// warm invocation, so much that no environment is ready before the next hundred
// requests have arrived. Those over the bound wait, which counts as part of
// their cold start.
const startsPerCPU = 2

// Open starts the caches and the origin, builds the functions' code and
// initialises provisioned environments. Close must be called, also after a
// failed run; after an error from Open nothing is left behind.
func Open(ctx context.Context, o Options) (*Lab, error) {
	if o.Stack == nil {
		return nil, errors.New("lab: no stack")
	}
	if o.Status == nil {
		o.Status = func(string, ...any) {}
	}
	if o.SampleInterval == 0 {
		o.SampleInterval = 100 * time.Millisecond
	}
	if err := o.Network.valid(); err != nil {
		return nil, err
	}
	l := &Lab{
		options:      o,
		stack:        o.Stack,
		functions:    map[string]*function{},
		environments: map[fleet.ID]*environment{},
		recorder:     metrics.NewRecorder(metrics.Options{Interval: o.SampleInterval}),
		memory:       newMemoryGuard(),
		starts:       make(chan struct{}, startsPerCPU*runtime.NumCPU()),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// open does the work of Open in the order in which later steps need earlier
// ones: environment variables mention caches, so caches come first.
func (l *Lab) open(ctx context.Context) error {
	var err error
	if l.dir, err = os.MkdirTemp(l.options.TempDir, "thaw-lab-"); err != nil {
		return fmt.Errorf("lab: cannot create a temporary folder: %w (choose another with TMPDIR)", err)
	}
	l.host, err = sandbox.NewHost(sandbox.HostOptions{Freezer: l.options.Freezer, Limits: l.options.Limits, TempDir: l.dir})
	if err != nil {
		return err
	}
	chosen, err := l.choose()
	if err != nil {
		return err
	}
	if err := l.startCaches(ctx, chosen); err != nil {
		return err
	}
	if err := l.startOrigin(ctx); err != nil {
		return err
	}
	if err := l.prepareFunctions(ctx, chosen); err != nil {
		return err
	}
	if err := l.newFleet(); err != nil {
		return err
	}
	l.started = time.Now()
	l.sampler = l.startSampler()
	if err := l.provision(ctx, l.order...); err != nil {
		return err
	}
	l.background(l.expireIdle)
	l.startSchedules()
	return nil
}

// choose finds the functions to run.
func (l *Lab) choose() ([]*stack.Function, error) {
	if len(l.stack.Functions) == 0 {
		return nil, fmt.Errorf("lab: %s declares no Lambda function", l.stack.Name)
	}
	if len(l.options.Functions) == 0 {
		return l.stack.Functions[:1], nil
	}
	var chosen []*stack.Function
	for _, name := range l.options.Functions {
		f := l.stack.Function(name)
		if f == nil {
			var known []string
			for _, f := range l.stack.Functions {
				known = append(known, f.ID)
			}
			return nil, fmt.Errorf("lab: %s has no function %q: it has %q", l.stack.Name, name, known)
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

// startCaches starts the caches that the chosen functions mention, each once.
func (l *Lab) startCaches(ctx context.Context, chosen []*stack.Function) error {
	started := map[string]bool{}
	for _, f := range chosen {
		used := l.stack.CachesOf(f)
		if len(used) == 0 && len(l.stack.Caches) > 0 {
			l.note("%s mentions no cache of the template in its environment variables, so the lab started none for it", f.ID)
		}
		for _, c := range used {
			if started[c.ID] {
				continue
			}
			started[c.ID] = true
			l.options.Status("starting cache %s", c.ID)
			server, err := cache.Start(ctx, c, cache.Options{Mode: l.options.Cache, MaxClients: l.options.MaxClients, TempDir: l.dir, Logf: l.options.Status})
			if err != nil {
				return err
			}
			l.caches = append(l.caches, &runningCache{server, c})
			l.notes = append(l.notes, server.Notes()...)
		}
	}
	return nil
}

func (l *Lab) startOrigin(ctx context.Context) error {
	db := l.stack.Database
	if db == nil {
		return nil
	}
	l.options.Status("starting the origin database")
	latency := time.Duration(db.LatencyMS * float64(time.Millisecond))
	if l.options.OriginLatency != nil {
		latency = *l.options.OriginLatency
	}
	server, err := origin.Start(ctx, origin.Options{
		Seed: db.Seed, Query: db.Query, Latency: latency, Seed64: int64(l.options.Seed), TempDir: l.dir,
	})
	l.origin = server
	return err
}

func (l *Lab) newFleet() error {
	config := fleet.Config{
		Account:    l.options.Account,
		ScaleStep:  l.options.ScaleStep,
		IdleExpiry: l.options.IdleExpiry,
		Placement:  l.options.Placement,
		Seed:       l.options.Seed,
	}
	for _, f := range l.order {
		config.Functions = append(config.Functions, f.fleetFunction())
	}
	var err error
	l.fleet, err = fleet.New(config)
	return err
}

// Close stops every environment, cache and server and removes what the run
// left on disk. It can be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()

	l.cancel()
	var errs []error
	if l.host != nil {
		errs = append(errs, l.host.Close()) // first, so that no handler waits for a cache that is gone
	}
	l.tasks.Wait()
	for _, c := range l.caches {
		errs = append(errs, c.Close())
	}
	if l.origin != nil {
		errs = append(errs, l.origin.Close())
	}
	if l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// background runs work until Close, which waits for it.
func (l *Lab) background(work func(context.Context)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spawn(work)
}

// spawn is background for a caller that holds the lock.
func (l *Lab) spawn(work func(context.Context)) {
	if !l.closed {
		l.tasks.Go(func() { work(l.ctx) })
	}
}

// now is the offset since the lab was opened.
func (l *Lab) now() time.Duration { return time.Since(l.started) }

func (l *Lab) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

// machine describes this computer.
func machine() metrics.Machine {
	return metrics.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		MemoryBytes: totalMemory(), Kernel: kernel(),
	}
}
