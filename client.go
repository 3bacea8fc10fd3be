package thaw

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/guard"
	"github.com/valkey-io/valkey-go"
)

// Client is a cache. It is safe for concurrent use. Make one outside the handler
// and keep it: Open dials nothing.
type Client struct {
	opts      Options
	endpoint  endpoint
	encoding  encoding
	store     store      // nil for local://
	local     *localTier // nil: none
	flights   flights
	breaker   *guard.Breaker
	limiter   *guard.Limiter
	retries   *guard.Budget
	deposited atomic.Uint64 // calls already paid into retries
	stats     counters
	emitted   emitted
	away      away
	closed    atomic.Bool

	identity string // in the registry
	refs     int    // how often it was opened; guarded by registry.mu
}

// registry holds the open clients of this process by URL and credentials, the one
// mutable global of this package. A second Open of the same cache is nearly always
// an accident (a client made inside the handler, or by two packages), and shares
// the first instead of doubling the connections.
var registry struct {
	mu      sync.Mutex
	clients map[string]*Client
}

// Open returns a client for o.URL. It dials nothing: the first call does, or
// [Client.Ensure]. Its errors are those of Options: a wrong URL wraps ErrURL.
//
// A second Open of the same URL and user returns the first client, with the first
// one's options, and says so in the log; each must be closed.
func Open(o Options) (*Client, error) {
	e, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(e); err != nil {
		return nil, err
	}
	if o.Name == "" {
		if o.Name = e.name; o.Name == "" {
			o.Name = connectionName(os.Getenv)
		}
	}
	o.Name = cleanName(o.Name)
	if o.Reader != "" {
		e.reader = o.Reader
	}
	r, err := readerOf(e)
	if err != nil {
		return nil, err
	}
	id := o.URL // a map key in this process, never printed
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if c := registry.clients[id]; c != nil && e.kind != kindLocal {
		c.refs++
		o.Logger.Info("thaw: this cache is already open in this process; its client and options are shared. Open it once, outside the handler",
			"cache", e.id(), "opened", c.refs)
		return c, nil
	}
	c, err := newClient(o, e, r)
	if err != nil {
		return nil, err
	}
	c.identity, c.refs = id, 1
	if registry.clients == nil {
		registry.clients = map[string]*Client{}
	}
	registry.clients[id] = c
	return c, nil
}

// MustOpen is Open for a package-level variable: it panics on an error, which in
// Lambda fails the init phase with the message in the log.
func MustOpen(o Options) *Client {
	c, err := Open(o)
	if err != nil {
		panic(err)
	}
	return c
}

func newClient(o Options, e endpoint, r *endpoint) (*Client, error) {
	c := &Client{
		opts: o, endpoint: e,
		encoding: encoding{codec: o.Codec, compress: o.CompressAbove, max: o.MaxValueSize},
		breaker:  guard.NewBreaker(guard.BreakerOptions{Failures: o.BreakerFailures, Cooldown: o.BreakerCooldown, Seed: rand.Uint64()}),
		limiter:  guard.NewLimiter(guard.LimiterOptions{Max: o.MaxInflight}),
		retries:  guard.NewBudget(guard.BudgetOptions{}),
	}
	if o.LocalSize > 0 {
		tier, err := newLocalTier(o.LocalSize, o.LocalTTL)
		if err != nil {
			return nil, fmt.Errorf("thaw: making the local tier: %w", err)
		}
		c.local = tier
	}
	switch e.kind {
	case kindValkey:
		c.store = c.newValkey(r)
	case kindMemcached:
		c.store = c.newMemcached()
	}
	return c, nil
}

// connectObserver counts and reports the stages of connecting.
func (c *Client) connectObserver(s Stage, began time.Time, err error) {
	c.observe(context.Background(), s, began, err)
}

func (c *Client) newValkey(r *endpoint) *valkeyStore {
	v := &valkeyStore{sha: scriptHash()}
	d := &dialer{opts: &c.opts, tls: tlsConfig(&c.opts, c.endpoint), observe: c.connectObserver}
	for range c.opts.Connections {
		l := &link{
			opts: &c.opts, endpoint: c.endpoint, dialer: d, stats: &c.stats, breaker: c.breaker,
			observe: c.connectObserver, open: openSession,
		}
		if c.local != nil && c.opts.Connections == 1 {
			l.onInvalidate = c.local.invalidate
		}
		v.links = append(v.links, l)
	}
	if r != nil {
		v.reader = c.newReader(*r, d, v.links[0])
	}
	return v
}

// Ensure connects if need be and proves the connection; it returns when the cache
// is usable, with a ConnectError if it is not, or when ctx ends. Call it in init,
// or for a warm-up event. It is never needed: every call does what it must.
func (c *Client) Ensure(ctx context.Context) error {
	if c.closed.Load() {
		return ErrClosed
	}
	if c.store == nil {
		return nil
	}
	return c.store.ensure(ctx)
}

// Valkey returns the client underneath, connected and proved, for everything this
// package has no name for. Nothing sent through it is guarded, bounded or
// retried: give each command a context with a deadline. It is valid until the
// connection breaks: ask again for each invocation. It must not be closed.
func (c *Client) Valkey(ctx context.Context) (valkey.Client, error) {
	v, ok := c.store.(*valkeyStore)
	if !ok {
		return nil, errors.New("thaw: this client is not connected to Valkey or Redis: see its URL")
	}
	if err := c.Ensure(ctx); err != nil {
		return nil, err
	}
	s := v.links[0].current.Load()
	if s == nil {
		return nil, &guarded{reason: "the connection broke a moment ago; ask again"}
	}
	return s.client, nil
}

// Close closes the connections once every Open of this cache has been closed.
// Later calls return ErrClosed; Fetch calls its loader. A Lambda function need not
// close: it is given no time to.
func (c *Client) Close() error {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if c.refs--; c.refs != 0 {
		return nil
	}
	if registry.clients[c.identity] == c {
		delete(registry.clients, c.identity)
	}
	c.closed.Store(true)
	if c.store != nil {
		c.store.close()
	}
	if c.local != nil {
		c.local.clear()
	}
	return nil
}
