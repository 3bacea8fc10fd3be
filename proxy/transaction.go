package proxy

import (
	"strings"

	"github.com/thawdev/thaw/proxy/wire"
)

// transaction is an open MULTI that the server does not know of yet. It costs no
// connection: at EXEC everything goes up as one contiguous block. When MULTI and
// EXEC arrive together nothing was answered here, and the answers are the
// server's own; otherwise the client has had its +QUEUED from here, the server's
// are swallowed, and an error among them shows in the answer to EXEC.
type transaction struct {
	buf      []byte // the commands as they go to the server, MULTI first
	ends     []int  // of each, in buf
	plans    []uint16
	answered int  // commands the client has an answer for
	bad      bool // a command was refused: EXEC fails
	slow     bool
	writes   bool
}

// keepTransaction bounds what the loop keeps of a transaction for the next one.
const keepTransaction = 64 << 10

func (t *transaction) add(raw []byte, index uint16) {
	t.buf = append(t.buf, raw...)
	t.ends = append(t.ends, len(t.buf))
	t.plans = append(t.plans, index)
}

// multi opens a transaction.
func (s *session) multi(cmd *wire.Command, pl *plan) bool {
	if s.w.proxy.opts.PoolMode == TransactionMode {
		return s.borrowed(becauseMulti, cmd, pl)
	}
	t := s.w.newTransaction()
	t.add(s.w.raw(cmd), pl.index)
	s.extra().tx = t
	s.set(transacting)
	pl.calls++
	return true
}

func (s *session) execWithoutMulti(*wire.Command, *plan) bool {
	return s.fail("ERR EXEC without MULTI")
}

func (s *session) discardWithoutMulti(*wire.Command, *plan) bool {
	return s.fail("ERR DISCARD without MULTI")
}

// inTransaction handles a command while a MULTI is held here.
func (s *session) inTransaction(cmd *wire.Command, pl *plan) bool {
	t := s.x.tx
	switch endsMulti(cmd, pl) {
	case "exec":
		return s.exec(cmd, pl)
	case "discard":
		s.answerQueued()
		s.dropTransaction()
		return s.ok()
	case "quit", "reset":
		s.answerQueued()
		return pl.do(s, cmd, pl)
	}
	switch spec := wire.Resolve(cmd.Args); {
	case spec == nil:
		return s.promote(cmd, pl) // the server says what it thinks of it
	case !spec.ArityOK(len(cmd.Args)):
		return s.poison("ERR wrong number of arguments for '" + spec.Name + "' command")
	case spec.Flags.Has(wire.NoMulti):
		return s.promote(cmd, pl) // versions differ in what they say
	case neverInMulti(spec) || namesClient(spec, cmd.Args):
		return s.poison("ERR '" + spec.Name + "' is not allowed inside MULTI through this proxy")
	case changesState(spec):
		return s.promote(cmd, pl)
	}
	if len(t.buf)+len(cmd.Raw) > s.w.proxy.opts.MaxQueued {
		s.w.stats.Shed.Queued++
		return s.poison("ERR proxy: the transaction is larger than max_queued (" + shortSize(s.w.proxy.opts.MaxQueued) + ")")
	}
	if !t.bad {
		t.add(s.w.raw(cmd), pl.index)
	} else {
		t.ends, t.plans = append(t.ends, len(t.buf)), append(t.plans, pl.index)
	}
	t.slow = t.slow || pl.slow
	t.writes = t.writes || pl.writes
	pl.calls++
	return true
}

// endsMulti returns the name of a command that ends a MULTI, and "" of others. With
// arguments that they do not take only EXEC does.
func endsMulti(cmd *wire.Command, pl *plan) string {
	switch pl.name {
	case "discard", "quit", "reset":
		if !pl.spec.ArityOK(len(cmd.Args)) {
			return ""
		}
		return pl.name
	case "exec":
		return pl.name
	}
	return ""
}

// neverInMulti are commands after which nobody could say what the connection is.
func neverInMulti(spec *wire.Spec) bool {
	switch spec.Effect {
	case wire.EffectHello, wire.EffectAuth, wire.EffectMonitor, wire.EffectClientReply,
		wire.EffectSubscribe, wire.EffectPSubscribe, wire.EffectSSubscribe,
		wire.EffectUnsubscribe, wire.EffectPUnsubscribe, wire.EffectSUnsubscribe,
		wire.EffectReplication, wire.EffectScriptDebug:
		return true
	}
	return false
}

// namesClient are commands with the id of a client, which inside MULTI nobody
// could put right: it would be another connection's at the server.
func namesClient(spec *wire.Spec, args [][]byte) bool {
	switch spec.Name {
	case "client|kill", "client|unblock":
		return true
	case "client|tracking":
		return redirectAt(args) > 0
	}
	return false
}

