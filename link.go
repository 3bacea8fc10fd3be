package thaw

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/guard"
)

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	maxDials     = 10 // in a row; then the breaker answers
)

// link keeps one connection (in cluster mode: one to each node in use) usable.
//
//	          first use, Ensure                    gap > HealthCheckInterval
//	┌──────┐ ─────────────────▶ ┌────────────┐  ok  ┌────┐ ─────────────▶ ┌─────────┐
//	│ none │                    │ connecting │ ───▶ │ up │ ◀───────────── │ proving │
//	└──────┘ ◀───────────────── └────────────┘      └────┘      PONG      └─────────┘
//	    ▲    failed: backoff          ▲               │  ▲                     │
//	    │                             │      timed out│  │ late replies read,  │ silent
//	    │ closed, failover            │               ▼  │ or PONG             │
//	    ├───────────────────────────  │  ◀──────── ┌─────────┐                 │
//	    │                             │   silent   │ suspect │                 │
//	    │                             │            └─────────┘                 │
//	    └─────────────────────────────┴────────────────────────────────────────┘
//
// Callers wait, within their own budget, for the first connect and for a proof
// after a gap, which nearly always succeed. They do not wait while the link is
// suspect or after an attempt has failed: the loader is the faster answer.
//
// All work is started by a call. Nothing is redialled while nobody asks, so
// a thousand idle environments that lost a node do not storm it.
type link struct {
	opts     *Options
	endpoint endpoint
	dialer   *dialer
	stats    *counters
	breaker  *guard.Breaker
	observe  func(Stage, time.Time, error)
	open     func(*link) (*session, error) // connects; a seam for tests

	onInvalidate func([]string) // keys; nil means all

	current atomic.Pointer[session]

	mu         sync.Mutex
	attempt    *attempt
	failures   int       // attempts in a row
	next       time.Time // wall time before which nothing is dialled
	lastErr    error
	failedOver time.Time // wall time of the last failover
	demotions  int       // failovers in a row of sessions that were young
	known      mode      // what the server turned out to be
	primary    *link     // of a reader: it may know already
	parked     net.Conn
	parkedAt   string
	untrack    bool              // the server has no tracking
	lost       map[string]redial // of a cluster: nodes that could not be connected to
	closed     bool
}

// redial is what attempts to connect to one node of several have come to.
type redial struct {
	failures int       // in a row
	next     time.Time // wall time before which it is not tried
	err      error
	trying   bool // beside the calls
	replied  bool // to that: the calls may connect again
}

// attempt is one try to get a usable session.
type attempt struct {
	done chan struct{}
	wait bool // callers wait for it
	err  error
}

// usable reports whether s may carry a command at now without a proof.
func (l *link) usable(s *session, now time.Time) bool {
	return s != nil && !s.broken.Load() && !s.suspect.Load() &&
		time.Duration(now.UnixNano()-s.contact.Load()) < l.opts.HealthCheckInterval &&
		(l.opts.Credentials == nil || time.Duration(now.UnixNano()-s.authAt.Load()) < l.opts.Reauthenticate)
}

// acquire returns a session that is connected and proved, or the reason why there
// is none within the call's budget.
func (l *link) acquire(call *callContext) (*session, error) {
	now := time.Now()
	if s := l.current.Load(); l.usable(s, now) {
		return s, nil
	}
	a, err := l.join(now, false)
	if err != nil {
		return nil, err
	}
	if !a.wait && !call.again {
		select {
		case <-a.done:
		default:
			return nil, &guarded{reason: "it is being connected to again"}
		}
	}
	timer := time.NewTimer(time.Until(call.deadline))
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
		return nil, &guarded{reason: "the connection was not ready within the call's budget; connecting goes on"}
	case <-call.Context.Done():
		return nil, call.Context.Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	if s := l.current.Load(); s != nil {
		return s, nil
	}
	return nil, &guarded{reason: "the new connection broke at once"}
}

