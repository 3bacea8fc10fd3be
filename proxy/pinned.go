package proxy

import (
	"bytes"
	"cmp"
	"strconv"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// toPin sends a command to the session's own connection.
func (s *session) toPin(cmd *wire.Command, pl *plan) bool {
	p := s.x.pin
	if t := s.x.tx; t != nil {
		p.multi = true
		s.sendHeld(t, tagPlain)
		s.dropTransaction()
	}
	if p.conn.Full() || s.inFlight() >= s.w.proxy.opts.MaxInFlight {
		return s.settle()
	}
	if p.multi {
		return s.inPinnedMulti(cmd, pl)
	}
	tag := uint32(tagPlain)
	if p.once {
		tag = tagOnce
	}
	if pl.spec == nil {
		return s.sendPinned(cmd, pl, tag)
	}
	if spec := wire.Resolve(cmd.Args); spec != nil && spec.Effect == wire.EffectScriptDebug {
		return s.asUnknown(cmd, pl) // RESET would leave it on for the connection's next owner
	}
	switch pl.spec.Effect {
	case wire.EffectMulti:
		p.multi = true
	case wire.EffectWatch:
		if !s.settle() {
			return false
		}
		p.watching = len(cmd.Args) - 1
		p.watched += p.watching
		tag = tagWatch
	case wire.EffectUnwatch:
		p.watched = 0
	case wire.EffectSelect:
		if !s.settle() {
			return false
		}
		p.db, _ = strconv.Atoi(string(last(cmd.Args)))
		tag = tagSelect
	case wire.EffectBlock:
		if _, blocks := pl.spec.Blocks(cmd.Args); blocks {
			return s.block(cmd, pl, tag)
		}
	case wire.EffectWait:
		if s.wrote != nil && s.wrote != p.conn {
			return s.wait(cmd, pl)
		}
		return s.block(cmd, pl, tag)
	}
	return s.sendPinned(cmd, pl, tag)
}

func last(args [][]byte) []byte { return args[len(args)-1] }

// sendPinned sends a command to the session's own connection with a tag.
func (s *session) sendPinned(cmd *wire.Command, pl *plan, tag uint32) bool {
	if s.flags&(muted|skipping) != 0 {
		tag |= tagMute
		s.clear(skipping)
	}
	pl.calls++
	s.last = pl.index
	s.up = s.x.pin.conn
	if pl.writes {
		s.wrote = s.up
	}
	s.up.Send(s.w.raw(cmd), s, tag|uint32(pl.index)<<16)
	s.sent++
	return true
}

// inPinnedMulti handles a command inside a MULTI that the server knows of.
func (s *session) inPinnedMulti(cmd *wire.Command, pl *plan) bool {
	switch endsMulti(cmd, pl) {
	case "exec", "discard":
		return s.endPinnedMulti(cmd, pl)
	case "quit", "reset":
		return pl.do(s, cmd, pl)
	}
	if spec := wire.Resolve(cmd.Args); spec != nil {
		if neverInMulti(spec) || namesClient(spec, cmd.Args) {
			return s.poison("ERR '" + spec.Name + "' is not allowed inside MULTI through this proxy")
		}
		if changesState(spec) && spec.Effect != wire.EffectWatch && spec.Effect != wire.EffectMulti {
			s.x.pin.changed = true
		}
	}
	return s.sendPinned(cmd, pl, tagPlain)
}

// endPinnedMulti sends EXEC or DISCARD. What the pin is follows what was sent, in
// the order of sending, and the connection is kept until all is answered.
func (s *session) endPinnedMulti(cmd *wire.Command, pl *plan) bool {
	p := s.x.pin
	changed := p.changed
	p.multi, p.changed, p.watched = false, false, 0
	s.sendPinned(cmd, pl, tagBlock)
	if changed { // now, for the client's next MULTI may be sent before the answer comes
		p.probes++
		p.conn.Send(clientInfo, s, tagProbe)
		s.sent++
	}
	return true
}

// tagged does what the tag of a reply asks for.
func (s *session) tagged(c *upstream.Conn, tag uint32, piece []byte, done bool) {
	kind := tag & tagKinds
	switch {
	case kept(kind):
		if s.x.capture = append(s.x.capture, piece...); done {
			text := s.x.capture
			s.x.capture = nil
			s.captured(kind, tag&tagMute != 0, text)
		}
		return
	case kind == tagQueued:
		s.noteRefusal(piece, done)
	case kind == tagBlock && s.x.refusal != "":
		if s.x.capture = append(s.x.capture, piece...); done && tag&tagMute == 0 {
			s.conn.Write(s.withRefusal(s.x.capture))
		}
	case kind != tagSwallow && tag&tagMute == 0:
		s.conn.Write(piece)
	}
	if done && kind == tagBlock {
		s.x.capture, s.x.refusal = nil, ""
	}
	if done {
		s.endOf(kind, !c.Refused())
	}
}

// captured does what the tag asks for with a whole reply.
func (s *session) captured(kind uint32, mute bool, text []byte) {
	switch kind {
	case tagProbe:
		s.learn(text)
		return
	case tagGreeting:
		key := s.up.Key()
		key.Node.Learn(key.RESP, text)
		return
	case tagHello:
		if text[0] != '-' {
			s.resp = s.x.pin.resp
			s.move()
			s.clear(moved)
		}
	case tagCount:
		text = s.corrected(text)
	}
	switch {
	case mute:
	case kind == tagCapture:
		s.conn.Write(s.withProxySection(text))
	case kind == tagCount:
		s.conn.Write(text)
	case kind == tagNumSub:
		s.conn.Write(s.w.proxy.withSessions(channels, text))
	case kind == tagShardNumSub:
		s.conn.Write(s.w.proxy.withSessions(shards, text))
	case kind >= tagCommands:
		s.conn.Write(withoutRefused(kind, text))
	default:
		s.conn.Write(s.withClientIDs(text))
	}
}

// endOf follows what a reply says about a pinned connection.
func (s *session) endOf(kind uint32, good bool) {
	if kind == tagWait {
		s.endWait(true)
		return
	}
	if s.x == nil || s.x.pin == nil {
		return
	}
	p := s.x.pin
	switch kind {
	case tagSelect:
		if good {
			s.db = int32(p.db)
			s.move()
			s.clear(moved)
		}
	case tagWatch:
		if !good {
			p.watched = max(0, p.watched-p.watching)
		}
	case tagTrackOn:
		p.tracking = p.tracking || good
	case tagTrackOff:
		p.tracking = p.tracking && !good
		if !p.tracking {
			p.target, p.targetUp = 0, 0
		}
	case tagTouchOn:
		p.noTouch = p.noTouch || good
	case tagTouchOff:
		p.noTouch = p.noTouch && !good
	case tagImportOn:
		p.importing = p.importing || good
	case tagImportOff:
		p.importing = p.importing && !good
	case tagOnce:
		p.once = false
		s.clear(blocked)
	}
}

var clientInfo = wire.AppendCommand(nil, "CLIENT", "INFO")

// learn reads CLIENT INFO after a transaction that changed the connection.
func (s *session) learn(info []byte) {
	p := s.x.pin
	p.probes--
	for field := range bytes.FieldsSeq(info) {
		name, value, _ := bytes.Cut(field, []byte{'='})
		switch string(name) {
		case "db":
			if n, err := strconv.Atoi(string(value)); err == nil && n != int(s.db) {
				s.db = int32(n)
				s.move()
				s.clear(moved)
			}
		case "name":
			s.x.name = string(value)
		case "lib-name":
			s.x.libName, p.named = cmp.Or(string(value), s.x.libName), p.named || len(value) > 0
		case "lib-ver":
			s.x.libVersion, p.named = cmp.Or(string(value), s.x.libVersion), p.named || len(value) > 0
		case "flags":
			p.tracking = bytes.IndexByte(value, 't') >= 0
			p.noTouch = bytes.IndexByte(value, 'T') >= 0
			p.importing = bytes.IndexByte(value, 'I') >= 0
		}
	}
}
