package upstream

import (
	"bytes"
	"errors"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/wire"
)

// Owner is a session that has a connection of its own for a while.
type Owner interface {
	Receiver
	// Push hands over the next piece of a RESP3 push message.
	Push(c *Conn, piece []byte, done bool)
	// Bytes hands over what the server sent after PassThrough, as it came.
	Bytes(c *Conn, b []byte)
	// Gone says that the connection ended, after Lost for each request in it.
	Gone(c *Conn, err error)
}

// role is what a connection is used for.
type role uint8

const (
	shared role = iota // by all sessions of its pool
	owned              // by one session
	spare              // by nobody: it was owned and waits for the next owner
	ended
)

// Conn is one connection to a node. It is used on its loop only.
type Conn struct {
	pool  *Pool
	nc    *engine.Conn
	owner Owner
	queue slots
	scan  wire.ReplyScanner

	id   int64  // the server's; 0 if it did not say
	sent uint64 // bytes ever written
	born int64  // Unix nanoseconds
	read int64  // when bytes last came
	used int64  // when it was last given something to do

	abandoned   int // replies owed that nobody waits for
	sinceNonce  int // requests since the last sentinel
	role        role
	kind        byte // first byte of the message under way; 0 between messages
	slow        bool // the slow lane of its pool
	retiring    bool // takes no new requests and closes when it owes nothing
	reserved    bool // waits or works for one session's WAIT
	passThrough bool
	probing     bool
	suspected   bool     // a second connection asks about this one
	examined    int64    // when it last had
	block       bool     // inside a transaction
	stuck       []Waiter // sessions that wait until the kernel takes more
}

// Key tells which pool the connection belongs to.
func (c *Conn) Key() Key { return c.pool.key }

// ID is the server's id of the connection, 0 if it did not say.
func (c *Conn) ID() int64 { return c.id }

// Len is how many replies the connection owes.
func (c *Conn) Len() int { return c.queue.len() }

// Ended reports whether the connection is gone.
func (c *Conn) Ended() bool { return c.role == ended }

// Slow reports whether the connection is the slow lane of its pool.
func (c *Conn) Slow() bool { return c.slow }

// Retire takes no new requests and ends the connection when it owes nothing.
func (c *Conn) Retire() { c.pool.retire(c) }

// Open reports whether a session that has no request in this connection may
// still send to it.
func (c *Conn) Open() bool { return c.role == shared && !c.retiring && !c.reserved }

// Refused reports, during Receiver.Reply, that the reply is an error. Its last piece
// does not show that.
func (c *Conn) Refused() bool { return c.scan.Kind() == '-' }

// Send writes one request, whose reply goes to to with tag. The bytes leave at
// the end of the loop's turn, together with those of all other sessions.
func (c *Conn) Send(raw []byte, to Receiver, tag uint32) {
	s := c.queue.put()
	s.to, s.tag, s.start, s.at = to, tag, c.sent, c.pool.set.now()
	c.sent += uint64(len(raw))
	c.nc.Write(raw)
	if n := c.pool.set.up.opts.SentinelEvery; n > 0 && !c.block {
		c.countToNonce(n)
	}
}

// BeginBlock and EndBlock surround requests that nothing may come between: a
// transaction.
func (c *Conn) BeginBlock() { c.block = true }
func (c *Conn) EndBlock()   { c.block = false }

// Write sends bytes of a session that the connection passes through.
func (c *Conn) Write(raw []byte) {
	c.sent += uint64(len(raw))
	c.nc.Write(raw)
}

// Tell sends a request whose reply nobody needs.
func (c *Conn) Tell(raw []byte) { c.Send(raw, told{}, 0) }

// CloseWrite tells the server that nothing more will come, behind what was sent.
func (c *Conn) CloseWrite() { c.nc.CloseWrite() }

// PassThrough stops looking at replies behind those that are owed: everything
// goes to Owner.Bytes. The connection can only be closed after.
func (c *Conn) PassThrough() { c.passThrough = true }

// Pause stops reading replies, and Resume starts again. Only an owner may.
func (c *Conn) Pause()  { c.nc.Pause() }
func (c *Conn) Resume() { c.nc.Resume() }

// maxUnsent is where sessions are held back for a server that does not read, and
// maxDepth for one that reads and does not answer.
const (
	maxUnsent = 16 << 20
	maxDepth  = 1 << 16
)

// Full reports that the session should send no more now; WhenTaken tells it when
// to go on.
func (c *Conn) Full() bool {
	return c.queue.len() >= maxDepth || c.nc.Unsent() > maxUnsent
}

// WhenTaken calls w.Ready(nil, nil) once the connection has room, or its end.
func (c *Conn) WhenTaken(w Waiter) { c.stuck = append(c.stuck, w) }

func (c *Conn) wakeStuck() {
	waiting := c.stuck
	c.stuck = nil
	for _, w := range waiting {
		w.Ready(nil, nil)
	}
}

// Drained implements engine.Handler.
func (c *Conn) Drained(*engine.Conn) {
	if len(c.stuck) > 0 {
		c.wakeStuck()
	}
}

