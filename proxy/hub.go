package proxy

import (
	"errors"
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
// A session hears of its subscription when the server has confirmed all of it, and
// then at once of what was published meanwhile (hubtopics.go). When the
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

func (w *worker) hub(login *upstream.Login) *hub {
	h := w.hubs[login]
	if h == nil {
		h = &hub{w: w, login: login, topics: map[topic]*entry{}}
		w.hubs[login] = h
	}
	return h
}

func (h *hub) size() int { return len(h.topics) }

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
	var refusal upstream.ServerError
	if h.lost && errors.As(err, &refusal) { // nobody who could be told waits
		h.w.proxy.log.Warn("subscriptions cannot be restored: the login is refused", "topics", len(h.topics), "error", err)
	}
	for _, e := range h.topics {
		for _, r := range e.waiting {
			r.fail(r.s.explain(err))
		}
		e.waiting = nil
	}
	h.retry(err)
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
		h.askAgain(e)
		if h.lost {
			h.w.stats.Resubscribed++
		}
	}
	h.lost = false
}

// askAgain subscribes to a topic on a new connection, for all who wait for it.
func (h *hub) askAgain(e *entry) {
	for _, r := range e.waiting {
		h.subscribe(e, r)
	}
	if len(e.waiting) == 0 {
		h.subscribe(e, nil)
	}
}

// iamRenewal replaces a subscribed connection before ElastiCache ends it.
const iamRenewal = 11 * time.Hour

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
		a.entry.asked = 0
		if a.leave && a.who != nil {
			a.who.answered()
		}
	}
	if len(h.topics) > 0 {
		h.w.proxy.log.Warn("subscriptions lost; subscribing again", "topics", len(h.topics), "error", err)
		h.retry(err)
	}
}
