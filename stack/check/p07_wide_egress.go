package check

import "github.com/thawdev/thaw/stack"

func wideEgress() *Rule {
	return &Rule{
		ID: "THAW-P07", Name: "egress-wider-than-needed", Severity: Info,
		Doc: Doc{
			Title:   "The function's security group lets it connect to every address",
			Why:     "AWS gives every new group a rule that allows all egress. Code that is taken over can then send what it finds anywhere that has a route. The function needs the cache's port, and what else it is known to use.",
			Fix:     "Allow egress to the cache's group on the cache's port, and to whatever else the function connects to; then the rule that allows all goes.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			for _, g := range p.stack.SecurityGroups {
				users := p.clientsCarrying(g.ID)
				if len(users) == 0 || isDefault(g) {
					continue
				}
				for i, r := range g.Egress {
					if anyAddress(r) && (r.Protocol.Or("") == "-1" || everyPort(r)) {
						p.report(g.Resource, r.Origin, p.narrowEgress(g, i, users), "Security group %s of %s allows %s.", g.ID, p.carriers(g.ID), ruleText(r, true))
					}
				}
			}
		},
	}
}

// clientsCarrying lists the clients whose function carries a group.
func (p *Pass) clientsCarrying(group string) []client {
	var out []client
	for _, c := range p.paths() {
		if c.function.VPC == nil {
			continue
		}
		for _, id := range known(c.function.VPC.SecurityGroups) {
			if id == group {
				out = append(out, c)
			}
		}
	}
	return out
}

func (p *Pass) narrowEgress(g *stack.SecurityGroup, i int, users []client) Fix {
	var fix Fix
	for _, c := range users {
		targets := known(c.cache.SecurityGroups)
		if len(targets) == 0 {
			return inWords("%s", p.rule.Doc.Fix)
		}
		for _, port := range portsOf(c.cache) {
			rules := p.naming(c, addRule{group: g.ID, egress: true, protocol: "tcp", from: port, to: port}, targets[0], c.cache.Subnets)
			if rules == nil {
				return inWords("%s", p.rule.Doc.Fix)
			}
			for _, r := range rules {
				fix.edits = append(fix.edits, r)
			}
		}
		fix.edits = append(fix.edits, p.toServices(c.function, g.ID)...)
	}
	fix.edits = append(fix.edits, dropRule{g, true, i})
	return fix.and(otherTargets)
}

// otherTargets is what people have to add to a group that lets out only what a
// function is known to use.
const otherTargets = "Add rules for what else the function connects to, such as a database, before you apply this."

// toServices lets a function out to the services of AWS that it uses, by a group
// that it is given.
func (p *Pass) toServices(f *stack.Function, group string) []edit {
	if len(p.servicesOf(f)) == 0 {
		return nil
	}
	return []edit{addRule{group: group, egress: true, protocol: "tcp", from: 443, to: 443, cidr: "0.0.0.0/0"}}
}
