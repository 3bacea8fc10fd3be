package reach

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// Exposure is something that reaches a cache, or may.
type Exposure struct {
	Kind    SourceKind   `json:"kind"`
	ID      string       `json:"id,omitempty"`      // function, interface or group
	Range   netip.Prefix `json:"range,omitzero"`    // of a range or of the internet: as the rule names it, or the part inside VPC
	VPC     string       `json:"vpc,omitempty"`     // where the range lies; "" if outside every known VPC
	Members []string     `json:"members,omitempty"` // of a group: the declared functions, caches and interfaces that carry it
	Verdict Verdict      `json:"verdict"`           // Open, or Unknown with the Reason; what is Closed is not listed
	Rules   []RuleRef    `json:"rules,omitempty"`   // the ingress rules that let it in
	Reason  string       `json:"reason"`
}

// Sources lists everything that can reach c on port, or may: declared functions
// and interfaces, carriers of groups that the rules name, and ranges of
// addresses. What it does not list is proven to be kept out. Names do not count:
// who has the address of a node needs no resolver.
func (n *Network) Sources(c *stack.Cache, port stack.Value[int]) []Exposure {
	if c == nil {
		return nil
	}
	var out []Exposure
	add := func(src Source) {
		if e, ok := n.exposure(src, c, port); ok {
			out = append(out, e)
		}
	}
	for _, f := range n.s.Functions {
		if f != nil {
			add(FromFunction(f))
		}
	}
	for _, i := range n.s.Interfaces {
		if i != nil {
			add(FromInterface(i))
		}
	}
	return append(append(out, n.groupExposures(c, port)...), n.rangeExposures(c, port)...)
}

func (n *Network) exposure(src Source, c *stack.Cache, port stack.Value[int]) (Exposure, bool) {
	p := n.walk(src, c, port)
	e := Exposure{Kind: src.Kind, ID: src.ID, Verdict: Closed}
	seen := map[RuleRef]bool{}
	for i := range p.Pairs {
		pair := &p.Pairs[i]
		v := pair.passes(nil)
		if v == Closed {
			continue
		}
		if v == Open || e.Verdict == Closed {
			e.Verdict = v
			e.Reason = pair.why(v)
		}
		for _, f := range pair.Factors {
			for _, r := range f.Rules {
				if f.Kind == Ingress && f.Verdict != Closed && !seen[r] {
					seen[r] = true
					e.Rules = append(e.Rules, r)
				}
			}
		}
	}
	for _, f := range p.Factors {
		switch {
		case f.Kind != Attached && f.Kind != SameVPC && f.Kind != PeeringUse || e.Verdict == Closed:
		case f.Verdict == Closed && !f.Partial:
			e.Verdict = Closed
		case f.Verdict == Unknown && e.Verdict == Open:
			e.Verdict, e.Reason = Unknown, f.Reason
		}
	}
	return e, e.Verdict != Closed
}

// why is the reason of an open or unknown pair.
func (p *Pair) why(v Verdict) string {
	for _, f := range p.Factors {
		if v == Open && f.Kind == Ingress || v == Unknown && (f.Verdict == Unknown || f.Verdict == Closed) {
			return f.Reason
		}
	}
	return ""
}

// portRules calls visit for each ingress rule of c's groups that concerns port.
func (n *Network) portRules(c *stack.Cache, port stack.Value[int], visit func(g *group, f *filter)) {
	set := n.setOf(c.SecurityGroups, n.vpcOf(c.Subnets), false)
	at := n.portOf(port)
	for _, m := range set.members {
		if m.group == nil {
			continue
		}
		n.compiled(m.group)
		for i := range m.group.ingress {
			if f := &m.group.ingress[i]; f.ports.from <= at.to && at.from <= f.ports.to {
				visit(m.group, f)
			}
		}
	}
}

// groupExposures lists the groups that rules name, wherever in their VPC a
// carrier may be. Carriers may carry further groups, so their egress rules do not
// protect the cache.
func (n *Network) groupExposures(c *stack.Cache, port stack.Value[int]) []Exposure {
	var out []Exposure
	n.portRules(c, port, func(g *group, f *filter) {
		if f.peer == "" {
			return
		}
		ref := ruleAt{resource: g.ID, kind: IngressRule, index: f.index, rule: f.rule}.ref()
		if i := slices.IndexFunc(out, func(e Exposure) bool { return e.ID == f.peer }); i >= 0 {
			out[i].Rules = append(out[i].Rules, ref)
			return
		}
		e := Exposure{Kind: GroupSource, ID: f.peer, Members: n.membersOf(f.peer), Rules: []RuleRef{ref}}
		e.Verdict, e.Reason = n.groupReaches(f.peer, c, port)
		if e.Verdict != Closed {
			out = append(out, e)
		}
	})
	return out
}

