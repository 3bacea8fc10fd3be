package check

import (
	"github.com/thawdev/thaw/stack/reach"
)

func impliedRule() *Rule {
	return &Rule{
		ID: "THAW-P09", Name: "implied-rule", Severity: Info,
		Doc: Doc{
			Title:   "A rule that another rule of the same group contains",
			Why:     "All rules of a group are merged, and their order has no meaning. A rule that another contains allows nothing more: whoever deletes it, to close the way, closes nothing. It also counts against the quota of 60 rules for each direction.",
			Fix:     "Delete one of the two: the narrow one if the wide one is meant, else the wide one.",
			Sources: []string{sourceGroups, "Amazon VPC User Guide, \"Amazon VPC quotas\""},
		},
		Run: func(p *Pass) {
			for _, i := range p.network.Implied() {
				g := p.groups[i.Rule.Resource]
				if g == nil || i.Rule.Index < 0 || len(p.members[g.ID]) == 0 {
					continue
				}
				egress := i.Rule.Kind == reach.EgressRule
				r := rulesOf(g, egress)[i.Rule.Index]
				if r.Implicit {
					continue
				}
				p.report(g.Resource, r.Origin, change(dropRule{g, egress, i.Rule.Index}), "The rule %s of security group %s is contained in the rule %s.", ruleText(r, egress), g.ID, i.By.Text)
			}
		},
	}
}
