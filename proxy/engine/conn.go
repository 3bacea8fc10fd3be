package engine

import (
	"crypto/tls"
	"net/netip"
)

// Handler is told what happens on one connection. All calls come from the
// goroutine of the connection's loop, and none while another of the same
// connection is running. A handler may call every method of its own connection
// and of others on the same loop, also Close.
type Handler interface {
	// Data is given what arrived and was not consumed yet, and returns how many
	// bytes it consumed. The rest is kept and offered again with what follows
	// it. b is valid, and may be written to, only during the call.
	Data(c *Conn, b []byte) (n int)
	// Closed is called exactly once and is the last call. err is nil when the
	// peer ended the connection cleanly, or this side closed it.
	Closed(c *Conn, err error)
	// Drained is called when everything written has left for the kernel after
	// it could not at once: Unsent was above 0 at the end of a turn.
	Drained(c *Conn)
}

// HalfCloser is a Handler that wants to go on writing after the peer has ended
// its side, as `printf … | nc -N` does.
type HalfCloser interface {
	Handler
	// HalfClosed is called once, after the last Data. When it returns true the
	// connection stays open for writing until it is closed by this side.
	HalfClosed(c *Conn) (stay bool)
}

// discard is the handler of a connection that got none.
type discard struct{}

func (discard) Data(_ *Conn, b []byte) int { return len(b) }
func (discard) Closed(*Conn, error)        {}
func (discard) Drained(*Conn)              {}

// state says how far a connection is on its way out.
type state uint8

const (
	open      state = iota
	flushing        // CloseAfterFlush: output leaves, input is thrown away
	lingering       // output has left and our side is shut; the peer's end is awaited
	ended           // Closed is due at the end of this turn
	gone            // Closed was called
)

// Conn is one connection of a loop. Its methods run on the goroutine of that
// loop. After Closed they do nothing.
type Conn struct {
	loop    *Loop
	handler Handler
	socket  socket
	tls     *tlsSession // nil = plain
	timer   *Timer      // of CloseAfterFlush
	err     error       // what Closed will be told

	in  []byte // offered and not consumed; a lent buffer
	out []byte // for the kernel; a lent buffer
	// inAt and outAt are how much of in is consumed, and of out is sent. What is
	// gone is cut off when the buffer must grow, so that many small steps
	// through a large buffer move no memory.
	inAt, outAt int
	written     uint64 // bytes that the kernel has taken
	inflight    int    // portable: bytes that a goroutine is writing
	maxUnread   int
	turn        uint32 // in which it was served last

	state    state
	readable bool // the socket may have bytes
	hangup   bool // behind these bytes is the end, or an error
	eof      bool // the peer has ended its side
	told     bool // and the handler was told
	calling  bool // Data is running
	paused   bool
	again    bool // in is to be offered without anything new
	queued   bool // in the loop's ready or next
	dirty    bool // in the loop's dirty or last
	waiting  bool // the kernel refused output

	writesLast  bool // WriteLast was called
	lastWritten bool // CloseWrite was called
	outputEnded bool // and the peer was told
}

// Loop returns the loop that the connection lives on.
func (c *Conn) Loop() *Loop { return c.loop }

// RemoteAddr returns the address of the peer; it is not valid for a Unix socket.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.socket.remote }

// LocalAddr returns the address of this side; it is not valid for a Unix socket
// and after Closed. The system is asked by each call.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.state == gone {
		return netip.AddrPort{}
	}
	return c.loop.poll.local(c)
}

// TLS returns the state of the TLS session, nil for a plain connection. It is
// made anew by each call.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	s := c.tls.conn.ConnectionState()
	return &s
}

// SetHandler replaces the handler. Bytes that the old one left unconsumed are
// offered to the new one, in this turn if possible.
func (c *Conn) SetHandler(h Handler) {
	c.handler = h
	c.offerAgain()
}

// SetMaxUnread bounds the bytes that the handler may leave unconsumed; see
// Options.MaxUnread.
func (c *Conn) SetMaxUnread(n int) { c.maxUnread = n }

// Open says whether bytes can still be written: neither Close nor
// CloseAfterFlush was called, and no error closed the connection.
func (c *Conn) Open() bool { return c.state == open }

// Pause stops reading. What the handler leaves unconsumed, and what arrives, is
// kept back until Resume. A reset by the peer still closes the connection where
// the system reports it; a clean end is noticed only after Resume.
func (c *Conn) Pause() { c.paused = true }

// Paused says whether the connection is paused.
func (c *Conn) Paused() bool { return c.paused }

// Resume goes on reading. Data is called with what was kept back, not from
// within Resume but later in this turn, or in the next when this connection was
// read in this turn already.
func (c *Conn) Resume() {
	if !c.paused {
		return
	}
	c.paused = false
	c.offerAgain()
}

func (c *Conn) offerAgain() {
	c.again = c.calling || len(c.in) > c.inAt
	if !c.paused && (c.again || c.readable || c.eof) && c.state == open {
		c.loop.queue(c)
	}
}

// Unread counts the bytes that were offered and not consumed.
func (c *Conn) Unread() int { return len(c.in) - c.inAt }

// Close closes the connection at once; output that has not left is dropped.
// Closed is called with a nil error at the end of this turn.
func (c *Conn) Close() { c.end(nil) }

// CloseAfterFlush closes the connection when its output has left: it takes no
// more input or output, writes what there is (at most Options.FlushTimeout),
// ends its side and waits for the peer to do the same (at most Options.Linger).
func (c *Conn) CloseAfterFlush() {
	if c.state != open {
		return
	}
	c.state = flushing
	c.paused = false
	c.again = false
	if !c.calling { // else Data still has it in hand
		c.dropInput()
	}
	c.timer = c.loop.AfterFunc(c.loop.engine.opts.FlushTimeout, func() { c.end(ErrFlushTimeout) })
	if c.readable {
		c.loop.queue(c)
	}
	c.touch()
}

// CloseWrite ends this side when the output has left, so that the peer reads its
// end; input goes on. What is written after is dropped.
func (c *Conn) CloseWrite() {
	if !c.takes() {
		return
	}
	c.lastWritten = true
	c.touch()
}

// end closes the connection with err for Closed.
func (c *Conn) end(err error) {
	if c.state >= ended {
		return
	}
	c.state = ended
	c.err = err
	c.loop.ending = append(c.loop.ending, c)
}

// finish closes the socket and tells the handler, at the end of a turn.
func (c *Conn) finish() {
	if c.tls != nil {
		c.lastWords()
	}
	c.state = gone
	l := c.loop
	l.poll.remove(c)
	delete(l.all, c)
	l.conns.Add(-1)
	if c.timer != nil {
		c.timer.Stop()
	}
	c.dropInput()
	c.dropOutput()
	c.handler.Closed(c, c.err)
}
