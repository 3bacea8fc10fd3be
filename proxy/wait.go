package proxy

import (
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// wait handles WAIT and WAITAOF, which ask about the writes of their connection:
// they go to the one that carried the session's last write. It is closed to
// others meanwhile, for it answers nothing until the replicas have. One that was the
// session's own, and has been given back, is borrowed again: RESET keeps what the
// server knows of its writes.
func (s *session) wait(cmd *wire.Command, pl *plan) bool {
	if !s.settle() {
		return false
	}
	up := s.wrote
	switch {
	case up == nil:
		return s.borrowed(becauseWait, cmd, pl)
	case !s.sameServerAndUser(up) || !up.Shared() && (!up.Spare() || s.has(pinned)):
		return s.fail("ERR proxy: WAIT not possible, the connection that carried your last write is closed")
	case up.Reclaim(s):
		x := s.extra()
		x.reason, x.pinFor = becauseWait, pl.index
		s.pinTo(up)
		return s.toPin(cmd, pl)
	case !up.Reserve():
		s.hold()
		up.WhenTaken(s)
		return false
	}
	pl.calls++
	s.w.stats.Pins[becauseWait]++
	s.up = up
	s.extra().waiting = up
	s.set(blocked | holding | settling)
	tag := tagWait
	if s.flags&(muted|skipping) != 0 {
		tag |= tagMute
		s.clear(skipping)
	}
	up.Send(s.w.raw(cmd), s, tag|uint32(pl.index)<<16)
	s.sent++
	return true
}

// sameServerAndUser reports whether a connection is one that the session might have
// now, whatever its database and protocol version: what is written is asked about
// with WAIT in the same way on all of them.
func (s *session) sameServerAndUser(up *upstream.Conn) bool {
	now, then := s.key(), up.Key()
	return now.Node == then.Node && now.Login == then.Login
}

// endWait opens the connection for others again, if the answer has come: else the
// server does nothing for it before it has.
func (s *session) endWait(answered bool) {
	up := s.x.waiting
	if up == nil {
		return
	}
	s.x.waiting = nil
	s.clear(blocked)
	unblocked := s.x.unblocked
	if s.x.unblocked = false; !answered || unblocked {
		up.Retire()
		return
	}
	up.Unreserve()
}
