package check

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

func openToVPC() *Rule {
	return &Rule{
		ID: "THAW-P02", Name: "ingress-from-whole-vpc", Severity: Warning,
		Doc: Doc{
			Title:   "The cache's security group lets the whole VPC in",
			Why:     "A rule from the range of the VPC makes every instance, task and function in it a client of the cache, also those of other teams and those that will come. ElastiCache without AUTH or RBAC asks nobody for a password.",
			Fix:     "Name the clients' security groups as sources; a group follows its members, whatever their addresses are.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			p.eachIngress(func(g *stack.SecurityGroup, i int, r stack.Rule) {
				if vpc := p.wholeVPC(g, r); vpc != "" && !anyAddress(r) && p.matters(g, r) {
					p.report(g.Resource, r.Origin, p.narrow(g, i), "Security group %s of %s allows %s, which is all of %s.", g.ID, p.carriers(g.ID), ruleText(r, false), vpc)
				}
			})
		},
	}
}

// wholeVPC returns the VPC whose range a rule contains; "" is none.
func (p *Pass) wholeVPC(g *stack.SecurityGroup, r stack.Rule) string {
	cidr, err := netip.ParsePrefix(r.CIDR.Or(""))
	if err != nil {
		return ""
	}
	for _, v := range p.stack.VPCs {
		if vpc, ok := g.VPC.Get(); !ok || vpc != v.ID {
			continue
		}
		for _, block := range known(v.CIDRs) {
			if block.IsValid() && cidr.Bits() <= block.Bits() && cidr.Contains(block.Addr()) {
				return v.ID
			}
		}
	}
	return ""
}
