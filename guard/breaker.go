package guard

import (
	"sync"
	"sync/atomic"
	"time"
)

// State is what a breaker does with the next call.
type State uint8

const (
	Closed   State = iota // lets every call through
	Open                  // refuses every call until the cool-down is over
	HalfOpen              // lets a few probes through and refuses the rest
)

func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "unknown"
}

// Outcome is the verdict on one call.
type Outcome uint8

const (
	// Ignored is for a call that says nothing about the other side: its caller
	// went away, or it was never sent.
	Ignored Outcome = iota
	// Success is any answer, also a miss and also an error reply to a command
	// that was wrong: the other side is there.
	Success
	// Failure is a timeout or a broken connection.
	Failure
)

// BreakerOptions configures a Breaker. The zero value is usable.
type BreakerOptions struct {
	// Failures in a row that open the breaker; 0 means 5. One lost packet costs
	// one timeout (a first retransmission takes 200 ms), so one must not be
	// enough; five in a row are no accident.
	Failures int
	// Cooldown is how long the breaker stays open the first time; 0 means 1 s.
	// It doubles with every opening that no success separates.
	Cooldown time.Duration
	// MaxCooldown bounds the doubling; 0 means 30 s: an operator who repaired
	// the cache sees it used within half a minute.
	MaxCooldown time.Duration
	// Probes are the calls let through at once when half-open; 0 means 1.
	Probes int
	// Seed spreads the cool-downs of many environments that lost the same cache
	// at the same moment: each lasts between half and all of its length.
	Seed uint64
}

// Breaker stops calling what does not answer.
//
//	           Failures in a row, or Trip
//	┌────────┐ ──────────────────────────▶ ┌──────┐ ◀─────────────────┐
//	│ Closed │                             │ Open │                   │
//	└────────┘                             └──────┘                   │
//	    ▲                                     │ cool-down over        │
//	    │            a probe succeeded        ▼                       │
//	    └──────────────────────────────── ┌──────────┐  a probe failed│
//	                                      │ HalfOpen │ ───────────────┘
//	                                      └──────────┘  cool-down × 2
//
// A probe whose verdict never comes (its environment was frozen or reset) is
// forgotten after one cool-down, so a lost probe cannot hold the breaker half
// open for ever.
type Breaker struct {
	// calm is true when the breaker is closed with no failure counted: then
	// neither Allow nor a success changes anything, and both skip the lock.
	calm  atomic.Bool
	epoch atomic.Uint64 // counts changes of state: a verdict of an older one is stale

	mu       sync.Mutex
	opts     BreakerOptions
	state    State
	failures int           // in a row, while Closed
	openings int           // without a success in between
	cooldown time.Duration // of the present opening
	until    int64         // wall time in ns at which the cool-down is over
	probes   int           // permits out, while HalfOpen
	probedAt int64         // wall time in ns of the youngest of them
	rand     random
}

// NewBreaker returns a closed breaker.
func NewBreaker(o BreakerOptions) *Breaker {
	if o.Failures <= 0 {
		o.Failures = 5
	}
	if o.Cooldown <= 0 {
		o.Cooldown = time.Second
	}
	if o.MaxCooldown <= 0 {
		o.MaxCooldown = 30 * time.Second
	}
	o.MaxCooldown = max(o.MaxCooldown, o.Cooldown)
	if o.Probes <= 0 {
		o.Probes = 1
	}
	b := &Breaker{opts: o, rand: random(o.Seed)}
	b.calm.Store(true)
	return b
}

// Permit is the right to make one call. Its holder calls Done exactly once.
type Permit struct {
	b     *Breaker
	epoch uint64
}

// Allow reports whether a call may be made now. If ok is false the caller must
// not call and has nothing to report.
func (b *Breaker) Allow(now time.Time) (p Permit, ok bool) {
	if b.calm.Load() {
		return Permit{b: b, epoch: b.epoch.Load()}, true
	}
	t := now.UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(t)
	switch b.state {
	case Open:
		return Permit{}, false
	case HalfOpen:
		if b.probes > 0 && t-b.probedAt >= int64(b.cooldown) {
			b.probes = 0 // their verdicts are lost
		}
		if b.probes >= b.opts.Probes {
			return Permit{}, false
		}
		b.probes++
		b.probedAt = t
	}
	return Permit{b: b, epoch: b.epoch.Load()}, true
}

// Done reports how the call went. A verdict on a call that began before the
// breaker last changed its state is dropped: a slow failure from before the
// opening says nothing about the probe.
func (p Permit) Done(now time.Time, o Outcome) {
	b := p.b
	if b == nil || o == Success && b.calm.Load() {
		return
	}
	t := now.UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(t)
	if p.epoch != b.epoch.Load() {
		return
	}
	if b.state == HalfOpen && b.probes > 0 {
		b.probes--
	}
	switch o {
	case Success:
		if b.state == HalfOpen {
			b.turn(Closed)
		}
		b.failures, b.openings = 0, 0
		b.calm.Store(true)
	case Failure:
		b.calm.Store(false)
		b.failures++
		if b.state == HalfOpen || b.failures >= b.opts.Failures {
			b.open(t)
		}
	}
}

// Trip opens the breaker at once, as when every attempt to connect has failed.
// It does nothing to a breaker that is already open.
func (b *Breaker) Trip(now time.Time) {
	t := now.UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(t)
	if b.state != Open {
		b.open(t)
	}
}

// Reset closes the breaker: the other side was reached by another way, as by a
// successful connect.
func (b *Breaker) Reset() {
	if b.calm.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != Closed {
		b.turn(Closed)
	}
	b.failures, b.openings = 0, 0
	b.calm.Store(true)
}

// State returns what the breaker would do now.
func (b *Breaker) State(now time.Time) State {
	if b.calm.Load() {
		return Closed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now.UnixNano())
	return b.state
}

// Until returns the wall time at which an open breaker lets its first probe
// through, and the zero time if it is not open.
func (b *Breaker) Until(now time.Time) time.Time {
	if b.State(now) != Open {
		return time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Unix(0, b.until)
}

// advance ends a cool-down that is over.
func (b *Breaker) advance(t int64) {
	if b.state != Open {
		return
	}
	// A clock set back by hours must not keep the breaker open for hours.
	if latest := t + int64(b.cooldown); b.until > latest {
		b.until = latest
	}
	if t >= b.until {
		b.turn(HalfOpen)
	}
}

func (b *Breaker) open(t int64) {
	b.calm.Store(false)
	b.openings++
	length := b.opts.Cooldown
	for i := 1; i < b.openings && length < b.opts.MaxCooldown; i++ {
		length *= 2
	}
	length = min(length, b.opts.MaxCooldown)
	b.cooldown = length/2 + time.Duration(b.rand.float()*float64(length-length/2))
	b.until = t + int64(b.cooldown)
	b.turn(Open)
}

func (b *Breaker) turn(s State) {
	b.state = s
	b.failures, b.probes = 0, 0
	b.epoch.Add(1)
}
