package engine

// Write copies b to the output, which leaves at the end of this turn. After the
// connection was closed it does nothing. It never blocks and has no limit of its
// own: look at Unsent, and Pause the source when it grows.
func (c *Conn) Write(b []byte) {
	if !c.takes() || len(b) == 0 {
		return
	}
	out := c.unsealed()
	*out = append(c.space(out, len(b)), b...)
	c.touch()
}

// takes reports whether there may be more output.
func (c *Conn) takes() bool { return c.state == open && !c.lastWritten }

// Buffer returns the output, with room for at least n more bytes, to be appended
// to and given back with Commit before anything else is done with c. It saves
// the copy of Write.
//
//	b := c.Buffer(64)
//	b = strconv.AppendInt(b, n, 10)
//	c.Commit(b)
func (c *Conn) Buffer(n int) []byte {
	out := c.unsealed()
	*out = c.space(out, n)
	return *out
}

// Commit takes back what Buffer returned, with what was appended to it.
func (c *Conn) Commit(b []byte) {
	*c.unsealed() = b
	if !c.takes() {
		c.dropOutput()
		return
	}
	c.touch()
}

// Unsent counts the bytes written that the kernel has not taken yet.
func (c *Conn) Unsent() int {
	n := len(c.out) - c.outAt + c.inflight
	if c.tls != nil {
		n += len(c.tls.plain)
	}
	return n
}

// Written counts the bytes that were ever given to the kernel; with TLS they are
// encrypted.
func (c *Conn) Written() uint64 { return c.written }

// unsealed is the buffer that Write appends to: the output itself, or what TLS
// will encrypt at the end of the turn.
func (c *Conn) unsealed() *[]byte {
	if c.tls != nil {
		return &c.tls.plain
	}
	return &c.out
}

// space makes room for n bytes in out.
func (c *Conn) space(out *[]byte, n int) []byte {
	if cap(*out)-len(*out) >= n {
		return *out
	}
	if c.tls != nil && out == &c.tls.plain {
		b, _ := c.loop.buffers.room(*out, 0, n)
		return b
	}
	var b []byte
	b, c.outAt = c.loop.buffers.room(*out, c.outAt, n)
	return b
}

// touch puts c among the connections that are written at the end of the turn.
func (c *Conn) touch() {
	switch {
	case c.dirty:
		return
	case c.writesLast:
		c.loop.last = append(c.loop.last, c)
	default:
		c.loop.dirty = append(c.loop.dirty, c)
	}
	c.dirty = true
}

// WriteLast puts off the writes of this connection, from the next one on: behind
// those of all others, and behind up to two more turns if there is something to
// do at once. It is for a connection that carries what many others send, to which
// the same system call then takes more.
func (c *Conn) WriteLast() { c.writesLast = true }

// flush gives the output to the kernel, at the end of a turn, in one system
// call. While the kernel has refused some it is left alone.
func (c *Conn) flush() {
	if c.state >= ended {
		return
	}
	if c.tls != nil {
		c.encrypt()
	}
	if !c.waiting {
		c.send()
	}
}

// writeAgain gives the kernel what it refused before.
func (c *Conn) writeAgain() {
	if c.state >= ended || !c.waiting {
		return
	}
	c.waiting = false
	c.send()
	if c.state == open && !c.waiting {
		c.handler.Drained(c)
	}
}

func (c *Conn) send() {
	if rest := c.out[c.outAt:]; len(rest) > 0 {
		n, err := c.loop.poll.write(c, rest)
		if err != nil && err != errWouldBlock {
			c.failed(err)
			return
		}
		c.outAt += n
		c.written += uint64(n)
	}
	if c.outAt < len(c.out) {
		c.waiting = true
		return
	}
	c.dropBuffer()
	if c.waiting = c.inflight > 0; c.waiting {
		return
	}
	switch {
	case c.state == flushing:
		c.flushed()
	case c.lastWritten && !c.outputEnded:
		c.endOutput()
	}
}

// endOutput goes on with CloseWrite when the output has left.
func (c *Conn) endOutput() {
	if c.tls != nil && !c.tls.saidGoodbye {
		if c.tls.goodbye(); len(c.out) > c.outAt {
			c.send()
			return
		}
	}
	c.outputEnded = true
	c.loop.poll.shutdown(c)
}

// flushed goes on with CloseAfterFlush when the output has left.
func (c *Conn) flushed() {
	if c.tls != nil && !c.tls.saidGoodbye {
		if c.tls.goodbye(); len(c.out) > c.outAt {
			c.send()
			return
		}
	}
	if c.eof {
		c.end(nil)
		return
	}
	c.state = lingering
	c.loop.poll.shutdown(c)
	c.timer.Stop()
	c.timer = c.loop.AfterFunc(c.loop.engine.opts.Linger, func() { c.end(nil) })
}

func (c *Conn) dropBuffer() {
	c.loop.buffers.put(c.out)
	c.out, c.outAt = nil, 0
}

func (c *Conn) dropOutput() {
	c.dropBuffer()
	if c.tls != nil {
		c.loop.buffers.put(c.tls.plain)
		c.tls.plain = nil
	}
}
