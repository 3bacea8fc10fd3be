package proxy

import (
	"context"
	"time"
)

// NodeState is what the proxy knows of one server.
type NodeState struct {
	Address string
	// Down: its breaker is open, and commands for it fail at once.
	Down bool
	// LastError says why a connection to it could last not be opened; "" if all
	// could.
	LastError string
	// Dialed counts the connections that were opened to it.
	Dialed uint64
}

// Nodes describes the servers known now, the primary first. It asks no loop and
// is cheap.
func (p *Proxy) Nodes() []NodeState {
	now := time.Now()
	var states []NodeState
	for _, n := range p.up.Topology().Nodes() {
		states = append(states, NodeState{Address: n.Address, Down: n.Down(now), LastError: n.LastError(), Dialed: n.Dialed()})
	}
	return states
}

// Check opens a connection to the primary with the proxy's own login and closes
// it again: it says whether the server can be used when no client has shown it.
// Where clients log in themselves it does not log in.
func (p *Proxy) Check(ctx context.Context) error { return p.up.Check(ctx, p.logins.byDefault.login) }
