package engine

import "time"

// Timer calls a function on its loop once. It costs no goroutine, and setting it
// again to a later time, as timeouts do with every command, costs no more than
// an assignment: the heap learns of it when the old time comes.
type Timer struct {
	loop  *Loop
	f     func()
	when  time.Duration // when to call f, since the loop's base
	key   time.Duration // where it stands in the heap; never after when
	index int           // in the heap, counted from 1; 0 = not in it
	off   bool          // stopped, or has fired
}

// AfterFunc calls f on the loop when d has passed since the beginning of this
// turn.
func (l *Loop) AfterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{loop: l, f: f, off: true}
	t.Reset(d)
	return t
}

// Stop keeps the timer from firing; it says whether it would have fired.
func (t *Timer) Stop() bool {
	active := !t.off
	if t.index > 0 {
		t.loop.timers.remove(t)
	}
	t.off = true
	return active
}

// Reset makes the timer fire when d has passed since the beginning of this turn,
// whether it was running, stopped or had fired.
func (t *Timer) Reset(d time.Duration) {
	t.off = false
	t.when = t.loop.now.Sub(t.loop.base) + max(d, 0)
	switch ts := &t.loop.timers; {
	case t.index == 0:
		t.key = t.when
		ts.push(t)
	case t.when < t.key:
		t.key = t.when
		ts.up(t.index - 1)
	}
}

// timers is a binary heap, the earliest first.
type timers struct {
	heap []*Timer
	due  []*Timer // those of this turn
}

// next is how long after now the first timer is due; negative without timers.
func (ts *timers) next(now time.Duration) time.Duration {
	if len(ts.heap) == 0 {
		return -1
	}
	return max(ts.heap[0].key-now, 0)
}

// run calls what is due at now. What these calls set for now waits for the next
// turn, so that a timer of 0 cannot keep the loop here.
func (ts *timers) run(now time.Duration) {
	for len(ts.heap) > 0 && ts.heap[0].key <= now {
		t := ts.heap[0]
		if t.when > t.key { // it was set to a later time
			t.key = t.when
			ts.down(0)
			continue
		}
		ts.remove(t)
		ts.due = append(ts.due, t)
	}
	for i, t := range ts.due {
		ts.due[i] = nil
		if !t.off && t.index == 0 { // not stopped or set again by one before it
			t.off = true
			t.f()
		}
	}
	ts.due = ts.due[:0]
}

func (ts *timers) push(t *Timer) {
	ts.heap = append(ts.heap, t)
	t.index = len(ts.heap)
	ts.up(len(ts.heap) - 1)
}

func (ts *timers) remove(t *Timer) {
	i, last := t.index-1, len(ts.heap)-1
	ts.swap(i, last)
	ts.heap[last] = nil
	ts.heap = ts.heap[:last]
	t.index = 0
	if i < last {
		ts.up(i)
		ts.down(i)
	}
}

func (ts *timers) swap(i, j int) {
	h := ts.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (ts *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if ts.heap[parent].key <= ts.heap[i].key {
			return
		}
		ts.swap(i, parent)
		i = parent
	}
}

func (ts *timers) down(i int) {
	h := ts.heap
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].key < h[child].key {
			child++
		}
		if h[i].key <= h[child].key {
			return
		}
		ts.swap(i, child)
		i = child
	}
}
