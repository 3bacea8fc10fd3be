package check

import "github.com/thawdev/thaw/stack/reach"

func returnBlocked() *Rule {
	return &Rule{
		ID: "THAW-R08", Name: "return-path-blocked", Severity: Error,
		Doc: Doc{
			Title: "A network ACL blocks the answers of the cache",
			Why: "Network ACLs are stateless. The answer of the cache leaves its port for an ephemeral port of the function, which for Lambda lies between 1024 and 65535. " +
				"An ACL that allows the request and not these ports lets the connection time out.",
			Fix:     "Allow TCP to ports 1024-65535 from the cache's subnets back to the function's subnets, in both ACLs.",
			Sources: []string{sourceACL},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
					"The answers of cache %s do not come back to function %s: %s", c.cache.ID, c.function.ID, f.Reason)
			}, reach.ReturnACLOut, reach.ReturnACLIn)
		},
	}
}
