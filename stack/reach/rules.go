package reach

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Unused lists the ingress rules of the groups of the caches, and the egress
// rules of the groups of the sources, that match no packet of any of the paths.
// A rule that may match, once what it depends on is known, counts as used, and
// so does one that AWS adds by itself.
func (n *Network) Unused(paths []Path) []RuleRef {
	u := usage{n: n, asked: map[hop]bool{}, used: map[*stack.Rule]bool{}, sides: map[ruleList]bool{}}
	for _, p := range paths {
		src, ok := n.sourceOf(p.From)
		c := n.caches[p.To]
		if !ok || c == nil || src.Detached != "" {
			continue
		}
		fam, _ := attachment(src, c)
		e := n.endsOf(src, c, p.Port, fam)
		for _, from := range e.from {
			for _, to := range e.to {
				rel := n.relate(from, to)
				u.ask(hop{Egress, e.src, e.dst, to, e.port, rel})
				u.ask(hop{Ingress, e.dst, e.src, from, e.port, rel})
			}
		}
	}
	return u.rest()
}

// sourceOf finds the function or interface that a path starts from.
func (n *Network) sourceOf(id string) (Source, bool) {
	for _, f := range n.s.Functions {
		if f != nil && f.ID == id {
			return FromFunction(f), true
		}
	}
	for _, i := range n.s.Interfaces {
		if i != nil && i.ID == id {
			return FromInterface(i), true
		}
	}
	return Source{}, false
}

type usage struct {
	n     *Network
	asked map[hop]bool
	used  map[*stack.Rule]bool
	lists []ruleList
	sides map[ruleList]bool
}

type ruleList struct {
	group *group
	kind  RuleKind
}

// ask marks the rules that match a packet of a hop, and remembers their lists.
func (u *usage) ask(h hop) {
	if u.asked[h] {
		return
	}
	u.asked[h] = true
	kind := IngressRule
	if h.kind == Egress {
		kind = EgressRule
	}
	goal := target{spans: h.at.spans, ports: h.port.ports}.boxes()
	for _, m := range h.near.members {
		if m.group == nil {
			continue
		}
		if l := (ruleList{m.group, kind}); !u.sides[l] {
			u.sides[l] = true
			u.lists = append(u.lists, l)
		}
		u.n.compiled(m.group)
		for i := range m.group.filters(kind) {
			f := &m.group.filters(kind)[i]
			certain, possible, _ := f.boxes(h)
			for _, b := range append(certain, possible...) {
				if slices.ContainsFunc(goal, b.meets) {
					u.used[f.rule] = true
				}
			}
		}
	}
}

func (g *group) filters(kind RuleKind) []filter {
	if kind == EgressRule {
		return g.egress
	}
	return g.ingress
}

func (g *group) rules(kind RuleKind) []stack.Rule {
	if kind == EgressRule {
		return g.Egress
	}
	return g.Ingress
}

func (u *usage) rest() []RuleRef {
	var out []RuleRef
	for _, l := range u.lists {
		rules := l.group.rules(l.kind)
		for i := range rules {
			if r := &rules[i]; !u.used[r] && !r.Implicit {
				out = append(out, ruleAt{resource: l.group.ID, kind: l.kind, index: i, rule: r}.ref())
			}
		}
	}
	return out
}

// Implication is a rule that allows nothing that another rule of its group does
// not allow.
type Implication struct {
	Rule RuleRef `json:"rule"`
	By   RuleRef `json:"by"`
}

// Implied lists the rules of security groups that another rule of the same group
// and direction contains. Of two equal rules the later is implied. Rules that AWS
// adds by itself, and rules that are not known in full, are not listed, but the
// former may imply others.
func (n *Network) Implied() []Implication {
	var out []Implication
	for _, id := range ids(n.s.SecurityGroups, func(g *stack.SecurityGroup) string { return g.ID }) {
		g := n.groups[id]
		out = append(out, implied(g, IngressRule)...)
		out = append(out, implied(g, EgressRule)...)
	}
	return out
}

// traffic is what a fully known rule allows: one peer, a range of ports.
type traffic struct {
	index    int
	protocol string // "" is all
	ports    ports
	peer     string       // a group or prefix list
	prefix   netip.Prefix // if peer is ""
}

// implied compares each rule with those that have the same peer, or a prefix
// that holds its own: with the few lengths of a prefix, not with all rules.
func implied(g *group, kind RuleKind) []Implication {
	rules := g.rules(kind)
	byPeer, byPrefix := map[string][]traffic{}, map[netip.Prefix][]traffic{}
	var all []traffic
	for i := range rules {
		t, ok := trafficOf(&rules[i], i)
		if !ok {
			continue
		}
		all = append(all, t)
		if t.peer != "" {
			byPeer[t.peer] = append(byPeer[t.peer], t)
		} else {
			byPrefix[t.prefix] = append(byPrefix[t.prefix], t)
		}
	}
	var out []Implication
	for _, t := range all {
		if rules[t.index].Implicit {
			continue
		}
		if by := t.within(byPeer, byPrefix); by >= 0 {
			out = append(out, Implication{
				Rule: ruleAt{resource: g.ID, kind: kind, index: t.index, rule: &rules[t.index]}.ref(),
				By:   ruleAt{resource: g.ID, kind: kind, index: by, rule: &rules[by]}.ref()})
		}
	}
	return out
}

// within returns the index of a rule that contains t, or -1.
func (t traffic) within(byPeer map[string][]traffic, byPrefix map[netip.Prefix][]traffic) int {
	if t.peer != "" {
		return t.containedIn(byPeer[t.peer])
	}
	for bits := 0; bits <= t.prefix.Bits(); bits++ {
		wider, err := t.prefix.Addr().Prefix(bits)
		if err != nil {
			continue
		}
		if by := t.containedIn(byPrefix[wider]); by >= 0 {
			return by
		}
	}
	return -1
}

func (t traffic) containedIn(others []traffic) int {
	for _, o := range others {
		if o.index == t.index || o.protocol != "" && o.protocol != t.protocol {
			continue
		}
		same := o.protocol == t.protocol && o.ports == t.ports && o.prefix == t.prefix
		if o.ports.from <= t.ports.from && t.ports.to <= o.ports.to && (!same || o.index < t.index) {
			return o.index
		}
	}
	return -1
}

// trafficOf reads a rule that is known in full and has one peer.
func trafficOf(r *stack.Rule, index int) (traffic, bool) {
	proto, ok1 := r.Protocol.Get()
	from, ok2 := r.FromPort.Get()
	to, ok3 := r.ToPort.Get()
	cidr, ok4 := r.CIDR.Get()
	group, ok5 := r.SecurityGroup.Get()
	list, ok6 := r.PrefixList.Get()
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) {
		return traffic{}, false
	}
	t := traffic{index: index, protocol: strings.ToLower(proto), ports: ports{from, to}, peer: group + list}
	switch t.protocol {
	case "-1", "all":
		t.protocol, t.ports = "", ports{-1 << 31, 1<<31 - 1}
	case "6":
		t.protocol = "tcp"
	case "17":
		t.protocol = "udp"
	}
	if t.peer != "" {
		return t, cidr == ""
	}
	p, err := parsePrefix(cidr)
	t.prefix = p.Masked()
	return t, err == nil
}
