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
	u := usage{n: n, asked: map[groupKey]bool{}, used: map[*stack.Rule]bool{}, sides: map[ruleList]bool{}}
	done := map[ends]bool{}
	for _, p := range paths {
		src, ok := n.sourceOf(p.From)
		c := n.caches[p.To]
		if !ok || c == nil || src.Detached != "" {
			continue
		}
		fam, _ := attachment(src, c)
		e := n.endsOf(src, c, p.Port, fam)
		if done[e] {
			continue
		}
		done[e] = true
		for _, from := range e.src.places {
			for _, to := range e.dst.places {
				rel := n.relate(from, to)
				u.ask(hop{Egress, e.src.set, e.dst.set, to, e.port, rel})
				u.ask(hop{Ingress, e.dst.set, e.src.set, from, e.port, rel})
			}
		}
	}
	return u.rest()
}

// sourceOf finds the function or interface that a path starts from.
func (n *Network) sourceOf(id string) (Source, bool) {
	if f := n.functions[id]; f != nil {
		return FromFunction(f), true
	}
	if i := n.interfaces[id]; i != nil {
		return FromInterface(i), true
	}
	return Source{}, false
}

type usage struct {
	n     *Network
	asked map[groupKey]bool
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
	key := groupKey{h.kind == Egress, h.near, h.far, h.at, h.port, h.rel}
	if u.asked[key] {
		return
	}
	u.asked[key] = true
	kind := IngressRule
	if key.egress {
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
	}
	for _, r := range u.n.rulesOf(h.near, key.egress, h.port).rules {
		if r.filter == nil || u.used[r.filter.rule] || !r.filter.concerns(h) {
			continue
		}
		certain, possible, _ := r.filter.boxes(h)
		for _, b := range append(certain, possible...) {
			if slices.ContainsFunc(goal, b.meets) {
				u.used[r.filter.rule] = true
			}
		}
	}
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
	x := impliedIndex{byPeer: map[string]chain{}, byPrefix: map[netip.Prefix]chain{}}
	for _, id := range ids(n.s.SecurityGroups, func(g *stack.SecurityGroup) string { return g.ID }) {
		g := n.groups[id]
		out = x.implied(out, g, IngressRule)
		out = x.implied(out, g, EgressRule)
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
	next     int          // the next with the same peer or prefix, plus one
}

// impliedIndex finds the rules that may contain another: those that have the same
// peer, or a prefix that holds its own. It is used for one group after the other.
type impliedIndex struct {
	all      []traffic
	byPeer   map[string]chain
	byPrefix map[netip.Prefix]chain
	lengths  [129]bool // of the prefixes
}

// chain is a list of rules inside impliedIndex.all, in the order of the group;
// places count from one.
type chain struct{ first, last int }

func (x *impliedIndex) implied(out []Implication, g *group, kind RuleKind) []Implication {
	rules := g.rules(kind)
	if len(rules) < 2 {
		return out
	}
	x.fill(rules)
	for i := range x.all {
		t := &x.all[i]
		if rules[t.index].Implicit {
			continue
		}
		if by := x.container(t); by >= 0 {
			out = append(out, Implication{
				Rule: ruleAt{resource: g.ID, kind: kind, index: t.index, rule: &rules[t.index]}.ref(),
				By:   ruleAt{resource: g.ID, kind: kind, index: by, rule: &rules[by]}.ref()})
		}
	}
	return out
}

func (x *impliedIndex) fill(rules []stack.Rule) {
	if len(x.all) > 1000 { // to clear a large map takes long
		x.byPeer, x.byPrefix = map[string]chain{}, map[netip.Prefix]chain{}
	}
	clear(x.byPeer)
	clear(x.byPrefix)
	x.all, x.lengths = x.all[:0], [129]bool{}
	for i := range rules {
		t, ok := trafficOf(&rules[i], i)
		switch {
		case !ok:
			continue
		case t.peer != "":
			x.byPeer[t.peer] = x.extend(x.byPeer[t.peer], t)
		default:
			x.byPrefix[t.prefix] = x.extend(x.byPrefix[t.prefix], t)
			x.lengths[t.prefix.Bits()] = true
		}
	}
}

func (x *impliedIndex) extend(c chain, t traffic) chain {
	x.all = append(x.all, t)
	place := len(x.all)
	if c.first == 0 {
		return chain{place, place}
	}
	x.all[c.last-1].next = place
	return chain{c.first, place}
}

// container returns the index of a rule that contains t, or -1.
func (x *impliedIndex) container(t *traffic) int {
	if t.peer != "" {
		return x.containing(t, x.byPeer[t.peer])
	}
	for bits := 0; bits <= t.prefix.Bits(); bits++ {
		if !x.lengths[bits] {
			continue
		}
		wider, err := t.prefix.Addr().Prefix(bits)
		if err != nil {
			continue
		}
		if by := x.containing(t, x.byPrefix[wider]); by >= 0 {
			return by
		}
	}
	return -1
}

func (x *impliedIndex) containing(t *traffic, others chain) int {
	for place := others.first; place > 0; place = x.all[place-1].next {
		o := &x.all[place-1]
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
