package proxy

import (
	"errors"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// A tag travels with a request and comes back with its reply. The lowest byte
// says what the session does with the reply, the highest two are the index of
// the command's plan for the counters.
const (
	tagPlain   uint32 = iota
	tagSwallow        // the client has its answer already
	tagQueued         // it was +QUEUED: a refusal is kept for the answer to EXEC
	tagBlock          // ends a transaction, in which commands may have had these tags
	tagCapture        // kept until complete, then changed
	tagWatch          // watches nothing if it fails
	tagSelect         // changes the database if it succeeds
	tagTrackOn        // switches tracking on if it succeeds
	tagTrackOff
	tagTouchOn // switches CLIENT NO-TOUCH on if it succeeds
	tagTouchOff
	tagImportOn // the same for CLIENT IMPORT-SOURCE
	tagImportOff
	tagOnce     // ends a pin that was for one command
	tagProbe    // CLIENT INFO after a transaction that changed the connection
	tagWait     // ends a WAIT
	tagIDs      // kept until complete, then changed: it holds ids of clients
	tagHello    // changes the protocol version if it succeeds
	tagGreeting // HELLO of the proxy's own, behind a CONFIG SET
	tagCommands // an answer to COMMAND, from which some are taken out
	tagCommandInfo
	tagCommandList
	tagCommandDocs
	tagCommandCount
	tagCount  // the answer to PUBLISH, which is corrected
	tagNumSub // and to PUBSUB NUMSUB
	tagShardNumSub

	tagKinds = 0xff
	tagMute  = 1 << 8 // the client does not want the reply
	tagOwn   = tagKinds | tagMute
)

// kept reports whether a reply is kept until it is complete: nothing of it is with
// the client before.
func kept(kind uint32) bool {
	switch kind {
	case tagCapture, tagProbe, tagIDs, tagHello, tagGreeting, tagCommands, tagCommandInfo, tagCommandList, tagCommandDocs, tagCommandCount,
		tagCount, tagNumSub, tagShardNumSub:
		return true
	}
	return false
}

// Reply implements upstream.Receiver.
func (s *session) Reply(c *upstream.Conn, tag uint32, piece []byte, done bool) {
	if s.has(gone) {
		return
	}
	if piece[0] == '-' && !s.has(partial) {
		s.w.plans[tag>>16].errors++
	}
	if tag&tagOwn == 0 {
		s.conn.Write(piece)
	} else {
		s.tagged(c, tag, piece, done)
	}
	if !done {
		s.set(partial)
		s.checkUnread(c)
		return
	}
	s.done++
	s.clear(partial)
	if s.flags&attentive != 0 {
		s.settled()
	}
	if s.conn.Unsent() > s.w.proxy.opts.SlowClient {
		s.checkUnread(c)
	}
}

// settled does what waited for the end of a reply.
func (s *session) settled() {
	if s.has(queued) {
		s.sendLater()
	}
	if s.x != nil && len(s.x.pushes) > 0 && int32(s.done-s.x.pushAfter) >= 0 {
		s.conn.Write(s.x.pushes)
		s.x.pushes = nil
	}
	if s.inFlight() > 0 {
		return
	}
	if s.has(pinned) && s.x.pin.clean() {
		s.unpin(false)
	}
	if s.has(leaving) {
		s.leaveWhenDone()
		return
	}
	if s.has(settling) {
		s.release()
	}
}

// sendLater sends the local answers whose turn has come.
func (s *session) sendLater() {
	later := s.x.later
	n := 0
	for n < len(later) && int32(s.done-later[n].after) >= 0 {
		s.conn.Write(later[n].text)
		n++
	}
	if n == len(later) {
		s.x.later = nil
		s.clear(queued)
		return
	}
	s.x.later = later[n:]
}

// answer sends a local answer, behind those still in flight.
func (s *session) answer(text []byte) {
	if s.flags&(muted|skipping) != 0 {
		s.clear(skipping)
		return
	}
	s.emit(text)
}

// emit is answer for what CLIENT REPLY does not silence.
func (s *session) emit(text []byte) {
	if s.inFlight() == 0 {
		s.conn.Write(text)
		return
	}
	x := s.extra()
	x.later = append(x.later, answer{after: s.sent, text: append([]byte(nil), text...)})
	s.set(queued)
}

// fail answers a command with an error.
func (s *session) fail(text string) bool {
	s.w.scratch = wire.AppendError(s.w.scratch[:0], text)
	s.answer(s.w.scratch)
	return true
}

// ok answers a command with +OK.
func (s *session) ok() bool {
	s.answer(replyOK)
	return true
}

var replyOK = []byte("+OK\r\n")

// push sends a message that did not come on the connection of the answers. It
// waits for those in flight: a client that publishes to itself has the answer
// first, as from the server. A blocked client has its messages at once.
func (s *session) push(text []byte) {
	held := s.x != nil && len(s.x.pushes) > 0
	if held || s.has(partial) || s.inFlight() > 0 && !s.has(blocked) {
		x := s.extra()
		if !held {
			x.pushAfter = s.sent
		}
		x.pushes = append(x.pushes, text...)
		return
	}
	s.conn.Write(text)
}

// Lost implements upstream.Receiver: the answer will not come.
func (s *session) Lost(_ *upstream.Conn, tag uint32, sent, half bool, err error) {
	if s.has(gone) {
		return
	}
	s.w.plans[tag>>16].failures++
	if tag&tagKinds == tagCount {
		s.nextMissing()
	}
	if tag&tagKinds == tagWait {
		s.endWait(false)
	}
	switch kind := tag & tagKinds; {
	case tag&tagMute != 0 || kind == tagSwallow || kind == tagQueued || kind == tagProbe || kind == tagGreeting:
	case kept(kind):
		s.conn.Write(wire.AppendError(nil, s.lossText(sent, err)))
	case half && s.has(partial):
		// Part of the answer is with the client: there is no way to go on.
		s.w.proxy.log.Warn("client disconnected: its reply was cut off", "client", s.conn.RemoteAddr(), "error", err)
		s.conn.CloseAfterFlush()
		s.set(leaving)
	case kind == tagWait:
		s.conn.Write(wire.AppendError(nil, "ERR proxy: WAIT not possible, the connection that carried your last write is closed"))
	default:
		s.conn.Write(wire.AppendError(nil, s.lossText(sent, err)))
	}
	if s.x != nil {
		s.x.capture, s.x.refusal = nil, ""
	}
	s.done++
	s.clear(partial)
	if s.flags&attentive != 0 {
		s.settled()
	}
}

// lossText says why there is no answer, and whether the command was sent.
func (s *session) lossText(sent bool, err error) string {
	what := "upstream connection lost"
	switch {
	case errors.Is(err, upstream.ErrTimeout):
		what = "request timed out after " + shortDuration(s.w.proxy.opts.RequestTimeout)
	case errors.Is(err, upstream.ErrDesync):
		what = "upstream connection dropped because its answers were out of order"
	case errors.Is(err, upstream.ErrClosed):
		what = "upstream connection closed by the proxy"
	}
	if sent {
		return "ERR proxy: " + what + "; command was sent and may have been executed"
	}
	return "ERR proxy: " + what + "; command was not sent"
}

// explain says why there is no connection for a command.
func (s *session) explain(err error) string {
	var refusal upstream.ServerError
	switch {
	case errors.As(err, &refusal):
		return string(refusal)
	case errors.Is(err, upstream.ErrWait):
		return "ERR proxy: no upstream connection within borrow_timeout (" + shortDuration(s.w.proxy.waitTimeout()) + "); command was not sent"
	case errors.Is(err, upstream.ErrDown):
		return "ERR proxy: upstream is down; command was not sent"
	}
	return "ERR proxy: " + err.Error() + "; command was not sent"
}

// checkUnread stops reading a client that does not read its replies, and ends it
// when it has too many of them. Only that client waits, never the connection it
// shares; one of its own is not read meanwhile.
func (s *session) checkUnread(c *upstream.Conn) {
	o := &s.w.proxy.opts
	n := s.conn.Unsent()
	switch {
	case n <= o.SlowClient || s.has(leaving):
	case s.has(pinned) && c == s.x.pin.conn:
		c.Pause()
		s.starve()
	case n > o.MaxUnread:
		s.w.stats.Shed.SlowClients++
		s.w.proxy.log.Warn("client disconnected: it does not read its replies", "client", s.conn.RemoteAddr(), "bytes", n)
		s.conn.Close()
		s.set(leaving)
	default:
		s.starve()
	}
}

// starve reads nothing of the client until it has read its replies. If the kernel
// takes all of them at the end of this very turn nobody is told, so the next turn
// looks.
func (s *session) starve() {
	if s.has(fed) {
		return
	}
	s.set(fed)
	s.conn.Pause()
	s.w.loop.Post(func() {
		if !s.has(gone) && s.conn.Unsent() == 0 {
			s.Drained(s.conn)
		}
	})
}

// Drained implements engine.Handler: the client has read its replies.
func (s *session) Drained(*engine.Conn) {
	if !s.has(fed) {
		return
	}
	s.clear(fed)
	if s.has(pinned) {
		s.x.pin.conn.Resume()
	}
	s.conn.Resume()
}
