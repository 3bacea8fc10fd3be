package fleet

import "time"

type state int

const (
	starting state = iota // init runs; at most the invocation that caused it waits
	idle                  // no invocation
	busy                  // at least one invocation
)

// environment is one execution environment.
//
// Invariants: state is busy exactly if running > 0 and init is over; the
// environment is in fn.idle exactly if init is over, running is below
// fn.PerEnvironment and it is not retired; it is in fn.aging exactly if it is
// idle and not provisioned.
type environment struct {
	id          ID
	fn          *function
	state       state
	provisioned bool
	retired     bool          // takes no further invocation
	running     int           // invocations
	idleSince   time.Duration // valid while idle
	lastUse     int64         // order of use, for placement by recency

	heapKey    float64
	heapIndex  int // position in fn.idle plus 1; 0 is none
	prev, next *environment
	aging      bool
}

// start creates an environment whose init is about to run.
func (f *Fleet) start(fn *function) *environment {
	f.lastID++
	env := &environment{id: f.lastID, fn: fn}
	f.byID[env.id] = env
	fn.counts.Starting++
	fn.counts.Started++
	return env
}

// begin puts one more invocation into env.
func (f *Fleet) begin(env *environment) {
	fn := env.fn
	env.running++
	fn.counts.InFlight++
	f.used++
	env.lastUse = f.used
	if env.state == idle {
		env.busy()
		fn.aging.remove(env)
	}
	if env.running >= fn.PerEnvironment {
		fn.idle.remove(env)
	}
}

func (env *environment) busy() {
	env.state = busy
	env.fn.counts.Idle--
	env.fn.counts.Busy++
}

// settle restores the invariants of env after init or an invocation ended.
func (f *Fleet) settle(now time.Duration, env *environment) {
	fn := env.fn
	if env.state == busy && env.running == 0 {
		env.state = idle
		fn.counts.Busy--
		fn.counts.Idle++
	}
	if env.state == idle && !env.provisioned && !env.aging {
		env.idleSince = now
		fn.aging.append(env)
	}
	if env.state != starting && env.running < fn.PerEnvironment && !env.retired {
		fn.idle.remove(env)
		fn.idle.add(env, f.key(env))
	}
}

// agingList holds idle environments in the order in which they became idle, so
// that expiry looks only at its head.
type agingList struct{ head, tail *environment }

func (l *agingList) oldest() *environment { return l.head }

func (l *agingList) append(env *environment) {
	env.aging = true
	env.prev, env.next = l.tail, nil
	if l.tail == nil {
		l.head = env
	} else {
		l.tail.next = env
	}
	l.tail = env
}

func (l *agingList) remove(env *environment) {
	if !env.aging {
		return
	}
	if env.prev == nil {
		l.head = env.next
	} else {
		env.prev.next = env.next
	}
	if env.next == nil {
		l.tail = env.prev
	} else {
		env.next.prev = env.prev
	}
	env.aging, env.prev, env.next = false, nil, nil
}
