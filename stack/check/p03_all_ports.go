package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func allPorts() *Rule {
	return &Rule{
		ID: "THAW-P03", Name: "ingress-on-all-ports", Severity: Warning,
		Doc: Doc{
			Title:   "The cache's security group allows all ports",
			Why:     "A cache listens on one port; a serverless cache on two. All other ports are open for whatever carries the group later.",
			Fix:     "Allow the cache's port only.",
			Sources: []string{sourceGroups, sourceServerless},
		},
		Run: func(p *Pass) {
			p.eachIngress(func(g *stack.SecurityGroup, i int, r stack.Rule) {
				if protocol := r.Protocol.Or(""); (protocol == "tcp" || protocol == "udp") && everyPort(r) {
					p.report(g.Resource, r.Origin, p.onlyPorts(g, i, r), "Security group %s of %s allows %s.", g.ID, p.carriers(g.ID), ruleText(r, false))
				}
			})
		},
	}
}

// onlyPorts replaces a rule by one for each port of the caches, from the same
// peer. A rule from everywhere is narrowed to the clients instead.
func (p *Pass) onlyPorts(g *stack.SecurityGroup, i int, r stack.Rule) Fix {
	if anyAddress(r) || p.wholeVPC(g, r) != "" {
		return p.narrow(g, i)
	}
	fix := change(dropRule{g, false, i})
	if r.Protocol.Or("") == "udp" {
		return fix
	}
	if unknownIn(stack.Rule{Protocol: r.Protocol, CIDR: r.CIDR, SecurityGroup: r.SecurityGroup, PrefixList: r.PrefixList}) != nil {
		return inWords("%s", p.rule.Doc.Fix)
	}
	for _, port := range p.listens(g) {
		already := slices.ContainsFunc(g.Ingress, func(o stack.Rule) bool {
			return o.SecurityGroup == r.SecurityGroup && o.CIDR == r.CIDR && o.PrefixList == r.PrefixList && !everyPort(o) &&
				o.Protocol.Or("") == "tcp" && coversPort(o, stack.Known(port))
		})
		if !already {
			fix.edits = append(fix.edits, addRule{group: g.ID, protocol: "tcp", from: port, to: port,
				peer: r.SecurityGroup.Or(""), cidr: r.CIDR.Or(""), list: r.PrefixList.Or("")})
		}
	}
	return fix
}
