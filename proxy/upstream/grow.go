package upstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/thawdev/thaw/guard"
	"github.com/thawdev/thaw/proxy/engine"
)

// purpose is what a connection is dialled for.
type purpose uint8

const (
	sharedQuick purpose = iota
	sharedSlow
	toOwn
)

// How fast a pool dials again for sessions that wait. The breaker ends the series
// after five failures, so that the sessions fail within about 200 ms.
const (
	redialBase  = 10 * time.Millisecond
	redialLimit = time.Second
)

// dial opens one connection in a goroutine. Its unit of budget is taken, and it
// is counted as on its way.
func (p *Pool) dial(why purpose) {
	permit, ok := p.key.Node.breaker.Allow(p.set.loop.Now())
	if !ok {
		p.undial(why)
		p.failAll(ErrDown)
		return
	}
	up, loop, key := p.set.up, p.set.loop, p.key
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), up.opts.DialTimeout)
		defer cancel()
		nc, id, err := up.dial(ctx, key, why != toOwn)
		outcome := guard.Success
		var refusal ServerError
		if err != nil && !errors.As(err, &refusal) {
			outcome = guard.Failure
		}
		permit.Done(time.Now(), outcome)
		if err == nil {
			err = loop.Adopt(nc, func(nc *engine.Conn) engine.Handler { return p.opened(nc, id, why) })
			if err != nil {
				nc.Close()
			}
		}
		if err != nil {
			loop.Post(func() { p.dialFailed(why, err) })
		}
	}()
}

// undial takes back that a connection is on its way.
func (p *Pool) undial(why purpose) {
	switch why {
	case sharedQuick:
		p.dialing--
	case sharedSlow:
		p.lanes--
	case toOwn:
		p.owning--
		p.set.up.owned.give()
		return
	}
	p.set.up.shared.give()
}

// maxDepthOfReply lets through what a server can produce: a script that returns a
// table which contains itself nests some ten thousand levels.
const maxDepthOfReply = 1 << 16

// opened makes the Conn of an established connection.
func (p *Pool) opened(nc *engine.Conn, id int64, why purpose) engine.Handler {
	now := p.set.now()
	c := &Conn{pool: p, nc: nc, id: id, born: now, read: now, used: now}
	c.scan.Limits.Depth = maxDepthOfReply
	nc.WriteLast()
	p.attempts = 0
	p.set.stats.Opened++
	p.set.conns[c] = struct{}{}
	switch why {
	case sharedQuick:
		p.dialing--
		p.conns = append(p.conns, c)
		p.serveShared()
	case sharedSlow:
		p.lanes--
		p.slow, c.slow = c, true
		p.serveShared()
	case toOwn:
		p.owning--
		p.offer(c)
	}
	return c
}

// serveShared wakes all who wait for a shared connection.
func (p *Pool) serveShared() {
	for _, t := range p.takeWaiting(func(t *Ticket) bool { return t.owner == nil }) {
		p.set.waited(t)
		t.who.Ready(nil, nil)
	}
}

// takeWaiting removes the tickets that match.
func (p *Pool) takeWaiting(match func(*Ticket) bool) []*Ticket {
	var taken, left []*Ticket
	for _, t := range p.waiting {
		if match(t) {
			taken = append(taken, t)
		} else {
			left = append(left, t)
		}
	}
	p.waiting = left
	return taken
}

// offer gives a connection without an owner to the first who waits for one, or
// keeps it.
func (p *Pool) offer(c *Conn) {
	c.role = spare
	i := slices.IndexFunc(p.waiting, func(t *Ticket) bool { return t.owner != nil })
	if i < 0 {
		if p.set.up.owned.waiting() > 0 {
			c.Close() // another pool needs the unit of budget
			return
		}
		c.used = p.set.now()
		p.spares = append(p.spares, c)
		return
	}
	t := p.waiting[i]
	p.waiting = slices.Delete(p.waiting, i, i+1)
	p.set.waited(t)
	t.who.Ready(p.own(c, t.owner), nil)
}

func (p *Pool) own(c *Conn, o Owner) *Conn {
	c.role, c.owner, c.used = owned, o, p.set.now()
	return c
}

// dialFailed fails those who wait, or tries again for them: a server that
// restarts should cost them a delay and no error.
func (p *Pool) dialFailed(why purpose, err error) {
	var refusal ServerError
	refused := errors.As(err, &refusal)
	p.undial(why)
	if why == sharedSlow {
		p.noLane = p.set.now() + int64(laneRetry)
		p.serveShared() // they do without
	}
	if !refused || !p.key.Login.Guest || turnedAway([]byte(refusal)) {
		p.set.stats.DialErrors++
		p.set.up.noteDialError(p.key.Node, err)
	}
	now := p.set.loop.Now()
	switch {
	case refused:
		p.failAll(refusal)
	case p.key.Node.breaker.State(now) == guard.Open:
		p.failAll(ErrDown)
	case len(p.waiting) > 0 && !p.pausing:
		p.pausing = true
		wait := guard.FullJitter(redialBase, redialLimit, p.attempts, p.set.random.Float64())
		p.attempts++
		p.set.loop.AfterFunc(wait, p.dialAgain)
	}
}

func (p *Pool) dialAgain() {
	p.pausing = false
	if p.wanted(false) {
		p.openShared()
	}
	p.openOwned()
}

// failAll ends every wait with err.
func (p *Pool) failAll(err error) {
	waiting := p.waiting
	p.waiting = nil
	for _, t := range waiting {
		p.set.waited(t)
		p.set.stats.Refused++
		t.who.Ready(nil, err)
	}
}
