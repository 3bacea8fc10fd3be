package proxy

import (
	"slices"

	"github.com/thawdev/thaw/proxy/wire"
)

// kind is one of the three kinds of subscriptions.
type kind uint8

const (
	channels kind = iota
	patterns
	shards
)

var (
	subscribeNames   = [3]string{"subscribe", "psubscribe", "ssubscribe"}
	unsubscribeNames = [3]string{"unsubscribe", "punsubscribe", "sunsubscribe"}
)

// topic is a channel, a pattern or a shard channel.
type topic struct {
	kind kind
	name string
}

// entry is a topic that somebody wants.
type entry struct {
	topic    topic
	sessions map[*session]struct{} // who hears what is published
	waiting  []*subRequest         // that the server has not confirmed
	holds    int                   // requests that have not told their session yet
	asked    int                   // SUBSCRIBEs under way
	active   bool
}

// ask is a SUBSCRIBE or UNSUBSCRIBE under way.
type ask struct {
	entry *entry
	leave bool
	who   *subRequest // waits for the answer; nil if nobody does
}

// subRequest is a SUBSCRIBE or UNSUBSCRIBE of a session that waits for the server.
type subRequest struct {
	s       *session
	kind    kind
	names   []string
	entries []*entry // of a SUBSCRIBE, as in names
	joined  []*entry // those that its session did not listen to before
	heard   [][]byte // messages that came before all of it was confirmed
	size    int      // bytes in heard
	counts  []int    // of an UNSUBSCRIBE: what its confirmations say
	left    int
	text    string // the error it ends with
}

// join asks for all topics of a request, also for those that the server sends
// already: what comes before its confirmation was published before, and is not for
// this session.
func (h *hub) join(r *subRequest) {
	for _, name := range r.names {
		t := topic{r.kind, name}
		e := h.topics[t]
		if e == nil {
			e = &entry{topic: t, sessions: map[*session]struct{}{}}
			h.topics[t] = e
		}
		e.holds++
		r.entries = append(r.entries, e)
		e.waiting = append(e.waiting, r)
		r.left++
		h.subscribe(e, r)
	}
	h.connect()
}

// attach has a session hear what is published on a topic that the server has
// confirmed: it counts from here.
func (h *hub) attach(e *entry, r *subRequest) {
	if _, had := e.sessions[r.s]; had {
		return
	}
	e.sessions[r.s] = struct{}{}
	h.w.proxy.census.add(e.topic, 1)
	r.joined = append(r.joined, e)
}

// abandon takes back what a request has joined so far.
func (h *hub) abandon(r *subRequest) {
	for _, e := range r.joined {
		h.leave(e.topic, r.s, nil)
	}
	h.done(r)
}

// done ends what a request holds, after its session was told or is gone.
func (h *hub) done(r *subRequest) {
	for _, e := range r.entries {
		e.holds--
		e.waiting = slices.DeleteFunc(e.waiting, func(o *subRequest) bool { return o == r })
		h.mayLeave(e, nil)
	}
	r.entries = nil
}

// leave removes a session from a topic. If it was the last one, r waits until the
// server has heard so: what is published after must not count it.
func (h *hub) leave(t topic, s *session, r *subRequest) {
	e := h.topics[t]
	if e == nil {
		return
	}
	if _, was := e.sessions[s]; was {
		delete(e.sessions, s)
		h.w.proxy.census.add(t, -1)
	}
	h.mayLeave(e, r)
}

func (h *hub) mayLeave(e *entry, r *subRequest) {
	if len(e.sessions) > 0 || e.holds > 0 || h.topics[e.topic] != e {
		return
	}
	delete(h.topics, e.topic)
	if h.conn != nil && (e.active || e.asked > 0) {
		h.unsubscribe(e, r)
	}
	if len(h.topics) == 0 {
		h.w.loop.AfterFunc(hubIdle, h.closeIdle)
	}
}

// subscribe asks the server for a topic, and tells r when it has it.
func (h *hub) subscribe(e *entry, r *subRequest) {
	if h.conn == nil {
		return // connected asks for all
	}
	e.asked++
	h.send(&ask{entry: e, who: r}, subscribeNames)
}

// unsubscribe tells the server that nobody wants a topic; r, if there is one,
// waits for its answer.
func (h *hub) unsubscribe(e *entry, r *subRequest) {
	if r != nil {
		r.left++
	}
	h.send(&ask{entry: e, leave: true, who: r}, unsubscribeNames)
}

// send asks for one topic at a time, so that an error says which.
func (h *hub) send(a *ask, names [3]string) {
	h.pending = append(h.pending, a)
	h.conn.Write(wire.AppendCommand(nil, names[a.entry.topic.kind], a.entry.topic.name))
}

// fail ends a request with an error.
func (r *subRequest) fail(text string) {
	r.text, r.left = text, 0
	r.s.release()
}

// setActive notes whether the server sends what is published on a topic.
func (h *hub) setActive(e *entry, active bool) {
	switch {
	case e.active == active:
		return
	case active:
		h.w.proxy.census.add(e.topic, -1)
	default:
		h.w.proxy.census.add(e.topic, 1)
	}
	e.active = active
}

// answered lets a request go on when all of its topics are settled.
func (r *subRequest) answered() {
	if r.left--; r.left == 0 {
		r.s.release()
	}
}
