package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Path tells whether f can open a TCP connection to c on a port, which is
// usually c.Port or c.ReaderPort.
func (n *Network) Path(f *stack.Function, c *stack.Cache, port stack.Value[int]) Path {
	return n.From(FromFunction(f), c, port)
}

// From is Path for any source.
func (n *Network) From(src Source, c *stack.Cache, port stack.Value[int]) Path {
	p := n.walk(src, c, port)
	if p.Verdict == Closed {
		p.Changes = n.changes(src, c, p)
	}
	return p
}

// walk is From without the changes.
func (n *Network) walk(src Source, c *stack.Cache, port stack.Value[int]) Path {
	if c == nil {
		c = &stack.Cache{}
	}
	p := Path{From: src.ID, To: c.ID, Port: port}
	fam, attached := attachment(src, c)
	p.Factors = append(p.Factors, attached)
	if src.Detached != "" || src.Kind == RangeSource && attached.Verdict == Closed {
		p.Verdict = Closed
		return p
	}
	e := n.endsOf(src, c, port, fam)
	p.Pairs = make([]Pair, 0, len(e.from)*len(e.to))
	for _, from := range e.from {
		for _, to := range e.to {
			p.Pairs = append(p.Pairs, *n.pair(e, from, to))
		}
	}
	p.Factors = append(p.Factors, n.connection(e, p.Pairs)...)
	if src.Kind == FunctionSource || src.Kind == InterfaceSource {
		p.Factors = append(p.Factors, n.dns(e.from))
	}
	p.join()
	return p
}

// attachment is the factor of both ends existing and having addresses of one
// family.
func attachment(src Source, c *stack.Cache) (family, Factor) {
	f := Factor{Kind: Attached, Resource: src.ID, Verdict: Open, Origin: src.Origin}
	fam := ipv4
	kind, ok := c.NetworkType.Get()
	if ok && kind == "ipv6" || ok && kind == "dual_stack" && src.Kind == RangeSource && src.Range.IsValid() && familyOf(src.Range.Addr()) == ipv6 {
		fam = ipv6
	}
	if src.Kind == RangeSource && src.Range.IsValid() && familyOf(src.Range.Addr()) != fam {
		f.Verdict, f.Reason = Closed, fmt.Sprintf("The cache has no address of the family of %s.", src.ID)
		return fam, f
	}
	switch dual, known := src.DualStack.Get(); {
	case src.Detached != "":
		f.Verdict = Closed
		f.Reason = fmt.Sprintf("%s %s is in no VPC: %s. A cache is reached only from within a VPC.", title(src.Kind), src.ID, src.Detached)
	case src.Conditional != "":
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("%s may not exist: %s.", src.ID, src.Conditional)
	case c.Conditional != "":
		f.Verdict, f.Resource, f.Origin, f.Reason = Unknown, c.ID, c.Origin, fmt.Sprintf("%s may not exist: %s.", c.ID, c.Conditional)
	case !ok:
		f.Verdict, f.Resource, f.Origin, f.Reason = Unknown, c.ID, c.Origin, "It is not known whether the cache has IPv4 addresses: "+c.NetworkType.Why()+"."
	case fam == ipv6 && !known:
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("The cache has IPv6 addresses only, and it is not known whether %s has one: %s.", src.ID, src.DualStack.Why())
	case fam == ipv6 && !dual:
		f.Verdict, f.Reason = Closed, fmt.Sprintf("The cache has IPv6 addresses only, and %s has none: it is not allowed IPv6 for dual-stack subnets.", src.ID)
	default:
		f.Reason = fmt.Sprintf("%s %s is in a VPC.", title(src.Kind), src.ID)
	}
	return fam, f
}

func title(k SourceKind) string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

func (n *Network) endsOf(src Source, c *stack.Cache, port stack.Value[int], fam family) *ends {
	e := &ends{port: n.portOf(port)}
	vpc := n.vpcOf(c.Subnets)
	e.dst = n.setOf(c.SecurityGroups, vpc, false)
	if vpc == "" {
		vpc = e.dst.vpc
	}
	e.to = n.placesOf(named(c.Subnets, "the cache names no subnet"), vpc, fam, nil)
	e.to = inZones(e.to, c.Zones)
	if src.Kind == RangeSource {
		e.from = n.rangePlaces(src, e.to)
		return e
	}
	vpc = src.VPC
	if vpc == "" {
		vpc = n.vpcOf(src.Subnets)
	}
	e.src = n.setOf(src.Groups, vpc, src.Kind == FunctionSource)
	if vpc == "" {
		vpc = e.src.vpc
	}
	e.from = n.placesOf(named(src.Subnets, "the subnet is not told"), vpc, fam, src.Addresses)
	return e
}

