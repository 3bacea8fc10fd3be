package upstream

import "sync"

// Budget is a cap on connections that all loops share. Whoever finds it spent
// waits in one queue, first come first served, whatever loop it belongs to.
type Budget struct {
	mu    sync.Mutex
	limit int
	used  int
	// queue holds those who wait. Each is called once, on any goroutine, with the
	// unit already taken.
	queue []func()
	// pressed is told that someone waits, so that idle connections are closed.
	pressed func()
}

// take takes one unit if there is one. Those who wait go first.
func (b *Budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used >= b.limit || len(b.queue) > 0 {
		return false
	}
	b.used++
	return true
}

// takeSpare takes one unit only if reserve others stay free: growth beyond the
// first connection must not keep a new pool from its first one.
func (b *Budget) takeSpare(reserve int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+reserve >= b.limit || len(b.queue) > 0 {
		return false
	}
	b.used++
	return true
}

// wait queues for one unit. There is no way out of the queue: who needs the unit
// no more gives it back.
func (b *Budget) wait(granted func()) {
	b.mu.Lock()
	if b.used < b.limit && len(b.queue) == 0 {
		b.used++
		b.mu.Unlock()
		granted()
		return
	}
	b.queue = append(b.queue, granted)
	b.mu.Unlock()
	if b.pressed != nil {
		b.pressed()
	}
}

// give returns one unit, to the first in the queue if there is one.
func (b *Budget) give() {
	b.mu.Lock()
	if len(b.queue) == 0 {
		b.used--
		b.mu.Unlock()
		return
	}
	granted := b.queue[0]
	b.queue = b.queue[1:]
	b.mu.Unlock()
	granted()
}

// waiting reports how many wait.
func (b *Budget) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// Used returns how much of the budget is taken, and Limit its size.
func (b *Budget) Used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Limit returns the size of the budget.
func (b *Budget) Limit() int { return b.limit }
