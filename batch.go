package thaw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Many is the outcome of FetchMany.
type Many[T any] struct {
	// Values by key. A key whose loader had nothing for it is missing.
	Values map[string]T
	// From says for each key of Values where it came from.
	From map[string]Source
}

// FetchMany returns the values of keys: those the cache has in one round trip a
// node, the rest from one call of load, which gets the missing keys in the order
// given and returns what it found; those it leaves out are remembered for
// Options.NegativeTTL. Before the load the missing keys are leased, after it the
// values are stored for ttl, each again in one round trip a node (Memcached: one
// for each key).
//
// In cluster mode the keys are split by slot. The parts are not one atomic read:
// values of different slots may be of different moments, as they would be from
// single calls.
//
// As with Fetch, a value loaded before an invalidation is not stored after it.
// Unlike Fetch it never waits for another environment: a key that another is
// loading is loaded here too, and not stored; and it serves nothing stale. It fails
// as Fetch does.
func FetchMany[T any](ctx context.Context, c *Client, keys []string, ttl time.Duration, load func(ctx context.Context, missing []string) (map[string]T, error)) (Many[T], error) {
	out := Many[T]{Values: make(map[string]T, len(keys)), From: make(map[string]Source, len(keys))}
	if load == nil {
		return out, ErrNoLoader
	}
	if ttl < time.Millisecond {
		return out, ErrTTL
	}
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("thaw: the context had ended before the call: %w", err)
	}
	for _, k := range keys {
		if err := c.checkKey(k); err != nil {
			return out, err
		}
	}
	missing, asked := gather(ctx, c, keys, &out)
	if len(missing) == 0 {
		return out, nil
	}
	b := batch{c: c, ctx: ctx}
	if c.store == nil {
		b.seen = c.local.changes.Load()
	}
	if asked {
		b.lease(missing)
	}
	defer b.giveBack() // what was not stored, also if load panics
	began := time.Now()
	got, err := load(ctx, missing)
	c.observe(ctx, StageLoad, began, err)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return out, err
	}
	for k, v := range got {
		out.Values[k], out.From[k] = v, FromDatabase
		c.stats.answers[FromDatabase].Add(1)
	}
	b.store(encodeMany(c, missing, got, ttl, time.Since(began)))
	return out, nil
}

// batch is the leases of one FetchMany.
type batch struct {
	c    *Client
	ctx  context.Context
	t    token
	held map[string]bool
	seen uint64 // by the local tier before the load, where there is no server
}

// lease asks for the right to store keys; what it does not get is not stored.
func (b *batch) lease(keys []string) {
	b.t = newToken()
	b.held = make(map[string]bool, len(keys))
	_ = b.c.server(b.ctx, b.c.opts.OperationTimeout, func(call *callContext) error {
		states, err := b.c.store.claimMany(call, keys, b.t, time.Now(), b.c.leaseTime())
		for i, s := range states {
			if s == claimGranted {
				b.held[keys[i]] = true
			}
		}
		return err
	})
	b.c.stats.leases.Add(uint64(len(b.held)))
}

func (b *batch) store(values []stored) {
	c := b.c
	if c.store == nil {
		if c.closed.Load() {
			return
		}
		for _, s := range values {
			e, _ := parseEntry(s.value)
			c.local.put(s.key, e, time.Now().UnixNano(), nil, b.seen)
		}
		return
	}
	values = slices.DeleteFunc(values, func(s stored) bool { return !b.held[s.key] })
	if len(values) == 0 {
		return
	}
	_ = c.server(b.ctx, c.opts.OperationTimeout, func(call *callContext) error {
		states, err := c.store.commitMany(call, b.t, values)
		var left []stored // for a second try
		for i, s := range states {
			switch s {
			case claimUnknown:
				left = append(left, values[i])
				continue
			case claimBusy:
				c.stats.refused.Add(1)
			}
			delete(b.held, values[i].key)
		}
		if states != nil {
			values = left
		}
		return err
	})
	c.stats.storesFailed.Add(uint64(len(values)))
}

// giveBack removes the leases that are still held, so that others need not wait
// for their end: all of them within one call's time. A context that has ended
// leaves them to it.
func (b *batch) giveBack() {
	if len(b.held) == 0 {
		return
	}
	_ = b.c.server(b.ctx, b.c.opts.OperationTimeout, func(call *callContext) (err error) {
		for k := range b.held {
			if failed := b.c.store.abandon(call, k, b.t); failed != nil {
				err = failed // of its node, perhaps; others may be well
			} else {
				delete(b.held, k)
			}
			if !time.Now().Before(call.deadline) {
				break
			}
		}
		return err
	})
}

// gather answers what the local tier and the server have and returns the rest in
// order, each key once. asked is false if the server did not answer.
func gather[T any](ctx context.Context, c *Client, keys []string, out *Many[T]) (missing []string, asked bool) {
	seen := make(map[string]bool, len(keys))
	var ask []string
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		if c.local != nil {
			if v, ok := fetchLocal[T](c, k); ok {
				out.Values[k], out.From[k] = v, FromLocal
				continue
			}
		}
		ask = append(ask, k)
	}
	if c.store == nil {
		now := time.Now().UnixNano()
		return slices.DeleteFunc(ask, func(k string) bool {
			e, ok := c.local.get(k, now)
			return ok && e.notFound()
		}), false
	}
	if len(ask) == 0 {
		return nil, false
	}
	var values [][]byte
	_ = c.server(ctx, c.opts.OperationTimeout, func(call *callContext) error {
		got, err := c.store.getMany(call, ask)
		if got != nil {
			values = got
		}
		return err
	})
	for i, k := range ask {
		var e entry
		found := false
		if values != nil {
			e, found = parseEntry(values[i])
		}
		if !found || e.leased() || !time.Now().Round(0).Before(e.fresh) {
			missing = append(missing, k)
			continue
		}
		var v T
		switch from, err := c.answer(e, FromCache, &v); {
		case err == nil:
			out.Values[k], out.From[k] = v, from
			c.stats.answers[from].Add(1)
		case errors.Is(err, errUndecodable):
			missing = append(missing, k)
		}
	}
	return missing, values != nil
}

// encodeMany returns what is to be stored: the values, and the absence of keys
// that were asked for and not found.
func encodeMany[T any](c *Client, missing []string, got map[string]T, ttl, cost time.Duration) []stored {
	var out []stored
	for _, k := range missing {
		v, ok := got[k]
		if !ok {
			if c.opts.NegativeTTL > 0 {
				e := entry{format: formatAbsent, flags: flagNotFound, fresh: time.Now().Add(c.opts.NegativeTTL)}
				out = append(out, stored{k, appendHeader(nil, e), c.opts.NegativeTTL})
			}
			continue
		}
		life := c.jittered(ttl)
		b, err := c.encoding.encode(&v, v, time.Now().Add(life), cost)
		if err != nil {
			c.stats.storesFailed.Add(1)
			continue
		}
		out = append(out, stored{k, b, life + c.opts.StaleFor})
	}
	return out
}
