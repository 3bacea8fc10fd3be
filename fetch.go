package thaw

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Loader gets the value of key from the origin. It may return an error that wraps
// ErrNotFound to say that there is none.
type Loader[T any] func(ctx context.Context, key string) (T, error)

// Fetch returns the value of key: from the cache if it is there, else from load,
// whose value it then stores for ttl (best effort).
//
// It fails only if load fails, ctx ends, or the call itself is wrong: an empty or
// too long key (ErrKey), a ttl below 1 ms (ErrTTL), a nil load (ErrNoLoader). When
// the cache is slow, down or guarded, Fetch calls load and stores nothing. A value
// that is too large or cannot be encoded is returned and not stored. A panic of
// load reaches the caller; its lease is given back.
//
// In this process one load of a key runs at a time. Between environments a lease
// lets one load while the others wait up to Options.LeaseWait, or are served the
// stale value if there is one.
//
// A value may be shared with other callers of the same key: those that waited for one
// load get the same maps, pointers and slices, and a []byte may also be the local
// tier's. None of them may be modified, nor a slice appended to.
func Fetch[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load Loader[T]) (T, Source, error) {
	if c.opts.Observer == nil {
		return fetch(ctx, c, key, ttl, load)
	}
	began := time.Now()
	v, from, err := fetch(ctx, c, key, ttl, load)
	c.opts.Observer(ctx, Event{Stage: StageAnswer, Start: began, Took: time.Since(began), From: from, Err: err})
	return v, from, err
}

func fetch[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load Loader[T]) (T, Source, error) {
	if c.local != nil {
		if v, ok := fetchLocal[T](c, key); ok && ctx.Err() == nil && load != nil && ttl >= time.Millisecond {
			return v, FromLocal, nil
		}
	}
	return fetchServer(ctx, c, key, ttl, load)
}

// fetchLocal is apart from the rest, so that nothing in it escapes and a local hit
// allocates nothing.
func fetchLocal[T any](c *Client, key string) (v T, ok bool) {
	e, ok := c.local.get(key, time.Now().UnixNano())
	if !ok || e.notFound() {
		return v, false
	}
	if b, raw := any(&v).(*[]byte); raw && e.format == formatRaw && e.flags == 0 {
		*b = e.payload[:len(e.payload):len(e.payload)] // as decode does
		c.stats.answers[FromLocal].Add(1)
		return v, true
	}
	return decodeLocal[T](c, e.entry)
}

func decodeLocal[T any](c *Client, e entry) (v T, ok bool) {
	if err := c.encoding.decode(e, &v); err != nil {
		return v, false
	}
	c.stats.answers[FromLocal].Add(1)
	return v, true
}

// fetchServer asks the server. What a hit does not need is in fetchLoad, again for
// the sake of allocations: here they are the variable and the call's context.
func fetchServer[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load Loader[T]) (T, Source, error) {
	v := new(T)
	if load == nil {
		return *v, FromNowhere, ErrNoLoader
	}
	h, err := c.look(ctx, key, ttl, v)
	if err != nil || h.state == hitAnswer {
		if h.from != FromNowhere {
			c.stats.answers[h.from].Add(1)
		}
		return *v, h.from, err
	}
	return fetchLoad(ctx, c, key, ttl, load, h)
}

func fetchLoad[T any](ctx context.Context, c *Client, key string, ttl time.Duration, load Loader[T], h hit) (T, Source, error) {
	v := new(T)
	f := &fill{c: c, ctx: ctx, key: key, ttl: ttl, dst: v, spent: h.spent, load: func() (pointer, value any, err error) {
		got, err := load(ctx, key)
		return &got, got, err
	}}
	from, err := f.run(h)
	if p, ok := f.got.(*T); ok {
		v = p
	} else if err == nil && f.got != nil { // another type was loaded under this key: load ours
		value, err := load(ctx, key)
		return value, FromDatabase, err
	}
	if from != FromNowhere {
		c.stats.answers[from].Add(1)
	}
	return *v, from, err
}

// hit is what the server had.
type hit struct {
	state hitState
	from  Source
	entry entry
	spent time.Duration // by the call so far; not kept for an answer
}

type hitState uint8

const (
	hitNone   hitState = iota // the server was not asked or did not answer
	hitMiss                   // nothing there
	hitLeased                 // another environment is loading
	hitAlien                  // a value of another codec or type: as good as missing, and to be replaced
	hitEarly                  // fresh, to be refreshed by this caller
	hitStale                  // beyond its TTL
	hitAnswer                 // fresh, and decoded
)

// look checks the call, asks the server and decodes a fresh answer into dst.
func (c *Client) look(ctx context.Context, key string, ttl time.Duration, dst any) (hit, error) {
	if err := c.checkKey(key); err != nil {
		return hit{}, err
	}
	if ttl < time.Millisecond {
		return hit{}, ErrTTL
	}
	if err := ctx.Err(); err != nil {
		return hit{}, fmt.Errorf("thaw: the context had ended before the call: %w", err)
	}
	began := time.Now()
	e, found, err := c.lookup(ctx, key, c.opts.OperationTimeout, false)
	if ended := ctx.Err(); ended != nil {
		return hit{}, fmt.Errorf("thaw: the context ended during the call: %w", ended)
	}
	h, err := c.weigh(e, found, err, dst)
	if h.state != hitAnswer {
		h.spent = time.Since(began)
	}
	return h, err
}

// weigh says what an entry is worth now.
func (c *Client) weigh(e entry, found bool, err error, dst any) (hit, error) {
	switch {
	case err != nil:
		return hit{state: hitNone}, nil
	case !found:
		return hit{state: hitMiss}, nil
	case e.leased():
		return hit{state: hitLeased}, nil
	}
	now := time.Now().Round(0)
	switch {
	case !now.Before(e.fresh):
		return hit{state: hitStale, entry: e}, nil
	case c.early(e, now):
		return hit{state: hitEarly, entry: e}, nil
	}
	from, err := c.answer(e, FromCache, dst)
	if errors.Is(err, errUndecodable) {
		return hit{state: hitAlien}, nil
	}
	return hit{state: hitAnswer, from: from}, err
}

// answer decodes e into the caller's variable.
func (c *Client) answer(e entry, from Source, dst any) (Source, error) {
	if e.notFound() {
		return from, fmt.Errorf("%w (remembered)", ErrNotFound)
	}
	if err := c.encoding.decode(e, dst); err != nil {
		return FromNowhere, errUndecodable
	}
	return from, nil
}
