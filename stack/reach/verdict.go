// Package reach decides whether one end of a network can open a TCP connection
// to another, and which resource and rule decide it.
//
// The answer is exact: ranges of addresses and ports are intersected, nothing is
// sampled. It has three values, because a stack may hold what only deployment
// decides: Open and Closed hold whatever the unknown turns out to be, and
// Unknown says what it depends on.
//
// An end in a subnet may have any address of it that AWS gives to interfaces, so
// a path is Open only if every address of both subnets and every ephemeral port
// of the way back gets through. If a rule lets only a part through, the path is
// Closed and the factor is Partial: connections from the rest of the subnet, or
// from the rest of the ports, time out.
//
//	function ─ egress ─ acl-out ─ route ─▶ acl-in ─ ingress ─ cache
//	         ◀ return-acl-in ─ return-route ─ return-acl-out ─
//
// Security groups are stateful, so the way back passes no group; network ACLs
// are not, so it passes both of them again with ephemeral ports.
package reach

import "encoding/json"

// Verdict is the answer to a question about a path. The zero value is Unknown.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // depends on what only deployment decides, or on what was not read
	Closed                 // certainly blocked, for some address or port at least
	Open                   // certainly open, for every address and port
)

// String returns "unknown", "closed" or "open".
func (v Verdict) String() string {
	switch v {
	case Closed:
		return "closed"
	case Open:
		return "open"
	}
	return "unknown"
}

// MarshalJSON writes the word.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// and joins verdicts along a path: one closed hop closes it, and else one
// unknown hop makes it unknown.
func (v Verdict) and(w Verdict) Verdict {
	switch {
	case v == Closed || w == Closed:
		return Closed
	case v == Unknown || w == Unknown:
		return Unknown
	}
	return Open
}
