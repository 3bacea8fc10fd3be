package upstream

import (
	"slices"
	"time"

	"github.com/thawdev/thaw/guard"
)

// Key is what the connections of one pool have in common. RESP2 and RESP3
// replies differ in structure, so the protocol version is part of it.
type Key struct {
	Node  *Node
	Login *Login
	DB    int
	RESP  int // 2 or 3
}

// Pool holds the connections of one loop with one key.
type Pool struct {
	set     *Set
	key     Key
	conns   []*Conn // shared, open for requests
	slow    *Conn   // the slow lane, nil until it is needed
	spares  []*Conn // were owned, and are as new
	waiting []*Ticket

	dialing  int   // shared connections on their way
	lanes    int   // of them, slow lanes
	owning   int   // owned ones on their way
	claimed  bool  // waits for the shared budget
	owing    int   // claims that wait for the owned budget
	attempts int   // failed dials since the last success
	users    int   // sessions that hold the pool
	noLane   int64 // until when the slow lane is not asked for
	pausing  bool  // between two attempts
	used     int64
}

// Key tells what the pool's connections have in common.
func (p *Pool) Key() Key { return p.key }

// Hold and Drop count the sessions that keep a pointer to the pool: one that is
// held is not forgotten.
func (p *Pool) Hold() { p.users++ }
func (p *Pool) Drop() { p.users-- }

// Pick returns the shared connection for the next request, nil if there is none
// yet; then Wait for one.
func (p *Pool) Pick() *Conn {
	if len(p.conns) == 0 {
		return nil
	}
	best := p.conns[0]
	if best.queue.len() < p.set.up.opts.GrowDepth && len(p.conns) == 1 {
		return best
	}
	return p.pickBusy(best)
}

// pickBusy returns the connection that owes least, and asks for one more when
// even that one is deep in work.
func (p *Pool) pickBusy(best *Conn) *Conn {
	for _, c := range p.conns[1:] {
		if c.queue.len() < best.queue.len() {
			best = c
		}
	}
	o := &p.set.up.opts
	if best.queue.len() >= o.GrowDepth || best.nc.Unsent() >= o.GrowBytes {
		p.grow()
	}
	return best
}

// PickSlow returns the connection for a command that may take long, apart from
// the one that the quick ones use if the budget allows a second. It is nil while
// that is on its way: a script that runs for seconds must not begin on the
// connection of everybody.
func (p *Pool) PickSlow() *Conn {
	if p.slow != nil {
		return p.slow
	}
	if len(p.conns) == 0 || p.set.now() < p.noLane {
		return p.Pick()
	}
	if p.lanes == 0 {
		if !p.set.up.shared.takeSpare(1) {
			p.noLane = p.set.now() + int64(laneRetry)
			return p.Pick()
		}
		p.lanes++
		p.dial(sharedSlow)
	}
	if p.lanes == 0 {
		return p.Pick() // the breaker has refused
	}
	return nil
}

// laneRetry is how long a pool does without a slow lane that it could not get.
const laneRetry = time.Second

// Warm sees to it that the pool has a shared connection soon.
func (p *Pool) Warm() {
	if len(p.conns)+p.dialing+p.lanes == 0 && !p.pausing && !p.refuses() && p.set.up.shared.takeSpare(1) {
		p.dialing++
		p.dial(sharedQuick)
	}
}

func (p *Pool) grow() {
	if p.dialing > 0 || p.pausing || len(p.conns) >= p.set.up.opts.MaxPerPool {
		return
	}
	if p.set.up.shared.takeSpare(1) {
		p.dialing++
		p.dial(sharedQuick)
	}
}

// Waiter waits for a connection: a session.
type Waiter interface {
	// Ready says that the wait is over. c is the connection that the waiter owns
	// now, and nil for one that waited for a shared connection and may Pick
	// again. err says why there is none.
	Ready(c *Conn, err error)
}

// Ticket is a place in the queue of a pool.
type Ticket struct {
	pool  *Pool
	who   Waiter
	owner Owner // nil: waits for a shared connection
	since int64
	until int64
}

// Cancel leaves the queue; the waiter hears no more of it.
func (t *Ticket) Cancel() {
	if i := slices.Index(t.pool.waiting, t); i >= 0 {
		t.pool.waiting = slices.Delete(t.pool.waiting, i, i+1)
	}
}

// Wait queues w until the pool has a shared connection. It fails at once while
// the node's breaker is open.
func (p *Pool) Wait(w Waiter) (*Ticket, error) {
	if p.refuses() {
		return nil, ErrDown
	}
	t := p.queueUp(w, nil, p.set.up.opts.WaitTimeout)
	if len(p.conns) > 0 && p.lanes == 0 {
		p.set.loop.Post(p.serveShared)
	}
	p.openShared()
	return t, nil
}

// Borrow gives o a connection of its own: a spare one at once, or after a wait
// that Ready ends.
func (p *Pool) Borrow(w Waiter, o Owner) (*Conn, *Ticket, error) {
	if n := len(p.spares); n > 0 {
		c := p.spares[n-1]
		p.spares = p.spares[:n-1]
		p.set.stats.Waits.Observe(0)
		return p.own(c, o), nil, nil
	}
	if p.refuses() {
		return nil, nil, ErrDown
	}
	t := p.queueUp(w, o, p.set.up.opts.WaitTimeout)
	p.openOwned()
	return nil, t, nil
}

func (p *Pool) refuses() bool {
	if p.key.Node.breaker.State(p.set.loop.Now()) != guard.Open {
		return false
	}
	p.set.stats.Refused++
	return true
}

func (p *Pool) queueUp(w Waiter, o Owner, limit time.Duration) *Ticket {
	now := p.set.now()
	t := &Ticket{pool: p, who: w, owner: o, since: now, until: now + int64(limit)}
	p.waiting = append(p.waiting, t)
	p.used = now
	return t
}

// openShared sees to it that the first shared connection is on its way.
func (p *Pool) openShared() {
	if len(p.conns)+p.dialing > 0 || p.claimed || p.pausing {
		return
	}
	p.claimed = true
	p.set.up.shared.wait(func() { p.set.loop.Post(p.grantedShared) })
}

func (p *Pool) grantedShared() {
	p.claimed = false
	if len(p.conns)+p.dialing > 0 || !p.wanted(false) {
		p.set.up.shared.give()
		return
	}
	p.dialing++
	p.dial(sharedQuick)
}

// openOwned sees to it that a connection is on its way for each waiting owner.
func (p *Pool) openOwned() {
	if p.pausing {
		return
	}
	for range p.owners() - p.owning - p.owing {
		p.owing++
		p.set.up.owned.wait(func() { p.set.loop.Post(p.grantedOwned) })
	}
}

func (p *Pool) grantedOwned() {
	p.owing--
	if p.owners() <= p.owning {
		p.set.up.owned.give()
		return
	}
	p.owning++
	p.dial(toOwn)
}

// wanted reports whether somebody waits for a shared, or an owned, connection.
func (p *Pool) wanted(own bool) bool {
	return slices.ContainsFunc(p.waiting, func(t *Ticket) bool { return (t.owner != nil) == own })
}

// owners counts those who wait for a connection of their own.
func (p *Pool) owners() int {
	n := 0
	for _, t := range p.waiting {
		if t.owner != nil {
			n++
		}
	}
	return n
}
