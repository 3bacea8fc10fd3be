package proxy

import "github.com/thawdev/thaw/proxy/wire"

// wait handles WAIT and WAITAOF, which ask about the writes of their connection:
// they go to the one that carried the session's last write. It is closed to
// others meanwhile, for it answers nothing until the replicas have.
func (s *session) wait(cmd *wire.Command, pl *plan) bool {
	if !s.settle() {
		return false
	}
	up := s.wrote
	switch {
	case up == nil:
		return s.borrowed(becauseWait, cmd, pl)
	case up.Ended() || up.Key() != s.key():
		return s.fail("ERR proxy: WAIT not possible, the connection that carried your last write is closed")
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
	up.Send(s.w.raw(cmd), s, tagWait|uint32(pl.index)<<16)
	s.sent++
	return true
}

// endWait opens the connection for others again.
func (s *session) endWait() {
	up := s.x.waiting
	if up == nil {
		return
	}
	s.x.waiting = nil
	s.clear(blocked)
	if s.has(gone) {
		up.Retire() // the answer is still to come
		return
	}
	up.Unreserve()
}
