package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/sandbox"
	"github.com/thawdev/thaw/metrics"
)

// environment is an execution environment of the fleet and its life so far.
// Its fields are guarded by Lab.mu, except sandbox, which is set once.
type environment struct {
	id          fleet.ID
	name        string
	fn          *function
	sandbox     *sandbox.Environment
	started     time.Duration // since Open
	init        time.Duration
	invocations int64
	running     int   // placed and not over
	settling    int   // of these, answered
	connections int64 // peak, seen by the sampler
}

// start runs the cold start of an environment that the fleet has created:
// network interface, process, init. It registers the environment and tells the
// fleet. If the process cannot even be started the environment is forgotten.
func (l *Lab) start(ctx context.Context, fn *function, id fleet.ID, kind string) (*environment, sandbox.Init, error) {
	env := &environment{id: id, fn: fn, name: fmt.Sprintf("%s-%d", fn.stack.ID, id), started: l.now()}
	init, err := l.startSandbox(ctx, env, kind)
	if err != nil {
		l.mu.Lock()
		l.fleet.Remove(id)
		l.mu.Unlock()
		return nil, sandbox.Init{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		go env.sandbox.Stop(spinDown)
		return nil, sandbox.Init{}, context.Canceled
	}
	env.init = init.Duration
	if l.fleet.Started(l.now(), id) {
		l.spawn(func(context.Context) { l.stop(env, "retired") })
		return env, init, nil
	}
	l.environments[id] = env
	return env, init, nil
}

func (l *Lab) startSandbox(ctx context.Context, env *environment, kind string) (sandbox.Init, error) {
	if err := l.memory.check(l.Counts); err != nil {
		return sandbox.Init{}, err
	}
	l.mu.Lock()
	interfaces, f := env.fn.eni, *env.fn.sandbox
	l.mu.Unlock()
	if _, err := interfaces.attach(ctx); err != nil {
		return sandbox.Init{}, err
	}
	select {
	case l.starts <- struct{}{}:
		defer func() { <-l.starts }()
	case <-ctx.Done():
		return sandbox.Init{}, ctx.Err()
	}
	f.OnIdle = func(*sandbox.Environment) { l.finish(env) }
	var init sandbox.Init
	var err error
	env.sandbox, init, err = l.host.Start(ctx, env.name, &f, kind)
	return init, err
}

// spinDown is AWS's word for the end of an environment that is not needed.
const spinDown = "SPINDOWN"

// finish tells the fleet that an invocation is over and the environment can
// take the next; a retired one is stopped.
func (l *Lab) finish(env *environment) {
	l.mu.Lock()
	gone := l.fleet.Finish(l.now(), env.id)
	l.settled(env)
	if gone {
		delete(l.environments, env.id)
	}
	l.mu.Unlock()
	if gone {
		l.background(func(context.Context) { l.stop(env, "retired") })
	}
}

// stop ends an environment that the fleet has forgotten.
func (l *Lab) stop(env *environment, why string) {
	env.sandbox.Stop(spinDown)
	l.recordEnvironment(env, why, l.now())
}

// provision initialises the provisioned environments of functions that are
// missing, side by side, and waits for them.
func (l *Lab) provision(ctx context.Context, functions ...*function) error {
	type missing struct {
		fn *function
		id fleet.ID
	}
	var all []missing
	l.mu.Lock()
	for _, fn := range functions {
		for _, id := range l.fleet.Provision(fn.stack.ID) {
			all = append(all, missing{fn, id})
		}
	}
	l.mu.Unlock()
	if len(all) > 0 {
		l.options.Status("initialising %d provisioned environments", len(all))
	}
	results := make(chan error)
	for _, m := range all {
		go func() {
			_, init, err := l.start(ctx, m.fn, m.id, sandbox.Provisioned)
			if err == nil && init.Err != nil {
				err = fmt.Errorf("lab: %s: init of a provisioned environment failed: %w", m.fn.stack.Origin, init.Err)
			}
			results <- err
		}()
	}
	var first error
	for range all {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// expireIdle stops environments that have been idle for too long.
func (l *Lab) expireIdle(ctx context.Context) {
	ticker := time.NewTicker(time.Second / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		l.mu.Lock()
		var gone []*environment
		for _, id := range l.fleet.Expire(l.now()) {
			if env := l.environments[id]; env != nil {
				gone = append(gone, env)
				delete(l.environments, id)
			}
		}
		l.mu.Unlock()
		for _, env := range gone {
			l.stop(env, "idle")
		}
	}
}

// recordEnvironment writes the life of an environment into the result. ended is
// an offset since Open; an environment that lives has no reason.
func (l *Lab) recordEnvironment(env *environment, why string, ended time.Duration) {
	zero := l.zero()
	ms := func(at time.Duration) float64 { return float64((at - zero).Microseconds()) / 1000 }
	l.mu.Lock()
	e := metrics.Environment{
		ID: env.name, Function: env.fn.stack.ID, StartedMS: ms(env.started),
		InitMS:      float64(env.init.Microseconds()) / 1000,
		Invocations: env.invocations, ConnectionsPeak: env.connections, Ended: why,
	}
	l.mu.Unlock()
	if why != "" {
		e.EndedMS = ms(ended)
	}
	l.recorder.Environment(e)
}

// Counts returns the state of all environments.
func (l *Lab) Counts() fleet.Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fleet.Counts("")
}

// processes lists the live processes of each environment, by its name.
func (l *Lab) processes() map[string][]int {
	l.mu.Lock()
	all := make([]*environment, 0, len(l.environments))
	for _, env := range l.environments {
		all = append(all, env)
	}
	l.mu.Unlock()
	pids := make(map[string][]int, len(all))
	for _, env := range all {
		pids[env.name] = env.sandbox.PIDs()
	}
	return pids
}
