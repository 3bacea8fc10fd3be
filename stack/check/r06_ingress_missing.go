package check

import "github.com/thawdev/thaw/stack/reach"

func ingressMissing() *Rule {
	return &Rule{
		ID: "THAW-R06", Name: "ingress-missing", Severity: Error,
		Doc: Doc{
			Title: "The cache's security groups do not let the function in",
			Why: "A new security group allows no ingress, and the default group only its own members. A packet that no rule allows is dropped without an answer, " +
				"so the function sees a timeout and never \"connection refused\".",
			Fix:     "Add an ingress rule to the cache's group, on the cache's port, from the function's group.",
			Sources: []string{sourceGroups, "Amazon VPC User Guide, \"Default security groups\"", sourceCacheConn},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if p.peerGroupRule(c) != nil || p.otherPorts(c, false) != "" {
					return // THAW-R10, THAW-R07
				}
				p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
					"The security groups of cache %s do not let function %s in on port %s.", c.cache.ID, c.function.ID, at(c))
			}, reach.Ingress)
		},
	}
}
