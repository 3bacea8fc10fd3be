package guard

import (
	"sync"
	"time"
)

// BudgetOptions configures a Budget. The zero value is usable.
type BudgetOptions struct {
	// Ratio is what one call adds to the budget, in retries; 0 means 0.1: at
	// most one call in ten is sent twice, so retries add at most 10 % to the
	// load of a cache that is already in trouble.
	Ratio float64
	// PerSecond is what one second of wall time adds, in retries; 0 means 1: a
	// function called once a minute must be able to retry too.
	PerSecond float64
	// Max is the most that can be saved up, in retries; 0 means 10.
	Max float64
}

// Budget says whether a call may be repeated. It is a bucket of retries that
// calls and seconds fill and retries empty:
//
//	tokens ← min(Max, tokens + Ratio·calls + PerSecond·Δt) − retries
//
// A limit on retries for each call multiplies the load of a failing cache by
// that limit; a budget over all calls cannot.
type Budget struct {
	mu     sync.Mutex
	opts   BudgetOptions
	tokens float64
	last   int64 // wall time in ns; 0: never told
}

// NewBudget returns a full budget.
func NewBudget(o BudgetOptions) *Budget {
	if o.Ratio <= 0 {
		o.Ratio = 0.1
	}
	if o.PerSecond <= 0 {
		o.PerSecond = 1
	}
	if o.Max <= 0 {
		o.Max = 10
	}
	return &Budget{opts: o, tokens: o.Max}
}

// Deposit counts n calls. A caller may count them in one go when it first asks
// for a retry.
func (b *Budget) Deposit(n int) {
	b.mu.Lock()
	b.tokens = min(b.opts.Max, b.tokens+b.opts.Ratio*float64(n))
	b.mu.Unlock()
}

// Retry takes one retry out of the budget and reports whether there was one.
func (b *Budget) Retry(now time.Time) bool {
	t := now.UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != 0 && t > b.last { // a clock set back adds nothing
		b.tokens = min(b.opts.Max, b.tokens+b.opts.PerSecond*float64(t-b.last)/1e9)
	}
	b.last = t
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
