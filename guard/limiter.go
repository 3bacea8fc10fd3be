package guard

import (
	"sync"
	"sync/atomic"
	"time"
)

// LimiterOptions configures a Limiter. The zero value is usable.
type LimiterOptions struct {
	// Max calls in flight; 0 means 64. It is also the limit at the start: a
	// function that serves one request at a time never meets it.
	Max int
	// Min calls in flight, however bad things are; 0 means 1.
	Min int
	// Every is the shortest wall time between two reductions; 0 means 100 ms.
	// One stalled node times out all calls in flight at once: that is one piece
	// of bad news, not fifty.
	Every time.Duration
}

// Limiter bounds the calls in flight and adapts the bound to what the other side
// can take: additive increase, multiplicative decrease.
//
//	Success while at least half the limit is in use:  limit ← min(Max, limit + 1/limit)
//	Failure, at most once in Every:                   limit ← max(Min, limit · 0.7)
//
// 0.7 is CUBIC's factor (RFC 9438, section 4.6): TCP's older 0.5 gives up more
// than one bad moment is worth.
type Limiter struct {
	inflight atomic.Int64
	limit    atomic.Int64 // the whole part of exact, for the path without the lock

	mu    sync.Mutex
	opts  LimiterOptions
	exact float64
	cutAt int64 // wall time in ns of the last reduction; 0: none
}

const cut = 0.7

// NewLimiter returns a limiter at its maximum.
func NewLimiter(o LimiterOptions) *Limiter {
	if o.Max <= 0 {
		o.Max = 64
	}
	if o.Min <= 0 {
		o.Min = 1
	}
	o.Min = min(o.Min, o.Max)
	if o.Every <= 0 {
		o.Every = 100 * time.Millisecond
	}
	l := &Limiter{opts: o, exact: float64(o.Max)}
	l.limit.Store(int64(o.Max))
	return l
}

// Acquire takes a place and reports whether there was one. Whoever got one calls
// Release exactly once. It never waits: a caller with an origin behind the cache
// is better served there than in a queue.
func (l *Limiter) Acquire() bool {
	if l.inflight.Add(1) > l.limit.Load() {
		l.inflight.Add(-1)
		return false
	}
	return true
}

// Release gives the place back and learns from how the call went.
func (l *Limiter) Release(now time.Time, o Outcome) {
	used := l.inflight.Add(-1) + 1
	switch {
	case o == Success && l.limit.Load() < int64(l.opts.Max):
		l.grow(used)
	case o == Failure:
		l.shrink(now.UnixNano())
	}
}

// Limit returns the present bound, and Inflight the calls under it.
func (l *Limiter) Limit() int { return int(l.limit.Load()) }

// Inflight returns how many places are taken.
func (l *Limiter) Inflight() int { return int(l.inflight.Load()) }

func (l *Limiter) grow(used int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if 2*used < int64(l.exact) {
		return // an idle caller proves nothing about a higher limit
	}
	l.exact = min(float64(l.opts.Max), l.exact+1/l.exact)
	l.limit.Store(int64(l.exact))
}

func (l *Limiter) shrink(t int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cutAt != 0 && t >= l.cutAt && t-l.cutAt < int64(l.opts.Every) {
		return
	}
	l.cutAt = t
	l.exact = max(float64(l.opts.Min), l.exact*cut)
	l.limit.Store(int64(l.exact))
}