// ensure waits until the link is up, as long as ctx lets it. It does not mind the
// backoff: whoever warms up has decided to try.
func (l *link) ensure(ctx context.Context) error {
	now := time.Now()
	if l.usable(l.current.Load(), now) {
		return nil
	}
	a, err := l.join(now, true)
	if err != nil {
		return err
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the attempt under way, or begins one.
func (l *link) join(now time.Time, force bool) (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if l.attempt != nil {
		return l.attempt, nil
	}
	s := l.current.Load()
	if l.usable(s, now) { // another was faster
		a := &attempt{done: make(chan struct{}), wait: true}
		close(a.done)
		return a, nil
	}
	if !force && now.Round(0).Before(l.next) && l.next.Sub(now.Round(0)) <= maxBackoff {
		return nil, &guarded{reason: "the last attempt to connect failed", cause: l.lastErr}
	}
	suspect := s != nil && s.suspect.Load() || l.parked != nil
	return l.begin(s, force || l.failures == 0 && !suspect), nil
}

// begin starts an attempt; l.mu is held. Its time is its own: the caller may be
// gone before it ends.
func (l *link) begin(s *session, wait bool) *attempt {
	a := &attempt{done: make(chan struct{}), wait: wait}
	l.attempt = a
	go func() {
		err := l.restore(s, wait)
		l.mu.Lock()
		l.settle(err)
		a.err = err
		l.attempt = nil
		l.mu.Unlock()
		close(a.done)
	}()
	return a
}

// prove begins an attempt after a command that was not answered in time.
func (l *link) prove() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attempt == nil && !l.closed {
		l.begin(l.current.Load(), false)
	}
}

// settle counts how an attempt ended; l.mu is held.
func (l *link) settle(err error) {
	now := time.Now().Round(0)
	if err == nil {
		if l.failures >= maxDials {
			l.breaker.Reset() // it was open because nothing could be dialled
		}
		l.failures, l.next, l.lastErr = 0, time.Time{}, nil
		return
	}
	l.next = now.Add(guard.FullJitter(firstBackoff, maxBackoff, l.failures, rand.Float64()))
	l.failures++
	l.lastErr = err
	if l.failures%maxDials == 0 {
		l.breaker.Trip(now)
	}
}

// restore makes the link usable: by a proof if the session may still be good, by
// a new session if not.
func (l *link) restore(s *session, wait bool) error {
	if s != nil && !s.broken.Load() {
		if l.reprove(s, wait) == nil {
			return nil
		}
		l.stats.replaced.Add(1)
	}
	if s != nil {
		l.current.CompareAndSwap(s, nil)
		s.retire()
	}
	fresh, err := l.open(l)
	if err != nil {
		l.stats.dialsFailed.Add(1)
		return err
	}
	fresh.touch(time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		fresh.retire()
		return ErrClosed
	}
	l.current.Store(fresh)
	l.stats.answered.Store(true)
	return nil
}

// reprove sends a bounded PING, or AUTH if the credentials are too old. It gets more
// time if nobody waits for it.
func (l *link) reprove(s *session, wait bool) error {
	began := time.Now()
	if l.opts.Credentials != nil && time.Duration(began.UnixNano()-s.authAt.Load()) >= l.opts.Reauthenticate {
		return s.reauthenticate()
	}
	budget := l.opts.AuthTimeout
	if wait {
		budget = min(l.opts.PingTimeout, l.opts.OperationTimeout/2)
	}
	s.proving.Store(true) // silence now is the end: there is nothing to park
	defer s.proving.Store(false)
	l.stats.proofs.Add(1)
	err := s.ping(budget)
	l.observe(StagePing, began, err)
	if err == nil {
		s.touch(began)
	}
	return err
}

// failover gives s up because its node is no longer the one to talk to. If s was made
// for another failover a moment ago, the name still leads to the old node: then the
// backoff applies, and grows although connecting to that node succeeds each time.
func (l *link) failover(s *session) {
	if !l.current.CompareAndSwap(s, nil) {
		return
	}
	l.stats.replaced.Add(1)
	now := time.Now().Round(0)
	l.mu.Lock()
	young := time.Duration(now.UnixNano()-s.authAt.Load()) < time.Second
	if young && now.Sub(l.failedOver) < 2*maxBackoff {
		l.next = now.Add(guard.FullJitter(firstBackoff, maxBackoff, l.demotions, rand.Float64()))
		l.demotions++
		l.failures++
		l.lastErr = errors.New("thaw: the name still leads to a node that was demoted")
	} else {
		l.demotions = 0
	}
	l.failedOver = now
	l.mu.Unlock()
	s.retire()
}

// reachable is nil if a node of a cluster may be dialled for a command. One that could
// not be connected to is tried beside the calls, after a backoff of its own, so that
// none waits for it again.
func (l *link) reachable(addr string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, lost := l.lost[addr]
	if !lost || r.replied {
		return nil
	}
	if wait := r.next.Sub(time.Now().Round(0)); !r.trying && !l.closed && (wait <= 0 || wait > maxBackoff) {
		r.trying = true
		l.lost[addr] = r
		go l.try(addr)
	}
	return &guarded{reason: "its node could not be connected to", cause: r.err}
}

// try asks a lost node for any reply but that it has no connection left.
func (l *link) try(addr string) {
	l.stats.dials.Add(1)
	c, err := l.dialer.dial(addr)
	if err == nil {
		c.SetDeadline(time.Now().Add(l.opts.AuthTimeout))
		if _, err = io.WriteString(c, "*1\r\n$4\r\nPING\r\n"); err == nil {
			reply := make([]byte, 64)
			var n int
			if n, err = c.Read(reply); serverCause(string(reply[:n])) == CauseMaxClients {
				err = &ReplyError{Stage: StageAuth, Cause: CauseMaxClients, Text: "max number of clients reached"}
			}
		}
		c.Close()
	}
	if err != nil {
		l.lose(addr, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.lost[addr]
	r.trying, r.replied = false, true
	l.lost[addr] = r
}

// lose notes that a node of a cluster could not be connected to.
func (l *link) lose(addr string, err error) {
	l.stats.dialsFailed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = map[string]redial{}
	}
	now, r := time.Now().Round(0), l.lost[addr]
	n := r.failures
	if r.replied && now.Sub(r.next) > 2*maxBackoff {
		n = 0 // it was back for a while
	}
	wait := guard.FullJitter(firstBackoff, maxBackoff, n, rand.Float64())
	l.lost[addr] = redial{failures: n + 1, next: now.Add(wait), err: err}
}

// park keeps the socket of c for the next session and begins to drain it.
func (l *link) park(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.parked != nil {
		return false
	}
	l.parked, l.parkedAt = c.Conn, c.addr
	if l.attempt == nil {
		l.begin(l.current.Load(), false)
	}
	return true
}

// parkedSocket returns the parked socket of addr once it is drained, or nil. It
// stays in its place meanwhile, so that close finds it.
func (l *link) parkedSocket(addr string) net.Conn {
	l.mu.Lock()
	raw, at := l.parked, l.parkedAt
	l.mu.Unlock()
	if raw == nil {
		return nil
	}
	began := time.Now()
	err := errDrain
	if at == addr {
		err = drain(raw, l.opts.AuthTimeout)
	}
	l.observe(StagePing, began, err)
	l.mu.Lock()
	l.parked = nil
	l.mu.Unlock()
	if err != nil {
		raw.Close()
		l.stats.replaced.Add(1)
		return nil
	}
	return raw
}

// close ends the link for good.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	parked := l.parked
	l.parked = nil
	l.mu.Unlock()
	if parked != nil {
		parked.Close()
	}
	if s := l.current.Swap(nil); s != nil {
		s.retire()
	}
}
