package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func sharedGroup() *Rule {
	return &Rule{
		ID: "THAW-I02", Name: "shared-group", Severity: Warning,
		Doc: Doc{
			Title:   "The function and the cache carry the same security group",
			Why:     "In a shared group every rule for one is a rule for the other: a member rule makes all functions of the group clients of the cache, and the cache's rules cannot be told from the function's. The group can be deleted only when Lambda has given its network interfaces back, which takes up to 20 minutes.",
			Fix:     "Give the function a group of its own, and let that group into the cache's.",
			Sources: []string{sourceGroups, sourceLambdaVPC},
		},
		Run: func(p *Pass) {
			for _, g := range p.stack.SecurityGroups {
				if isDefault(g) {
					continue // THAW-P05
				}
				for _, c := range p.paths() {
					if c.function.VPC == nil || !slices.Contains(known(c.function.VPC.SecurityGroups), g.ID) || !slices.Contains(known(c.cache.SecurityGroups), g.ID) {
						continue
					}
					p.report(g.Resource, g.Origin, p.separate(c, g), "Function %s and cache %s carry the same security group %s.", c.function.ID, c.cache.ID, g.ID)
				}
			}
		},
	}
}

// separate gives a function a group of its own.
func (p *Pass) separate(c client, shared *stack.SecurityGroup) Fix {
	vpc := p.onlyVPC(c.function.VPC.Subnets, c.function.VPC.SecurityGroups)
	if vpc == "" || !allKnown(c.function.VPC.Subnets) || !allKnown(c.function.VPC.SecurityGroups) {
		return inWords("%s", p.rule.Doc.Fix)
	}
	name := groupName(c.function, "Group")
	groups := slices.DeleteFunc(known(c.function.VPC.SecurityGroups), func(id string) bool { return id == shared.ID })
	fix := change(newGroup{name, vpc, "Function " + shortName(c.function.ID)}, attachFunction{function: c.function, subnets: known(c.function.VPC.Subnets), groups: append(groups, name)})
	fix.edits = append(append(fix.edits, p.join(c, name, "")...), p.toServices(c.function, name)...)
	for i, r := range shared.Ingress {
		if r.SecurityGroup.Or("") == shared.ID && !r.Implicit {
			fix.edits = append(fix.edits, dropRule{shared, false, i})
		}
	}
	return fix.and(otherTargets)
}
