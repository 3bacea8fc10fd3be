package proxy

import (
	"github.com/thawdev/thaw/proxy/wire"
)

// subscriptions are what one session listens to.
type subscriptions struct {
	hub *hub
	of  [3]map[string]struct{}
}

func (x *subscriptions) counts() [3]int {
	return [3]int{len(x.of[channels]), len(x.of[patterns]), len(x.of[shards])}
}

// count is what a confirmation says: channels and patterns together, shard
// channels apart.
func (x *subscriptions) count(k kind) int {
	if k == shards {
		return len(x.of[shards])
	}
	return len(x.of[channels]) + len(x.of[patterns])
}

func (x *subscriptions) total() int {
	return len(x.of[channels]) + len(x.of[patterns]) + len(x.of[shards])
}

// kindOf is the kind that a command of the pub/sub family is about.
func kindOf(e wire.Effect) kind {
	switch e {
	case wire.EffectPSubscribe, wire.EffectPUnsubscribe:
		return patterns
	case wire.EffectSSubscribe, wire.EffectSUnsubscribe:
		return shards
	}
	return channels
}

// subscribe joins the hub, and confirms when the server has.
func (s *session) subscribe(cmd *wire.Command, pl *plan) bool {
	if asksForInvalidations(cmd, pl) {
		return s.hearInvalidations(cmd, pl)
	}
	if !s.settle() {
		return false
	}
	x := s.extra()
	if x.subs == nil {
		x.subs = &subscriptions{hub: s.w.hub(s.who.login)}
	}
	r := x.request
	if r == nil {
		r = &subRequest{s: s, kind: kindOf(pl.spec.Effect)}
		for _, name := range cmd.Args[1:] {
			r.names = append(r.names, string(name))
		}
		x.request = r
		x.subs.hub.join(r)
	}
	if r.left > 0 {
		s.hold()
		return false
	}
	x.request = nil
	pl.calls++
	if r.text != "" {
		x.subs.hub.abandon(r)
		return s.fail(r.text)
	}
	s.subscribedTo(r)
	s.clear(skipping) // it is about one command, though it does not silence this one
	return true
}

// subscribedTo tells the client of its subscriptions, and of what was published
// since the server knows of them.
func (s *session) subscribedTo(r *subRequest) {
	subs := s.x.subs
	if subs.of[r.kind] == nil {
		subs.of[r.kind] = map[string]struct{}{}
	}
	for _, name := range r.names {
		subs.of[r.kind][name] = struct{}{}
		s.confirm(subscribeNames[r.kind], name, subs.count(r.kind))
	}
	subs.hub.done(r)
	if !s.has(subscribed) {
		s.set(subscribed)
		subs.hub.subscribers++
	}
	for _, raw := range r.heard {
		s.message(raw)
	}
}

// confirm says how many subscriptions the session has after one came or went.
func (s *session) confirm(what, name string, count int) {
	b := wire.AppendPushHeader(s.w.scratch[:0], int(s.resp), 3)
	b = wire.AppendBulk(b, what)
	b = wire.AppendBulk(b, name)
	s.w.scratch = wire.AppendInt(b, int64(count))
	s.emit(s.w.scratch)
}

// unsubscribe leaves topics, all of a kind without arguments, and confirms when
// the server has heard of those that nobody listens to any more.
func (s *session) unsubscribe(cmd *wire.Command, pl *plan) bool {
	if !s.settle() {
		return false
	}
	x := s.extra()
	r := x.request
	if r == nil {
		pl.calls++
		if r = s.leaveTopics(kindOf(pl.spec.Effect), cmd.Args[1:]); len(r.names) == 0 {
			s.confirmNone(r.kind)
			s.clear(skipping)
			return true
		}
	}
	if x.request = r; r.left > 0 {
		s.hold()
		return false
	}
	x.request = nil
	for i, name := range r.names {
		s.confirm(unsubscribeNames[r.kind], name, r.counts[i])
	}
	s.mayLeaveMode()
	s.clear(skipping)
	return true
}

// leaveTopics removes the session from topics of a kind.
func (s *session) leaveTopics(k kind, names [][]byte) *subRequest {
	r := &subRequest{s: s, kind: k}
	subs := &subscriptions{}
	if s.x.subs != nil {
		subs = s.x.subs
	}
	for _, name := range names {
		r.names = append(r.names, string(name))
	}
	if len(names) == 0 {
		for name := range subs.of[k] {
			r.names = append(r.names, name)
		}
	}
	for _, name := range r.names {
		if _, had := subs.of[k][name]; had {
			delete(subs.of[k], name)
			subs.hub.leave(topic{k, name}, s, r)
		}
		r.counts = append(r.counts, subs.count(k))
	}
	return r
}

// confirmNone says that there was nothing to leave.
func (s *session) confirmNone(k kind) {
	count := 0
	if s.x.subs != nil {
		count = s.x.subs.count(k)
	}
	b := wire.AppendPushHeader(nil, int(s.resp), 3)
	b = wire.AppendNull(wire.AppendBulk(b, unsubscribeNames[k]), int(s.resp))
	s.emit(wire.AppendInt(b, int64(count)))
}

// mayLeaveMode ends the subscribed mode with the last subscription.
func (s *session) mayLeaveMode() {
	if s.has(subscribed) && s.x.subs.total() == 0 {
		s.clear(subscribed)
		s.x.subs.hub.subscribers--
		s.x.subs = nil
	}
}

// unsubscribeAll leaves everything without a word.
func (s *session) unsubscribeAll() {
	if s.x.subs == nil {
		return
	}
	h := s.x.subs.hub
	if r := s.x.request; r != nil {
		s.x.request = nil
		h.abandon(r)
	}
	for k, of := range s.x.subs.of {
		for name := range of {
			delete(of, name)
			h.leave(topic{kind(k), name}, s, nil)
		}
	}
	if s.has(subscribed) {
		s.clear(subscribed)
		h.subscribers--
	}
	s.x.subs = nil
}

// message hands one message to the client. It came in RESP2; RESP3 differs in
// the first byte only.
func (s *session) message(raw []byte) {
	if s.conn.Unsent()+len(s.x.pushes)+len(raw) > s.w.proxy.opts.MaxMessages {
		s.tooSlow()
		return
	}
	if s.resp == 2 {
		s.push(raw)
		return
	}
	s.push(pushByte)
	s.push(raw[1:])
}

// tooSlow ends a subscriber for which too much is kept.
func (s *session) tooSlow() {
	s.w.stats.Shed.SlowClients++
	s.w.proxy.log.Warn("subscriber disconnected: it does not read its messages", "client", s.conn.RemoteAddr())
	s.set(leaving)
	s.conn.Close()
}

var pushByte = []byte(">")

// pingSubscribed answers PING in the subscribed mode of RESP2.
func (s *session) pingSubscribed(cmd *wire.Command) bool {
	b := wire.AppendBulk(wire.AppendArray(nil, 2), "pong")
	if len(cmd.Args) == 2 {
		b = wire.AppendBulk(b, cmd.Args[1])
	} else {
		b = wire.AppendBulk(b, "")
	}
	s.answer(b)
	return true
}
