package check

import "github.com/thawdev/thaw/stack/reach"

func otherVPC() *Rule {
	return &Rule{
		ID: "THAW-R02", Name: "other-vpc", Severity: Error,
		Doc: Doc{
			Title:   "The function and the cache are in different VPCs that nothing connects",
			Why:     "Two VPCs are two networks. Without a peering connection or another link no packet passes, whatever the security groups allow: connecting times out.",
			Fix:     "Attach the function to subnets of the cache's VPC, or peer the VPCs and add routes on both sides. Ranges of peered VPCs must not overlap.",
			Sources: []string{sourceLambdaVPC, sourcePeering},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				p.reportAs(Error, c.function.Resource, c.function.VPC.Origin, f.AWSCode, p.opening(c, nil),
					"Function %s cannot reach cache %s: %s", c.function.ID, c.cache.ID, f.Reason)
			}, reach.SameVPC)
		},
	}
}
