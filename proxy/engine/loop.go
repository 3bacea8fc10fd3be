package engine

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Loop is one event loop. Its methods run on the goroutine of the loop, that is
// in callbacks of its handlers, timers and posted functions; Post, Adopt and
// Conns may be called from any goroutine.
type Loop struct {
	engine *Engine
	poll   poller
	base   time.Time // timers count from here
	now    time.Time // read once a turn
	turn   uint32    // number of this turn, to read a connection once in each

	buf     []byte  // what is read, for all connections
	plain   []byte  // what is decrypted, for all TLS connections; made when needed
	buffers buffers // lent to connections that hold bytes
	timers  timers

	ready    []*Conn  // to be read or offered again in this turn
	next     []*Conn  // the same for the next turn
	writable []*Conn  // can be written again
	dirty    []*Conn  // written to in this turn
	last     []*Conn  // the same, of those that WriteLast was called for
	ending   []*Conn  // closed, not told yet
	atEnd    []func() // of this turn
	all      map[*Conn]struct{}

	conns    atomic.Int64
	stopping bool

	mu       sync.Mutex
	posted   []func()
	running  []func()    // the slice that posted is swapped with
	stopped  bool        // no more posts
	pending  atomic.Bool // posted is not empty
	sleeping atomic.Bool // wait blocks, or is about to
}

func newLoop(e *Engine) (*Loop, error) {
	now := time.Now()
	l := &Loop{
		engine: e, base: now, now: now, turn: 1,
		buf: make([]byte, e.opts.ReadBuffer),
		all: map[*Conn]struct{}{},
	}
	var err error
	l.poll, err = newPoller(l, e.opts.Portable)
	return l, err
}

// Engine returns the engine that the loop belongs to.
func (l *Loop) Engine() *Engine { return l.engine }

// Now returns the time at which this turn began.
func (l *Loop) Now() time.Time { return l.now }

// Conns counts the connections of this loop. It may be called from any
// goroutine.
func (l *Loop) Conns() int { return int(l.conns.Load()) }

// Post runs f on the loop in its next turn. It may be called from any goroutine
// and never blocks; functions of one goroutine run in their order. After
// Engine.Close has ended the loop f is dropped.
func (l *Loop) Post(f func()) { l.post(f) }

func (l *Loop) post(f func()) bool {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, f)
	l.pending.Store(true)
	l.mu.Unlock()
	l.rouse()
	return true
}

// rouse ends the sleep of the loop, after something was put into a queue that it
// looks at. Only a loop that sleeps costs a system call, and only the first one
// who comes.
func (l *Loop) rouse() {
	if l.sleeping.Load() && l.sleeping.CompareAndSwap(true, false) {
		l.poll.wake()
	}
}

// sleep is called by a poller before it blocks, and awake after. When sleep
// returns false there is work and it must not block. The order (sleeping is set
// first and pending looked at then, post does it the other way round) is what
// makes a lost wake-up impossible.
func (l *Loop) sleep() bool {
	l.sleeping.Store(true)
	if l.pending.Load() {
		l.sleeping.Store(false)
		return false
	}
	return true
}

func (l *Loop) awake() { l.sleeping.Store(false) }

// AtEndOfTurn runs f once, after all events of this turn and before its writes
// go out. A function may call it again for something that is to happen still in
// this turn.
func (l *Loop) AtEndOfTurn(f func()) { l.atEnd = append(l.atEnd, f) }

// Adopt gives this loop an established connection: TCP, a Unix socket, or the
// *tls.Conn that ClientTLS returned. h is called on the loop and returns the
// handler. nc must not be used after Adopt, unless Adopt fails; then it is still
// the caller's to close. Adopt may be called from any goroutine.
func (l *Loop) Adopt(nc net.Conn, h func(c *Conn) Handler) error {
	s, session, err := l.takeOver(nc)
	if err != nil {
		return err
	}
	l.conns.Add(1)
	if !l.post(func() { l.open(s, session, h) }) {
		l.conns.Add(-1)
		s.close()
		return ErrClosed
	}
	return nil
}

// open makes the connection of a socket, on the loop.
func (l *Loop) open(s socket, session *tlsSession, h func(c *Conn) Handler) {
	c := &Conn{loop: l, socket: s, tls: session, maxUnread: l.engine.opts.MaxUnread}
	if session != nil {
		session.transport.join(c)
	}
	err := l.poll.add(c)
	if err == nil {
		l.all[c] = struct{}{}
	}
	if c.handler = h(c); c.handler == nil {
		c.handler = discard{}
		c.Close()
	}
	switch {
	case err != nil:
		c.end(err)
	case session != nil:
		// The first command may have come with the last message of the
		// handshake; no event will tell of it.
		l.queue(c)
		c.readable = true
	}
}

