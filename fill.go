package thaw

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// fill is what one Fetch does when the answer is not at hand, without its type.
//
//	fresh, but early ── claim ── load ──▶ FromDatabase (no claim, or failed: FromCache)
//	stale ───────────── claim ── load ──▶ FromDatabase (no claim, or failed: FromStale)
//	missing ─────────── claim ── load ──▶ FromDatabase
//	                      └ busy: wait ─▶ FromCache, or load without storing
//	no cache ─────────────────── load ──▶ FromDatabase, nothing stored
type fill struct {
	c    *Client
	ctx  context.Context
	key  string
	ttl  time.Duration
	dst  any // *T, for a decoded answer
	load func() (pointer, value any, err error)

	spent time.Duration // on cache calls
	got   any           // *T, if the answer came out of the flight
}

func (f *fill) run(h hit) (Source, error) {
	if (h.state == hitEarly || h.state == hitStale) && f.c.store != nil {
		return f.refresh(h)
	}
	return f.miss(h.state)
}

var errUndecodable = errors.New("thaw: the stored value cannot be decoded")

// early is XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache
// Stampede Prevention, VLDB 2015):
//
//	refresh now if  now − cost·β·ln(u) ≥ end      u uniform in (0, 1)
//
// cost being how long the value took to load.
func (c *Client) early(e entry, now time.Time) bool {
	if c.opts.EarlyRefresh == 0 || e.cost == 0 {
		return false
	}
	ahead := -float64(e.cost) * c.opts.EarlyRefresh * math.Log(1-rand.Float64())
	return float64(e.fresh.Sub(now)) <= ahead
}

// refresh loads a value that is there but stale or about to be, and falls back to
// it.
func (f *fill) refresh(h hit) (Source, error) {
	from, err := f.shared(true, func() (loaded, error) {
		t := newToken()
		if state, err := f.claim(t, true); err != nil || state != claimGranted {
			return loaded{}, errBusy
		}
		return f.loadAndStore(t, true)
	})
	if err == nil || f.ctx.Err() != nil || errors.Is(err, ErrNotFound) {
		return from, err
	}
	fallback := FromStale
	if h.state == hitEarly {
		fallback = FromCache
	}
	if from, err = f.c.answer(h.entry, fallback, f.dst); errors.Is(err, errUndecodable) {
		return f.miss(hitAlien)
	}
	return from, err
}

// errBusy ends a flight whose leader was not the one to load.
var errBusy = errors.New("thaw: another environment is loading")

// miss loads a value that is not there, or of no use.
func (f *fill) miss(state hitState) (Source, error) {
	return f.shared(false, func() (loaded, error) {
		c := f.c
		if state == hitNone || c.store == nil {
			return f.loadAndStore(token{}, state != hitNone)
		}
		t := newToken()
		answer := claimBusy
		if state != hitLeased {
			var err error
			if answer, err = f.claim(t, state == hitAlien); err != nil {
				return f.loadAndStore(token{}, false)
			}
		}
		if answer == claimGranted {
			return f.loadAndStore(t, true)
		}
		if c.opts.Lease > 0 {
			if res, ok, err := f.await(answer, t); ok {
				return res, err
			}
		}
		return f.loadAndStore(token{}, false)
	})
}

// await looks again until the other environment has stored, its lease has ended,
// or LeaseWait is over.
func (f *fill) await(state claim, t token) (loaded, bool, error) {
	c := f.c
	if state == claimBusy {
		c.stats.leaseWaits.Add(1)
	}
	end := c.budget(f.ctx, time.Now(), c.opts.LeaseWait).deadline
	for pause := time.Duration(0); ; {
		if state == claimBusy {
			pause = min(2*pause+2*time.Millisecond, time.Until(end))
			if pause <= 0 || !sleep(f.ctx, pause) {
				return loaded{}, false, nil
			}
		}
		began := time.Now()
		e, found, err := c.lookup(f.ctx, f.key, c.opts.OperationTimeout-f.spent, true) // what was stored a moment ago may not have reached a reader
		f.spent += time.Since(began)
		switch {
		case err != nil:
			return loaded{}, false, nil
		case !found: // the lease was given back or invalidated: it is our turn
			if state, err = f.claim(t, false); err != nil {
				return loaded{}, false, nil
			} else if state == claimGranted {
				res, err := f.loadAndStore(t, true)
				return res, true, err
			}
		case e.leased():
			state = claimBusy
		default:
			from, err := c.answer(e, FromCache, f.dst)
			return loaded{value: f.dst, from: from}, !errors.Is(err, errUndecodable), err
		}
		if time.Now().After(end) {
			return loaded{}, false, nil
		}
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// shared runs fn in the flight of the key and keeps what it loaded.
func (f *fill) shared(refresh bool, fn func() (loaded, error)) (Source, error) {
	res, shared, err := f.c.flights.do(f.ctx, flightKey{f.key, refresh}, fn)
	if err != nil {
		return FromNowhere, err
	}
	f.got = res.value
	if shared && res.from == FromDatabase {
		return FromShared, nil
	}
	return res.from, nil
}
