package thaw

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/thawdev/thaw/guard"
)

// memcachedStore is Memcached, over gomemcache.
//
// gomemcache knows neither contexts nor a cap on its connections. So each command
// runs in a goroutine of its own, which the caller leaves when its time is up, and
// a semaphore for each node bounds the commands, and with them the connections. A
// command that was left behind keeps its place until gomemcache's own timeout: while
// there is one, nobody waits for a place, for the node is silent.
type memcachedStore struct {
	c      *Client
	dialer *dialer

	listing atomic.Bool  // the list of nodes is being renewed beside the calls
	contact atomic.Int64 // wall time in ns of the last reply
	live    atomic.Pointer[memcache.Client]
	nodes   nodeList

	// By address: one dead node must not keep callers from the others.
	mu      sync.Mutex
	redials map[string]redial
	doors   map[string]*door
}

// door bounds the commands to one node.
type door struct {
	places    chan struct{} // one for each connection
	abandoned atomic.Int64  // commands left behind
}

func (c *Client) newMemcached() *memcachedStore {
	m := &memcachedStore{
		c:       c,
		dialer:  &dialer{opts: &c.opts, tls: tlsConfig(&c.opts, c.endpoint), observe: c.connectObserver},
		redials: map[string]redial{}, doors: map[string]*door{},
	}
	m.nodes.set([]string{c.endpoint.addr()})
	m.replace()
	return m
}

// replace begins anew without connections and closes the old ones. After a gap
// that is cheaper than proving each.
func (m *memcachedStore) replace() {
	o := &m.c.opts
	fresh := memcache.NewFromSelector(&m.nodes)
	fresh.MaxIdleConns = o.Connections
	fresh.Timeout = o.DialTimeout + o.TLSTimeout + o.OperationTimeout
	fresh.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) { return m.dial(addr) }
	if old := m.live.Swap(fresh); old != nil {
		m.c.stats.replaced.Add(1)
		old.Close()
	}
	m.contact.Store(time.Now().UnixNano())
}

// dial connects to a node unless its backoff is on.
func (m *memcachedStore) dial(addr string) (net.Conn, error) {
	m.mu.Lock()
	last := m.redials[addr]
	m.mu.Unlock()
	if wait := last.next.Sub(time.Now().Round(0)); wait > 0 && wait <= maxBackoff {
		return nil, &guarded{reason: "the last attempt to connect failed", cause: last.err}
	}
	m.c.stats.dials.Add(1)
	conn, err := m.dialer.dial(addr)
	now := time.Now().Round(0)
	m.mu.Lock()
	defer m.mu.Unlock()
	if last = m.redials[addr]; err == nil {
		if last.failures >= maxDials {
			m.c.breaker.Reset()
		}
		delete(m.redials, addr)
		return conn, nil
	}
	m.c.stats.dialsFailed.Add(1)
	wait := guard.FullJitter(firstBackoff, maxBackoff, last.failures, rand.Float64())
	last = redial{failures: last.failures + 1, next: now.Add(wait), err: err}
	m.redials[addr] = last
	if last.failures%maxDials == 0 && m.unreachable() {
		m.c.breaker.Trip(now)
	}
	return nil, err
}

// unreachable reports whether the last attempt failed at every node; m.mu is held.
func (m *memcachedStore) unreachable() bool {
	reached := errors.New("reached")
	return m.nodes.Each(func(a net.Addr) error {
		if m.redials[a.String()].failures == 0 {
			return reached
		}
		return nil
	}) == nil
}

// refresh replaces the connections after a gap.
func (m *memcachedStore) refresh(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.UnixNano()-m.contact.Load() >= int64(m.c.opts.HealthCheckInterval) {
		m.replace()
	}
}

// door returns that of the node of key. Until the nodes are known it is the one of the
// configuration endpoint.
func (m *memcachedStore) door(key string) (*door, error) {
	node, err := m.nodes.PickServer(key)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.doors[node.String()]
	if d == nil {
		d = &door{places: make(chan struct{}, m.c.opts.Connections)}
		m.doors[node.String()] = d
	}
	return d, nil
}

