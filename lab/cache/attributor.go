package cache

import (
	"net/netip"
	"time"
)

// Retries for a connection that belongs to no known process: soon, since a new
// environment may not be listed yet, then rarely, since it may be a developer's
// own client.
const (
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
)

// Attributor tells which execution environment holds a connection. On Linux it
// follows the client's end of the connection to its socket and the socket to a
// process of an environment; elsewhere it takes the name that the client gave
// itself. Only connections that are new cost something. It is used by one
// goroutine at a time.
//
// A connection that comes through a proxy belongs to whoever runs the proxy.
// One from another network namespace is not found: there the client's address
// tells the environment.
type Attributor struct {
	pids  func() map[string][]int
	known map[clientKey]*binding
	round uint64
	held  map[string]int // connections found by environment
	scan  scanner
}

// clientKey is a connection in time: memcached uses ids again, and a port may
// come back with another id.
type clientKey struct {
	id   int64
	addr netip.AddrPort
}

// owner is who holds the client's end of a connection.
type owner struct {
	server      netip.AddrPort // the server's end, invalid if unknown
	environment string         // found
}

type binding struct {
	environment string
	round       uint64 // of the last sample that had the connection
	next        time.Time
	wait        time.Duration
}

// NewAttributor returns an Attributor. pids tells the live processes of each
// environment by its id; Fill calls it at most once, and only when a connection
// is new.
func NewAttributor(pids func() map[string][]int) *Attributor {
	return &Attributor{pids: pids, known: map[clientKey]*binding{}, held: map[string]int{}}
}

// Fill sets Environment of each client of s whose environment is known. What
// is found once stays until the connection ends. Samples of one server must
// come in the order they were taken.
func (a *Attributor) Fill(s *Sample) {
	a.round++
	var open []int // indexes of clients to look for
	for i := range s.Clients {
		c := &s.Clients[i]
		key := clientKey{c.ID, c.Addr}
		b := a.known[key]
		if b == nil {
			b = &binding{}
			a.known[key] = b
		}
		b.round = a.round
		c.Environment = b.environment
		if b.environment == "" && !s.At.Before(b.next) {
			open = append(open, i)
		}
	}
	a.forget(len(s.Clients))
	if len(open) > 0 {
		a.search(s, open)
	}
}

// forget drops connections that ended.
func (a *Attributor) forget(live int) {
	if len(a.known) == live {
		return
	}
	for key, b := range a.known {
		if b.round != a.round {
			delete(a.known, key)
			if b.environment != "" {
				a.held[b.environment]--
			}
		}
	}
}

func (a *Attributor) search(s *Sample, open []int) {
	wanted := make(map[netip.AddrPort]owner, len(open))
	for _, i := range open {
		if c := &s.Clients[i]; c.Addr.IsValid() {
			wanted[c.Addr] = owner{server: c.server}
		}
	}
	more := a.scan.owners(wanted, a.pids(), a.held)
	for _, i := range open {
		c := &s.Clients[i]
		b := a.known[clientKey{c.ID, c.Addr}]
		b.environment = wanted[c.Addr].environment
		if b.environment == "" && namesTell {
			b.environment = c.Name
		}
		switch {
		case b.environment == "" && more:
			continue // the search goes on with the next sample
		case b.environment == "":
			b.wait = min(max(2*b.wait, retryFirst), retryLast)
			b.next = s.At.Add(b.wait)
			continue
		}
		a.held[b.environment]++
		c.Environment = b.environment
	}
}
