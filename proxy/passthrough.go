package proxy

import (
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// passThrough begins session mode with the first command after the login: the
// session gets a connection of its own, and bytes pass as they are.
func (s *session) passThrough(cmd *wire.Command, pl *plan) bool {
	if !s.has(pinned) && !s.borrowed(becauseSession, cmd, pl) {
		return false
	}
	if !s.has(pinned) {
		return true // refused: there is no connection
	}
	if s.w.proxy.opts.AllowAdmin && !s.lentLogin() {
		s.x.pin.conn.PassThrough()
		s.set(through)
		return false // passUp takes the rest, this command first
	}
	if !s.x.pin.monitor {
		s.x.pin.monitor = true // from now on what comes is not looked at
		s.x.pin.conn.PassThrough()
	}
	if s.x.pin.conn.Full() {
		s.hold()
		s.x.pin.conn.WhenTaken(s)
		return false
	}
	pl.calls++
	s.x.pin.conn.Write(cmd.Raw)
	return true
}

// lentLogin reports that the session's connection is logged in with what the proxy
// knows and the client does not: whatever ends that login is not for the client.
func (s *session) lentLogin() bool {
	l := s.who.login
	return l.User != "" || l.Password != "" || l.Token != nil
}

// staysHere reports whether session mode does not pass a command on. RESET would
// make the client the server's default user, who may do more than its own, and the
// users of the proxy are not the server's to know.
func (s *session) staysHere(pl *plan) bool {
	if s.has(pinned) {
		return pl.name == "reset" && s.lentLogin()
	}
	return pl.preAuth && s.w.proxy.opts.Users != nil
}

// giveUp passes what is no RESP to the server, whose answer comes in its order.
func (s *session) giveUp(b []byte) int {
	s.parser = nil
	s.w.parser.Reset()
	s.set(through)
	return s.passUp(b)
}

// passUp sends bytes up in session mode.
func (s *session) passUp(b []byte) int {
	c := s.x.pin.conn
	if c.Full() {
		s.conn.Pause()
		c.WhenTaken(passing{s})
		return 0
	}
	c.Write(b)
	if s.has(halfClosed) {
		s.lastByte()
	}
	return len(b)
}

// passing goes on reading a client when its server takes more.
type passing struct{ *session }

// Ready implements upstream.Waiter.
func (p passing) Ready(*upstream.Conn, error) { p.conn.Resume() }

// Bytes implements upstream.Owner: bytes come down in session mode.
func (s *session) Bytes(c *upstream.Conn, b []byte) {
	s.conn.Write(b)
	if s.conn.Unsent() > s.w.proxy.opts.SlowClient {
		c.Pause()
		s.starve()
	}
}
