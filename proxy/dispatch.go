package proxy

import (
	"errors"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// command does what the plan of one command says. It returns false when the
// command has to wait: it is offered again when the wait is over.
func (s *session) command(cmd *wire.Command) bool {
	pl := s.w.plan(cmd.Args[0])
	if s.flags&special == 0 && pl.do == nil {
		return s.forward(cmd, pl, 0)
	}
	return s.specially(cmd, pl)
}

// forward sends a command on a shared connection: the one that has requests of
// this session in flight, so that its answers keep their order, or the pool's
// choice. A session with a connection of its own keeps the order there.
func (s *session) forward(cmd *wire.Command, pl *plan, tag uint32) bool {
	if s.has(pinned) {
		return s.sendPinned(cmd, pl, tag)
	}
	if !s.acquire(pl) {
		return s.inFlight() == 0 && !s.has(holding) && s.refuse(pl)
	}
	pl.calls++
	s.last = pl.index
	if pl.writes {
		s.wrote = s.up
	}
	s.up.Send(s.w.raw(cmd), s, tag|uint32(pl.index)<<16)
	s.sent++
	return true
}

// acquire sees to it that s.up is a connection the next command may go to. If
// not, either the session waits, and holding is set, or x.err says why there is
// none.
func (s *session) acquire(pl *plan) bool {
	if s.inFlight() == 0 {
		up := s.route(pl)
		if up == nil {
			s.awaitShared()
			return false
		}
		s.up = up
	} else if !s.stays(s.up, pl) {
		s.settle()
		return false
	}
	if s.up.Full() {
		s.hold()
		s.up.WhenTaken(s)
		return false
	}
	return true
}

// stays reports whether the next command may follow those in flight on up.
func (s *session) stays(up *upstream.Conn, pl *plan) bool {
	if !pl.reads && up.Key().Node != s.pool.Key().Node {
		return false // no read, behind reads that went to a replica
	}
	return up.Open() && s.inFlight() < s.w.proxy.opts.MaxInFlight && (!pl.slow || up.Slow())
}

// route picks the connection for a session with nothing in flight.
func (s *session) route(pl *plan) *upstream.Conn {
	if s.pool == nil {
		s.enter()
	}
	switch {
	case pl.slow:
		return s.pool.PickSlow()
	case pl.reads && s.w.proxy.opts.ReplicaReads:
		return s.replica()
	}
	return s.pool.Pick()
}

// replica picks a connection to a replica, or to the primary while there is none.
func (s *session) replica() *upstream.Conn {
	k := s.pool.Key()
	k.Node = s.w.proxy.up.Topology().Reader(uint32(s.id))
	if k.Node == s.pool.Key().Node || k.Node.Down(s.w.loop.Now()) {
		return s.pool.Pick()
	}
	p := s.w.set.Pool(k)
	if c := p.Pick(); c != nil {
		return c
	}
	p.Warm()
	return s.pool.Pick()
}

// enter joins the pool of the session's database, user and protocol version.
func (s *session) enter() {
	if s.pool != nil {
		s.pool.Drop()
	}
	s.pool = s.w.set.Pool(s.key())
	s.pool.Hold()
}

func (s *session) key() upstream.Key {
	id := s.who
	if id == nil {
		id = s.w.proxy.logins.byDefault
	}
	return s.w.proxy.upstreamKey(id, int(s.db), int(s.resp))
}

// move changes the pool after SELECT, HELLO or AUTH. Commands already in flight
// end where they are; the next ones wait for them.
func (s *session) move() {
	if s.pool != nil {
		s.pool.Drop()
		s.pool = nil
	}
	if s.inFlight() > 0 {
		s.set(moved)
	}
}

// specially handles a command of a session that is in some state, and one that
// is not simply passed on.
func (s *session) specially(cmd *wire.Command, pl *plan) bool {
	if s.has(moved) {
		if !s.settle() {
			return false
		}
		s.clear(moved)
	}
	switch {
	case s.has(locked) && !pl.preAuth:
		return s.fail("NOAUTH Authentication required.")
	case s.has(refused):
		return s.refuse(pl)
	case s.refusesAdmin(cmd, pl):
		s.poison("NOPERM '" + s.deniedName(cmd, pl) + "' is disabled by this proxy")
		if s.has(own) {
			s.finish() // session mode does not count answers: this one may stand before others
		}
		return true
	case s.has(own) && s.has(pinned) && s.staysHere(pl):
		s.fail("ERR proxy: RESET is not possible on a connection that the proxy has logged in; connect again")
		s.finish()
		return true
	case s.has(own) && !s.has(locked) && !s.staysHere(pl):
		return s.passThrough(cmd, pl)
	case s.has(subscribed) && s.resp == 2 && !pl.inSubscription:
		return s.fail(notWhileSubscribed(cmd.Args))
	case s.has(transacting) && !s.has(pinned):
		return s.inTransaction(cmd, pl)
	case s.has(pinned) && (s.has(transacting) || s.x.pin.takes(pl)):
		return s.toPin(cmd, pl)
	case pl.do != nil:
		return s.locally(cmd, pl)
	}
	return s.forwardMuted(cmd, pl)
}

// notWhileSubscribed refuses a command in the subscribed mode of RESP2. A server
// looks at the number of arguments first, and answers EXEC with EXECABORT.
func notWhileSubscribed(args [][]byte) string {
	name, code := shown(args[0]), "ERR "
	if spec := wire.Resolve(args); spec != nil {
		if !spec.ArityOK(len(args)) {
			return "ERR wrong number of arguments for '" + spec.Name + "' command"
		}
		name = spec.Name
	}
	if name == "exec" {
		code = "EXECABORT Transaction discarded because of: "
	}
	return code + "Can't execute '" + name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
}

// locally runs the plan's own treatment, once the number of arguments is right.
func (s *session) locally(cmd *wire.Command, pl *plan) bool {
	if pl.spec != nil && !pl.spec.ArityOK(len(cmd.Args)) {
		return s.fail("ERR wrong number of arguments for '" + pl.name + "' command")
	}
	s.last = pl.index
	return pl.do(s, cmd, pl)
}

// forwardMuted sends a plain command of a session that may have switched replies
// off.
func (s *session) forwardMuted(cmd *wire.Command, pl *plan) bool {
	tag := uint32(0)
	if s.flags&(muted|skipping) != 0 {
		tag = tagMute
	}
	if !s.forward(cmd, pl, tag) {
		return false
	}
	s.clear(skipping)
	return true
}

// awaitShared waits for the pool's first connection.
func (s *session) awaitShared() {
	t, err := s.pool.Wait(s)
	if err != nil {
		s.extra().err = err
		return
	}
	s.extra().ticket = t
	s.hold()
}

// Ready implements upstream.Waiter.
func (s *session) Ready(c *upstream.Conn, err error) {
	if s.has(gone) {
		if c != nil {
			c.Release()
		}
		return
	}
	if s.has(blocked) {
		return // woken for something that is settled meanwhile
	}
	if s.x != nil {
		s.x.ticket = nil
	}
	switch {
	case err != nil:
		s.extra().err = err
		s.set(refused)
	case c != nil:
		s.pinTo(c)
	}
	s.release()
}

// refuse answers a command for which there is no connection.
func (s *session) refuse(pl *plan) bool {
	s.clear(refused)
	err, login := s.x.err, s.x.trial
	s.x.err, s.x.trial, s.x.found = nil, nil, nil
	var refusal upstream.ServerError
	if login != nil && errors.As(err, &refusal) {
		s.w.stats.AuthFailures++ // the server's word, and no want of connections
		s.w.proxy.log.Warn("login refused", "client", s.conn.RemoteAddr())
	} else {
		s.w.stats.Shed.Upstream++
	}
	if pl.name == "exec" {
		s.dropTransaction()
	}
	s.poison(s.explain(err))
	if pl.name == "multi" || pl.name == "watch" {
		s.finish() // what follows must not run without them
	}
	return true
}
