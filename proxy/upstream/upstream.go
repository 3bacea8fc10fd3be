package upstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Upstream is what all loops share of one cache: its nodes, the budgets of
// connections, and how to open one.
type Upstream struct {
	opts     Options
	topology Topology
	shared   *Budget
	owned    *Budget
	dials    chan struct{} // bounds the dials at once

	mu   sync.Mutex
	sets []*Set
}

// maxDials bounds the connections being opened at once: a server that just came
// back should not get all handshakes in the same moment.
const maxDials = 16

// New returns an Upstream. It opens no connection. Close ends its background
// work.
func New(o Options) (*Upstream, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	u := &Upstream{
		opts:   o,
		shared: &Budget{limit: o.MaxShared},
		owned:  &Budget{limit: o.MaxOwned},
		dials:  make(chan struct{}, maxDials),
	}
	u.shared.pressed, u.owned.pressed = u.pressed, u.pressed
	primary := newNode(o.Address, o.Seed)
	u.topology = standalone{primary}
	if len(o.Readers) > 0 || o.Discover {
		u.topology = newReplicated(primary, o.Readers, o.Seed)
	}
	return u, nil
}

// Run discovers replicas until ctx ends; it returns at once when there is
// nothing to discover.
func (u *Upstream) Run(ctx context.Context, login *Login) {
	t, ok := u.topology.(*replicated)
	if !ok || !u.opts.Discover {
		return
	}
	var before []string
	wait := discoverSoon
	for ctx.Err() == nil {
		addresses, err := u.askReplicas(ctx, login)
		if err == nil {
			t.set(addresses)
		} else {
			u.opts.Log.Warn("replicas are not known", "upstream", u.opts.Address, "error", err)
		}
		if err == nil && !slices.Equal(addresses, before) {
			before, wait = addresses, discoverSoon
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, discoverEvery)
	}
}

// The primary is asked again soon at the start and after a change, because a
// replica that has just come is not listed before it is in step, and then ever
// more rarely.
const (
	discoverSoon  = 250 * time.Millisecond
	discoverEvery = 10 * time.Second
)

// Topology says which node a command goes to.
func (u *Upstream) Topology() Topology { return u.topology }

// Budgets returns the budgets of shared and of owned connections.
func (u *Upstream) Budgets() (shared, owned *Budget) { return u.shared, u.owned }

func (u *Upstream) attach(s *Set) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sets = append(u.sets, s)
}

// pressed asks every loop to make room for a pool that waits for a connection.
func (u *Upstream) pressed() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sets {
		s.loop.Post(s.makeRoom)
	}
}

func (u *Upstream) noteDialError(n *Node, err error) {
	n.last.Store(err.Error())
	u.opts.Log.Warn("upstream cannot be reached", "upstream", n.Address, "error", err)
}

func (u *Upstream) noteEnd(n *Node, err error) {
	switch {
	case errors.Is(err, ErrDesync):
		u.opts.Log.Error("upstream connection dropped", "upstream", n.Address, "error", err)
	case !errors.Is(err, ErrClosed):
		u.opts.Log.Info("upstream connection ended", "upstream", n.Address, "error", err)
	}
}

func (u *Upstream) noteDoubt(n *Node) {
	u.opts.Log.Warn("upstream answered READONLY; its name is resolved anew", "upstream", n.Address)
}
