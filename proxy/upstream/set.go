package upstream

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/wire"
)

// Set holds the pools of one loop.
type Set struct {
	up     *Upstream
	loop   *engine.Loop
	pools  map[Key]*Pool
	conns  map[*Conn]struct{}
	random *rand.Rand
	stats  Stats
	ticks  int
	// RequestTimeout, if not 0, fails requests on shared connections that have no
	// answer after it.
	RequestTimeout time.Duration
}

// tick is how often deadlines are looked at.
const tick = 100 * time.Millisecond

// Attach makes the Set of a loop. It must be called on the loop.
func (u *Upstream) Attach(loop *engine.Loop, number uint64) *Set {
	s := &Set{
		up:     u,
		loop:   loop,
		pools:  map[Key]*Pool{},
		conns:  map[*Conn]struct{}{},
		random: rand.New(rand.NewPCG(u.opts.Seed, number)),
	}
	u.attach(s)
	loop.AfterFunc(tick, s.tick)
	return s
}

// Pool returns the pool with this key.
func (s *Set) Pool(k Key) *Pool {
	p := s.pools[k]
	if p == nil {
		p = &Pool{set: s, key: k, used: s.now()}
		s.pools[k] = p
	}
	return p
}

// Close ends all connections of the loop.
func (s *Set) Close() {
	for c := range s.conns {
		c.Close()
	}
}

func (s *Set) now() int64 { return s.loop.Now().UnixNano() }

func nanos(n int64) time.Duration { return time.Duration(n) }

func (s *Set) waited(t *Ticket) { s.stats.Waits.Observe(nanos(s.now() - t.since)) }

// tick enforces what depends on time.
func (s *Set) tick() {
	s.loop.AfterFunc(tick, s.tick)
	now := s.now()
	for _, p := range s.pools {
		for _, t := range p.takeWaiting(func(t *Ticket) bool { return t.until <= now }) {
			s.waited(t)
			s.stats.Refused++
			t.who.Ready(nil, ErrWait)
		}
	}
	if s.RequestTimeout > 0 {
		for c := range s.conns {
			if c.role == shared {
				c.expire(now - int64(s.RequestTimeout))
			}
		}
	}
	if s.ticks++; s.ticks%10 == 0 {
		s.sweep(now)
	}
	if s.up.shared.waiting() > 0 || s.up.owned.waiting() > 0 {
		s.makeRoom()
	}
}

// sweep looks at every connection once a second: is it alive, too old, or of no
// use any more?
func (s *Set) sweep(now int64) {
	o := &s.up.opts
	for c := range s.conns {
		idle := nanos(now - max(c.read, c.lastSend()))
		age := nanos(now - c.born)
		switch {
		case c.role == spare && idle > o.IdleTimeout/4:
			c.Close()
		case c.role != shared:
		case c.probing && c.queue.len() == 1 && s.silent(c, now) > o.DialTimeout:
			c.fail(ErrLost) // only the PING is out: nobody waits for anything
		case !c.reserved && !c.suspected && s.silent(c, now) > o.StallTimeout && nanos(now-c.examined) > o.StallTimeout:
			s.suspect(c, s.silent(c, now))
		case s.tooOld(c, age):
			c.pool.retire(c)
		case c.queue.len() == 0 && s.ofNoUse(c, nanos(now-c.used)):
			c.pool.retire(c)
		case c.queue.len() == 0 && idle > o.ProbeEvery && !c.probing:
			c.probing = true
			used := c.used
			c.Send(pingCommand, probe{}, 0)
			c.used = used
		}
	}
	for k, p := range s.pools {
		if p.users+len(p.conns)+len(p.spares)+len(p.waiting)+p.dialing+p.lanes+p.owning+p.owing == 0 && !p.claimed && !p.pausing && nanos(now-p.used) > o.IdleTimeout {
			if !s.inUse(p) {
				delete(s.pools, k)
			}
		}
	}
}

// silent is for how long the connection has owed a reply and delivered nothing.
func (s *Set) silent(c *Conn, now int64) time.Duration {
	if c.queue.len() == 0 {
		return 0
	}
	return nanos(now - max(c.read, c.queue.first().at))
}

// inUse reports whether a connection of the pool is lent.
func (s *Set) inUse(p *Pool) bool {
	for c := range s.conns {
		if c.pool == p {
			return true
		}
	}
	return false
}

// lastSend is when the connection was last given a request: the newest slot, as
// far as it still has one.
func (c *Conn) lastSend() int64 {
	if n := c.queue.len(); n > 0 {
		c.used = max(c.used, c.queue.at(n-1).at)
	}
	return c.used
}

var pingCommand = wire.AppendCommand(nil, "PING")

// tooOld spreads the end of connections over the last fifth of their age, so that
// not all are replaced in the same moment.
func (s *Set) tooOld(c *Conn, age time.Duration) bool {
	limit := s.up.opts.MaxAge
	if limit == 0 && c.pool.key.Login.Token != nil {
		limit = iamMaxAge
	}
	if limit == 0 {
		return false
	}
	spread := float64(uint64(c.born)*0x9E3779B97F4A7C15>>11) / (1 << 53)
	return age > limit-time.Duration(spread*float64(limit/5))
}

// ofNoUse reports whether a connection has been without work for long enough to
// be closed: soon for one of several, late for the last of a pool.
func (s *Set) ofNoUse(c *Conn, idle time.Duration) bool {
	limit := s.up.opts.IdleTimeout
	if len(c.pool.conns) <= 1 && c.pool.slow != c {
		limit *= 5
	}
	return idle > limit
}

// makeRoom closes connections that others can do without, because a pool waits
// for its first one. Idle ones go first, those used least recently before others;
// when all are busy the oldest is drained, so that pools take turns.
func (s *Set) makeRoom() {
	if s.up.owned.waiting() > 0 {
		for c := range s.conns {
			if c.role == spare && c.queue.len() == 0 && c.pool.owners() == 0 {
				c.Close()
				break
			}
		}
	}
	if s.up.shared.waiting() == 0 {
		return
	}
	var victims []*Conn
	for c := range s.conns {
		if c.role == shared && !c.retiring && !c.reserved && nanos(s.now()-c.born) > tick/2 {
			victims = append(victims, c)
		}
	}
	if len(victims) == 0 {
		return
	}
	slices.SortFunc(victims, func(a, b *Conn) int {
		if ai, bi := a.queue.len() == 0, b.queue.len() == 0; ai != bi {
			return order(ai)
		}
		if ae, be := a.extra(), b.extra(); ae != be {
			return order(ae)
		}
		return int(min(1, max(-1, a.lastSend()-b.lastSend())))
	})
	victims[0].pool.retire(victims[0])
}

// extra reports whether the pool would still have a connection without this one.
func (c *Conn) extra() bool { return c.slow || len(c.pool.conns) > 1 }

func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

// Stats counts the loop's connections and adds what it has counted before.
func (s *Set) Stats() Stats {
	st := s.stats
	for c := range s.conns {
		st.InFlight += c.queue.len()
		switch {
		case c.role == owned:
			st.Owned++
		case c.queue.len() > 0:
			st.Busy++
		case c.role == spare:
			st.Spare++
		default:
			st.Idle++
		}
	}
	for _, p := range s.pools {
		st.Dialing += p.dialing + p.lanes + p.owning
		st.Waiting += len(p.waiting)
	}
	return st
}
