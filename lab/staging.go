package lab

import (
	"context"
	"fmt"

	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/lab/origin"
)

// What follows is for a caller that stages a run by hand instead of driving a
// load: package lab/experiment.

// CacheServer is the server that stands for a cache of the stack, for its faults
// and its figures; "" is the first that runs. nil: the lab runs no such cache.
// It belongs to the lab, which closes it.
func (l *Lab) CacheServer(id string) *cache.Server {
	for _, c := range l.caches {
		if id == "" || c.stack.ID == id {
			return c.Server
		}
	}
	return nil
}

// OriginServer is the origin database, nil if the stack has none. It belongs to
// the lab, which closes it.
func (l *Lab) OriginServer() *origin.Server { return l.origin }

// Record is Invoke as a part of the recorded run, which it begins if nobody has:
// the outcome is in Result.
func (l *Lab) Record(ctx context.Context, in Invocation) (Reply, error) {
	l.Begin()
	at := l.now() - l.zero()
	return l.send(ctx, request{Invocation: in, intended: at, sent: at})
}

// Retire stops the idle environments of a function and waits for that, so that
// its next invocation is a cold start. AWS does the same to environments of an
// old configuration. Environments that are busy stop when they are done.
func (l *Lab) Retire(id string) error {
	l.mu.Lock()
	fn := l.functions[id]
	if fn == nil {
		l.mu.Unlock()
		return fmt.Errorf("%w %q", ErrUnknownFunction, id)
	}
	old := l.forget(l.fleet.Retire(fn.stack.ID))
	l.mu.Unlock()
	for _, env := range old {
		l.stop(env, "retired")
	}
	return nil
}
