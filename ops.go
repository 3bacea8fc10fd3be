package thaw

import (
	"context"
	"errors"
	"time"
)

// Get returns the value of key from the cache, without a loader. It returns
// ErrMiss if there is none, ErrNotFound if its absence is remembered, ErrGuarded
// or ErrTimeout if the cache did not answer. A stale value is returned, as
// FromStale.
func Get[T any](ctx context.Context, c *Client, key string) (v T, from Source, err error) {
	if c.local != nil && ctx.Err() == nil {
		if v, ok := fetchLocal[T](c, key); ok {
			return v, FromLocal, nil
		}
	}
	if err = c.checkKey(key); err != nil {
		return v, FromNowhere, err
	}
	e, found, err := c.lookup(ctx, key, c.opts.OperationTimeout, false)
	switch {
	case err != nil:
		return v, FromNowhere, err
	case !found || e.leased():
		return v, FromNowhere, ErrMiss
	}
	if from = FromCache; !time.Now().Round(0).Before(e.fresh) {
		from = FromStale
	}
	if from, err = c.answer(e, from, &v); err == nil {
		c.stats.answers[from].Add(1)
	} else if errors.Is(err, errUndecodable) {
		err = ErrMiss
	}
	return v, from, err
}

// Set stores v under key for ttl, whatever is there: the last writer wins. A load
// under way does not overwrite it. Unlike Fetch it returns the errors of the
// cache, for its caller may have to know. After ErrTimeout the value may be stored
// or not, also a little later. A Set and an Invalidate at the same time have no order:
// where several write, write the origin and Invalidate.
func Set[T any](ctx context.Context, c *Client, key string, v T, ttl time.Duration) error {
	if err := c.checkKey(key); err != nil {
		return err
	}
	if ttl < time.Millisecond {
		return ErrTTL
	}
	ttl = c.jittered(ttl)
	end := time.Now().Add(ttl)
	b, err := c.encoding.encode(&v, v, end, 0)
	if err != nil {
		return err
	}
	c.forget([]string{key})
	if c.store == nil {
		if c.closed.Load() {
			return ErrClosed
		}
		e, _ := parseEntry(b)
		c.local.put(key, e, time.Now().UnixNano(), nil, c.local.changes.Load())
		return nil
	}
	err = c.server(ctx, c.opts.OperationTimeout, func(call *callContext) error { return c.store.set(call, key, b, ttl+c.opts.StaleFor) })
	c.forget([]string{key}) // what was read between the two
	return err
}

// Invalidate removes keys, because their origin has changed: write the origin
// first, then call Invalidate. A reader that loaded the old value before the
// write cannot store it any more. Other environments with a local tier answer the
// old value for at most Options.LocalTTL, and not at all with LocalTracking.
//
// If it returns an error, the old value may stay until its TTL: repeat it, or
// choose a TTL that bounds the damage. Keys of several slots are removed in one
// round trip a node, not as one atomic step.
func (c *Client) Invalidate(ctx context.Context, keys ...string) error {
	for _, k := range keys {
		if err := c.checkKey(k); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	c.forget(keys)
	if c.store == nil {
		if c.closed.Load() {
			return ErrClosed
		}
		return nil
	}
	err := c.server(ctx, c.opts.OperationTimeout, func(call *callContext) error { return c.store.remove(call, keys) })
	c.forget(keys) // what was read between the two
	return err
}

// Delete is Invalidate for one key, under the name that callers of other clients
// look for.
func (c *Client) Delete(ctx context.Context, key string) error { return c.Invalidate(ctx, key) }

// forget drops keys from the local tier, and keeps later callers out of the loads
// under way.
func (c *Client) forget(keys []string) {
	c.flights.forget(keys)
	if c.local != nil {
		c.local.invalidate(keys)
	}
}
