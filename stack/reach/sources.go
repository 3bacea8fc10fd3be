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
	t := n.listener(c, port)
	add := func(src Source) {
		if e, ok := t.exposure(src); ok {
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
	return append(append(out, t.groupExposures()...), t.rangeExposures()...)
}

// listener is a cache with a port on which it listens.
type listener struct {
	*Network
	c    *stack.Cache
	port *portRange
}

func (n *Network) listener(c *stack.Cache, port stack.Value[int]) *listener {
	return &listener{n, c, n.portOf(port)}
}

func (t *listener) exposure(src Source) (Exposure, bool) {
	e := Exposure{Kind: src.Kind, ID: src.ID, Verdict: Closed}
	fam, attached := attachment(src, t.c)
	if src.Detached != "" || src.Kind == RangeSource && attached.Verdict == Closed {
		return e, false
	}
	ends := t.meet(src, t.cacheEnd(t.c, fam), t.port, fam)
	if t.keptOut(ends) {
		return e, false
	}
	x := t.crossing(ends)
	seen := map[RuleRef]bool{}
	for i := range x.links {
		l := &x.links[i]
		v := l.passes("")
		if v == Closed {
			continue
		}
		if v == Open || e.Verdict == Closed {
			e.Verdict = v
			e.Reason = l.why(v)
		}
		if l.ingress.Verdict == Closed {
			continue
		}
		for _, r := range l.ingress.Rules {
			if !seen[r] {
				seen[r] = true
				e.Rules = append(e.Rules, r)
			}
		}
	}
	if e.Verdict == Closed {
		return e, false
	}
	e.conditions(x, &attached)
	return e, e.Verdict != Closed
}

// conditions joins what concerns the ends as a whole. Names do not count.
func (e *Exposure) conditions(x *crossing, attached *Factor) {
	if x.subnet != nil && attached.Verdict == Open {
		attached = x.subnet
	}
	for _, f := range append([]*Factor{attached}, x.connection...) {
		switch {
		case f.blocks():
			e.Verdict = Closed
		case f.Verdict == Unknown && e.Verdict == Open:
			e.Verdict, e.Reason = Unknown, f.Reason
		}
	}
}

// keptOut reports whether the groups alone block all links of two ends. Of the
// many sources of a large stack nearly all end here.
func (n *Network) keptOut(e ends) bool {
	for _, p := range e.src.places {
		for _, q := range e.dst.places {
			if p.unsure != "" || q.unsure != "" {
				return false
			}
			rel := n.relate(p, q)
			if n.groupFactor(hop{Ingress, e.dst.set, e.src.set, p, e.port, rel}).blocks() {
				continue
			}
			if e.src.set == nil || !n.groupFactor(hop{Egress, e.src.set, e.dst.set, q, e.port, rel}).blocks() {
				return false
			}
		}
	}
	return true
}

// portRules calls visit for each ingress rule of the cache's groups that concerns
// the port.
func (t *listener) portRules(visit func(g *group, f *filter)) {
	set := t.setOf(t.c.SecurityGroups, t.vpcOf(t.c.Subnets), false)
	for _, r := range t.rulesOf(set, false, t.port).rules {
		if r.filter != nil {
			visit(r.member.group, r.filter)
		}
	}
}

// groupExposures lists the groups that rules name, wherever in their VPC a
// carrier may be. Carriers may carry further groups, so their egress rules do not
// protect the cache.
func (t *listener) groupExposures() []Exposure {
	var out []Exposure
	at := map[string]int{} // group → its place in out; -1: kept out
	t.portRules(func(g *group, f *filter) {
		if f.peer == "" {
			return
		}
		i, known := at[f.peer]
		if !known {
			i = -1
			e := Exposure{Kind: GroupSource, ID: f.peer, Members: slices.Clip(t.carriers()[f.peer])}
			if e.Verdict, e.Reason = t.groupReaches(f.peer); e.Verdict != Closed {
				i = len(out)
				out = append(out, e)
			}
			at[f.peer] = i
		}
		if i >= 0 {
			out[i].Rules = append(out[i].Rules, ruleAt{resource: g.ID, kind: IngressRule, index: f.index, rule: f.rule}.ref())
		}
	})
	return out
}

func (t *listener) groupReaches(id string) (Verdict, string) {
	g := t.groups[id]
	if g == nil {
		return Unknown, "Security group " + id + " is not declared here, so it is not known where its members are."
	}
	src := FromGroup(g.SecurityGroup)
	if src.VPC == "" {
		return Unknown, "It is not known in which VPC security group " + id + " is."
	}
	verdict, reason := Closed, ""
	for _, s := range t.s.Subnets {
		if s == nil || s.VPC.Or("") != src.VPC {
			continue
		}
		src.Subnets = []stack.Value[string]{stack.Known(s.ID)}
		fam, _ := attachment(src, t.c)
		x := t.crossing(t.meet(src, t.cacheEnd(t.c, fam), t.port, fam))
		for i := range x.links {
			switch v := x.links[i].passes(Egress); {
			case v == Open:
				return Open, "Whatever carries security group " + id + " is let in."
			case v == Unknown && verdict == Closed:
				verdict, reason = Unknown, x.links[i].why(Unknown)
			}
		}
	}
	return verdict, reason
}

// listCarriers lists what carries each group, as far as the stack declares it.
func (n *Network) listCarriers() map[string][]string {
	out := map[string][]string{}
	add := func(id string, groups []stack.Value[string]) {
		for i, v := range groups {
			if g := v.Or(""); !slices.ContainsFunc(groups[:i], func(w stack.Value[string]) bool { return w.Or("") == g }) {
				out[g] = append(out[g], id)
			}
		}
	}
	for _, f := range n.s.Functions {
		if f != nil && f.VPC != nil {
			add(f.ID, f.VPC.SecurityGroups)
		}
	}
	for _, c := range n.s.Caches {
		if c != nil {
			add(c.ID, c.SecurityGroups)
		}
	}
	for _, i := range n.s.Interfaces {
		if i != nil {
			add(i.ID, i.SecurityGroups)
		}
	}
	return out
}

// rangeExposures lists the ranges that rules name: the part inside the VPC of
// the cache, those inside peered VPCs, and the rest.
func (t *listener) rangeExposures() []Exposure {
	type key struct {
		kind   SourceKind
		prefix netip.Prefix
		vpc    string
	}
	var out []Exposure
	listed := map[key]int{}
	near := t.nearVPCs(t.vpcOf(t.c.Subnets))
	t.portRules(func(g *group, f *filter) {
		ref := ruleAt{resource: g.ID, kind: IngressRule, index: f.index, rule: f.rule}.ref()
		add := func(e Exposure, ok bool) {
			if !ok {
				return
			}
			if f.why != "" || g.Conditional != "" {
				e.Verdict = Unknown
			}
			at := key{e.Kind, e.Range, e.VPC}
			if i, ok := listed[at]; ok {
				out[i].Rules = append(out[i].Rules, ref)
				return
			}
			listed[at] = len(out)
			e.Rules = []RuleRef{ref}
			out = append(out, e)
		}
		for _, fam := range []family{ipv4, ipv6} {
			for _, s := range f.spans.of(fam) {
				t.splitRange(s, fam, near, add)
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

func (t *listener) splitRange(s span, fam family, near []string, add func(Exposure, bool)) {
	rest := []span{s}
	for _, id := range near {
		for _, v := range t.rangesOf(t.vpcs[id], fam) {
			if v == fam.all() {
				continue // the range of that VPC is not known
			}
			for _, part := range intersect([]span{s}, []span{v}) {
				rest = subtract(rest, part)
				for _, text := range part.prefixes(fam) {
					r := netip.MustParsePrefix(text)
					e, ok := t.exposure(FromRange(r))
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
	e, ok := t.exposure(src)
	e.ID, e.Range = "", r
	if outside := intersect(rest, t.publicPlace().spans); fam == ipv4 && len(outside) > 0 {
		e.Kind = InternetSource
		if subnet := t.publicSubnet(t.c); !ok && subnet != "" {
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
