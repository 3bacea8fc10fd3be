package check

import (
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func wrongPort() *Rule {
	return &Rule{
		ID: "THAW-R07", Name: "wrong-port", Severity: Error,
		Doc: Doc{
			Title: "A rule between the function and the cache opens another port than the cache's",
			Why: "Valkey and Redis OSS listen on 6379, the readers of a serverless cache on 6380 and Memcached on 11211, unless the cache states another port. " +
				"A rule for another port opens nothing, and connecting times out.",
			Fix:     "Give the rule the port that the cache listens on.",
			Sources: []string{"Amazon ElastiCache User Guide, \"Finding connection endpoints\"", sourceServerless},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				ports := p.otherPorts(c, f.Kind == reach.Egress)
				if ports == "" {
					return
				}
				p.reportFactor(c, f, p.replacePort(c, f.Kind),
					"Cache %s listens on port %s, but the rules between function %s and the cache are for %s.", c.cache.ID, at(c), c.function.ID, ports)
			}, reach.Egress, reach.Ingress)
		},
	}
}

// otherPorts names the ports of the TCP rules that would let the function and
// the cache talk, if the port were theirs; "" is none.
func (p *Pass) otherPorts(c client, egress bool) string {
	var ports []string
	p.eachMisplaced(c, egress, func(_ *stack.SecurityGroup, _ int, r stack.Rule) { ports = append(ports, portText(r)) })
	slices.Sort(ports)
	return sentenceList(slices.Compact(ports))
}

// eachMisplaced visits the rules with a known TCP port other than the cache's
// and a peer that is the other end.
func (p *Pass) eachMisplaced(c client, egress bool, visit func(*stack.SecurityGroup, int, stack.Rule)) {
	port, ok := c.path.Port.Get()
	if !ok || c.function.VPC == nil {
		return
	}
	mine, peers, subnets := c.cache.SecurityGroups, c.function.VPC.SecurityGroups, c.function.VPC.Subnets
	if egress {
		mine, peers, subnets = c.function.VPC.SecurityGroups, c.cache.SecurityGroups, c.cache.Subnets
	}
	for _, id := range known(mine) {
		g := p.groups[id]
		if g == nil {
			continue
		}
		for i, r := range rulesOf(g, egress) {
			from, fromKnown := r.FromPort.Get()
			to, toKnown := r.ToPort.Get()
			if r.Protocol.Or("") != "tcp" || !fromKnown || !toKnown || from < 0 || from <= port && port <= to {
				continue
			}
			if slices.Contains(known(peers), r.SecurityGroup.Or("")) || p.inside(r, subnets) {
				visit(g, i, r)
			}
		}
	}
}

// inside reports whether a rule's range is one of a few subnets, so that the
// rule is meant for them and not for anybody.
func (p *Pass) inside(r stack.Rule, subnets []stack.Value[string]) bool {
	cidr, err := netip.ParsePrefix(r.CIDR.Or(""))
	if err != nil || cidr.Bits() == 0 {
		return false
	}
	return slices.ContainsFunc(known(subnets), func(id string) bool {
		n := p.subnets[id]
		return n != nil && n.CIDR.Or(netip.Prefix{}) == cidr.Masked()
	})
}

// replacePort takes rules away that only stand for the wrong port, and adds
// those that the path needs.
func (p *Pass) replacePort(c client, kind reach.FactorKind) Fix {
	fix := p.opening(c, func(ch reach.Change) bool { return closes(kind, ch) })
	p.eachMisplaced(c, kind == reach.Egress, func(g *stack.SecurityGroup, i int, r stack.Rule) {
		if r.SecurityGroup.Or("") != "" && r.FromPort == r.ToPort && p.onlyFor(g, c, kind == reach.Egress) {
			fix.edits = append(fix.edits, dropRule{g, kind == reach.Egress, i})
		}
	})
	return fix
}

// onlyFor reports whether a group serves only this cache, or only functions,
// so that one of its rules has no other purpose.
func (p *Pass) onlyFor(g *stack.SecurityGroup, c client, egress bool) bool {
	return !egress && !slices.ContainsFunc(p.members[g.ID], func(m member) bool { return m.id != c.cache.ID })
}
