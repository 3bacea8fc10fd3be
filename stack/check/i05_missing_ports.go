package check

import "github.com/thawdev/thaw/stack"

func missingPorts() *Rule {
	return &Rule{
		ID: "THAW-I05", Name: "rule-without-ports", Severity: Error,
		Doc: Doc{
			Title:   "A rule for TCP or UDP has no ports",
			Why:     "A rule whose ports are null, as some generators write them for a serverless cache, is refused by EC2 or opens nothing. AWS CDK wrote \"FromPort\": null for serverless caches.",
			Fix:     "Write the port of the cache.",
			Sources: []string{"github.com/aws/aws-cdk pull request 35738", "Amazon EC2 API, IpPermission"},
			Unseen:  "A live account, where EC2 has refused the rule.",
		},
		Run: func(p *Pass) {
			for _, g := range p.stack.SecurityGroups {
				for _, egress := range []bool{false, true} {
					for i, r := range rulesOf(g, egress) {
						p.checkPorts(g, i, r, egress)
					}
				}
			}
		},
	}
}

func (p *Pass) checkPorts(g *stack.SecurityGroup, i int, r stack.Rule, egress bool) {
	protocol := r.Protocol.Or("")
	if protocol != "tcp" && protocol != "udp" || r.Implicit || r.FromPort.Or(0) >= 0 && r.ToPort.Or(0) >= 0 {
		return
	}
	fix := inWords("%s", p.rule.Doc.Fix)
	ports := p.listens(g)
	if egress {
		if peer := p.groups[r.SecurityGroup.Or("")]; peer != nil {
			ports = p.listens(peer)
		}
	}
	probe := r
	probe.FromPort, probe.ToPort = stack.Known(0), stack.Known(0)
	if len(ports) > 0 && unknownIn(probe) == nil {
		fix = change(dropRule{g, egress, i})
		for _, port := range ports {
			fix.edits = append(fix.edits, addRule{group: g.ID, egress: egress, protocol: "tcp", from: port, to: port,
				peer: r.SecurityGroup.Or(""), cidr: r.CIDR.Or(""), list: r.PrefixList.Or("")})
		}
	}
	p.report(g.Resource, r.Origin, fix, "The rule %s of security group %s has no port.", ruleText(r, egress), g.ID)
}
