package proxy

import (
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// reason is why a session has a connection of its own.
type reason uint8

const (
	becauseWatch reason = iota
	becauseMulti
	becauseBlocking
	becauseTracking
	becauseNoTouch
	becauseImport
	becauseUnknown
	becauseWait
	becauseMonitor
	becauseKill
	becauseSession
	reasons
)

var reasonNames = [reasons]string{"watch", "multi", "blocking", "tracking", "no_touch", "import_source", "unknown_command", "wait", "monitor", "script_kill", "session"}

// pin is a connection that one session has for itself, and what keeps it there.
type pin struct {
	conn  *upstream.Conn
	why   reason
	since int64
	use   *pinUse

	watched  int // keys
	watching int // of them, by a WATCH under way
	multi    bool
	tracking bool
	noTouch  bool
	// importing: CLIENT IMPORT-SOURCE is on, which RESET leaves on.
	importing bool
	// named: CLIENT SETINFO was sent in a transaction, and RESET leaves that too.
	named   bool
	once    bool // for one command only
	monitor bool
	changed bool  // by a command in the open transaction
	probes  int   // transactions after which the server is asked what changed
	db      int   // of a SELECT under way
	resp    uint8 // of a HELLO under way
	// target is the client that CLIENT TRACKING redirects to, and targetUp its id
	// at the server; 0 without.
	target, targetUp int64
}

// clean reports that nothing keeps the session on the connection.
func (p *pin) clean() bool {
	return !(p.watched > 0 || p.multi || p.tracking || p.noTouch || p.importing || p.once || p.monitor || p.changed || p.probes > 0)
}

// takes reports whether the command goes to the connection, and is not answered
// here.
func (p *pin) takes(pl *plan) bool { return p.multi || !pl.local }

// borrow gets the session a connection of its own. The command is offered again
// when it is there, and then goes to toPin.
func (s *session) borrow(why reason, pl *plan) bool {
	if !s.settle() {
		return false
	}
	if s.pool == nil {
		s.enter()
	}
	x := s.extra()
	x.reason, x.pinFor = why, pl.index
	pool := s.pool
	if why == becauseKill {
		// A server that runs a script too long refuses SELECT, but not a login.
		k := s.key()
		k.DB = 0
		pool = s.w.set.Pool(k)
	}
	c, t, err := pool.Borrow(s, s)
	switch {
	case err != nil:
		x.err = err
		return s.refuse(pl)
	case c != nil:
		s.pinTo(c)
		return false
	}
	x.ticket = t
	s.hold()
	return false
}

// borrowed runs the command again if borrow found a connection at once.
func (s *session) borrowed(why reason, cmd *wire.Command, pl *plan) bool {
	if s.borrow(why, pl) {
		return true
	}
	if !s.has(pinned) {
		return false
	}
	return s.specially(cmd, pl)
}

// pinTo makes c the session's own.
func (s *session) pinTo(c *upstream.Conn) {
	why := s.x.reason
	s.x.pin = &pin{conn: c, why: why, since: s.w.now()}
	s.x.pin.once = why == becauseBlocking || why == becauseUnknown || why == becauseWait || why == becauseKill
	s.up = c
	s.set(pinned)
	s.w.pins[s] = struct{}{}
	s.w.stats.Pins[why]++
	s.x.pin.use = s.w.notePin(s, why, s.x.pinFor)
	s.nameConn()
}

// nameConn gives the session's own connection its client's name, so that whoever
// looks at the server sees who holds it. RESET takes it away with the rest.
func (s *session) nameConn() {
	if s.x.name != "" {
		s.x.pin.conn.Tell(wire.AppendCommand(nil, "CLIENT", "SETNAME", s.x.name))
	}
}

// unpin gives the connection back, or ends it when it may still answer.
func (s *session) unpin(end bool) {
	if s.x == nil || s.x.pin == nil {
		return
	}
	p := s.x.pin
	s.x.pin = nil
	s.clear(pinned | blocked)
	delete(s.w.pins, s)
	s.w.stats.PinnedSeconds[p.why] += nanos(s.w.now() - p.since)
	p.use.end(nanos(s.w.now() - p.since))
	s.up = nil
	// The next owner must not be unblocked in this one's stead.
	end = end || p.importing || p.named || s.x.unblocked
	s.x.unblocked = false
	if end {
		p.conn.Close()
	} else {
		p.conn.Release()
	}
}

// Push implements upstream.Owner: invalidations of client-side caching, which go on
// in one piece, for what is answered here may come between two. That a redirection
// is broken comes with the server's id of its target.
func (s *session) Push(_ *upstream.Conn, piece []byte, done bool) {
	x := s.x
	if !done || len(x.heard) > 0 {
		if x.heard = append(x.heard, piece...); !done {
			return
		}
		piece, x.heard = x.heard, nil
	}
	if x.pin.targetUp != 0 {
		piece = s.withClientIDs(piece)
	}
	s.conn.Write(piece)
}

// Gone implements upstream.Owner: with the connection goes what was on it. A
// client that relied on it has to know, and closing is how a server says so.
func (s *session) Gone(_ *upstream.Conn, err error) {
	if s.has(gone) || s.x == nil || s.x.pin == nil {
		return
	}
	p := s.x.pin
	relied := p.watched > 0 || p.multi || p.tracking || p.monitor || s.has(through)
	s.unpin(true)
	s.release()
	if relied && !s.has(halfClosed) {
		s.w.proxy.log.Info("client disconnected: the connection it was pinned to is lost", "client", s.conn.RemoteAddr(), "pin", reasonNames[p.why], "error", err)
	}
	if relied {
		s.set(leaving)
		s.conn.CloseAfterFlush()
	}
}