// run is the goroutine of the loop.
func (l *Loop) run() {
	for !l.stopping {
		l.poll.wait(l.timeout())
		l.takeTurn()
		l.gather()
	}
	for c := range l.all {
		c.end(ErrClosed)
	}
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.runPosted()
	for c := range l.all {
		c.end(ErrClosed)
	}
	l.endTurn()
	l.writeLast()
	l.poll.close()
}

// timeout is how long the loop may wait for events.
func (l *Loop) timeout() time.Duration {
	if len(l.ready) > 0 || l.pending.Load() {
		return 0
	}
	if len(l.timers.heap) == 0 {
		return -1
	}
	return l.timers.next(time.Since(l.base))
}

func (l *Loop) takeTurn() {
	l.now = time.Now()
	if l.pending.Load() {
		l.runPosted()
	}
	l.timers.run(l.now.Sub(l.base))
	for i := 0; i < len(l.writable); i++ {
		l.writable[i].writeAgain()
	}
	clear(l.writable)
	l.writable = l.writable[:0]
	// Connections that a handler resumes are appended and still served in this
	// turn, so that their commands join its batch.
	for i := 0; i < len(l.ready); i++ {
		l.serve(l.ready[i])
	}
	clear(l.ready)
	l.ready, l.next = l.next, l.ready[:0]
	l.turn++ // what is queued from here on is for the next turn, all of it
	l.endTurn()
}

// serve reads one ready connection, or offers again what it holds.
func (l *Loop) serve(c *Conn) {
	if c.turn == l.turn {
		l.next = append(l.next, c) // a connection has one go in each turn
		return
	}
	c.queued = false
	c.turn = l.turn
	c.serve()
}

// endTurn runs until nothing is left to do but writeLast: functions and Closed may
// write to connections, and a write may fail and close one.
func (l *Loop) endTurn() {
	for len(l.atEnd)+len(l.ending)+len(l.dirty) > 0 {
		for i := 0; i < len(l.atEnd); i++ {
			l.atEnd[i]()
		}
		clear(l.atEnd)
		l.atEnd = l.atEnd[:0]
		for i := 0; i < len(l.ending); i++ {
			l.ending[i].finish()
		}
		clear(l.ending)
		l.ending = l.ending[:0]
		if len(l.atEnd) > 0 {
			continue
		}
		for i := 0; i < len(l.dirty); i++ {
			c := l.dirty[i]
			c.dirty = false
			c.flush()
		}
		clear(l.dirty)
		l.dirty = l.dirty[:0]
	}
}

// gathering is how many more turns the connections of WriteLast wait for.
const gathering = 2

// gather takes more turns while there is something to do, and then writes what
// was put off: the peers that the turn before has answered have sent their next
// messages meanwhile.
func (l *Loop) gather() {
	for i := 0; i < gathering && len(l.last) > 0 && !l.stopping; i++ {
		if l.poll.wait(0); len(l.ready)+len(l.writable) == 0 {
			break
		}
		l.takeTurn()
	}
	l.writeLast()
}

func (l *Loop) writeLast() {
	for len(l.last) > 0 {
		for i := 0; i < len(l.last); i++ {
			c := l.last[i]
			c.dirty = false
			c.flush()
		}
		clear(l.last)
		l.last = l.last[:0]
		l.endTurn() // a write may fail and close one
	}
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	l.pending.Store(false)
	l.posted, l.running = l.running[:0], l.posted
	l.mu.Unlock()
	for i, f := range l.running {
		l.running[i] = nil
		f()
	}
}

// queue puts c among those that are served in this turn, or in the next when c
// had its go already.
func (l *Loop) queue(c *Conn) {
	if c.queued {
		return
	}
	c.queued = true
	if c.turn == l.turn {
		l.next = append(l.next, c)
	} else {
		l.ready = append(l.ready, c)
	}
}

// canRead is told by the poller that c has bytes to read or has ended. ended
// says that the end of the stream or an error waits behind the bytes.
func (l *Loop) canRead(c *Conn, ended bool) {
	c.readable = true
	c.hangup = c.hangup || ended
	if !c.paused {
		l.queue(c)
	}
}

// canWrite is told by the poller that c, whose output it refused, takes more.
func (l *Loop) canWrite(c *Conn) {
	if c.waiting {
		l.writable = append(l.writable, c)
	}
}
