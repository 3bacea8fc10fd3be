package proxy

import (
	"bytes"
	"strconv"

	"github.com/thawdev/thaw/proxy/wire"
)

// Client-side caching is a property of two connections of the server: the one
// that reads, and the one that hears what has become invalid. In RESP3 they may
// be the same. Both are pinned for it:
//
//	CLIENT TRACKING ON [REDIRECT id]   pins until CLIENT TRACKING OFF
//	SUBSCRIBE __redis__:invalidate     pins for good: the session has a connection
//	                                   of its own from here on, as in session mode
//
// The id that a client names is one of the proxy's; the server gets its own.

// invalidations is the channel that the server tells RESP2 clients on.
const invalidations = "__redis__:invalidate"

// asksForInvalidations reports whether a SUBSCRIBE names that channel.
func asksForInvalidations(cmd *wire.Command, pl *plan) bool {
	if pl.spec.Effect != wire.EffectSubscribe {
		return false
	}
	for _, name := range cmd.Args[1:] {
		if string(name) == invalidations {
			return true
		}
	}
	return false
}

// hearInvalidations gives the session a connection of its own for good.
func (s *session) hearInvalidations(cmd *wire.Command, pl *plan) bool {
	switch {
	case s.has(subscribed):
		return s.fail("ERR proxy: subscribe to " + invalidations + " before other channels")
	case s.flags&(muted|skipping) != 0:
		return s.fail("ERR proxy: " + invalidations + " is not possible with CLIENT REPLY OFF or SKIP")
	case !s.has(pinned):
		return s.borrowed(becauseTracking, cmd, pl)
	case !s.settle():
		return false
	}
	s.set(own)
	return s.passThrough(cmd, pl)
}

// tracking pins while it is on, for invalidations come on the connection that
// asked for them or are sent on from it.
func (s *session) tracking(cmd *wire.Command, pl *plan) bool {
	on := fold(cmd.Args[2], "on")
	if !on && !s.has(pinned) {
		return s.onOff(cmd.Args[2], nil)
	}
	at := redirectAt(cmd.Args)
	f := s.walked()
	if at > 0 && f == nil {
		return s.findTarget(cmd.Args[at])
	}
	if !s.has(pinned) {
		if s.borrow(becauseTracking, pl) {
			return true // refused
		}
		if !s.has(pinned) {
			s.extra().found = f // and come again
			return false
		}
	}
	if at > 0 {
		cmd = s.x.pin.redirect(cmd, at, f)
	}
	tag := uint32(tagTrackOff)
	if on {
		tag = tagTrackOn
	}
	return s.sendPinned(cmd, pl, tag)
}

// redirectAt returns where the id of an option REDIRECT is, 0 if there is none.
func redirectAt(args [][]byte) int {
	for i := 3; i+1 < len(args); i++ {
		switch {
		case fold(args[i], "redirect"):
			return i + 1
		case fold(args[i], "prefix"):
			i++
		}
	}
	return 0
}

// findTarget looks for the connection of the session with an id. A session that
// hears invalidations may know its connection's own id as well.
func (s *session) findTarget(arg []byte) bool {
	id, ok := parseInt(arg)
	if !ok {
		id = 0
	}
	return s.walk(func(w *worker, f *found) {
		for o := w.first; o != nil; o = o.next {
			if o.has(gone) || !s.sees(o) {
				continue
			}
			hears := o.has(own) && o.has(pinned)
			switch {
			case o.id == uint64(id) && hears:
				f.upID, f.self = o.x.pin.conn.ID(), false
				f.count = 2
			case o == s && o.id == uint64(id):
				f.self = true
			case hears && o.x.pin.conn.ID() == int64(id) && f.count < 2:
				f.upID, f.count = int64(id), 1
			}
		}
	})
}

// redirect puts the server's id into CLIENT TRACKING, and remembers the other. An
// id that nobody has becomes 0, to which the server says that it does not exist.
func (p *pin) redirect(cmd *wire.Command, at int, f *found) *wire.Command {
	id := f.upID
	if f.self {
		id = p.conn.ID()
	}
	if n, ok := parseInt(cmd.Args[at]); ok && id != 0 {
		p.target, p.targetUp = int64(n), id
	}
	args := append([][]byte(nil), cmd.Args...)
	args[at] = strconv.AppendInt(nil, id, 10)
	return &wire.Command{Args: args}
}

// withClientIDs puts the proxy's ids of clients where the server's are, in what
// is said about tracking and in the answer to HELLO.
func (s *session) withClientIDs(text []byte) []byte {
	p := s.x.pin
	if p.targetUp != 0 {
		up, here := strconv.FormatInt(p.targetUp, 10), strconv.FormatInt(p.target, 10)
		if string(text) == ":"+up+"\r\n" {
			return []byte(":" + here + "\r\n")
		}
		for _, before := range []string{"redirect\r\n:", "tracking-redir-broken\r\n:"} {
			text = bytes.Replace(text, []byte(before+up+"\r\n"), []byte(before+here+"\r\n"), 1)
		}
	}
	const id = "$2\r\nid\r\n:"
	own := strconv.FormatInt(p.conn.ID(), 10) + "\r\n"
	return bytes.Replace(text, []byte(id+own), []byte(id+strconv.FormatUint(s.id, 10)+"\r\n"), 1)
}

func (s *session) caching(cmd *wire.Command, pl *plan) bool {
	if s.has(pinned) {
		return s.sendPinned(cmd, pl, tagPlain)
	}
	return s.fail("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
}

func (s *session) trackingInfo(cmd *wire.Command, pl *plan, name string) bool {
	if s.has(pinned) {
		return s.sendPinned(cmd, pl, tagIDs)
	}
	if name == "client|getredir" {
		s.answer(wire.AppendInt(nil, -1))
		return true
	}
	r := int(s.resp)
	b := wire.AppendMapHeader(nil, r, 3)
	b = wire.AppendBulk(b, "flags")
	b = wire.AppendBulk(wire.AppendSetHeader(b, r, 1), "off")
	b = wire.AppendInt(wire.AppendBulk(b, "redirect"), -1)
	b = wire.AppendArray(wire.AppendBulk(b, "prefixes"), 0)
	s.answer(b)
	return true
}

// helloOnPin changes the protocol version of the session's own connection. What
// follows waits, for the answers to it depend on the version.
func (s *session) helloOnPin(cmd *wire.Command, pl *plan, g greeting) bool {
	if g.named {
		s.extra().name = g.name
	}
	s.x.pin.resp = uint8(g.resp)
	s.set(holding | settling)
	return s.sendPinned(cmd, pl, tagHello)
}
