package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func peeringGroup() *Rule {
	return &Rule{
		ID: "THAW-R10", Name: "peering-group-reference", Severity: Error,
		Doc: Doc{
			Title:   "A rule names a security group that means nothing in the other VPC",
			Why:     "A security group can be the source of a rule within its VPC, and across an active peering connection within one region. Across regions, or without peering, the rule is accepted and matches no packet.",
			Fix:     "Name the address ranges of the function's subnets instead of its group.",
			Sources: []string{sourcePeering, sourceGroups},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if g := p.peerGroupRule(c); g != nil {
					p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
						"Security group %s names the group of function %s, which cannot be followed into the other VPC: %s", g.ID, c.function.ID, f.Reason)
				}
			}, reach.Ingress)
		},
	}
}

// peerGroupRule returns the cache's group that names a group of the function
// although both are in different VPCs; nil is none.
func (p *Pass) peerGroupRule(c client) *stack.SecurityGroup {
	if !p.crossVPC(c) {
		return nil
	}
	theirs := known(c.function.VPC.SecurityGroups)
	for _, id := range known(c.cache.SecurityGroups) {
		if g := p.groups[id]; g != nil && slices.ContainsFunc(g.Ingress, func(r stack.Rule) bool {
			peer := r.SecurityGroup.Or("")
			return peer != "" && slices.Contains(theirs, peer) && coversPort(r, c.path.Port)
		}) {
			return g
		}
	}
	return nil
}
