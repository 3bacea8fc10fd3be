package check

import (
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func notInVPC() *Rule {
	return &Rule{
		ID: "THAW-R01", Name: "function-not-in-vpc", Severity: Error,
		Doc: Doc{
			Title: "The function uses a cache and is not attached to a VPC",
			Why: "A cache has private addresses only. A function without a VPC configuration runs in a network of Lambda's own, " +
				"from which no private address of yours can be reached: connecting times out. (ElastiCache Serverless for Valkey 9.0 and later can have a public endpoint; then this rule does not apply.)",
			Fix:     "Attach the function to private subnets of the cache's VPC, with a security group of its own that the cache's group lets in.",
			Sources: []string{sourceLambdaVPC, sourceLambdaNet, "Amazon ElastiCache User Guide, connecting-public-endpoint.html"},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if c.function.VPC != nil {
					return
				}
				fix := p.opening(c, nil)
				if role := p.roles[c.function.Role.Or("")]; role != nil && p.vpcAccess(role) == no {
					fix.edits = append(fix.edits, attachPolicy{role, vpcAccessPolicy})
				}
				p.reportAs(Error, c.function.Resource, stack.Origin{}, f.AWSCode, fix,
					"Function %s uses cache %s (%s) and is not attached to a VPC.", c.function.ID, c.cache.ID, c.path.Evidence)
			}, reach.Attached)
		},
	}
}
