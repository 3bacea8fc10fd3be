package reach

import (
	"slices"
	"sync"
)

// crossing is the way between two ends through all their pairs of places.
type crossing struct {
	links []link // from × to
	// connection tells how the VPCs are connected; it is empty for a range.
	connection []*Factor
	hops       []*Factor // the worst of each kind, in the order of a packet
	subnet     *Factor   // of kind Attached: the worst of the links; nil if the subnets exist
	verdict    Verdict   // of the links
	through    bool      // a link lets something through, or may

	once    sync.Once
	factors [][]Factor // of each link
}

func (n *Network) crossing(e ends) *crossing {
	return n.crossings.get(e, func() *crossing { return n.newCrossing(e) })
}

func (n *Network) newCrossing(e ends) *crossing {
	x := &crossing{verdict: Open, links: make([]link, 0, len(e.src.places)*len(e.dst.places))}
	egress := make([]groupAnswer, len(e.dst.places))
	for _, p := range e.src.places {
		var ingress groupAnswer
		for j, q := range e.dst.places {
			l := link{from: p, to: q, wire: n.wire(p, q, e.port)}
			if e.src.set != nil {
				l.egress = egress[j].factor(n, hop{Egress, e.src.set, e.dst.set, q, e.port, l.wire.rel})
			}
			l.ingress = ingress.factor(n, hop{Ingress, e.dst.set, e.src.set, p, e.port, l.wire.rel})
			l.judge()
			x.links = append(x.links, l)
		}
	}
	var hops [hopCount]*Factor
	var vpc, peering *Factor
	for i := range x.links {
		l := &x.links[i]
		x.verdict = x.verdict.and(l.verdict)
		x.through = x.through || l.passes("") != Closed
		for k, f := range l.hops() {
			hops[k] = worse(hops[k], f)
		}
		for k := range l.wire.subnets {
			x.subnet = worse(x.subnet, &l.wire.subnets[k])
		}
		vpc, peering = worse(vpc, l.wire.vpc), worse(peering, l.wire.peering)
	}
	x.hops = present(hops[:]...)
	x.connection = present(vpc, peering)
	return x
}

// groupAnswer holds what groups say about one place: it is the same for all
// places at the other end that are connected alike.
type groupAnswer struct {
	rel *relation
	f   *Factor
}

func (a *groupAnswer) factor(n *Network, h hop) *Factor {
	if a.f == nil || a.rel != h.rel {
		a.rel, a.f = h.rel, n.groupFactor(h)
	}
	return a.f
}

func present(factors ...*Factor) []*Factor {
	return slices.DeleteFunc(slices.Clone(factors), func(f *Factor) bool { return f == nil })
}

// written returns the pairs as answers show them. The slice is the caller's, the
// factors are shared.
func (x *crossing) written() []Pair {
	x.once.Do(func() {
		var all []Factor
		x.factors = make([][]Factor, len(x.links))
		for i := range x.links {
			if cap(all)-len(all) < hopCount {
				all = make([]Factor, 0, hopCount*min(len(x.links)-i, 64))
			}
			first := len(all)
			all = x.links[i].appendFactors(all)
			x.factors[i] = slices.Clip(all[first:])
		}
	})
	out := make([]Pair, len(x.links))
	for i := range x.links {
		l := &x.links[i]
		out[i] = Pair{FromSubnet: l.from.subnet, ToSubnet: l.to.subnet, FromZone: l.from.zone.Or(""), ToZone: l.to.zone.Or(""),
			CrossZone: crossZone(l.from, l.to), Verdict: l.verdict, Factors: x.factors[i]}
	}
	return out
}

// worse represents two pairs by one factor, either of which may be nil. A factor
// that is closed for one pair only is partial.
func worse(f, g *Factor) *Factor {
	switch {
	case f == nil:
		return g
	case g == nil || f == g:
		return f
	case g.Verdict.and(f.Verdict) != f.Verdict:
		f, g = g, f
	}
	if f.Verdict == Closed && g.Verdict != Closed && !f.Partial {
		part := *f
		part.Partial = true
		return &part
	}
	return f
}
