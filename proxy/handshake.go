package proxy

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

const (
	noProto   = "NOPROTO unsupported protocol version"
	helloAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

// greeting is what a client asks with HELLO.
type greeting struct {
	resp           int
	auth           bool
	user, password string
	named          bool
	name           string
}

// readHello reads the arguments; text is the error to answer with.
func (s *session) readHello(args [][]byte) (g greeting, text string) {
	g.resp = int(s.resp)
	if len(args) == 1 {
		return g, ""
	}
	v, ok := parseInt(args[1])
	switch {
	case !ok:
		return g, "ERR Protocol version is not an integer or out of range"
	case v < 2 || v > 3:
		return g, noProto
	}
	g.resp = v
	for i := 2; i < len(args); i++ {
		switch {
		case fold(args[i], "auth") && i+2 < len(args):
			g.auth, g.user, g.password = true, string(args[i+1]), string(args[i+2])
			i += 2
		case fold(args[i], "setname") && i+1 < len(args):
			g.named, g.name = true, string(args[i+1])
			i++
			if !validName(g.name) {
				return g, badName
			}
		default:
			return g, "ERR Syntax error in HELLO option '" + clip(args[i], 128) + "'"
		}
	}
	return g, ""
}

// hello changes the protocol version, and with it the pool. The answer is the
// server's own but for the id.
func (s *session) hello(cmd *wire.Command, pl *plan) bool {
	if s.w.proxy.opts.NoRESP3 {
		return s.asUnknown(cmd, pl)
	}
	g, text := s.readHello(cmd.Args)
	if text != "" {
		return s.fail(text)
	}
	if s.has(locked) && !g.auth {
		return s.fail(helloAuth)
	}
	if !s.settle() {
		return false
	}
	if s.has(pinned) && g.auth {
		return s.fail("ERR proxy: HELLO with AUTH is not possible now, the session is pinned; end WATCH, MULTI or CLIENT TRACKING first")
	}
	if s.has(pinned) && g.resp != int(s.resp) {
		return s.helloOnPin(cmd, pl, g)
	}
	id := s.who
	if g.auth {
		var wait bool
		if id, text, wait = s.authenticate(g.user, g.password, false, g.resp); wait {
			return false
		} else if text != "" {
			return s.fail(text)
		}
	}
	h, ready := s.serverHello(id, g.resp, pl)
	if !ready {
		return !s.has(holding)
	}
	if h.Unsupported {
		return s.asUnknown(cmd, pl)
	}
	if h.Server == "" && s.w.proxy.opts.PassAuth {
		return s.fail(helloAuth) // the server wants a login before it says anything
	}
	s.greet(id, g, h)
	return true
}

// greet makes the session what HELLO asked for, and answers.
func (s *session) greet(id *identity, g greeting, h upstream.Hello) {
	if g.named {
		s.extra().name = g.name
	}
	if id != s.who || g.resp != int(s.resp) {
		s.resp = uint8(g.resp)
		s.become(id)
	}
	r, fields := g.resp, 7
	if h.Zone != "" {
		fields++
	}
	b := wire.AppendMapHeader(nil, r, fields)
	b = wire.AppendBulk(wire.AppendBulk(b, "server"), h.Server)
	b = wire.AppendBulk(wire.AppendBulk(b, "version"), h.Version)
	b = wire.AppendInt(wire.AppendBulk(b, "proto"), int64(r))
	b = wire.AppendInt(wire.AppendBulk(b, "id"), int64(s.id))
	b = wire.AppendBulk(wire.AppendBulk(b, "mode"), h.Mode)
	b = wire.AppendBulk(wire.AppendBulk(b, "role"), h.Role)
	if h.Zone != "" { // Valkey since 8.1
		b = wire.AppendBulk(wire.AppendBulk(b, "availability_zone"), h.Zone)
	}
	b = wire.AppendBulk(b, "modules")
	if len(h.Modules) > 0 {
		b = append(b, h.Modules...)
	} else {
		b = wire.AppendArray(b, 0)
	}
	s.answer(b)
}

// serverHello returns what the server says of itself in a protocol version. If it
// was not asked yet the session waits, or is refused.
func (s *session) serverHello(id *identity, resp int, pl *plan) (h upstream.Hello, ready bool) {
	k := s.w.proxy.upstreamKey(id, int(s.db), resp)
	if h, ready = k.Node.Hello(resp); ready {
		return h, true
	}
	if s.has(pinned) {
		return upstream.Hello{Server: "redis", Mode: "standalone", Role: "master"}, true
	}
	pool := s.w.set.Pool(k)
	t, err := pool.Wait(s)
	if err != nil {
		s.extra().err = err
		s.refuse(pl)
		return h, false
	}
	s.extra().ticket = t
	s.hold()
	return h, false
}

// config sends CONFIG, and asks what the server says of itself now behind a CONFIG
// SET that changes it. A HELLO of this client waits for the answer.
func (s *session) config(cmd *wire.Command, pl *plan) bool {
	before := s.sent
	if !s.forwardMuted(cmd, pl) {
		return false
	}
	if s.sent != before && changesGreeting(cmd.Args) {
		s.extra()
		s.up.Send(helloCommand, s, tagGreeting|uint32(pl.index)<<16)
		s.sent++
	}
	return true
}

// changesGreeting reports whether a CONFIG is a SET of something that HELLO tells.
func changesGreeting(args [][]byte) bool {
	if len(args) < 2 || !fold(args[1], "set") {
		return false
	}
	return slices.ContainsFunc(args[2:], func(name []byte) bool {
		return fold(name, "availability-zone") || fold(name, "extended-redis-compatibility")
	})
}

var helloCommand = wire.AppendCommand(nil, "HELLO")

func (p *Proxy) upstreamKey(id *identity, db, resp int) upstream.Key {
	return upstream.Key{Node: p.up.Topology().Primary(), Login: id.login, DB: db, RESP: resp}
}

// validName reports whether the server would accept a client's name.
func validName(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return r < '!' || r > '~' }) < 0
}

const badName = "ERR Client names cannot contain spaces, newlines or special characters."