// Data implements engine.Handler: it hands each reply to whom the first slot
// names.
func (c *Conn) Data(_ *engine.Conn, b []byte) int {
	c.read = c.pool.set.now()
	if c.passes() {
		c.owner.Bytes(c, b)
		return len(b)
	}
	off := 0
	for off < len(b) {
		n, done, err := c.scan.Scan(b[off:])
		if err != nil {
			c.fail(ErrDesync)
			return len(b)
		}
		if n == 0 {
			break
		}
		if !c.deliver(b[off:off+n], done) {
			return len(b)
		}
		off += n
		if c.passes() && off < len(b) {
			c.owner.Bytes(c, b[off:])
			return len(b)
		}
	}
	if len(c.stuck) > 0 && !c.Full() {
		c.wakeStuck()
	}
	return off
}

// passes reports whether what comes is not looked at any more.
func (c *Conn) passes() bool { return c.passThrough && c.queue.len() == 0 && c.kind == 0 }

// deliver hands on one piece of a message and reports whether the connection is
// still there.
func (c *Conn) deliver(piece []byte, done bool) bool {
	if c.kind == 0 {
		c.kind = piece[0]
	}
	if c.kind == '>' {
		return c.push(piece, done)
	}
	if c.queue.len() == 0 {
		c.fail(ErrDesync)
		return false
	}
	s := c.queue.first()
	to, tag := s.to, s.tag
	if !done {
		if to != nil {
			to.Reply(c, tag, piece, false)
		}
		return c.role != ended
	}
	set := c.pool.set
	set.stats.Seconds.Observe(nanos(c.read - s.at))
	c.queue.drop()
	doubtful := c.kind == '-' && bytes.HasPrefix(piece, []byte("-READONLY"))
	c.kind = 0
	if to != nil {
		to.Reply(c, tag, piece, true)
	} else {
		c.abandoned--
		set.stats.Abandoned++
	}
	if doubtful {
		c.pool.doubt(c)
	}
	if c.retiring && c.role == shared && c.owesNobody() {
		c.Close()
	}
	return c.role != ended
}

// push hands on an out-of-band message, which only an owner can have asked for.
func (c *Conn) push(piece []byte, done bool) bool {
	washed := c.role == spare && c.queue.len() > 0 // and what came before RESET is for nobody
	if c.owner == nil && !washed {
		c.fail(ErrDesync)
		return false
	}
	if done {
		c.kind = 0
	}
	if washed {
		return true
	}
	c.owner.Push(c, piece, done)
	return c.role != ended
}

// Abandon makes nobody wait for what to has asked for: a session that is gone
// must not end a connection that others use.
func (c *Conn) Abandon(to Receiver) {
	for i := range c.queue.len() {
		if s := c.queue.at(i); s.to == to {
			s.to = nil
			c.abandoned++
		}
	}
	switch {
	case c.role != shared:
	case c.retiring && c.owesNobody():
		c.Close()
	case c.abandoned > c.pool.set.up.opts.MaxAbandoned:
		c.pool.retire(c)
	}
}

// owesNobody reports that a connection which is to end may. The answer to a WAIT
// that nobody waits for may never come.
func (c *Conn) owesNobody() bool {
	for i := range c.queue.len() {
		_, ours := c.queue.at(i).to.(internal)
		if !c.reserved || c.queue.at(i).to != nil && !ours {
			return false
		}
	}
	return true
}

// expire fails the requests sent before limit, whose replies are swallowed when
// they come. A reply that has begun is left to end, and what its session asked for
// behind it waits with it.
func (c *Conn) expire(limit int64) {
	var begun Receiver
	if c.kind != 0 && c.queue.len() > 0 {
		begun = c.queue.first().to
	}
	for i := 0; i < c.queue.len(); i++ {
		s := c.queue.at(i)
		if s.at > limit {
			return
		}
		if s.to == nil || s.to == begun {
			continue
		}
		to, tag := s.to, s.tag
		if _, ours := to.(internal); ours {
			continue
		}
		s.to = nil
		c.abandoned++
		to.Lost(c, tag, true, false, ErrTimeout)
		if c.role == ended {
			return
		}
	}
}

// Close ends the connection at once. Whatever is in it is lost.
func (c *Conn) Close() { c.fail(ErrClosed) }

// Closed implements engine.Handler.
func (c *Conn) Closed(_ *engine.Conn, err error) {
	switch {
	case err == nil:
		err = ErrLost
	case errors.Is(err, engine.ErrClosed):
		err = ErrClosed
	}
	c.fail(err)
}

// fail ends the connection and tells everyone who waits for it.
func (c *Conn) fail(err error) {
	if c.role == ended {
		return
	}
	was, unsent := c.role, uint64(c.nc.Unsent())
	c.role = ended
	c.pool.removed(c, was, err)
	c.nc.Close()
	partial := c.kind != 0 && c.kind != '>'
	for c.queue.len() > 0 {
		s := *c.queue.first()
		c.queue.drop()
		if s.to != nil {
			if _, ours := s.to.(internal); !ours {
				c.pool.set.stats.Lost++
			}
			s.to.Lost(c, s.tag, s.start+unsent < c.sent, partial, lossOf(err))
		}
		partial = false
	}
	if c.owner != nil {
		o := c.owner
		c.owner = nil
		o.Gone(c, lossOf(err))
	}
	c.wakeStuck()
}

// lossOf reduces what the system said to what a session can be told.
func lossOf(err error) error {
	for _, known := range []error{ErrDesync, ErrClosed, ErrTimeout} {
		if errors.Is(err, known) {
			return known
		}
	}
	return ErrLost
}
