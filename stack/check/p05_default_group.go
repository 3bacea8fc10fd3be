package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func defaultGroup() *Rule {
	return &Rule{
		ID: "THAW-P05", Name: "default-security-group", Severity: Warning,
		Doc: Doc{
			Title: "The default security group of the VPC is used",
			Why: "The default group allows everything between its members and all egress. Every resource that is made without a group becomes a member, and so a client of the cache. " +
				"A resource outside of it is kept out: a cache in the default group is unreachable from a function in a group of its own.",
			Fix:     "Make one group for the function and one for the cache, and let the function's group into the cache's on the cache's port.",
			Sources: []string{"Amazon VPC User Guide, \"Default security groups for your VPCs\""},
		},
		Run: func(p *Pass) {
			fix := p.ownGroups()
			for _, f := range p.stack.Functions {
				if g := p.defaultOf(f); g != "" && p.isClient(f) {
					p.report(f.Resource, f.VPC.Origin, fix, "Function %s carries the default security group %s.", f.ID, g)
				}
			}
			for _, c := range p.stack.Caches {
				if g, ok := p.defaultOfCache(c); ok {
					p.report(c.Resource, c.Origin, fix, "Cache %s carries %s.", c.ID, g)
				}
			}
		},
	}
}

func (p *Pass) isClient(f *stack.Function) bool {
	return slices.ContainsFunc(p.clients, func(c client) bool { return c.function == f })
}

// defaultOf returns the default group that a function carries; "" is none.
func (p *Pass) defaultOf(f *stack.Function) string {
	if f.VPC == nil {
		return ""
	}
	for _, id := range known(f.VPC.SecurityGroups) {
		if g := p.groups[id]; g != nil && isDefault(g) {
			return id
		}
	}
	return ""
}

// defaultOfCache says which default group a cache carries. A cache that names
// none gets the one of its VPC.
func (p *Pass) defaultOfCache(c *stack.Cache) (string, bool) {
	for _, id := range known(c.SecurityGroups) {
		if g := p.groups[id]; g != nil && isDefault(g) {
			return "the default security group " + id, true
		}
	}
	if len(c.SecurityGroups) == 0 && p.stack.Dialect != stack.Live {
		return "no security group of its own, so AWS gives it the default group of the VPC", true
	}
	return "", false
}

// ownGroups gives every function and cache with a default group one of its own,
// and lets the clients in.
func (p *Pass) ownGroups() Fix {
	var fix Fix
	function, cache := map[*stack.Function]string{}, map[*stack.Cache]string{}
	for _, c := range p.paths() {
		if p.defaultOf(c.function) != "" && function[c.function] == "" {
			name, vpc := groupName(c.function, "Group"), p.onlyVPC(c.function.VPC.Subnets, c.function.VPC.SecurityGroups)
			if vpc == "" || !allKnown(c.function.VPC.Subnets) {
				return inWords("%s", p.rule.Doc.Fix)
			}
			function[c.function] = name
			fix.edits = append(fix.edits, newGroup{name, vpc, "Function " + shortName(c.function.ID)},
				attachFunction{function: c.function, subnets: known(c.function.VPC.Subnets), groups: p.without(c.function.VPC.SecurityGroups, name)})
			fix.edits = append(fix.edits, p.toServices(c.function, name)...)
			fix.words = otherTargets
		}
	}
	for _, c := range p.stack.Caches {
		if _, ok := p.defaultOfCache(c); ok {
			vpc := p.onlyVPC(c.Subnets, c.SecurityGroups)
			if vpc == "" {
				return inWords("%s", p.rule.Doc.Fix)
			}
			cache[c] = camel(shortName(c.ID)) + "Group"
			fix.edits = append(fix.edits, newGroup{cache[c], vpc, "Cache " + shortName(c.ID)}, setGroups{c, p.without(c.SecurityGroups, cache[c])})
		}
	}
	for _, c := range p.paths() {
		fix.edits = append(fix.edits, p.join(c, function[c.function], cache[c.cache])...)
	}
	return fix
}

// join adds the rules that a client needs after it, or its cache, has got a new
// group.
func (p *Pass) join(c client, function, cache string) (edits []edit) {
	if function == "" && cache == "" || c.function.VPC == nil {
		return nil
	}
	peer, target := function, cache
	if peer == "" {
		peer = p.clientGroup(c)
	}
	if target == "" {
		for _, id := range known(c.cache.SecurityGroups) {
			target = id
		}
	}
	for _, port := range portsOf(c.cache) {
		edits = append(edits, addRule{group: target, protocol: "tcp", from: port, to: port, peer: peer})
		if function != "" || cache != "" && !p.sendsAnywhere(peer) {
			edits = append(edits, addRule{group: peer, egress: true, protocol: "tcp", from: port, to: port, peer: target})
		}
	}
	return edits
}

// sendsAnywhere reports whether a group's egress goes to every address.
func (p *Pass) sendsAnywhere(id string) bool {
	g := p.groups[id]
	return g != nil && slices.ContainsFunc(g.Egress, func(r stack.Rule) bool { return anyAddress(r) && (r.Protocol.Or("") == "-1" || everyPort(r)) })
}

// without returns the groups that are not default groups, with one more.
func (p *Pass) without(groups []stack.Value[string], more string) []string {
	var out []string
	for _, id := range known(groups) {
		if g := p.groups[id]; g == nil || !isDefault(g) {
			out = append(out, id)
		}
	}
	return append(out, more)
}

// onlyVPC returns the one VPC of subnets or groups, or "".
func (p *Pass) onlyVPC(subnets, groups []stack.Value[string]) string {
	if all := p.vpcsOf(subnets, groups); len(all) == 1 {
		return all[0]
	}
	return ""
}