func named(subnets []stack.Value[string], why string) []stack.Value[string] {
	if len(subnets) == 0 {
		return []stack.Value[string]{stack.Unknown[string](why)}
	}
	return subnets
}

// vpcOf returns the VPC of the first subnet that tells it, or "".
func (n *Network) vpcOf(subnets []stack.Value[string]) string {
	for _, s := range subnets {
		if r := n.subnets[s.Or("")]; r != nil && r.VPC.Or("") != "" {
			return r.VPC.Or("")
		}
	}
	return ""
}

// inZones keeps the places where nodes are, if all their zones are told.
func inZones(places []*place, zones []stack.Value[string]) []*place {
	in := map[string]bool{}
	for _, z := range zones {
		name, ok := z.Get()
		if !ok || name == "" {
			return places
		}
		in[name] = true
	}
	if len(in) == 0 {
		return places
	}
	kept := slices.DeleteFunc(slices.Clone(places), func(p *place) bool {
		zone, ok := p.zone.Get()
		return ok && zone != "" && !in[zone]
	})
	if len(kept) == 0 {
		return places
	}
	return kept
}

// rangePlaces is the place of a range, in the VPC that holds it.
func (n *Network) rangePlaces(src Source, caches []*place) []*place {
	type key struct {
		prefix netip.Prefix
		vpc    string
		rest   bool
	}
	var out []*place
	for _, q := range caches {
		p := memo(&n.places, key{src.Range.Masked(), q.vpc, src.rest != nil}, func() *place {
			s := spanOf(src.Range)
			p := &place{family: familyOf(src.Range.Addr()), spans: []span{s}, sure: true, free: true,
				zone: stack.Unknown[string]("a range is in no zone"), vpc: n.holder(s, familyOf(src.Range.Addr()), q.vpc)}
			if src.rest != nil {
				p.spans, p.vpc, p.name = src.rest, "", src.ID
			}
			p.vpcRes = n.vpcs[p.vpc]
			return p
		})
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// holder returns the VPC that holds a range: the cache's own, else one that is
// peered with it, else "".
func (n *Network) holder(s span, fam family, own string) string {
	near := []string{own}
	for _, p := range n.s.Peerings {
		if p == nil {
			continue
		}
		for _, ends := range [][2]string{{p.Requester.Or(""), p.Accepter.Or("")}, {p.Accepter.Or(""), p.Requester.Or("")}} {
			if ends[0] == own && own != "" {
				near = append(near, ends[1])
			}
		}
	}
	for _, id := range near {
		v := n.vpcs[id]
		if v == nil {
			continue
		}
		if spans := n.rangesOf(v, fam); coversAll(spans, []span{s}) && spans[0] != fam.all() {
			return id
		}
	}
	return ""
}

// join fills the verdict of the path and the factors of its pairs.
func (p *Path) join() {
	p.Verdict = Open
	for _, f := range p.Factors {
		p.Verdict = p.Verdict.and(f.Verdict)
	}
	hops := make([]Factor, 0, 8)
	through := false // a pair lets something through, or may
	for i := range p.Pairs {
		pair := &p.Pairs[i]
		p.Verdict = p.Verdict.and(pair.Verdict)
		through = through || pair.passes(nil) != Closed
		for _, f := range pair.Factors {
			at := slices.IndexFunc(hops, func(g Factor) bool { return g.Kind == f.Kind })
			if at < 0 {
				hops = append(hops, f)
				continue
			}
			hops[at] = worse(hops[at], f)
		}
	}
	for _, f := range hops {
		if f.Kind == Attached && p.Factors[0].Verdict == Open {
			p.Factors[0] = f
		}
	}
	hops = slices.DeleteFunc(hops, func(f Factor) bool { return f.Kind == Attached })
	p.Factors = append(p.Factors, hops...)
	for _, f := range p.Factors[:len(p.Factors)-len(hops)] {
		if f.Verdict == Closed {
			return // nothing gets through
		}
	}
	p.Partial = p.Verdict == Closed && through
}

// worse represents two pairs by one factor. A factor that is closed for one pair
// only is partial.
func worse(f, g Factor) Factor {
	if g.Verdict.and(f.Verdict) != f.Verdict {
		f, g = g, f
	}
	if f.Verdict == Closed && g.Verdict != Closed {
		f.Partial = true
	}
	return f
}
