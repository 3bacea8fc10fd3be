package proxy

import (
	"time"

	"github.com/thawdev/thaw/guard"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// A hub is the one upstream connection that carries the subscriptions of all
// sessions of a loop with the same login. A channel is subscribed to once,
// however many sessions want it.
//
//	sessions ──▶ topic ──▶ SUBSCRIBE, when the first comes  ──▶ server
//	         ◀── message to each of them                    ◀──
//	         ──▶ UNSUBSCRIBE, when the last one leaves      ──▶
//
// A session hears of its subscription when the server has confirmed it. When the
// connection is lost everything is subscribed to again; what was published
// meanwhile is lost, as it is for a client of the server itself.
type hub struct {
	w     *worker
	login *upstream.Login

	conn    *upstream.Conn
	ticket  *upstream.Ticket
	topics  map[topic]*entry
	pending []*ask // sent and not confirmed, in order
	scan    wire.ReplyScanner
	partial []byte // a message that is not complete

	subscribers int
	attempts    int
	pausing     bool
	lost        bool
}

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
	sessions map[*session]struct{}
	waiting  []*subRequest
	holds    int // requests that will attach a session
	active   bool
}

// ask is a SUBSCRIBE or UNSUBSCRIBE under way.
type ask struct {
	entry *entry
	leave bool
	who   *subRequest // waits for the UNSUBSCRIBE; nil if nobody does
}

// subRequest is a SUBSCRIBE or UNSUBSCRIBE of a session that waits for the server.
type subRequest struct {
	s       *session
	kind    kind
	names   []string
	entries []*entry
	counts  []int // of an UNSUBSCRIBE: what its confirmations say
	left    int
	text    string // the error it ends with
}

func (w *worker) hub(login *upstream.Login) *hub {
	h := w.hubs[login]
	if h == nil {
		h = &hub{w: w, login: login, topics: map[topic]*entry{}}
		w.hubs[login] = h
	}
	return h
}

func (h *hub) size() int { return len(h.topics) }

// join asks for all topics of a request; r.left is 0 after if none has to be
// waited for.
func (h *hub) join(r *subRequest) {
	for _, name := range r.names {
		t := topic{r.kind, name}
		e := h.topics[t]
		if e == nil {
			e = &entry{topic: t, sessions: map[*session]struct{}{}}
			h.topics[t] = e
			h.ask(e, nil, false)
		}
		e.holds++
		r.entries = append(r.entries, e)
		if !e.active {
			e.waiting = append(e.waiting, r)
			r.left++
		}
	}
	h.connect()
}

// done ends what a request holds, after its session was attached or is gone.
func (h *hub) done(r *subRequest) {
	for _, e := range r.entries {
		e.holds--
		for i, other := range e.waiting {
			if other == r {
				e.waiting = append(e.waiting[:i], e.waiting[i+1:]...)
				break
			}
		}
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
	if h.conn != nil {
		h.ask(e, r, true)
	}
	if len(h.topics) == 0 {
		h.w.loop.AfterFunc(hubIdle, h.closeIdle)
	}
}

// hubIdle is how long a connection without subscriptions is kept.
const hubIdle = 5 * time.Second

func (h *hub) closeIdle() {
	if len(h.topics) > 0 {
		return
	}
	if h.conn != nil {
		h.conn.Close()
	}
	if h.ticket == nil && h.w.hubs[h.login] == h {
		delete(h.w.hubs, h.login)
	}
}

// ask sends one SUBSCRIBE or UNSUBSCRIBE. Each is for one topic, so that an error
// says which.
func (h *hub) ask(e *entry, r *subRequest, leave bool) {
	if h.conn == nil {
		return // connected sends all
	}
	if r != nil {
		r.left++
	}
	name := subscribeNames[e.topic.kind]
	if leave {
		name = unsubscribeNames[e.topic.kind]
	}
	h.pending = append(h.pending, &ask{e, leave, r})
	h.conn.Write(wire.AppendCommand(nil, name, e.topic.name))
}

// connect gets the hub its connection.
func (h *hub) connect() {
	if h.conn != nil || h.ticket != nil || h.pausing {
		return
	}
	key := upstream.Key{Node: h.w.proxy.up.Topology().Primary(), Login: h.login, RESP: 2}
	c, t, err := h.w.set.Pool(key).Borrow(h, h)
	switch {
	case err != nil:
		h.Ready(nil, err)
	case c != nil:
		h.connected(c)
	default:
		h.ticket = t
	}
}

// Ready implements upstream.Waiter.
func (h *hub) Ready(c *upstream.Conn, err error) {
	h.ticket = nil
	if err == nil {
		h.connected(c)
		return
	}
	for _, e := range h.topics {
		h.failWaiting(e, "")
	}
	h.retry(err)
}

// failWaiting ends the requests that wait for a topic; "" says that there is no
// connection.
func (h *hub) failWaiting(e *entry, text string) {
	waiting := e.waiting
	e.waiting = nil
	for _, r := range waiting {
		if r.text = text; text == "" {
			r.text = "ERR proxy: upstream is down; command was not sent"
		}
		r.left = 0
		r.s.release()
	}
}

// retry connects again after a while if someone still waits for messages.
func (h *hub) retry(error) {
	if h.pausing || len(h.topics) == 0 {
		return
	}
	h.pausing = true
	wait := guard.FullJitter(50*time.Millisecond, 5*time.Second, h.attempts, float64(h.w.now()%1000)/1000)
	h.attempts++
	h.w.loop.AfterFunc(wait, func() {
		h.pausing = false
		if len(h.topics) > 0 {
			h.connect()
		}
	})
}

// connected subscribes to everything that is wanted.
func (h *hub) connected(c *upstream.Conn) {
	h.conn, h.attempts = c, 0
	h.scan.Reset()
	h.partial = h.partial[:0]
	c.PassThrough()
	if h.login.Token != nil {
		h.w.loop.AfterFunc(iamRenewal, func() { c.Close() })
	}
	for _, e := range h.topics {
		h.ask(e, nil, false)
		if h.lost {
			h.w.stats.Resubscribed++
		}
	}
	h.lost = false
}

// iamRenewal replaces a subscribed connection before ElastiCache ends it.
const iamRenewal = 11 * time.Hour

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

// answered tells who waits for an UNSUBSCRIBE that it is done.
func (a *ask) answered() {
	if a.who == nil {
		return
	}
	if a.who.left--; a.who.left == 0 {
		a.who.s.release()
	}
}

// Gone implements upstream.Owner.
func (h *hub) Gone(_ *upstream.Conn, err error) {
	pending := h.pending
	h.conn, h.pending = nil, nil
	for _, e := range h.topics {
		h.lost = h.lost || e.active
		h.setActive(e, false)
	}
	for _, a := range pending {
		h.setActive(a.entry, false)
		a.answered()
	}
	if len(h.topics) > 0 {
		h.w.proxy.log.Warn("subscriptions lost; subscribing again", "topics", len(h.topics), "error", err)
		h.retry(err)
	}
}
