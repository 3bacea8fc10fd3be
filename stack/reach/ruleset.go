package reach

import "encoding/binary"

// ruleset is the rules of a set of groups that concern a port, in the order of
// the groups.
type ruleset struct {
	rules []memberRule
}

// memberRule is a rule of a member; a member that the stack does not declare has
// one without filter.
type memberRule struct {
	member *member
	filter *filter
}

type rulesetKey struct {
	set    *groupSet
	egress bool
	port   *portRange
}

// rulesOf returns the rules that a hop asks.
func (n *Network) rulesOf(set *groupSet, egress bool, port *portRange) *ruleset {
	return n.rulesets.get(rulesetKey{set, egress, port}, func() *ruleset {
		r := &ruleset{}
		for i := range set.members {
			m := &set.members[i]
			if m.group == nil {
				r.rules = append(r.rules, memberRule{member: m})
				continue
			}
			n.compiled(m.group)
			filters := m.group.ingress
			if egress {
				filters = m.group.egress
			}
			for j := range filters {
				if f := &filters[j]; f.ports.from <= port.to && port.from <= f.ports.to {
					r.rules = append(r.rules, memberRule{m, f})
				}
			}
		}
		return r
	})
}

// groupKey is a hop as a key.
type groupKey struct {
	egress    bool
	near, far *groupSet
	at        *place
	port      *portRange
	rel       *relation
}

// classKey is a hop but for where the far end is: of that only the ranges of
// rules count in which it lies.
type classKey struct {
	egress    bool
	near, far *groupSet
	port      *portRange
	rel       *relation
	family    family
	within    string
}

// groupFactor answers a hop through security groups. Most rules name groups or
// everything, so one answer serves all subnets of an end.
func (n *Network) groupFactor(h hop) *Factor {
	key := groupKey{h.kind == Egress, h.near, h.far, h.at, h.port, h.rel}
	return n.groupAsks.get(key, func() *Factor {
		ask := func() *Factor { f := n.askGroups(h); return &f }
		if class, ok := n.classOf(key); ok {
			return n.classes.get(class, ask)
		}
		return ask()
	})
}

// classOf reports false if the answer may depend on the place itself: if no group
// stands for it in the reason, if its addresses are not known, or if a rule is
// about a part of them.
func (n *Network) classOf(k groupKey) (classKey, bool) {
	out := classKey{egress: k.egress, near: k.near, far: k.far, port: k.port, rel: k.rel, family: k.at.family}
	if k.far == nil || k.far.first() == "" || !k.at.sure || !k.port.sure || len(k.at.spans) == 0 {
		return out, false
	}
	var buffer [64]byte
	within := buffer[:0]
	for i, r := range n.rulesOf(k.near, k.egress, k.port).rules {
		if r.filter == nil {
			continue
		}
		for j, s := range r.filter.spans.of(k.at.family) {
			inside, outside := 0, 0
			for _, t := range k.at.spans {
				switch {
				case s.contains(t):
					inside++
				case !s.overlaps(t):
					outside++
				}
			}
			switch len(k.at.spans) {
			case inside:
				within = binary.AppendUvarint(binary.AppendUvarint(within, uint64(i)), uint64(j))
			case outside:
			default:
				return out, false
			}
		}
	}
	out.within = string(within)
	return out, true
}
