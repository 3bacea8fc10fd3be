package check

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func unusedRule() *Rule {
	return &Rule{
		ID: "THAW-P08", Name: "unused-rule", Severity: Warning,
		Doc: Doc{
			Title: "A rule that nothing uses",
			Why: "The rule is for a port on which no cache of the group listens, or for a security group that nothing carries. It does nothing today, and opens a way the day something fits it. " +
				"Thaw reports a rule only if no path needs it and if everything that carries the group is known.",
			Fix:     "Delete the rule.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			var paths []reach.Path
			for _, c := range p.clients {
				paths = append(paths, c.path.Path)
			}
			for _, ref := range p.network.Unused(paths) {
				g := p.groups[ref.Resource]
				if g == nil || ref.Index < 0 {
					continue
				}
				egress := ref.Kind == reach.EgressRule
				r := rulesOf(g, egress)[ref.Index]
				if why := p.useless(g, r, egress); why != "" && !r.Implicit && !p.misplaced(g, ref.Index, egress) {
					p.report(g.Resource, r.Origin, change(dropRule{g, egress, ref.Index}), "Nothing uses the rule %s of security group %s: %s.", ruleText(r, egress), g.ID, why)
				}
			}
		},
	}
}

// useless says why a rule certainly serves nobody; "" if it may.
func (p *Pass) useless(g *stack.SecurityGroup, r stack.Rule, egress bool) string {
	peer, ok := r.SecurityGroup.Get()
	if protocol := r.Protocol.Or(""); !ok || protocol != "tcp" && protocol != "udp" && protocol != "-1" || !r.FromPort.IsKnown() || !r.ToPort.IsKnown() {
		return ""
	}
	if !egress && p.onlyCaches(g.ID) && !slices.ContainsFunc(p.listens(g), func(port int) bool { return coversPort(r, stack.Known(port)) }) && p.portsKnown(g.ID) {
		return "no cache of the group listens on " + portText(r)
	}
	target := p.groups[peer]
	if peer == "" || target == nil || isDefault(target) {
		return ""
	}
	if egress && p.onlyCaches(peer) && p.portsKnown(peer) && !slices.ContainsFunc(p.listens(target), func(port int) bool { return coversPort(r, stack.Known(port)) }) {
		return "no cache of " + peer + " listens on " + portText(r)
	}
	if len(p.members[peer]) == 0 && !p.mayBeCarried() {
		return "nothing carries security group " + peer
	}
	return ""
}

// onlyCaches reports whether a group is carried by caches and by nothing else
// that is known or may be.
func (p *Pass) onlyCaches(group string) bool {
	all := p.members[group]
	return len(all) > 0 && !p.mayBeCarried() && !slices.ContainsFunc(all, func(m member) bool { return m.kind != "cache" })
}

func (p *Pass) portsKnown(group string) bool {
	return !slices.ContainsFunc(p.stack.Caches, func(c *stack.Cache) bool {
		return slices.Contains(known(c.SecurityGroups), group) && (!c.Port.IsKnown() || !c.ReaderPort.IsKnown())
	})
}

// mayBeCarried reports whether the stack holds something that may carry a
// security group without showing it: a resource of a type that the model does
// not describe, a list of groups that is unknown, or a gap.
func (p *Pass) mayBeCarried() bool {
	if p.gap("interfaces", "functions", "caches", "security_groups") {
		return true
	}
	// Parts of types in both languages, without the letters in which they differ:
	// AWS::CodeBuild::Project is awscodebuildproject, as is aws_codebuild_project.
	carriers := []string{"instance", "launch", "service", "loadbalancer", "awslb", "elb", "alb", "networkinterface", "cluster", "nodegroup", "mounttarget", "fsx", "broker", "domain",
		"connector", "connection", "application", "vpclink", "codebuild", "resolver", "computeenvironment", "mwaa", "canary", "sagemaker", "workspaces", "workgroup", "transfer",
		"eventsourcemapping", "eventtarget", "eventsrule", "schedule", "pipes", "fleet", "imagebuilder", "custom", "module", "stack"}
	plain := strings.NewReplacer("_", "", "::", "")
	if slices.ContainsFunc(p.stack.Others, func(r stack.Resource) bool {
		typ := plain.Replace(strings.ToLower(r.Type))
		return slices.ContainsFunc(carriers, func(c string) bool { return strings.Contains(typ, c) })
	}) {
		return true
	}
	for _, f := range p.stack.Functions {
		if f.VPC != nil && !allKnown(f.VPC.SecurityGroups) {
			return true
		}
	}
	return slices.ContainsFunc(p.stack.Caches, func(c *stack.Cache) bool { return !allKnown(c.SecurityGroups) })
}

// misplaced reports whether THAW-R07 has something to say about a rule.
func (p *Pass) misplaced(g *stack.SecurityGroup, index int, egress bool) bool {
	found := false
	for _, c := range p.paths() {
		if whole(c) {
			p.eachMisplaced(c, egress, func(other *stack.SecurityGroup, i int, _ stack.Rule) { found = found || other == g && i == index })
		}
	}
	return found
}
