package thaw

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// localTier holds stored values inside the process. Otter bounds its size and
// decides what to drop; ages are decided here, in wall time, for Otter's clock
// stops while the environment is frozen.
//
// A value may be answered if it is fresh and either
//
//	age < ttl                                  the hard limit, or
//	its session was heard within ttl           the server would have told (tracking)
//
// After a freeze longer than ttl neither holds until the first round trip, and
// replies come in order behind the invalidations that were waiting, so nothing
// that was changed meanwhile is ever answered.
type localTier struct {
	cache *otter.Cache[string, *localEntry]
	ttl   time.Duration

	// changes counts invalidations. A reader notes it before it asks the server
	// and stores only if it is unchanged: otherwise the invalidation that overtook
	// the reply would be lost.
	changes atomic.Uint64
}

type localEntry struct {
	entry
	since   int64    // wall time in ns at which the server was asked for it
	end     int64    // wall time in ns of the end of its freshness
	session *session // the one whose server announces changes of it; nil: none
}

func newLocalTier(size int64, ttl time.Duration) (*localTier, error) {
	cache, err := otter.New(&otter.Options[string, *localEntry]{
		MaximumWeight: uint64(size),
		Weigher: func(key string, e *localEntry) uint32 {
			return uint32(min(len(key)+len(e.payload)+160, math.MaxUint32)) // 160: the entry and Otter's node
		},
	})
	if err != nil {
		return nil, err
	}
	return &localTier{cache: cache, ttl: ttl}, nil
}

// get returns the entry of key if it may be answered at now.
func (l *localTier) get(key string, now int64) (*localEntry, bool) {
	e, ok := l.cache.GetIfPresent(key)
	if !ok || now >= e.end || now < e.since { // since in the future: the clock was set back
		return nil, false
	}
	if now-e.since < int64(l.ttl) {
		return e, true
	}
	if e.session == nil {
		return nil, false
	}
	return e, now-e.session.heard() < int64(l.ttl)
}

// put stores e, read from the server that was asked at since, unless something
// was invalidated after seen.
func (l *localTier) put(key string, e entry, since int64, tracked *session, seen uint64) {
	if l.changes.Load() != seen {
		return
	}
	l.cache.Set(key, &localEntry{entry: e, since: since, end: e.fresh.UnixNano(), session: tracked})
	if l.changes.Load() != seen {
		l.cache.Invalidate(key) // it came between the two
	}
}

// replace stores e, which this process has just written to the server, unless
// something was invalidated after seen. What was read before and is put later is
// older, and refused.
func (l *localTier) replace(key string, e entry, since int64, seen uint64) {
	if !l.changes.CompareAndSwap(seen, seen+1) {
		l.invalidate([]string{key})
		return
	}
	l.put(key, e, since, nil, seen+1)
}

// invalidate drops keys, or everything if keys is nil.
func (l *localTier) invalidate(keys []string) {
	l.changes.Add(1)
	if keys == nil {
		l.cache.InvalidateAll()
		return
	}
	for _, k := range keys {
		l.cache.Invalidate(k)
	}
}

func (l *localTier) clear() { l.invalidate(nil) }
