package upstream

import (
	"slices"

	"github.com/thawdev/thaw/proxy/wire"
)

// Release gives an owned connection back. It is never lent again as it is: what
// a session may have left behind is wiped by RESET and a new login, and a
// connection that still owes replies, or whose login cannot be repeated, is
// closed.
func (c *Conn) Release() {
	if c.role != owned {
		return
	}
	c.owner = nil
	c.nc.Resume() // its session may have paused it for a slow client
	if c.retiring || c.queue.len() > 0 || c.kind != 0 || c.passThrough || c.pool.key.Login.Token != nil || c.pool.set.up.owned.waiting() > c.pool.owners() {
		c.Close()
		return
	}
	c.role = spare
	login := c.pool.key.Login
	steps := loginSteps(c.pool.key, login.User, login.Password, "")
	if c.pool.key.RESP == 2 {
		steps = slices.DeleteFunc(steps, func(s step) bool { return s.hello }) // RESET leaves RESP2
	}
	w := &washing{left: len(steps) + 1}
	c.Send(resetCommand, w, mustSucceed)
	for _, s := range steps {
		c.Send(s.raw, w, s.tag)
	}
}

var resetCommand = wire.AppendCommand(nil, "RESET")

// Shared reports that sessions share the connection, and Spare that it was given
// back by the one that had it.
func (c *Conn) Shared() bool { return c.role == shared }
func (c *Conn) Spare() bool  { return c.role == spare }

// washed lends a connection again that is as new.
func (p *Pool) washed(c *Conn) {
	if c.role == spare {
		p.offer(c)
	}
}

// Reclaim lends a connection again that was given back, and reports whether it could.
func (c *Conn) Reclaim(o Owner) bool {
	i := slices.Index(c.pool.spares, c)
	if i < 0 {
		return false
	}
	c.pool.spares = slices.Delete(c.pool.spares, i, i+1)
	c.pool.own(c, o)
	return true
}

// Reserve takes a shared connection away from all but the sessions that have
// requests in it, until Unreserve.
func (c *Conn) Reserve() bool {
	if !c.Open() {
		return false
	}
	c.reserved = true
	c.pool.unlist(c)
	return true
}

// Unreserve gives the connection back to its pool.
func (c *Conn) Unreserve() {
	if !c.reserved {
		return
	}
	c.reserved = false
	if c.role != shared || c.retiring {
		return
	}
	if c.slow && c.pool.slow == nil {
		c.pool.slow = c
		return
	}
	c.slow = false
	c.pool.conns = append(c.pool.conns, c)
	c.pool.serveShared()
}

// unlist makes a connection one that Pick does not return.
func (p *Pool) unlist(c *Conn) {
	if p.slow == c {
		p.slow = nil
	}
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
}

// retire takes no new requests on c and closes it when it owes nothing.
func (p *Pool) retire(c *Conn) {
	if c.retiring || c.role == ended {
		return
	}
	c.retiring = true
	p.unlist(c)
	if c.owesNobody() {
		c.Close()
	}
}

// removed forgets a connection that has ended, and gives its budget back.
func (p *Pool) removed(c *Conn, was role, err error) {
	delete(p.set.conns, c)
	p.set.stats.Closed++
	if err == ErrDesync {
		p.set.stats.Desyncs++
	}
	p.set.up.noteEnd(p.key.Node, err)
	switch was {
	case shared:
		p.unlist(c)
		p.set.up.shared.give()
	default:
		if i := slices.Index(p.spares, c); i >= 0 {
			p.spares = slices.Delete(p.spares, i, i+1)
		}
		p.set.up.owned.give()
	}
}

// doubt replaces the pool's connections after an answer READONLY: the name of
// the primary may lead to another server now.
func (p *Pool) doubt(c *Conn) {
	if !p.key.Node.doubt(p.set.loop.Now()) {
		return
	}
	p.set.up.noteDoubt(p.key.Node)
	for other := range p.set.conns {
		if other.pool.key.Node != p.key.Node {
			continue
		}
		switch other.role {
		case shared:
			other.pool.retire(other)
		case owned:
			other.retiring = true // and is not lent again
		case spare:
			other.Close()
		}
	}
}
