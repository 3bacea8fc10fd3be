package thaw

import (
	"context"
	"sync"
)

// flights runs one load of a key at a time in this process.
//
// The load runs in the goroutine of the caller that came first, its leader, with
// that caller's context: no goroutine is left behind when the environment
// freezes, and a panic reaches a caller. Followers wait for it. If the leader
// panicked, or failed because its own context ended, a follower takes over.
type flights struct {
	mu sync.Mutex
	m  map[flightKey]*flight
}

// flightKey keeps the refresh of a value apart from the load of a missing one: they
// fall back differently, and a caller must not inherit the other's failure.
type flightKey struct {
	key     string
	refresh bool
}

type flight struct {
	done chan struct{}
	res  loaded
	err  error
	ok   bool // for the followers too: no panic, no end of the leader's own context
}

// loaded is the outcome of one load.
type loaded struct {
	value any // a pointer to the loaded value
	from  Source
}

// do returns what fn returned, and whether another caller ran it.
func (f *flights) do(ctx context.Context, key flightKey, fn func() (loaded, error)) (res loaded, shared bool, err error) {
	for {
		f.mu.Lock()
		if f.m == nil {
			f.m = map[flightKey]*flight{}
		}
		fl, ok := f.m[key]
		if !ok {
			fl = &flight{done: make(chan struct{})}
			f.m[key] = fl
			f.mu.Unlock()
			f.lead(ctx, key, fl, fn)
			return fl.res, false, fl.err
		}
		f.mu.Unlock()
		select {
		case <-fl.done:
		case <-ctx.Done():
			return loaded{}, true, ctx.Err()
		}
		if fl.ok {
			return fl.res, true, fl.err
		}
		if err := ctx.Err(); err != nil {
			return loaded{}, true, err
		}
	}
}

// forget has the callers that come from now on load for themselves: what is being
// loaded may be older than what they were told.
func (f *flights) forget(keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range keys {
		delete(f.m, flightKey{k, false})
		delete(f.m, flightKey{k, true})
	}
}

// lead runs fn and lets the followers go, also if it panics.
func (f *flights) lead(ctx context.Context, key flightKey, fl *flight, fn func() (loaded, error)) {
	defer func() {
		f.mu.Lock()
		if f.m[key] == fl {
			delete(f.m, key)
		}
		f.mu.Unlock()
		close(fl.done)
	}()
	fl.res, fl.err = fn()
	fl.ok = fl.err == nil || ctx.Err() == nil
}
