package thaw

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/guard"
)

// away remembers that the log was told that the cache is gone. An outage is two
// lines of each environment's log: one when it begins and one when it is over.
type away struct {
	since atomic.Int64 // wall time in ns; 0: the cache is there
}

// report tells the log when the cache goes away and when it comes back. Gone is a
// cache that cannot be connected to, or has opened the breaker: one timeout is a
// lost packet.
func (c *Client) report(now time.Time, verdict guard.Outcome, err error) {
	gone := c.away.since.Load() != 0
	var connect *ConnectError
	switch {
	case verdict == guard.Success && gone:
		c.back(now)
	case verdict == guard.Success || gone || err == nil:
	case errors.As(err, &connect),
		verdict == guard.Failure && c.breaker.State(now) == guard.Open:
		c.gone(now, err)
	}
}

func (c *Client) gone(now time.Time, err error) {
	if !c.away.since.CompareAndSwap(0, now.UnixNano()) {
		return
	}
	c.opts.Logger.Warn("thaw: the cache does not answer; until it does, answers come from the loader",
		"cache", c.endpoint.id(), "error", err)
}

func (c *Client) back(now time.Time) {
	since := c.away.since.Swap(0)
	if since == 0 {
		return
	}
	c.opts.Logger.Info("thaw: the cache answers again",
		"cache", c.endpoint.id(), "away", time.Duration(now.UnixNano()-since).Round(time.Millisecond))
}
