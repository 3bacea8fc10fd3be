package proxy

import (
	"errors"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/wire"
)

// maxHeld is how many bytes of a session that waits are taken from the kernel
// before it is not read any more. It is read for a while, so that a client that
// goes away is noticed.
const maxHeld = 64 << 10

// Data implements engine.Handler: it takes whole commands, one after the other,
// as long as none has to wait.
func (s *session) Data(c *engine.Conn, b []byte) int {
	s.active = s.w.measured()
	if s.flags&(through|leaving) != 0 {
		if s.has(leaving) {
			return len(b)
		}
		return s.passUp(b)
	}
	if s.has(holding) {
		s.holdBack(len(b))
		return 0
	}
	p := s.parser
	if p == nil {
		p = s.w.parser
	}
	off := 0
	for off < len(b) {
		p.Unauthenticated = s.has(locked) || s.w.guarded && s.isStranger()
		cmd, n, err := p.Next(b[off:])
		if err != nil && s.w.guarded && s.asksWhetherOpen(err) {
			p.Reset()
			s.parser = nil
			s.holdBack(len(b) - off)
			return off
		}
		if err != nil && s.has(own) && s.has(pinned) {
			return off + s.giveUp(b[off:])
		}
		if err != nil {
			s.violation(err)
			return len(b)
		}
		if n == 0 {
			break
		}
		if cmd != nil && !s.command(cmd) {
			if s.has(through) {
				s.parser = nil
				return off + s.passUp(b[off:])
			}
			s.holdBack(len(b) - off)
			break
		}
		off += n
		s.input += int64(n)
		if cmd != nil {
			s.calls++
		}
		if s.flags&(gone|leaving|through) != 0 {
			if s.has(through) && off < len(b) {
				off += s.passUp(b[off:])
			}
			if s.has(through) {
				s.parser = nil
				return off
			}
			return len(b)
		}
		if s.has(holding) {
			s.holdBack(len(b) - off)
			break // what follows waits for the answer
		}
	}
	s.afterData(p, off, off == len(b))
	return off
}

// afterData keeps the parser of an unfinished command with its session, and
// answers what an open MULTI owes.
func (s *session) afterData(p *wire.CommandParser, taken int, empty bool) {
	begun := p.Pending() && (s.parser == nil || taken > 0)
	switch {
	case !p.Pending():
		s.parser = nil
	case s.parser == nil:
		s.parser = p
		s.w.parser = s.w.newParser()
	}
	if begun {
		s.extra().partialSince = s.w.now()
	}
	if s.has(transacting) {
		s.answerQueued()
	}
	if s.has(halfClosed) && (empty || !s.has(holding)) {
		s.lastByte()
	}
}

// holdBack stops reading a session that waits and has sent a lot.
func (s *session) holdBack(unread int) {
	if unread > maxHeld && !s.conn.Paused() {
		s.conn.Pause()
	}
}

// hold makes the session wait before its next command.
func (s *session) hold() { s.set(holding) }

// release lets a session that waited go on with the command it waited for.
func (s *session) release() {
	if !s.has(holding) || s.has(gone) {
		return
	}
	s.clear(holding | settling)
	if s.conn.Paused() && !s.has(fed) {
		s.conn.Resume()
		return
	}
	s.conn.SetHandler(s) // offers again what was left unconsumed
}

// settle makes the session wait until it has no request in flight; false means
// that it must.
func (s *session) settle() bool {
	if s.inFlight() == 0 {
		return true
	}
	s.set(holding | settling)
	return false
}

// violation answers what is no RESP as the server does, and ends the session.
func (s *session) violation(err error) {
	var perr *wire.ProtocolError
	if errors.As(err, &perr) && perr.Kind == wire.CrossProtocol {
		s.w.proxy.log.Warn("possible cross-protocol attack; the connection is closed", "client", s.conn.RemoteAddr())
	}
	s.w.stats.Violations++
	s.parser = nil
	s.w.parser.Reset()
	if perr != nil && !perr.Silent() {
		s.answer(wire.AppendError(nil, "ERR "+err.Error()))
	}
	s.finish()
}
