package reach

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// relation tells how two VPCs are connected.
type relation struct {
	same    bool           // they are one
	peering *stack.Peering // this connects them
	why     string         // not known whether they are one, or what connects them
}

// followsGroups tells whether a rule may name a group of the other end. Source:
// VPC Peering Guide, "Update your security groups to reference peer security
// groups": only within a region.
func (r *relation) followsGroups() (yes, may bool) {
	switch {
	case r.same:
		return true, true
	case r.peering != nil:
		same, ok := r.peering.SameRegion.Get()
		return ok && same, !ok || same
	}
	return false, true // unknown; or a transit gateway, which may support it
}

// hop is one question to a list of rules: the source and the cache, as seen by
// one filter.
type hop struct {
	kind FactorKind
	near *groupSet // whose rules are asked
	far  *groupSet // whom they may name; nil: addresses that carry no group
	at   *place    // the far end
	port *portRange
	rel  *relation
}

// portRange is the port of a path: one known port, or one unknown port.
type portRange struct {
	ports
	sure bool
	why  string
}

// answers are the ports of packets on the way back.
var answers = &portRange{ports: ephemeral, sure: true}

func (n *Network) portOf(v stack.Value[int]) *portRange {
	p, ok := v.Get()
	out := portRange{ports: ports{p, p}, sure: true}
	switch {
	case !ok:
		out = portRange{ports: realPorts, why: v.Why()}
	case p < 1 || p > 65535:
		out = portRange{ports: realPorts, why: "no port is declared"}
	}
	return n.ports.get(out, func() *portRange { return &out })
}

func (p *portRange) String() string {
	if !p.sure {
		return "the port, which is not known"
	}
	return "tcp " + p.ports.String()
}

// askGroups answers a hop through security groups. A packet needs one rule of
// any of the groups.
func (n *Network) askGroups(h hop) Factor {
	t := target{spans: h.at.spans, ports: h.port.ports, sureSpans: h.at.sure, surePorts: h.port.sure}
	entries, refs := n.groupEntries(h)
	pieces := decide(t.boxes(), entries)
	v, partial := t.verdict(pieces)
	f := Factor{Kind: h.kind, Resource: h.near.first(), Verdict: v, Partial: partial}
	f.Rules = used(pieces, entries, refs, v)
	if v == Closed {
		f.Rules = nil // no rule denies; rules that allow a part are named in the Reason
		if why := n.gap("security_groups"); why != "" {
			f.Verdict, f.Partial, f.Reason = Unknown, false, why
			return f
		}
	}
	n.explainGroups(&f, h, t, pieces, entries)
	if len(f.Rules) > 0 {
		f.Resource, f.Origin = f.Rules[0].Resource, f.Rules[0].Origin
	} else if g := n.groups[f.Resource]; g != nil {
		f.Origin = g.Origin
	}
	return f
}

// groupEntries turns the rules of the near end's groups into entries, sure ones
// first, and gives the rule that each index stands for.
func (n *Network) groupEntries(h hop) ([]entry, []ruleAt) {
	var sure, unsure []entry
	var refs []ruleAt
	anywhere := []box{{h.at.family.all(), allPorts}}
	kind := IngressRule
	if h.kind == Egress {
		kind = EgressRule
	}
	for _, r := range n.rulesOf(h.near, h.kind == Egress, h.port).rules {
		m, f := r.member, r.filter
		if f == nil {
			refs = append(refs, ruleAt{resource: m.id, index: -1})
			unsure = append(unsure, entry{boxes: anywhere, allow: true, index: len(refs) - 1, why: "security group " + m.id + " is not declared here"})
			continue
		}
		if !f.concerns(h) {
			continue
		}
		certain, possible, why := f.boxes(h)
		if m.unsure != "" {
			certain, possible, why = nil, append(possible, certain...), m.unsure
		}
		if len(certain)+len(possible) == 0 {
			continue
		}
		refs = append(refs, ruleAt{resource: m.id, kind: kind, index: f.index, rule: f.rule})
		if len(certain) > 0 {
			sure = append(sure, entry{boxes: certain, sure: true, allow: true, index: len(refs) - 1})
		}
		if len(possible) > 0 {
			unsure = append(unsure, entry{boxes: possible, allow: true, index: len(refs) - 1, why: why})
		}
	}
	if h.near.unknown != "" {
		refs = append(refs, ruleAt{index: -1})
		unsure = append(unsure, entry{boxes: anywhere, allow: true, index: len(refs) - 1, why: "a security group is not known: " + h.near.unknown})
	}
	return append(sure, unsure...), refs
}

// concerns reports whether f, which is about the port of the hop, may match a
// packet of it. Of the many rules of a large stack few do.
func (f *filter) concerns(h hop) bool {
	if f.peerWhy != "" {
		return true
	}
	if f.peer != "" && h.far != nil {
		if _, may := h.far.carries(f.peer); may {
			return true
		}
	}
	for _, s := range f.spans.of(h.at.family) {
		if slices.ContainsFunc(h.at.spans, s.overlaps) {
			return true
		}
	}
	return false
}

// boxes returns the packets of the far end that f matches for certain, and those
// that it may match.
func (f *filter) boxes(h hop) (certain, possible []box, why string) {
	everything := h.at.family.all()
	yes, may := false, f.peerWhy != ""
	why = f.peerWhy
	if f.peer != "" && h.far != nil {
		in, mayIn := h.far.carries(f.peer)
		follows, mayFollow := h.rel.followsGroups()
		yes = in && follows
		if !yes && mayIn && mayFollow {
			may = true
			if why == "" {
				why = unsureGroup(h, f.peer, in)
			}
		}
	}
	switch {
	case yes:
		certain = []box{{everything, f.ports}}
	default:
		for _, s := range f.spans.of(h.at.family) {
			certain = append(certain, box{s, f.ports})
		}
		if may {
			possible = []box{{everything, f.ports}}
		}
	}
	if f.why != "" {
		possible, certain, why = append(possible, certain...), nil, f.why
	}
	return certain, possible, why
}

func unsureGroup(h hop, peer string, carried bool) string {
	switch {
	case !carried:
		return "it is not known whether the other end carries security group " + peer
	case h.rel.why != "":
		return h.rel.why
	}
	return "it is not known whether a rule can name group " + peer + " across this connection"
}

// used returns the rules that decide: those that let packets through if v is
// Open, those that may if it is Unknown, those that deny if it is Closed.
func used(pieces []piece, entries []entry, refs []ruleAt, v Verdict) []RuleRef {
	var out []RuleRef
	seen := map[int]bool{}
	add := func(at int) {
		if at < 0 || seen[entries[at].index] {
			return
		}
		seen[entries[at].index] = true
		if r := refs[entries[at].index]; r.resource != "" || r.text != "" {
			out = append(out, r.ref())
		}
	}
	for _, p := range pieces {
		switch {
		case v == Closed && !p.allow, v == Open, v == Unknown && p.by >= 0 && entries[p.by].allow && entries[p.by].deny:
			add(p.by)
		}
		if v == Unknown && p.allow && p.deny || v == Open {
			for _, m := range p.may {
				add(m)
			}
		}
	}
	return out
}
