package check

import "github.com/thawdev/thaw/stack/reach"

func egressMissing() *Rule {
	return &Rule{
		ID: "THAW-R05", Name: "egress-missing", Severity: Error,
		Doc: Doc{
			Title: "The function's security groups let nothing out to the cache",
			Why: "A new security group allows all egress, but the first egress rule that is written takes that away, and a group of Terraform's starts with none. " +
				"What no rule allows is dropped in silence: the function times out.",
			Fix:     "Add an egress rule from the function's group to the cache's group on the cache's port.",
			Sources: []string{sourceGroups, sourceCacheConn},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if p.otherPorts(c, true) == "" {
					p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
						"The security groups of function %s allow no egress to cache %s on port %s.", c.function.ID, c.cache.ID, at(c))
				}
			}, reach.Egress)
		},
	}
}