// run runs fn, which is about key's node, within the call's budget.
func (m *memcachedStore) run(call *callContext, key string, fn func(*memcache.Client) error) error {
	m.refresh(time.Now())
	m.renew()
	d, err := m.door(key)
	if err != nil {
		return err
	}
	select {
	case d.places <- struct{}{}:
	default:
		if d.abandoned.Load() > 0 {
			return &guarded{reason: "an earlier command has not been answered"}
		}
		select {
		case d.places <- struct{}{}:
		case <-call.Done():
			return &guarded{reason: "no connection was free within the call's budget: see Options.Connections"}
		}
	}
	const left, finished = 1, 2
	var state atomic.Int32 // who was first
	done := make(chan error, 1)
	go func() {
		var err error
		if !m.nodes.known() {
			err = m.discover()
		}
		if err == nil {
			err = fn(m.live.Load())
		}
		done <- err
		if !state.CompareAndSwap(0, finished) {
			d.abandoned.Add(-1)
		}
		<-d.places
	}()
	select {
	case err := <-done:
		return m.settle(err)
	case <-call.Done():
		if state.CompareAndSwap(0, left) {
			d.abandoned.Add(1)
			return context.DeadlineExceeded
		}
		return m.settle(<-done)
	}
}

// eachNode runs fn for the keys of each node, at the same time, and returns the first
// error.
func (m *memcachedStore) eachNode(call *callContext, keys []string, fn func(keys []string) error) error {
	groups := map[net.Addr][]string{}
	for _, k := range keys {
		node, err := m.nodes.PickServer(k)
		if err != nil {
			return err
		}
		groups[node] = append(groups[node], k)
	}
	if len(groups) == 1 {
		return fn(keys)
	}
	call.Done() // made here, for it is shared from now on
	errs := make(chan error, len(groups))
	for _, g := range groups {
		go func() { errs <- fn(g) }()
	}
	var first error
	for range groups {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

func (m *memcachedStore) settle(err error) error {
	switch {
	case err == nil, errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, memcache.ErrNotStored), errors.Is(err, memcache.ErrCASConflict):
		m.contact.Store(time.Now().UnixNano())
		m.c.stats.answered.Store(true)
	}
	if errors.Is(err, memcache.ErrCacheMiss) {
		return ErrMiss
	}
	return err
}

// discoverEvery is how old the list of nodes may be, in wall time: AWS' own client
// polls once a minute.
const discoverEvery = time.Minute

// renew has a list of nodes that is too old asked for beside the calls.
func (m *memcachedStore) renew() {
	if m.c.endpoint.discover && m.nodes.known() && m.nodes.due(time.Now().Round(0)) && m.listing.CompareAndSwap(false, true) {
		go func() {
			defer m.listing.Store(false)
			m.discover()
		}()
	}
}

// discover asks the configuration endpoint for the nodes. A list that cannot be
// renewed is kept, and asked for again after as long.
func (m *memcachedStore) discover() error {
	if !m.c.endpoint.discover || !m.nodes.due(time.Now().Round(0)) {
		return nil
	}
	list, err := m.askNodes()
	if err != nil && !m.nodes.known() {
		return err
	}
	if err == nil && m.nodes.set(list) {
		m.c.opts.Logger.Info("thaw: the list of cache nodes changed", "nodes", len(list))
	}
	m.nodes.seen(time.Now().Round(0))
	return nil
}

func (m *memcachedStore) askNodes() ([]string, error) {
	conn, err := m.dial(m.c.endpoint.addr())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(m.c.opts.AuthTimeout))
	return configGetCluster(conn)
}

// ensure does not mind the backoff: whoever warms up has decided to try.
func (m *memcachedStore) ensure(ctx context.Context) error {
	m.mu.Lock()
	for addr, r := range m.redials {
		r.next = time.Time{}
		m.redials[addr] = r
	}
	m.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		err := m.discover()
		if err == nil {
			err = m.live.Load().Ping()
		}
		done <- m.settle(err)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *memcachedStore) probe(note func(Stage, time.Time, error), steps *[]Step) []Step {
	m.dialer.observe = note
	before, began := len(*steps), time.Now()
	err := m.discover()
	if err == nil {
		before, began = len(*steps), time.Now()
		err = m.live.Load().Ping()
	}
	var connect *ConnectError
	if !errors.As(err, &connect) {
		if err != nil {
			err = &ConnectError{Stage: StagePing, Addr: m.c.endpoint.addr(), Err: err}
		}
		for _, s := range (*steps)[before:] {
			began = began.Add(s.Took)
		}
		note(StagePing, began, err)
	}
	return *steps
}

func (m *memcachedStore) close() { m.live.Load().Close() }
