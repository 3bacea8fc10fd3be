package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/proxy"
)

// health knows whether the service can be used, and tells the log when that
// changes.
type health struct {
	s        *Service
	draining atomic.Bool

	mu      sync.Mutex
	down    map[string]outage
	checked time.Time // when the server was last tried
	verdict error     // what came of it
}

// healthPoll is how often the nodes are looked at, and verdictLife how long a
// check of the server is believed: probes of a load balancer must not cost a
// login each.
const (
	healthPoll  = time.Second
	verdictLife = 2 * time.Second
)

// outage is when a node went down, and how many connections it had taken by then.
type outage struct {
	since  time.Time
	dialed uint64
}

func (h *health) init(s *Service) { h.s, h.down = s, map[string]outage{} }

// watch logs outages and recoveries until ctx ends.
func (h *health) watch(ctx context.Context) {
	every := h.s.opts.Poll
	if every == 0 {
		every = healthPoll
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			h.note(now, h.s.proxy.Nodes())
		}
	}
}

// note compares the nodes with what was known of them.
func (h *health) note(now time.Time, nodes []proxy.NodeState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range nodes {
		o, was := h.down[n.Address]
		switch {
		case n.Down && !was:
			h.down[n.Address] = outage{now, n.Dialed}
			h.s.log.Error("upstream is down: its commands fail at once until it answers again", "upstream", n.Address, "error", n.LastError)
		case !n.Down && was && n.Dialed > o.dialed:
			delete(h.down, n.Address)
			h.s.log.Info("upstream is back", "upstream", n.Address, "after", now.Sub(o.since).Round(time.Second))
		}
	}
}

var errDraining = errors.New("draining: no new clients")

// ready says why new clients should go elsewhere, nil if they need not. With no
// connection to judge by it opens one.
func (h *health) ready(ctx context.Context) error {
	if h.draining.Load() {
		return errDraining
	}
	st := h.s.proxy.Stats()
	nodes := h.s.proxy.Nodes()
	if !nodes[0].Down && st.Upstream.Idle+st.Upstream.Busy > 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) < verdictLife {
		return h.verdict
	}
	h.verdict = h.s.proxy.Check(context.WithoutCancel(ctx)) // others believe it, so a prober that leaves does not end it
	h.checked = time.Now()
	return h.verdict
}