func (n *Network) groupReaches(id string, c *stack.Cache, port stack.Value[int]) (Verdict, string) {
	g := n.groups[id]
	if g == nil {
		return Unknown, "Security group " + id + " is not declared here, so it is not known where its members are."
	}
	src := FromGroup(g.SecurityGroup)
	if src.VPC == "" {
		return Unknown, "It is not known in which VPC security group " + id + " is."
	}
	verdict, reason := Closed, ""
	for _, s := range n.s.Subnets {
		if s == nil || s.VPC.Or("") != src.VPC {
			continue
		}
		src.Subnets = []stack.Value[string]{stack.Known(s.ID)}
		p := n.walk(src, c, port)
		for i := range p.Pairs {
			switch v := p.Pairs[i].passes([]FactorKind{Egress}); {
			case v == Open:
				return Open, "Whatever carries security group " + id + " is let in."
			case v == Unknown && verdict == Closed:
				verdict, reason = Unknown, p.Pairs[i].why(Unknown)
			}
		}
	}
	return verdict, reason
}

// membersOf lists what carries a group, as far as the stack declares it.
func (n *Network) membersOf(id string) []string {
	has := func(groups []stack.Value[string]) bool {
		return slices.ContainsFunc(groups, func(v stack.Value[string]) bool { return v.Or("") == id })
	}
	var out []string
	for _, f := range n.s.Functions {
		if f != nil && f.VPC != nil && has(f.VPC.SecurityGroups) {
			out = append(out, f.ID)
		}
	}
	for _, c := range n.s.Caches {
		if c != nil && has(c.SecurityGroups) {
			out = append(out, c.ID)
		}
	}
	for _, i := range n.s.Interfaces {
		if i != nil && has(i.SecurityGroups) {
			out = append(out, i.ID)
		}
	}
	return out
}

// rangeExposures lists the ranges that rules name: the part inside the VPC of
// the cache, those inside peered VPCs, and the rest.
func (n *Network) rangeExposures(c *stack.Cache, port stack.Value[int]) []Exposure {
	var out []Exposure
	near := n.nearVPCs(n.vpcOf(c.Subnets))
	n.portRules(c, port, func(g *group, f *filter) {
		ref := ruleAt{resource: g.ID, kind: IngressRule, index: f.index, rule: f.rule}.ref()
		add := func(e Exposure, ok bool) {
			if !ok {
				return
			}
			if f.why != "" || g.Conditional != "" {
				e.Verdict = Unknown
			}
			same := func(o Exposure) bool { return o.Kind == e.Kind && o.Range == e.Range && o.VPC == e.VPC }
			if i := slices.IndexFunc(out, same); i >= 0 {
				out[i].Rules = append(out[i].Rules, ref)
				return
			}
			e.Rules = []RuleRef{ref}
			out = append(out, e)
		}
		for fam, spans := range f.spans {
			for _, s := range spans {
				n.splitRange(s, fam, near, c, port, add)
			}
		}
		if f.peerWhy != "" {
			add(Exposure{Kind: RangeSource, Verdict: Unknown, Reason: "A rule admits what is not known: " + f.peerWhy + "."}, true)
		}
	})
	return out
}

// nearVPCs lists the VPC of a cache and those that are peered with it.
func (n *Network) nearVPCs(own string) []string {
	if own == "" {
		return nil
	}
	near := []string{own}
	for _, p := range n.s.Peerings {
		if p == nil {
			continue
		}
		for _, ends := range [][2]string{{p.Requester.Or(""), p.Accepter.Or("")}, {p.Accepter.Or(""), p.Requester.Or("")}} {
			if ends[0] == own && ends[1] != "" && !slices.Contains(near, ends[1]) {
				near = append(near, ends[1])
			}
		}
	}
	return near
}

func (n *Network) splitRange(s span, fam family, near []string, c *stack.Cache, port stack.Value[int], add func(Exposure, bool)) {
	rest := []span{s}
	for _, id := range near {
		for _, v := range n.rangesOf(n.vpcs[id], fam) {
			if v == fam.all() {
				continue // the range of that VPC is not known
			}
			for _, part := range intersect([]span{s}, []span{v}) {
				rest = subtract(rest, part)
				for _, text := range part.prefixes(fam) {
					r := netip.MustParsePrefix(text)
					e, ok := n.exposure(FromRange(r), c, port)
					e.ID, e.Range, e.VPC = "", r, id
					add(e, ok)
				}
			}
		}
	}
	if len(rest) == 0 {
		return
	}
	r := netip.MustParsePrefix(s.prefixes(fam)[0])
	src := FromRange(r)
	src.rest = rest
	e, ok := n.exposure(src, c, port)
	e.ID, e.Range = "", r
	if outside := intersect(rest, publicRanges()); fam == ipv4 && len(outside) > 0 {
		e.Kind = InternetSource
		if subnet := n.publicSubnet(c); !ok && subnet != "" {
			e.Verdict, ok = Unknown, true
			e.Reason = fmt.Sprintf("The rule admits public addresses and subnet %s has a route to an internet gateway; all that keeps them out is that ElastiCache gives its nodes no public address.", subnet)
		}
	}
	add(e, ok)
}

// publicSubnet returns a subnet of the cache that has a route to an internet
// gateway, or "".
func (n *Network) publicSubnet(c *stack.Cache) string {
	for _, s := range c.Subnets {
		if p := n.placeOf(s, "", ipv4); p.subnet != "" && n.hasInternetGateway(p).Verdict == Open {
			return p.subnet
		}
	}
	return ""
}
