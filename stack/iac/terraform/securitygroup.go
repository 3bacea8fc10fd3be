package terraform

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// securityGroup reads a group with its inline rules. EC2 gives every new group
// a rule that allows all egress; Terraform's provider takes it away again, so a
// group without egress rules lets nothing out.
func (b *builder) securityGroup(res stack.Resource, a attrs) {
	g := &stack.SecurityGroup{Resource: res, Name: a.name("name"), Description: a.str("description", "Managed by Terraform"), VPC: a.id("vpc_id")}
	if res.Type == "aws_default_security_group" {
		g.Default, g.Name, g.Description = true, stack.Known("default"), stack.Known("default VPC security group")
	}
	for _, rule := range a.blocks("ingress") {
		g.Ingress = append(g.Ingress, rule.inlineRules(res.ID)...)
	}
	for _, rule := range a.blocks("egress") {
		g.Egress = append(g.Egress, rule.inlineRules(res.ID)...)
	}
	b.dropChanged(a.inst, g)
	b.groups[res.ID] = g
	b.out.SecurityGroups = append(b.out.SecurityGroups, g)
}

// inlineRules reads one block, which holds any number of peers; each becomes a
// rule. group is the group that "self" means.
func (a attrs) inlineRules(group string) []stack.Rule {
	base := a.rule("protocol")
	if a.in != nil && a.in.kind == unknown {
		u := stack.Unknown[string](a.in.why)
		base.Protocol, base.CIDR, base.SecurityGroup, base.PrefixList = u, u, u, u
		return []stack.Rule{base}
	}
	base.Description = a.str("description", "")
	var out []stack.Rule
	for _, name := range []string{"cidr_blocks", "ipv6_cidr_blocks"} {
		for _, cidr := range a.words(name) {
			r := base
			r.CIDR = cidr
			out = append(out, r)
		}
	}
	groups := a.ids("security_groups")
	groups = append(groups, a.ids("source_security_group_id")...)
	for _, id := range groups {
		r := base
		r.SecurityGroup = id
		if id.Or("?") != "" {
			out = append(out, r)
		}
	}
	for _, id := range a.ids("prefix_list_ids") {
		r := base
		r.PrefixList = id
		out = append(out, r)
	}
	switch self, known := a.boolean("self", false).Get(); {
	case self:
		base.SecurityGroup = stack.Known(group)
		out = append(out, base)
	case !known:
		base.SecurityGroup = stack.Unknown[string](a.path + ".self")
		out = append(out, base)
	}
	return out
}

// rule reads protocol and ports. With all protocols the ports do not count.
func (a attrs) rule(protocol string) stack.Rule {
	r := stack.Rule{Protocol: ruleProtocol(a.str(protocol, "-1")), FromPort: a.integer("from_port", -1), ToPort: a.integer("to_port", -1), Origin: a.origin()}
	if r.Protocol.Or("") == "-1" {
		r.FromPort, r.ToPort = stack.Known(-1), stack.Known(-1)
	}
	return r
}

// ruleProtocol spells a protocol in the words of the model.
func ruleProtocol(v stack.Value[string]) stack.Value[string] {
	s, ok := v.Get()
	if !ok {
		return v
	}
	switch s = strings.ToLower(s); s {
	case "6":
		s = "tcp"
	case "17":
		s = "udp"
	case "1":
		s = "icmp"
	case "58":
		s = "icmpv6"
	case "all":
		s = "-1"
	}
	return stack.Known(s)
}

// groupRule adds an aws_security_group_rule, the older form with many peers.
func (b *builder) groupRule(a attrs, why string) bool {
	id := a.id("security_group_id")
	g := b.group(id)
	if g == nil {
		return b.lost(a, "security_groups", id)
	}
	kind, known := a.str("type", "").Get()
	if !known {
		return b.lost(a, "security_groups", a.str("type", ""))
	}
	for _, r := range a.inlineRules(g.ID) {
		r.Protocol = hedge(r.Protocol, why)
		b.addRule(g, r, kind != "egress")
	}
	return true
}

