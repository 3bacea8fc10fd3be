package proxy

import (
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

// Shed counts what was refused or cut to protect the rest, by reason.
type Shed struct {
	Clients     uint64 // more than MaxClients
	Upstream    uint64 // commands for which there was no connection
	SlowClients uint64 // did not read their replies
	Queued      uint64 // transactions over MaxQueued
	Partial     uint64 // commands that did not get complete
	Idle        uint64 // clients idle for IdleTimeout
	Watches     uint64 // WATCH or MULTI held too long
	Blocked     uint64 // blocking calls over BlockTimeout
	Memory      uint64 // clients cut because of MaxMemory
}

func (a *Shed) add(b *Shed) {
	a.Clients += b.Clients
	a.Upstream += b.Upstream
	a.SlowClients += b.SlowClients
	a.Queued += b.Queued
	a.Partial += b.Partial
	a.Idle += b.Idle
	a.Watches += b.Watches
	a.Blocked += b.Blocked
	a.Memory += b.Memory
}

// Counters are what a loop has counted since the start, or all loops.
type Counters struct {
	Shed          Shed
	Pins          [reasons]uint64
	PinnedSeconds [reasons]time.Duration
	Violations    uint64 // of the protocol, by clients
	AuthFailures  uint64
	Panics        uint64 // bugs that cost a connection each
	Resubscribed  uint64 // subscriptions restored after a loss; messages may be missing
	Buffered      int    // bytes queued for clients
	// Turns are how long the loops took from waking up to sending what came of
	// it: the time that the proxy itself adds, counted once for each batch.
	Turns upstream.Histogram
}

func (a *Counters) add(b *Counters) {
	a.Shed.add(&b.Shed)
	for i := range a.Pins {
		a.Pins[i] += b.Pins[i]
		a.PinnedSeconds[i] += b.PinnedSeconds[i]
	}
	a.Violations += b.Violations
	a.AuthFailures += b.AuthFailures
	a.Panics += b.Panics
	a.Resubscribed += b.Resubscribed
	a.Buffered += b.Buffered
	a.Turns.Add(&b.Turns)
}

// CommandCount is how often a command came, and how it ended.
type CommandCount struct {
	Calls    uint64 // passed on or answered
	Errors   uint64 // error replies of the server
	Failures uint64 // no answer: the connection was lost or the time was over
}

// Stats is a snapshot of a proxy.
type Stats struct {
	Counters
	Clients    int
	MaxClients int
	// Pinned are the sessions that have a connection of their own now, by reason.
	Pinned      [reasons]int
	Subscribers int
	Channels    int // upstream subscriptions that sessions share
	Commands    map[string]CommandCount
	Upstream    upstream.Stats
	// SharedUsed and OwnedUsed are the connections of the two budgets.
	SharedUsed, SharedMax, OwnedUsed, OwnedMax int
	// Nodes are the servers by address; true means that the breaker is open.
	Nodes  map[string]bool
	Uptime time.Duration
}

// Reasons names the pin reasons in the order of Counters.Pins.
func Reasons() []string { return reasonNames[:] }

// Stats asks all loops and adds up. It must not be called on a loop.
func (p *Proxy) Stats() Stats {
	st := Stats{Commands: map[string]CommandCount{}, Nodes: map[string]bool{}, Uptime: time.Since(p.started)}
	parts := make([]Stats, len(p.workers))
	p.everyWorker(func(w *worker) { parts[w.number] = w.snapshot() })
	for i := range parts {
		st.addPart(&parts[i])
	}
	st.Clients, st.MaxClients = int(p.clients.Load()), p.opts.MaxClients
	shared, owned := p.up.Budgets()
	st.SharedUsed, st.SharedMax = shared.Used(), shared.Limit()
	st.OwnedUsed, st.OwnedMax = owned.Used(), owned.Limit()
	for _, n := range p.up.Topology().Nodes() {
		st.Nodes[n.Address] = n.Down(time.Now())
	}
	return st
}

func (st *Stats) addPart(part *Stats) {
	st.Counters.add(&part.Counters)
	for i := range st.Pinned {
		st.Pinned[i] += part.Pinned[i]
	}
	st.Subscribers += part.Subscribers
	st.Channels += part.Channels
	st.Upstream.Add(&part.Upstream)
	for name, c := range part.Commands {
		sum := st.Commands[name]
		sum.Calls += c.Calls
		sum.Errors += c.Errors
		sum.Failures += c.Failures
		st.Commands[name] = sum
	}
}

// snapshot copies what one loop has counted.
func (w *worker) snapshot() Stats {
	st := Stats{Counters: w.stats, Commands: map[string]CommandCount{}, Upstream: w.set.Stats()}
	for s := range w.pins {
		st.Pinned[s.x.pin.why]++
	}
	for _, pl := range w.plans {
		if pl.calls+pl.errors+pl.failures > 0 {
			st.Commands[pl.name] = CommandCount{pl.calls, pl.errors, pl.failures}
		}
	}
	for _, h := range w.hubs {
		st.Channels += h.size()
		st.Subscribers += h.subscribers
	}
	return st
}
