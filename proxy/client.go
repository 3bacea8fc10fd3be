package proxy

import (
	"github.com/thawdev/thaw/proxy/wire"
)

// client answers CLIENT, which is about the session and not about a connection
// of the server.
func (s *session) client(cmd *wire.Command, pl *plan) bool {
	args := cmd.Args
	if len(args) < 2 {
		return s.fail("ERR wrong number of arguments for 'client' command")
	}
	sub := pl.spec.Sub(args[1])
	if sub == nil {
		return s.fail("ERR unknown subcommand '" + clip(args[1], 128) + "'. Try CLIENT HELP.")
	}
	if !sub.ArityOK(len(args)) {
		return s.fail("ERR wrong number of arguments for '" + sub.Name + "' command")
	}
	if s.has(pinned) && s.x.pin.probes > 0 && !s.settle() {
		return false // what a transaction has changed is not known yet
	}
	pl.calls++
	s.last = s.w.nameOf(sub).index
	switch sub.Name {
	case "client|id":
		s.w.scratch = wire.AppendInt(s.w.scratch[:0], int64(s.id))
		s.answer(s.w.scratch)
	case "client|getname":
		s.answerName()
	case "client|setname":
		return s.setName(string(args[2]))
	case "client|setinfo":
		return s.setInfo(args)
	case "client|info":
		s.answerText(s.describe(nil, len(cmd.Raw), s.like81()))
	case "client|reply":
		return s.clientReply(args[2])
	case "client|no-evict":
		return s.onOff(args[2], nil)
	case "client|no-touch":
		return s.mode(cmd, pl, becauseNoTouch, tagTouchOn, tagTouchOff)
	case "client|import-source":
		return s.mode(cmd, pl, becauseImport, tagImportOn, tagImportOff)
	case "client|tracking":
		return s.tracking(cmd, pl)
	case "client|caching":
		return s.caching(cmd, pl)
	case "client|trackinginfo", "client|getredir":
		return s.trackingInfo(cmd, pl, sub.Name)
	case "client|capa":
		return s.capabilities(args[2:])
	case "client|list":
		return s.clientList(cmd)
	case "client|kill":
		return s.clientKill(cmd)
	case "client|unblock":
		return s.clientUnblock(cmd, pl)
	case "client|unpause": // on the shared connection it would wait for its own effect
		if s.has(pinned) {
			return s.toPin(cmd, pl)
		}
		return s.borrowed(becauseKill, cmd, pl)
	default: // HELP, and PAUSE where it is allowed
		return s.forwardMuted(cmd, pl)
	}
	return true
}

func (s *session) answerName() {
	if s.x == nil || s.x.name == "" {
		s.answer(wire.AppendNull(nil, int(s.resp)))
		return
	}
	s.answer(wire.AppendBulk(nil, s.x.name))
}

// answerText answers with text as the server does: verbatim in RESP3.
func (s *session) answerText(text []byte) {
	if s.resp >= 3 {
		s.answer(wire.AppendVerbatim(nil, 3, "txt", string(text)))
		return
	}
	s.answer(wire.AppendBulk(nil, text))
}

// setName keeps the name here: on a connection that many share it would be one
// of many.
func (s *session) setName(name string) bool {
	if !validName(name) {
		return s.fail(badName)
	}
	if name != "" || s.x != nil {
		s.extra().name = name
	}
	if s.has(pinned) {
		s.x.pin.conn.Tell(wire.AppendCommand(nil, "CLIENT", "SETNAME", name))
	}
	return s.ok()
}

// setInfo keeps what libraries say of themselves with every connect.
func (s *session) setInfo(args [][]byte) bool {
	value := string(args[3])
	switch {
	case fold(args[2], "lib-name"):
		if !validName(value) {
			return s.fail("ERR lib-name cannot contain spaces, newlines or special characters.")
		}
		s.extra().libName = value
	case fold(args[2], "lib-ver"):
		if !validName(value) {
			return s.fail("ERR lib-ver cannot contain spaces, newlines or special characters.")
		}
		s.extra().libVersion = value
	default:
		return s.fail("ERR Unrecognized option '" + clip(args[2], 128) + "'")
	}
	return s.ok()
}

// capabilities notes what a client of Valkey 8 can do: only whether it follows
// redirections, and no server that the proxy knows of redirects here.
func (s *session) capabilities(names [][]byte) bool {
	for _, name := range names {
		if fold(name, "redirect") {
			s.extra().capable = true
		}
	}
	return s.ok()
}

// clientReply switches replies off on this side only: on a shared connection
// their silence would be everyone's.
func (s *session) clientReply(mode []byte) bool {
	switch {
	case fold(mode, "on"):
		s.clear(muted | skipping)
		return s.ok()
	case fold(mode, "off"):
		s.set(muted)
		return true
	case fold(mode, "skip"):
		if !s.has(muted) {
			s.set(skipping)
		}
		return true
	}
	return s.fail("ERR syntax error")
}

// onOff checks an argument ON or OFF and answers.
func (s *session) onOff(arg []byte, then func(on bool)) bool {
	on := fold(arg, "on")
	if !on && !fold(arg, "off") {
		return s.fail("ERR syntax error")
	}
	if then != nil {
		then(on)
	}
	return s.ok()
}

// mode pins while something is on that is a property of the connection.
func (s *session) mode(cmd *wire.Command, pl *plan, why reason, whenOn, whenOff uint32) bool {
	on := fold(cmd.Args[2], "on")
	if !on && !s.has(pinned) {
		return s.onOff(cmd.Args[2], nil)
	}
	if !s.has(pinned) {
		return s.borrowed(why, cmd, pl)
	}
	tag := whenOff
	if on {
		tag = whenOn
	}
	return s.sendPinned(cmd, pl, tag)
}
