package reach

import (
	"github.com/thawdev/thaw/stack"
)

// relate tells how the VPCs of two places are connected.
func (n *Network) relate(p, q *place) *relation {
	switch {
	case p.subnet != "" && p.subnet == q.subnet, p.vpc != "" && p.vpc == q.vpc:
		return oneVPC
	case p.vpc == "" || q.vpc == "":
		return unknownVPCs
	}
	return n.relations.get([2]string{p.vpc, q.vpc}, func() *relation {
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

// wire is everything between two places that is the same for all groups: the
// borders of their subnets, and what connects their VPCs. Of a range the hops on
// its own side are nil.
type wire struct {
	rel                       *relation
	aclOut, routeOut          *Factor
	aclIn                     *Factor
	returnACLOut, returnRoute *Factor
	returnACLIn               *Factor
	vpc, peering              *Factor  // nil for a range; peering also where there is none
	subnets                   []Factor // of kind Attached: what is wrong with the subnets; the first decides
}

type wireKey struct {
	from, to *place
	port     *portRange
}

func (n *Network) wire(p, q *place, port *portRange) *wire {
	return n.wires.get(wireKey{p, q, port}, func() *wire { return n.newWire(p, q, port) })
}

func (n *Network) newWire(p, q *place, port *portRange) *wire {
	w := &wire{rel: n.relate(p, q)}
	if !p.free {
		w.aclOut, w.routeOut = n.aclFactor(aclHop{ACLOut, p, q, true, port}), n.routeFactor(routeHop{RouteOut, p, q, w.rel})
		w.returnACLIn = n.aclFactor(aclHop{ReturnACLIn, p, q, false, answers})
		w.vpc, w.peering = n.connect(p, q, w)
	}
	w.aclIn = n.aclFactor(aclHop{ACLIn, q, p, false, port})
	w.returnACLOut = n.aclFactor(aclHop{ReturnACLOut, q, p, true, answers})
	w.returnRoute = n.routeFactor(routeHop{ReturnRoute, q, p, w.rel})
	for _, end := range []*place{p, q} {
		if end.no6 {
			w.prepend(end, Closed, "Subnet "+end.subnet+" has no IPv6 range, and the cache has IPv6 addresses only.")
		}
		if end.unsure != "" {
			w.prepend(end, Unknown, "Subnet "+end.subnet+" may not exist: "+end.unsure+".")
		}
	}
	return w
}

func (w *wire) prepend(end *place, v Verdict, reason string) {
	w.subnets = append([]Factor{{Kind: Attached, Resource: end.subnet, Verdict: v, Reason: reason, Origin: end.res.Origin}}, w.subnets...)
}

// link is a pair before it is written out: a stack has many pairs, and few are
// shown.
type link struct {
	from, to        *place
	wire            *wire
	egress, ingress *Factor // egress is nil for a range
	verdict         Verdict
}

// hopCount is how many hops a link has at most.
const hopCount = 8

// hops lists everything that stands between two places, in the order of a packet
// and its answer. What a range does not meet is nil.
func (l *link) hops() [hopCount]*Factor {
	w := l.wire
	return [hopCount]*Factor{l.egress, w.aclOut, w.routeOut, w.aclIn, l.ingress, w.returnACLOut, w.returnRoute, w.returnACLIn}
}

// link answers for one subnet of the source and one of the cache.
func (n *Network) link(src, dst *groupSet, p, q *place, port *portRange) link {
	l := link{from: p, to: q, wire: n.wire(p, q, port), verdict: Open}
	if src != nil {
		l.egress = n.groupFactor(hop{Egress, src, dst, q, port, l.wire.rel})
	}
	l.ingress = n.groupFactor(hop{Ingress, dst, src, p, port, l.wire.rel})
	l.judge()
	return l
}

func (l *link) judge() {
	l.verdict = Open
	for _, f := range l.hops() {
		if f != nil {
			l.verdict = l.verdict.and(f.Verdict)
		}
	}
	if len(l.wire.subnets) > 0 {
		l.verdict = l.wire.subnets[0].Verdict
	}
}

// each visits the factors of the link in the order of Pair.Factors, until visit
// returns false.
func (l *link) each(visit func(f *Factor) bool) {
	for i := range l.wire.subnets {
		if !visit(&l.wire.subnets[i]) {
			return
		}
	}
	for _, f := range l.hops() {
		if f != nil && !visit(f) {
			return
		}
	}
}

// passes tells whether anything gets through the link, whatever the factors of
// one kind say: Closed is nothing, Open is everything, and Unknown is a part, or
// perhaps.
func (l *link) passes(skip FactorKind) Verdict {
	v := Open
	l.each(func(f *Factor) bool {
		switch {
		case f.Verdict == Open || f.Kind == skip:
		case f.blocks() && l.verdict == Closed:
			v = Closed
		default:
			v = Unknown // or a subnet that may not exist
		}
		return v != Closed
	})
	return v
}

// blocks reports whether nothing passes the hop.
func (f *Factor) blocks() bool { return f.Verdict == Closed && !f.Partial }

// why is the reason of an open or unknown link.
func (l *link) why(v Verdict) (reason string) {
	l.each(func(f *Factor) bool {
		found := v == Open && f.Kind == Ingress || v == Unknown && f.Verdict != Open
		if found {
			reason = f.Reason
		}
		return !found
	})
	return reason
}

func (l *link) appendFactors(out []Factor) []Factor {
	l.each(func(f *Factor) bool {
		out = append(out, *f)
		return true
	})
	return out
}

func (n *Network) aclFactor(h aclHop) *Factor {
	return n.aclAsks.get(h, func() *Factor { f := n.askACL(h); return &f })
}

func (n *Network) routeFactor(h routeHop) *Factor {
	return n.routeAsks.get(h, func() *Factor { f := n.askRoute(h); return &f })
}

func crossZone(p, q *place) stack.Value[bool] {
	a, okA := p.zone.Get()
	b, okB := q.zone.Get()
	if !okA || !okB || a == "" || b == "" {
		return stack.Unknown[bool]("the zone of a subnet is not known")
	}
	return stack.Known(a != b)
}
