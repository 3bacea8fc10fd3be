package check

import "github.com/thawdev/thaw/stack"

func openToAll() *Rule {
	return &Rule{
		ID: "THAW-P01", Name: "ingress-from-anywhere", Severity: Error,
		Doc: Doc{
			Title: "The cache's security group lets every address in",
			Why: "A rule from 0.0.0.0/0 or ::/0 lets in whatever has a route: every instance of the VPC, peered networks, VPNs. " +
				"Nothing but the routes keeps the internet out, and those are changed by other people.",
			Fix:     "Name the clients' security groups as sources; one rule for each.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			p.eachIngress(func(g *stack.SecurityGroup, i int, r stack.Rule) {
				if anyAddress(r) && p.matters(g, r) {
					p.report(g.Resource, r.Origin, p.narrow(g, i), "Security group %s of %s allows %s.", g.ID, p.carriers(g.ID), ruleText(r, false))
				}
			})
		},
	}
}

// matters reports whether a rule lets packets through to a port on which a
// cache of the group listens, or may.
func (p *Pass) matters(g *stack.SecurityGroup, r stack.Rule) bool {
	ports := p.listens(g)
	if len(ports) == 0 {
		return true
	}
	for _, port := range ports {
		if coversPort(r, stack.Known(port)) {
			return true
		}
	}
	return !r.Protocol.IsKnown() || !r.FromPort.IsKnown() || !r.ToPort.IsKnown()
}