// standaloneRule adds a rule with one peer.
func (b *builder) standaloneRule(a attrs, ingress bool, why string) bool {
	id := a.id("security_group_id")
	g := b.group(id)
	if g == nil {
		return b.lost(a, "security_groups", id)
	}
	b.addRule(g, a.onePeer(why), ingress)
	return true
}

func (a attrs) onePeer(why string) stack.Rule {
	r := a.rule("ip_protocol")
	r.Protocol = hedge(r.Protocol, why)
	r.CIDR = a.str("cidr_ipv4", "")
	if !a.has("cidr_ipv4") && a.has("cidr_ipv6") {
		r.CIDR = a.str("cidr_ipv6", "")
	}
	r.SecurityGroup = a.id("referenced_security_group_id")
	r.PrefixList = a.id("prefix_list_id")
	r.Description = a.str("description", "")
	return r
}

// addRule adds a rule of its own. The rules of a group that exists repeat it.
func (b *builder) addRule(g *stack.SecurityGroup, r stack.Rule, ingress bool) {
	rules := &g.Egress
	if ingress {
		rules = &g.Ingress
	}
	*rules = slices.DeleteFunc(*rules, func(o stack.Rule) bool { return b.inherited(g.ID, !ingress) && sameRule(o, r) })
	*rules = append(*rules, r)
}

// sameRule compares what two rules allow, not where they are written.
func sameRule(a, b stack.Rule) bool {
	b.Origin, b.Description, b.Implicit = a.Origin, a.Description, a.Implicit
	return a == b
}

// dropChanged takes the rules away that apply deletes or changes, which the
// group of a plan still repeats because they exist now.
func (b *builder) dropChanged(i *instance, g *stack.SecurityGroup) {
	if i.plan == nil || len(b.e.before) == 0 {
		return
	}
	for _, old := range b.e.before {
		a := b.attrs(old)
		if !strings.Contains(old.typ, "security_group") || a.id("security_group_id").Or("") != g.ID {
			continue
		}
		ingress := strings.Contains(old.typ, "_ingress_")
		gone := []stack.Rule{a.onePeer("")}
		if old.typ == "aws_security_group_rule" {
			ingress = a.str("type", "").Or("") != "egress"
			gone = a.inlineRules(g.ID)
		}
		rules := &g.Egress
		if ingress {
			rules = &g.Ingress
		}
		*rules = slices.DeleteFunc(*rules, func(o stack.Rule) bool {
			return b.inherited(g.ID, !ingress) && slices.ContainsFunc(gone, func(r stack.Rule) bool { return sameRule(o, r) })
		})
	}
}

// group returns a group that a rule names, also the default one of a VPC.
func (b *builder) group(id stack.Value[string]) *stack.SecurityGroup {
	s := id.Or("")
	if g := b.groups[s]; g != nil {
		return g
	}
	return b.defaultGroup(s)
}

// defaultGroup adds the default security group of a VPC to the stack, where a
// rule or a resource names it, and returns it. It allows its members to reach
// each other, and all egress.
func (b *builder) defaultGroup(id string) *stack.SecurityGroup {
	vpc, ok := strings.CutSuffix(id, ".default_security_group_id")
	i := b.instances[vpc]
	if !ok || i == nil || i.typ != "aws_vpc" || i.mode == "data" || b.groups[id] != nil {
		return b.groups[id]
	}
	res := b.resource(i)
	res.ID, res.Type, res.Origin.Address = id, "aws_security_group", id
	all := stack.Rule{Protocol: stack.Known("-1"), FromPort: stack.Known(-1), ToPort: stack.Known(-1), Implicit: true, Origin: res.Origin}
	members, out := all, all
	members.SecurityGroup, out.CIDR = stack.Known(id), stack.Known("0.0.0.0/0")
	g := &stack.SecurityGroup{Resource: res, Name: stack.Known("default"), Description: stack.Known("default VPC security group"),
		VPC: stack.Known(vpc), Default: true, Ingress: []stack.Rule{members}, Egress: []stack.Rule{out}}
	b.groups[id] = g
	b.out.SecurityGroups = append(b.out.SecurityGroups, g)
	return g
}