// changesState are commands that need a connection of their own.
func changesState(spec *wire.Spec) bool {
	switch spec.Effect {
	case wire.EffectSelect, wire.EffectTracking, wire.EffectCaching, wire.EffectNoTouch, wire.EffectNoEvict, wire.EffectImportSource,
		wire.EffectSetName, wire.EffectSetInfo, wire.EffectCapa, wire.EffectIdentity, wire.EffectReadOnly,
		wire.EffectReadWrite, wire.EffectAsking, wire.EffectWatch, wire.EffectMulti, wire.EffectClients:
		return true
	}
	return false
}

// answerQueued answers, for the server, what the client has no answer for yet.
func (s *session) answerQueued() {
	if s.x == nil || s.x.tx == nil {
		return
	}
	for t := s.x.tx; t.answered < len(t.ends); t.answered++ {
		if t.answered == 0 {
			s.answer(replyOK)
		} else {
			s.answer(replyQueued)
		}
	}
}

var replyQueued = []byte("+QUEUED\r\n")

// exec sends the whole transaction as one block.
func (s *session) exec(cmd *wire.Command, pl *plan) bool {
	t := s.x.tx
	if t.bad {
		s.answerQueued()
		s.dropTransaction()
		return s.fail("EXECABORT Transaction discarded because of previous errors.")
	}
	block := plan{name: pl.name, index: pl.index, slow: t.slow, writes: true}
	if !s.acquire(&block) {
		return s.inFlight() == 0 && !s.has(holding) && s.refuse(pl)
	}
	tag, last := tagPlain, tagPlain
	if t.answered > 0 {
		s.answerQueued()
		last = tagBlock
	}
	if s.has(muted) {
		tag, last = tagMute, last|tagMute
	}
	s.up.BeginBlock()
	s.sendHeld(t, tag)
	s.up.EndBlock()
	pl.calls++
	s.last = pl.index
	s.wrote = s.up
	s.up.Send(s.w.raw(cmd), s, last|uint32(pl.index)<<16)
	s.sent++
	s.dropTransaction()
	return true
}

// noteRefusal keeps the first error among the answers to commands of which the
// client was told that they are queued: the server is out of memory, busy with a
// script, or wants more replicas.
func (s *session) noteRefusal(piece []byte, done bool) {
	x := s.x
	if x.refusal != "" || piece[0] != '-' && len(x.capture) == 0 {
		return
	}
	if x.capture = append(x.capture, piece...); done {
		x.refusal = strings.TrimRight(string(x.capture[1:]), "\r\n")
		x.capture = nil
	}
}

// withRefusal puts what noteRefusal kept into the answer to EXEC, which else says
// that there were errors before, and the client has seen none. The words are those
// of a server that refuses at EXEC.
func (s *session) withRefusal(reply []byte) []byte {
	if string(reply) != "-EXECABORT Transaction discarded because of previous errors.\r\n" {
		return reply
	}
	return wire.AppendError(nil, "EXECABORT Transaction discarded because of: "+s.x.refusal)
}

// sendHeld sends MULTI and the commands after it. What the client has an answer
// for is swallowed.
func (s *session) sendHeld(t *transaction, tag uint32) {
	if t.answered > 0 {
		tag = tagQueued
	}
	start := 0
	for i, end := range t.ends {
		one := tag | uint32(t.plans[i])<<16
		if s.has(skipping) { // before MULTI, which has no answer yet
			one |= tagMute
			s.clear(skipping)
		}
		s.up.Send(t.buf[start:end], s, one)
		s.sent++
		start = end
	}
}

// promote moves a held transaction to a connection of its own, because of a
// command that only the server can answer or that changes the connection.
func (s *session) promote(cmd *wire.Command, pl *plan) bool {
	s.answerQueued()
	if t := s.x.tx; t.bad {
		t.ends, t.plans = append(t.ends, len(t.buf)), append(t.plans, pl.index)
		return true
	}
	if !s.has(pinned) {
		return s.borrowed(becauseMulti, cmd, pl)
	}
	return s.toPin(cmd, pl)
}

// dropTransaction forgets a held transaction.
func (s *session) dropTransaction() {
	if s.x == nil || s.x.tx == nil {
		return
	}
	s.w.keepTransaction(s.x.tx)
	s.x.tx = nil
	s.clear(transacting)
}

// poison answers a command with an error, and makes the transaction around it
// fail as the server would.
func (s *session) poison(text string) bool {
	switch {
	case s.has(transacting) && !s.has(pinned):
		s.answerQueued()
		s.x.tx.bad = true
	case s.has(pinned) && s.x.pin.multi:
		s.x.pin.conn.Send(badCommand, s, tagSwallow)
		s.sent++
	}
	return s.fail(text)
}

// badCommand is refused by every server, which makes an open MULTI fail.
var badCommand = wire.AppendCommand(nil, "GET")
