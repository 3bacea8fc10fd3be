// Package fleet holds Lambda's rules for execution environments: which one an
// invocation gets, when a new one starts, when one expires, and when Lambda
// refuses.
//
// It is a state machine that is told the time. It starts no process and keeps no
// clock, so the lab runs it in real time over real processes and the planner
// runs the same code in virtual time.
//
//	            Place (cold)          Started           Finish (last)
//	(nothing) ───────────────▶ Starting ───────▶ Busy ───────────────▶ Idle
//	    │                                         ▲   Place (warm)      │
//	    │ Provision                               └─────────────────────┤
//	    └──────────────▶ Starting ──Started──▶ Idle                     │
//	                                                  Expire, Remove    │
//	                                         (gone) ◀───────────────────┘
//
// Times are offsets from the start of the run and never decrease from call to
// call. A Fleet is not safe for concurrent use.
package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Defaults of Config, with their source in Config.
const (
	DefaultAccount    = 1000
	DefaultScaleStep  = 1000
	DefaultIdleExpiry = 10 * time.Minute
	scalePeriod       = 10 * time.Second
	ratePerExecution  = 10 // requests a second for each unit of concurrency
)

// Config describes the account and its functions.
type Config struct {
	Functions []Function

	// Account is the number of concurrent executions of the account in a
	// Region; 0 is 1,000, AWS's default quota (Lambda quotas page, 2026).
	Account int
	// ScaleStep is how many environments each function may add every 10
	// seconds, refilled continuously and not saved up; 0 is 1,000 (Lambda
	// scaling behaviour page). Negative means no bound.
	ScaleStep int
	// IdleExpiry is how long an environment may stay idle before it is removed;
	// 0 is 10 minutes, the keep-alive that "Serverless in the Wild" (ATC 2020)
	// reports for AWS. AWS itself publishes no figure.
	IdleExpiry time.Duration
	// Placement chooses among idle environments; the zero value is NewestFirst.
	Placement Placement
	// Seed makes Placement Random repeatable.
	Seed uint64
}

// Function is what the fleet must know of a function.
type Function struct {
	Name           string
	Reserved       *int // reserved concurrency; nil is none, 0 refuses every invocation
	Provisioned    int  // environments initialised ahead and kept
	PerEnvironment int  // invocations one environment takes at once; 0 is 1
}

// ID names an environment; IDs count up from 1 and are never used again.
type ID int64

// Fleet is the state of all functions' environments.
type Fleet struct {
	config    Config
	functions map[string]*function
	byID      map[ID]*environment
	account   *pool // executions that no function has reserved
	rand      *rand.Rand
	lastID    ID
	used      int64 // counts uses, to order environments by recency
}

// function is the state of one function.
type function struct {
	Function
	idle     heap        // environments that can take another invocation
	aging    agingList   // on-demand environments without work, longest idle first
	pool     *pool       // shared with the account unless concurrency is reserved
	scaling  tokenBucket // bounds new environments
	counts   Counts
	reserved bool
}

// Counts says how many environments a function has in each state. InFlight
// counts invocations, those that wait for their environment's init included.
type Counts struct {
	Starting, Idle, Busy, InFlight int
	Started                        int // since the beginning, provisioned ones included
}

// New returns a fleet without environments.
func New(c Config) (*Fleet, error) {
	if c.Account == 0 {
		c.Account = DefaultAccount
	}
	if c.ScaleStep == 0 {
		c.ScaleStep = DefaultScaleStep
	}
	if c.IdleExpiry == 0 {
		c.IdleExpiry = DefaultIdleExpiry
	}
	f := &Fleet{
		config:    c,
		functions: make(map[string]*function, len(c.Functions)),
		byID:      make(map[ID]*environment),
		rand:      rand.New(rand.NewPCG(c.Seed, 0x7468_6177)),
	}
	unreserved := c.Account
	for _, fn := range c.Functions {
		if err := f.add(fn); err != nil {
			return nil, err
		}
		if fn.Reserved != nil {
			unreserved -= *fn.Reserved
		}
	}
	if unreserved < 0 {
		return nil, fmt.Errorf("fleet: the functions reserve %d concurrent executions, the account has %d: reserve less or raise the account limit",
			c.Account-unreserved, c.Account)
	}
	f.account = newPool(unreserved, false)
	for _, fn := range f.functions {
		if fn.pool == nil {
			fn.pool = f.account
		}
	}
	return f, nil
}

func (f *Fleet) add(fn Function) error {
	if fn.PerEnvironment <= 0 {
		fn.PerEnvironment = 1
	}
	if f.functions[fn.Name] != nil {
		return fmt.Errorf("fleet: two functions are named %q", fn.Name)
	}
	state := &function{Function: fn, scaling: newTokenBucket(f.config.ScaleStep, scalePeriod)}
	if r := fn.Reserved; r != nil {
		if fn.Provisioned > *r {
			return fmt.Errorf("fleet: function %s provisions %d environments but reserves only %d: AWS counts provisioned towards reserved concurrency",
				fn.Name, fn.Provisioned, *r)
		}
		state.pool = newPool(*r, true)
		state.reserved = true
	}
	f.functions[fn.Name] = state
	return nil
}

