package proxy

import (
	"time"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// flags are the states of a session that its commands must look at.
type flags uint32

const (
	// holding: the next command waits for something; input is left unconsumed.
	holding flags = 1 << iota
	// settling: what it waits for is the end of all requests in flight.
	settling
	// moved: database, protocol or user changed while requests were in flight.
	moved
	// queued: local answers wait behind requests in flight.
	queued
	// partial: a reply has begun and not ended.
	partial
	// leaving: closes when everything is answered.
	leaving
	// gone: the client's connection has ended.
	gone
	// halfClosed: the client has sent its last byte.
	halfClosed
	// locked: the client has to log in first.
	locked
	// transacting: a MULTI is open, on this side (held) or on a pinned connection.
	transacting
	// pinned: has a connection of its own.
	pinned
	// subscribed: has subscriptions.
	subscribed
	// muted: CLIENT REPLY OFF.
	muted
	// skipping: CLIENT REPLY SKIP, for the next command.
	skipping
	// through: session mode after the handshake; bytes pass as they are.
	through
	// fed: not read any more because it does not read its replies.
	fed
	// blocked: waits in a blocking call.
	blocked
	// refused: the wait for a connection ended without one.
	refused
	// own: session mode; no command takes the short way.
	own
)

// special are the flags with which a command cannot take the short way.
const special = holding | moved | locked | transacting | pinned | subscribed | muted | skipping | refused | leaving | own

// attentive are the flags with which the end of a reply needs more than a count.
const attentive = settling | queued | leaving | pinned | subscribed

// session is one client. It is kept small, for most sessions of a large fleet are
// idle: what few need is in extras.
type session struct {
	w    *worker
	conn *engine.Conn
	pool *upstream.Pool // for plain commands; nil until the first
	up   *upstream.Conn // where its requests in flight are
	// wrote is the connection of its last write, which WAIT asks about.
	wrote *upstream.Conn
	who   *identity
	x     *extras
	// parser holds an unfinished command. Sessions without one share the loop's.
	parser     *wire.CommandParser
	next, prev *session // of the loop

	id     uint64
	born   int64  // Unix nanoseconds
	active int64  // when the client last sent something
	input  int64  // bytes of the commands that were taken
	calls  uint32 // how many these are
	sent   uint32
	done   uint32 // requests sent upstream, and answered
	db     int32
	flags  flags
	last   uint16 // index of the last command's plan
	resp   uint8
}

// extras is what only some sessions need.
type extras struct {
	name, libName, libVersion string
	capable                   bool // CLIENT CAPA REDIRECT was sent

	later        []answer // local answers behind requests in flight
	pushes       []byte   // messages behind replies in flight
	pushAfter    uint32   // requests that must be answered before they go out
	tx           *transaction
	pin          *pin
	ticket       *upstream.Ticket
	reason       reason // for which connection it waits
	pinFor       uint16 // index of the command that asked for it
	err          error  // why the wait failed
	subs         *subscriptions
	capture      []byte         // a reply that is changed before it goes on
	refusal      string         // of a command in a transaction that the client was told is queued
	heard        []byte         // a message that is changed before it goes on
	waiting      *upstream.Conn // reserved for WAIT
	unblocked    bool           // a CLIENT UNBLOCK for its connection is under way
	request      *subRequest
	missing      []int     // corrections of answers to PUBLISH under way
	trial        *identity // a login that the server is asked about
	found        *found    // what other loops were asked for
	partialSince int64
}

// answer is a local answer that waits for its turn.
type answer struct {
	after uint32 // requests that must be answered before
	text  []byte
}

func (s *session) extra() *extras {
	if s.x == nil {
		s.x = &extras{}
	}
	return s.x
}

func (s *session) has(f flags) bool { return s.flags&f != 0 }
func (s *session) set(f flags)      { s.flags |= f }
func (s *session) clear(f flags)    { s.flags &^= f }

// inFlight is how many requests have no answer yet.
func (s *session) inFlight() int { return int(s.sent - s.done) }

// open is called by the engine for each new client.
func (w *worker) open(_ *engine.Loop, c *engine.Conn) engine.Handler {
	now := w.loop.Now().UnixNano()
	s := &session{w: w, conn: c, id: w.proxy.ids.Add(1), born: now, active: now, resp: 2, db: int32(w.proxy.opts.DB)}
	s.who = w.stranger
	if s.who == nil {
		s.set(locked)
	}
	if w.proxy.opts.PoolMode == SessionMode {
		s.set(own)
	}
	w.add(s)
	if int(w.proxy.clients.Add(1)) > w.proxy.opts.MaxClients {
		w.stats.Shed.Clients++
		s.kill("ERR max number of clients reached")
	}
	if w.proxy.opts.MaxMemory > 0 {
		c.SetMaxUnread(w.proxy.opts.MaxMemory)
	}
	return s
}

// Closed implements engine.Handler: everything the session has is given back,
// and nobody waits for its replies any more.
func (s *session) Closed(_ *engine.Conn, _ error) {
	s.set(gone)
	s.w.remove(s)
	s.w.proxy.clients.Add(-1)
	s.dropTransaction()
	if s.x != nil {
		s.leaveExtras()
	}
	if s.up != nil && s.inFlight() > 0 {
		s.up.Abandon(s)
	}
	s.up, s.wrote, s.parser = nil, nil, nil
	if s.pool != nil {
		s.pool.Drop()
		s.pool = nil
	}
}

func (s *session) leaveExtras() {
	if s.x.ticket != nil {
		s.x.ticket.Cancel()
		s.x.ticket = nil
	}
	if s.x.waiting != nil {
		s.endWait(false)
	}
	s.unpin(true)
	s.unsubscribeAll()
}

// HalfClosed implements engine.HalfCloser: a client that has sent its last byte
// still gets the answers to what it asked, unless it sits in a blocking call.
func (s *session) HalfClosed(c *engine.Conn) (stay bool) {
	if s.flags&(own|through) == 0 && s.has(blocked|subscribed) {
		return false
	}
	s.set(halfClosed)
	if c.Unread() == 0 || s.parser != nil && !s.has(holding) {
		s.lastByte() // else it waits for the commands that are not taken yet
	}
	return true
}

// lastByte ends a session whose client has sent its last byte. Where answers are
// not counted the server is told the same, and ends the connection when it has
// answered.
func (s *session) lastByte() {
	if s.flags&(own|through) != 0 && s.has(pinned) {
		s.x.pin.conn.CloseWrite()
		s.w.loop.AfterFunc(halfCloseWait, s.conn.CloseAfterFlush)
		return
	}
	s.finish()
}

// halfCloseWait bounds how long the server may take for that.
const halfCloseWait = 10 * time.Second

// finish ends the session when all it asked for is answered.
func (s *session) finish() {
	s.set(leaving)
	s.leaveWhenDone()
}

func (s *session) leaveWhenDone() {
	if s.inFlight() == 0 && !s.has(queued) {
		s.conn.CloseAfterFlush()
	}
}

// kill ends the session with a last error.
func (s *session) kill(text string) {
	if !s.has(partial) {
		s.conn.Write(wire.AppendError(nil, text))
	}
	s.set(leaving)
	s.conn.CloseAfterFlush()
}
