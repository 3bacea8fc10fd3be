package thaw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// lookup reads key from the server. found is false for a miss and for a value that
// is not ours; err is set if the server was not asked or did not answer. With
// primary no reader is asked.
func (c *Client) lookup(ctx context.Context, key string, limit time.Duration, primary bool) (e entry, found bool, err error) {
	if c.store == nil {
		if c.closed.Load() {
			return entry{}, false, ErrClosed
		}
		if l, ok := c.local.get(key, time.Now().UnixNano()); ok {
			return l.entry, true, nil
		}
		return entry{}, false, nil
	}
	var seen uint64
	var asked int64
	if c.local != nil {
		seen, asked = c.local.changes.Load(), time.Now().UnixNano()
	}
	var b []byte
	var over *session
	err = c.server(ctx, limit, func(call *callContext) error {
		var err error
		call.primary = primary
		b, err = c.store.get(call, key)
		over = call.over
		return err
	})
	if over != nil && !over.announces() {
		over = nil
	}
	if over != nil {
		over.listen(asked, c.opts.LocalTTL)
	}
	if errors.Is(err, ErrMiss) {
		return entry{}, false, nil
	}
	if err != nil {
		return entry{}, false, err
	}
	if e, found = parseEntry(b); !found {
		return entry{}, false, nil
	}
	if c.local != nil && !e.leased() {
		c.local.put(key, e, asked, over, seen)
	}
	return e, true, nil
}

// newToken draws a token. It must be unique among the loads of one key within one
// lease, not secret.
func newToken() (t token) {
	for t == (token{}) {
		binary.BigEndian.PutUint64(t[:], rand.Uint64())
	}
	return t
}

// claim asks for the right to store key. With leases off it is asked all the same,
// for the token is also what keeps an old value from overwriting an invalidation;
// only nobody waits for it.
func (f *fill) claim(t token, fresh bool) (state claim, err error) {
	c := f.c
	err = f.server(f.ctx, func(call *callContext) error {
		var err error
		state, err = c.store.claim(call, f.key, t, time.Now(), c.leaseTime(), fresh)
		return err
	})
	if state == claimGranted && err == nil {
		c.stats.leases.Add(1)
	}
	if state == claimGranted || err != nil {
		f.touched()
	}
	return state, err
}

// touched drops what the local tier has of the key after a write of ours: the server
// does not announce it (NOLOOP), and watches the key no longer.
func (f *fill) touched() {
	if f.c.local != nil && f.c.opts.LocalTracking {
		f.c.local.invalidate([]string{f.key})
	}
}

// server is Client.server within what this Fetch has left for the cache: however
// many calls it makes, together they take no longer than OperationTimeout.
func (f *fill) server(ctx context.Context, fn func(*callContext) error) error {
	began := time.Now()
	err := f.c.server(ctx, f.c.opts.OperationTimeout-f.spent, fn)
	f.spent += time.Since(began)
	return err
}

// leaseTime is Options.Lease, or, with leases off, what a loader is given to store.
func (c *Client) leaseTime() time.Duration {
	if c.opts.Lease > 0 {
		return c.opts.Lease
	}
	return 10 * time.Second
}

// loadAndStore calls the loader and stores its value. With the zero token, the
// cache cannot be written; keep says whether the local tier may be.
func (f *fill) loadAndStore(t token, keep bool) (loaded, error) {
	c := f.c
	held := t != token{}
	defer func() {
		if held { // the loader failed or panicked: let another try at once
			f.giveBack(t)
		}
	}()
	var seen uint64
	if c.local != nil {
		seen = c.local.changes.Load()
	}
	began := time.Now()
	pointer, v, err := f.load()
	c.observe(f.ctx, StageLoad, began, err)
	cost := time.Since(began)
	if err != nil {
		if errors.Is(err, ErrNotFound) && c.opts.NegativeTTL > 0 && keep {
			end := time.Now().Add(c.opts.NegativeTTL)
			e := entry{format: formatAbsent, flags: flagNotFound, fresh: end}
			settled := f.put(t, appendHeader(nil, e), c.opts.NegativeTTL, seen)
			held = held && !settled
		}
		return loaded{}, err
	}
	res := loaded{value: pointer, from: FromDatabase}
	if !keep {
		return res, nil
	}
	ttl := c.jittered(f.ttl)
	b, err := c.encoding.encode(pointer, v, time.Now().Add(ttl), cost)
	if err != nil {
		c.stats.storesFailed.Add(1)
		return res, nil
	}
	settled := f.put(t, b, ttl+c.opts.StaleFor, seen)
	held = held && !settled
	return res, nil
}

// put stores b and reports whether the lease is settled, one way or the other.
func (f *fill) put(t token, b []byte, ttl time.Duration, seen uint64) bool {
	c := f.c
	if c.store != nil {
		var stored bool
		err := f.server(f.ctx, func(call *callContext) error {
			var err error
			stored, err = c.store.commit(call, f.key, t, b, ttl)
			return err
		})
		switch {
		case err != nil:
			c.stats.storesFailed.Add(1)
			f.touched()
			return false
		case !stored:
			c.stats.refused.Add(1)
			return true
		}
	}
	if c.local == nil {
		return true
	}
	e, _ := parseEntry(b)
	if c.store == nil {
		c.local.put(f.key, e, time.Now().UnixNano(), nil, seen)
	} else {
		c.local.replace(f.key, e, time.Now().UnixNano(), seen)
	}
	return true
}

// giveBack ends the lease without a value. A caller that was cancelled has time
// for it; one whose deadline has passed has not, and the lease ends by itself.
func (f *fill) giveBack(t token) {
	ctx := f.ctx
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return
	} else if err != nil {
		ctx = context.WithoutCancel(ctx)
		if end, ok := f.ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end)
			defer cancel()
		}
	}
	_ = f.server(ctx, func(call *callContext) error { return f.c.store.abandon(call, f.key, t) })
	f.touched()
}

// jittered shortens ttl by up to Options.Jitter of it; never longer than asked.
func (c *Client) jittered(ttl time.Duration) time.Duration {
	ttl = min(ttl, longest)
	return max(ttl-time.Duration(rand.Float64()*c.opts.Jitter*float64(ttl)), time.Millisecond)
}

func (c *Client) checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrKey)
	case len(key) > c.opts.MaxKeySize:
		return fmt.Errorf("%w: %d bytes, at most %d: hash the long part", ErrKey, len(key), c.opts.MaxKeySize)
	case c.endpoint.kind == kindMemcached:
		for i := range len(key) {
			if key[i] <= ' ' || key[i] == 0x7f {
				return fmt.Errorf("%w: Memcached's keys have no spaces and no control characters", ErrKey)
			}
		}
	}
	return nil
}
