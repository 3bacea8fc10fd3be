package reach

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// ends is a source and a cache with everything that is the same for all their
// pairs.
type ends struct {
	src, dst *groupSet // src is nil for a range
	port     *portRange
	from, to []*place
}

// relate tells how the VPCs of two places are connected.
func (n *Network) relate(p, q *place) *relation {
	switch {
	case p.subnet != "" && p.subnet == q.subnet, p.vpc != "" && p.vpc == q.vpc:
		return oneVPC
	case p.vpc == "" || q.vpc == "":
		return unknownVPCs
	}
	return memo(&n.relations, [2]string{p.vpc, q.vpc}, func() *relation {
		if mayBeSame(p.vpc, q.vpc) {
			return &relation{why: "VPC " + p.vpc + " and VPC " + q.vpc + " may be one"}
		}
		peering, why := n.peeringBetween(p.vpc, q.vpc)
		return &relation{peering: peering, why: why}
	})
}

// The relations that need no look at the stack.
var (
	oneVPC      = &relation{same: true}
	unknownVPCs = &relation{why: "it is not known whether both ends are in one VPC"}
	outside     = &relation{why: "the other end is in no VPC"}
)

// peeringBetween finds the peering of two VPCs. AWS allows one.
func (n *Network) peeringBetween(a, b string) (found *stack.Peering, why string) {
	why = n.gap("peerings")
	for _, p := range n.s.Peerings {
		if p == nil {
			continue
		}
		r, okR := p.Requester.Get()
		t, okT := p.Accepter.Get()
		switch {
		case okR && okT && (r == a && t == b || r == b && t == a):
			if found == nil || !found.Active.Or(false) {
				found = p
			}
		case !okR && (!okT || t == a || t == b), !okT && (r == a || r == b):
			why = "peering " + p.ID + " may connect the VPCs: " + p.Requester.Why() + p.Accepter.Why()
		}
	}
	if found != nil {
		return found, ""
	}
	return nil, why
}

// pairKey says what a pair's answer depends on.
type pairKey struct {
	src, dst *groupSet
	from, to *place
	port     *portRange
}

// pair answers for one subnet of the source and one of the cache.
func (n *Network) pair(e *ends, p, q *place) *Pair {
	return memo(&n.pairs, pairKey{e.src, e.dst, p, q, e.port}, func() *Pair { return n.newPair(e, p, q) })
}

func (n *Network) newPair(e *ends, p, q *place) *Pair {
	rel := n.relate(p, q)
	out := &Pair{FromSubnet: p.subnet, ToSubnet: q.subnet, FromZone: p.zone.Or(""), ToZone: q.zone.Or(""), CrossZone: crossZone(p, q)}
	out.Factors = n.hops(e, p, q, rel)
	out.Verdict = Open
	for _, f := range out.Factors {
		out.Verdict = out.Verdict.and(f.Verdict)
	}
	for _, end := range []*place{p, q} {
		if end.no6 {
			out.Verdict = Closed
			out.Factors = append([]Factor{{Kind: Attached, Resource: end.subnet, Verdict: Closed, Reason: "Subnet " + end.subnet + " has no IPv6 range, and the cache has IPv6 addresses only.", Origin: end.res.Origin}}, out.Factors...)
		}
		if end.unsure != "" {
			out.Verdict = Unknown
			out.Factors = append([]Factor{{Kind: Attached, Resource: end.subnet, Verdict: Unknown, Reason: "Subnet " + end.subnet + " may not exist: " + end.unsure + ".", Origin: end.res.Origin}}, out.Factors...)
		}
	}
	return out
}

// passes tells whether anything gets through the pair, whatever the factors of
// some kinds say: Closed is nothing, Open is everything, and Unknown is a part,
// or perhaps.
func (p *Pair) passes(skip []FactorKind) Verdict {
	v := Open
	for _, f := range p.Factors {
		switch {
		case slices.Contains(skip, f.Kind) || f.Verdict == Open:
		case f.Verdict == Closed && !f.Partial:
			if p.Verdict == Closed {
				return Closed
			}
			v = Unknown // a subnet that may not exist
		default:
			v = Unknown
		}
	}
	return v
}

// hops asks everything that stands between two places, in the order of a packet
// and its answer.
func (n *Network) hops(e *ends, p, q *place, rel *relation) []Factor {
	back := answers
	out := make([]Factor, 0, 8)
	if e.src != nil {
		out = append(out, n.groupFactor(hop{Egress, e.src, e.dst, q, e.port, rel}))
	}
	if !p.free {
		out = append(out, n.aclFactor(aclHop{ACLOut, p, q, true, e.port}), n.routeFactor(routeHop{RouteOut, p, q, rel}))
	}
	out = append(out, n.aclFactor(aclHop{ACLIn, q, p, false, e.port}),
		n.groupFactor(hop{Ingress, e.dst, e.src, p, e.port, rel}),
		n.aclFactor(aclHop{ReturnACLOut, q, p, true, back}), n.routeFactor(routeHop{ReturnRoute, q, p, rel}))
	if !p.free {
		out = append(out, n.aclFactor(aclHop{ReturnACLIn, p, q, false, back}))
	}
	return out
}

func (n *Network) groupFactor(h hop) Factor {
	return memo(&n.factors, h, func() Factor { return n.askGroups(h) })
}

func (n *Network) aclFactor(h aclHop) Factor {
	return memo(&n.factors, h, func() Factor { return n.askACL(h) })
}

func (n *Network) routeFactor(h routeHop) Factor {
	return memo(&n.factors, h, func() Factor { return n.askRoute(h) })
}

func crossZone(p, q *place) stack.Value[bool] {
	a, okA := p.zone.Get()
	b, okB := q.zone.Get()
	if !okA || !okB || a == "" || b == "" {
		return stack.Unknown[bool]("the zone of a subnet is not known")
	}
	return stack.Known(a != b)
}
