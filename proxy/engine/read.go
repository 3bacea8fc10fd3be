package engine

import (
	"fmt"
	"runtime/debug"
)

// serve is a connection's go in a turn: it is offered what was kept back, and
// read at most once. One read for each turn bounds what a busy connection takes
// from the others; one read is also all that most connections need, since a read
// that did not fill the buffer has emptied the socket.
func (c *Conn) serve() {
	if c.again && !c.paused {
		c.again = false
		c.offer()
	}
	if c.paused || c.state >= ended {
		return
	}
	if c.readable && !c.eof {
		c.read()
	}
	switch {
	case c.paused || c.state >= ended:
	case c.eof && !c.told:
		c.told = true
		c.ended()
	case c.readable && !c.eof:
		c.loop.queue(c)
	}
}

// read takes once from the socket.
func (c *Conn) read() {
	buf := c.loop.buf
	n, err := c.loop.poll.read(c, buf)
	switch {
	case err == errWouldBlock:
		c.readable = false
		n = 0
	case err != nil:
		c.failed(err)
		return
	case n == 0:
		c.eof = true
	case n < len(buf):
		c.readable = c.hangup
	}
	switch {
	case c.state != open: // on its way out: what arrives is thrown away
	case c.tls != nil:
		c.decrypt(buf[:n])
	case n > 0:
		c.deliver(buf[:n])
	}
}

// failed ends the connection with an error of the socket. One that was on its
// way out already has nothing to complain of when the peer was faster.
func (c *Conn) failed(err error) {
	if c.state == lingering {
		err = nil
	}
	c.end(err)
}

// ended is called once when the peer has ended its side and everything before
// that was delivered.
func (c *Conn) ended() {
	switch c.state {
	case open:
		if h, ok := c.handler.(HalfCloser); ok && h.HalfClosed(c) {
			return
		}
		c.CloseAfterFlush()
	case lingering:
		c.end(nil)
	}
}

// deliver gives b, which follows what was kept back, to the handler, and keeps
// back what the handler leaves.
func (c *Conn) deliver(b []byte) {
	if c.state != open {
		return
	}
	if len(c.in) == 0 && !c.paused {
		n := c.call(b)
		if c.state == open && n < len(b) {
			c.keep(b[n:])
		}
		return
	}
	c.keep(b)
	if !c.paused {
		c.offer()
	}
}

// offer gives what was kept back to the handler.
func (c *Conn) offer() {
	if c.state != open || len(c.in) == c.inAt {
		return
	}
	n := c.call(c.in[c.inAt:])
	if c.state != open {
		c.dropInput()
		return
	}
	c.inAt += n
	if c.inAt == len(c.in) {
		c.dropInput()
	}
}

// call runs Data. A count out of range is a bug of the handler, and going on
// would hand bytes of one message out as another.
func (c *Conn) call(b []byte) (n int) {
	if c.loop.engine.opts.Panicked != nil {
		defer c.survive()
	}
	c.calling = true
	n = c.handler.Data(c, b)
	c.calling = false
	if n < 0 || n > len(b) {
		panic(fmt.Sprintf("engine: Data of %T returned %d for %d bytes", c.handler, n, len(b)))
	}
	return n
}

// survive ends the connection instead of the process.
func (c *Conn) survive() {
	if v := recover(); v != nil {
		c.calling = false
		c.end(ErrPanic)
		c.loop.engine.opts.Panicked(c, v, debug.Stack())
	}
}

// keep appends b to what is kept back.
func (c *Conn) keep(b []byte) {
	if len(c.in)-c.inAt+len(b) > c.maxUnread {
		c.end(ErrUnread)
		return
	}
	c.in, c.inAt = c.loop.buffers.room(c.in, c.inAt, len(b))
	c.in = append(c.in, b...)
}

func (c *Conn) dropInput() {
	c.loop.buffers.put(c.in)
	c.in, c.inAt = nil, 0
}