// Place gives an invocation of a function an environment. cold says that the
// environment must be started first; the caller starts it and then calls
// Started. A refusal is a *Throttle, as AWS answers with status 429.
func (f *Fleet) Place(now time.Duration, name string) (id ID, cold bool, err error) {
	fn := f.functions[name]
	if fn == nil {
		return 0, false, fmt.Errorf("fleet: no function is named %q", name)
	}
	if reason := fn.pool.admit(now); reason != "" {
		return 0, false, &Throttle{Function: name, Reason: reason}
	}
	env := fn.idle.best()
	if env == nil {
		if !fn.scaling.take(now) {
			fn.pool.release()
			return 0, false, &Throttle{Function: name, Reason: ScalingRate}
		}
		env = f.start(fn)
		cold = true
	}
	f.begin(env)
	return env.id, cold, nil
}

// Provision lists environments that must be started ahead for a function so
// that it has the number it provisions. The caller starts them and calls
// Started for each; AWS bills and counts them from the start.
func (f *Fleet) Provision(name string) []ID {
	fn := f.functions[name]
	if fn == nil {
		return nil
	}
	var ids []ID
	for range fn.Provisioned - len(f.provisioned(fn)) {
		env := f.start(fn)
		env.provisioned = true
		ids = append(ids, env.id)
	}
	return ids
}

// Started says that the init of an environment is over, well or badly: it can
// take invocations from now on. gone says that it was retired meanwhile and no
// invocation waits for it: the fleet has removed it and the caller stops it.
func (f *Fleet) Started(now time.Duration, id ID) (gone bool) {
	env := f.byID[id]
	if env == nil || env.state != starting {
		return false
	}
	if env.retired && env.running == 0 {
		f.Remove(id)
		return true
	}
	env.fn.counts.Starting--
	env.state = idle
	env.fn.counts.Idle++
	if env.running > 0 {
		env.busy()
	}
	f.settle(now, env)
	return false
}

// Finish says that an invocation in an environment is over and the environment
// asks for the next. gone says that the environment was retired and this was its
// last invocation: the fleet has removed it and the caller stops it.
func (f *Fleet) Finish(now time.Duration, id ID) (gone bool) {
	env := f.byID[id]
	if env == nil || env.running == 0 {
		return false
	}
	env.running--
	env.fn.counts.InFlight--
	env.fn.pool.release()
	if env.retired && env.running == 0 {
		f.Remove(id)
		return true
	}
	f.settle(now, env)
	return false
}

// Remove forgets an environment that is gone. Its invocations count as over.
func (f *Fleet) Remove(id ID) {
	env := f.byID[id]
	if env == nil {
		return
	}
	fn := env.fn
	for ; env.running > 0; env.running-- {
		fn.counts.InFlight--
		fn.pool.release()
	}
	switch env.state {
	case starting:
		fn.counts.Starting--
	case idle:
		fn.counts.Idle--
	case busy:
		fn.counts.Busy--
	}
	fn.idle.remove(env)
	fn.aging.remove(env)
	delete(f.byID, id)
}

// Expire removes the on-demand environments that have been idle for the expiry
// time and lists them, longest idle first.
func (f *Fleet) Expire(now time.Duration) []ID {
	var gone []ID
	for _, fn := range f.functions {
		for env := fn.aging.oldest(); env != nil && now-env.idleSince >= f.config.IdleExpiry; env = fn.aging.oldest() {
			gone = append(gone, env.id)
			f.Remove(env.id)
		}
	}
	slices.Sort(gone)
	return gone
}

// NextExpiry returns when the next environment expires unless it is used; ok is
// false if none is idle.
func (f *Fleet) NextExpiry() (at time.Duration, ok bool) {
	for _, fn := range f.functions {
		if env := fn.aging.oldest(); env != nil {
			if t := env.idleSince + f.config.IdleExpiry; !ok || t < at {
				at, ok = t, true
			}
		}
	}
	return at, ok
}

// Counts returns the state of one function's environments, or of all functions'
// for the empty name.
func (f *Fleet) Counts(name string) Counts {
	if name != "" {
		if fn := f.functions[name]; fn != nil {
			return fn.counts
		}
		return Counts{}
	}
	var sum Counts
	for _, fn := range f.functions {
		sum.Starting += fn.counts.Starting
		sum.Idle += fn.counts.Idle
		sum.Busy += fn.counts.Busy
		sum.InFlight += fn.counts.InFlight
		sum.Started += fn.counts.Started
	}
	return sum
}
