package check

import "github.com/thawdev/thaw/stack"

func allProtocols() *Rule {
	return &Rule{
		ID: "THAW-P04", Name: "ingress-with-all-protocols", Severity: Warning,
		Doc: Doc{
			Title:   "The cache's security group allows all protocols",
			Why:     "Protocol -1 allows everything: all ports of TCP and UDP, and ICMP. A cache speaks TCP on one port.",
			Fix:     "Allow tcp on the cache's port only.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			p.eachIngress(func(g *stack.SecurityGroup, i int, r stack.Rule) {
				if r.Protocol.Or("") == "-1" {
					p.report(g.Resource, r.Origin, p.onlyPorts(g, i, r), "Security group %s of %s allows %s.", g.ID, p.carriers(g.ID), ruleText(r, false))
				}
			})
		},
	}
}
