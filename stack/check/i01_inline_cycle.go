package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func inlineCycle() *Rule {
	return &Rule{
		ID: "THAW-I01", Name: "groups-name-each-other", Severity: Error,
		Doc: Doc{
			Title:   "Security groups name each other inline, which is a cycle",
			Why:     "A group that names another must be made after it. Two groups that name each other in their own rules can neither be made first: Terraform stops with \"Cycle\", CloudFormation with \"Circular dependency between resources\".",
			Fix:     "Write the rules as resources of their own, which are made after both groups: aws_vpc_security_group_ingress_rule and _egress_rule, or AWS::EC2::SecurityGroupIngress and Egress.",
			Sources: []string{"Terraform AWS provider, aws_security_group", "AWS CloudFormation User Guide, AWS::EC2::SecurityGroup"},
			Unseen:  "A live account, where the groups exist already; a Terraform plan, which does not come to be.",
		},
		Run: func(p *Pass) {
			if p.stack.Dialect == stack.Live {
				return
			}
			for _, cycle := range p.cycles() {
				var ids []string
				var fix Fix
				for _, g := range cycle {
					ids = append(ids, g.ID)
				}
				for _, g := range cycle {
					for _, egress := range []bool{false, true} {
						for i, r := range rulesOf(g, egress) {
							if isInline(g, r) && r.SecurityGroup.Or("") != g.ID && slices.Contains(ids, r.SecurityGroup.Or("")) {
								fix.edits = append(fix.edits, moveRule{dropRule{g, egress, i}})
							}
						}
					}
				}
				p.report(cycle[0].Resource, cycle[0].Origin, fix, "Security groups %s name each other in their own rules.", sentenceList(ids))
			}
		},
	}
}

// cycles lists the sets of groups that reach each other by inline rules, each
// set in the order of declaration.
func (p *Pass) cycles() [][]*stack.SecurityGroup {
	next := map[string][]string{}
	for _, g := range p.stack.SecurityGroups {
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			if to := r.SecurityGroup.Or(""); isInline(g, r) && to != g.ID && p.groups[to] != nil {
				next[g.ID] = append(next[g.ID], to)
			}
		}
	}
	reach := func(from string) map[string]bool {
		seen := map[string]bool{}
		for todo := next[from]; len(todo) > 0; {
			id := todo[0]
			todo = todo[1:]
			if !seen[id] {
				seen[id] = true
				todo = append(todo, next[id]...)
			}
		}
		return seen
	}
	var out [][]*stack.SecurityGroup
	done := map[string]bool{}
	for _, g := range p.stack.SecurityGroups {
		if done[g.ID] || next[g.ID] == nil {
			continue
		}
		from := reach(g.ID)
		if !from[g.ID] {
			continue
		}
		var cycle []*stack.SecurityGroup
		for _, o := range p.stack.SecurityGroups {
			if from[o.ID] && reach(o.ID)[g.ID] {
				cycle = append(cycle, o)
				done[o.ID] = true
			}
		}
		out = append(out, cycle)
	}
	return out
}

// moveRule makes a resource of its own of an inline rule.
type moveRule struct{ dropRule }

func (e moveRule) key() string { return "move " + e.dropRule.key() }

func (e moveRule) sentence() string {
	return "Make a resource of its own of the rule " + ruleText(e.rule(), e.egress) + " of security group " + e.group.ID + "."
}

func (e moveRule) standalone() addRule {
	r := e.rule()
	return addRule{group: e.group.ID, egress: e.egress, protocol: r.Protocol.Or(""), from: r.FromPort.Or(0), to: r.ToPort.Or(0), peer: r.SecurityGroup.Or("")}
}

func (e moveRule) cloudFormation(w *fragment) error {
	if err := unknownIn(e.rule()); err != nil {
		return byHand("It is not written here, because %v.", err)
	}
	if err := e.standalone().cloudFormation(w); err != nil {
		return err
	}
	return e.dropRule.cloudFormation(w)
}

// terraform writes the resource; no override can take the inline block away
// and leave the group without an opinion about its rules.
func (e moveRule) terraform(w *configuration) error {
	if err := unknownIn(e.rule()); err != nil {
		return byHand("It is not written here, because %v.", err)
	}
	if err := e.standalone().resource(w); err != nil {
		return err
	}
	w.blocks[len(w.blocks)-1].header = "In place of the block at " + e.rule().Origin.String() + ", which must be deleted."
	return nil
}

func (e moveRule) commands(*script) error { return byHand("An account has no declarations.") }
