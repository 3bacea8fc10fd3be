package reach

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// place is where one end of a pair may be: a subnet, some addresses of it, or a
// range outside of every subnet.
type place struct {
	subnet string // ID; "" if not known or none
	res    *stack.Subnet
	vpc    string // ID; "" if not known
	vpcRes *stack.VPC
	zone   stack.Value[string]
	family family

	spans []span // the addresses that the end may have
	sure  bool   // all of spans; otherwise an unknown part of them
	why   string // what is not known: the subnet, or its addresses

	unsure string // why the subnet may not exist
	no6    bool   // the subnet certainly has no IPv6 range, and one is asked for
	free   bool   // a range: behind no border of its own
	fixed  bool   // some addresses of the subnet only
	name   string // for people, instead of the range
}

// placesOf lists the places of an end: one for each subnet that it names.
func (n *Network) placesOf(subnets []stack.Value[string], vpc string, fam family, addrs []netip.Addr) []*place {
	var out []*place
	for _, s := range subnets {
		p := n.placeOf(s, vpc, fam)
		if len(addrs) > 0 {
			p = p.narrowed(addrs)
		}
		if p.fixed || !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (n *Network) placeOf(subnet stack.Value[string], vpc string, fam family) *place {
	id, _ := subnet.Get()
	return n.places.get(placeKey{subnet: id, vpc: vpc, why: subnet.Why(), family: fam}, func() *place { return n.newPlace(subnet, vpc, fam) })
}

// placeKey says what a place depends on: a subnet, or a range.
type placeKey struct {
	subnet, vpc, why string
	family           family
	prefix           netip.Prefix // of a range
	rest             bool         // what of the range is in no VPC nearby; without a range, the internet
}

func (n *Network) newPlace(subnet stack.Value[string], vpc string, fam family) *place {
	id, ok := subnet.Get()
	p := &place{subnet: id, res: n.subnets[id], vpc: vpc, zone: stack.Unknown[string]("the subnet is not declared here"), family: fam, why: subnet.Why()}
	if ok && id == "" {
		p.why = "no subnet is named"
	}
	var cidr stack.Value[netip.Prefix]
	if p.res != nil {
		if v := p.res.VPC.Or(""); v != "" {
			p.vpc = v
		}
		p.zone, p.unsure, cidr = p.res.Zone, p.res.Conditional, p.res.CIDR
		if fam == ipv6 {
			cidr = p.res.CIDR6
		}
	}
	p.vpcRes = n.vpcs[p.vpc]
	p.no6 = fam == ipv6 && p.res != nil && cidr.IsKnown() && !cidr.Or(netip.Prefix{}).IsValid()
	if prefix, ok := cidr.Get(); ok && prefix.IsValid() && familyOf(prefix.Addr()) == fam {
		p.spans, p.sure = []span{usable(prefix)}, true
		return p
	}
	if p.why == "" {
		p.why = "the address range of subnet " + id + " is not known"
		if w := cidr.Why(); w != "" {
			p.why += ": " + w
		}
	}
	p.spans = n.rangesOf(p.vpcRes, fam)
	return p
}

// usable returns the addresses of a subnet that interfaces may have: AWS keeps
// the first four and the last. A range smaller than the smallest subnet of AWS
// is taken whole. Source: VPC User Guide, "Subnet CIDR blocks".
func usable(p netip.Prefix) span {
	s := spanOf(p)
	if p.Addr().BitLen()-p.Bits() < 4 {
		return s
	}
	return span{s.from.plus(4), s.to.prev()}
}

// rangesOf returns the addresses of a VPC, or all if they are not known.
func (n *Network) rangesOf(v *stack.VPC, fam family) []span {
	everything := []span{fam.all()}
	if v == nil || n.gap("vpcs") != "" {
		return everything
	}
	var out []span
	for _, c := range v.CIDRs {
		prefix, ok := c.Get()
		if !ok || !prefix.IsValid() {
			return everything
		}
		if familyOf(prefix.Addr()) == fam {
			out = append(out, spanOf(prefix))
		}
	}
	if len(out) == 0 {
		return everything
	}
	return merge(out)
}

// narrowed is p for an end that has only these addresses.
func (p *place) narrowed(addrs []netip.Addr) *place {
	var spans []span
	for _, a := range addrs {
		if !a.IsValid() || familyOf(a) != p.family {
			continue
		}
		s := span{number(a), number(a)}
		if slices.ContainsFunc(p.spans, func(t span) bool { return t.contains(s) }) {
			spans = append(spans, s)
		}
	}
	if len(spans) == 0 {
		return p
	}
	q := *p
	q.spans, q.sure, q.fixed = merge(spans), true, true
	return &q
}

// within reports whether some addresses of p are in a range.
func (p *place) within(r *place) bool { return p.sure && len(intersect(p.spans, r.spans)) > 0 }

// String names the place for people.
func (p *place) String() string {
	switch {
	case p.name != "":
		return p.name
	case p.free:
		return p.text()
	case p.subnet != "" && p.sure:
		return p.subnet + " (" + p.text() + ")"
	case p.subnet != "":
		return p.subnet
	}
	return "a subnet that is not known"
}

// text is the range of the place as its author wrote it.
func (p *place) text() string {
	if p.res != nil {
		cidr := p.res.CIDR
		if p.family == ipv6 {
			cidr = p.res.CIDR6
		}
		if c, ok := cidr.Get(); ok {
			return c.String()
		}
	}
	return spansText(p.spans, p.family)
}

// prefixes returns ranges that hold the whole place, and little else: that of
// the subnet, or those of the VPC if the subnet's is not known. It returns none
// if neither is.
func (p *place) prefixes() []string {
	if p.free || p.fixed {
		var out []string
		for _, s := range p.spans {
			out = append(out, s.prefixes(p.family)...)
		}
		return out
	}
	if p.sure {
		return []string{p.text()}
	}
	if len(p.spans) == 1 && p.spans[0] == p.family.all() {
		return nil
	}
	var out []string
	for _, s := range p.spans {
		out = append(out, s.prefixes(p.family)...)
	}
	return out
}

// prefixes returns the fewest prefixes that make up a range.
func (s span) prefixes(fam family) []string {
	var out []string
	for from := s.from; ; {
		a := from.netip(fam)
		for bits := range fam.bits() + 1 {
			p, err := a.Prefix(bits)
			if err != nil || p.Addr() != a {
				continue
			}
			if part := spanOf(p); s.contains(part) {
				out = append(out, p.String())
				if part.to == s.to {
					return out
				}
				from = part.to.next()
				break
			}
		}
	}
}

// spansText writes at most three ranges, as prefixes where they are.
func spansText(spans []span, fam family) string {
	const most = 3
	var out []string
	for i, s := range spans {
		if i == most {
			out = append(out, "…")
			break
		}
		out = append(out, s.text(fam))
	}
	return strings.Join(out, ", ")
}

func (s span) text(fam family) string {
	from, to := s.from.netip(fam), s.to.netip(fam)
	if s.from == s.to {
		return from.String()
	}
	for bits := range fam.bits() + 1 {
		if p, err := from.Prefix(bits); err == nil && spanOf(p) == s {
			return p.String()
		}
	}
	return from.String() + "-" + to.String()
}
