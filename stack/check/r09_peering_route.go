package check

import "github.com/thawdev/thaw/stack/reach"

func peeringRoute() *Rule {
	return &Rule{
		ID: "THAW-R09", Name: "peering-without-route", Severity: Error,
		Doc: Doc{
			Title:   "The VPCs are peered, but the path over the peering is not complete",
			Why:     "A peering connection carries nothing until it is accepted and until the route tables of both sides send the other side's range to it. One missing route is enough: the request or the answer is dropped.",
			Fix:     "Accept the peering, and add a route to the other VPC's range in the tables of the function's subnets and of the cache's subnets.",
			Sources: []string{"Amazon VPC Peering Guide, \"Update your route tables for a VPC peering connection\""},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if f.Kind != reach.PeeringUse && !p.crossVPC(c) || closedBy(c, reach.SameVPC) {
					return // THAW-R03, THAW-R02
				}
				p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
					"Function %s does not reach cache %s over the peering: %s", c.function.ID, c.cache.ID, f.Reason)
			}, reach.PeeringUse, reach.RouteOut, reach.ReturnRoute)
		},
	}
}
