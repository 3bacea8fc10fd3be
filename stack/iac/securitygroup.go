package iac

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// defaultGroup is the attribute of a VPC that names the security group that
// AWS makes with it.
const defaultGroup = "DefaultSecurityGroup"

// readSecurityGroup reads a group with its inline rules. EC2 gives every new
// group a rule that allows all egress; CloudFormation removes it when the
// template declares one or more egress rules. An empty list keeps it.
func readSecurityGroup(res stack.Resource, p props) *stack.SecurityGroup {
	g := &stack.SecurityGroup{
		Resource:    res,
		Name:        p.name("GroupName"),
		Description: p.str("GroupDescription", ""),
		VPC:         p.id("VpcId"),
	}
	for _, rule := range p.list("SecurityGroupIngress") {
		g.Ingress = append(g.Ingress, readRule(rule, true))
	}
	for _, rule := range p.list("SecurityGroupEgress") {
		g.Egress = append(g.Egress, readRule(rule, false))
	}
	if len(g.Egress) == 0 {
		g.Egress = []stack.Rule{allowAll(g.Origin)}
	}
	return g
}

// allowAll is the rule that EC2 adds to a new group.
func allowAll(origin stack.Origin) stack.Rule {
	return stack.Rule{
		Protocol: stack.Known("-1"),
		FromPort: stack.Known(-1),
		ToPort:   stack.Known(-1),
		CIDR:     stack.Known("0.0.0.0/0"),
		Implicit: true,
		Origin:   origin,
	}
}

// readRule reads one rule, inline or standalone. The peer of an ingress rule is
// a source, that of an egress rule a destination.
func readRule(p props, ingress bool) stack.Rule {
	peer := "Destination"
	if ingress {
		peer = "Source"
	}
	r := stack.Rule{
		Protocol:      ruleProtocol(p),
		FromPort:      p.integer("FromPort", -1),
		ToPort:        p.integer("ToPort", -1),
		CIDR:          p.cidr("CidrIp"),
		SecurityGroup: p.id(peer + "SecurityGroupId"),
		PrefixList:    p.id(peer + "PrefixListId"),
		Description:   p.str("Description", ""),
		Origin:        p.origin(),
	}
	if p.has("CidrIpv6") && !p.has("CidrIp") {
		r.CIDR = p.cidr("CidrIpv6")
	}
	if ingress && p.has("SourceSecurityGroupName") && !p.has("SourceSecurityGroupId") {
		r.SecurityGroup = stack.Unknown[string]("the security group that has the name " + p.str("SourceSecurityGroupName", "").Or("given"))
	}
	return r
}

// ruleProtocol spells a protocol in the words of the model.
func ruleProtocol(p props) stack.Value[string] {
	v := p.str("IpProtocol", "")
	s, ok := v.Get()
	if !ok {
		return v
	}
	switch s = strings.ToLower(s); s {
	case "":
		p.errorf("", "a rule needs IpProtocol: tcp, udp, icmp, icmpv6, a number, or -1 for all")
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

// ingressRule adds a standalone rule to its group.
func (b *builder) ingressRule(p props, why string) bool {
	g := b.group(p)
	if g == nil {
		return b.lost(p, "GroupId", "security_groups")
	}
	rule := readRule(p, true)
	rule.Protocol = hedge(rule.Protocol, why)
	g.Ingress = append(g.Ingress, rule)
	return true
}

// egressRule adds a standalone rule to its group.
//
// Creating the first standalone egress rule also takes the group's default
// rule away. AWS's reference says that the default goes "when you specify one
// or more egress rules"; that this covers AWS::EC2::SecurityGroupEgress is seen
// in practice and reported as github.com/aws-cloudformation/
// cfn-language-discussion issue 157. An allow-all rule that the template writes
// out inline is kept here.
func (b *builder) egressRule(p props, why string) bool {
	g := b.group(p)
	if g == nil {
		return b.lost(p, "GroupId", "security_groups")
	}
	rule := readRule(p, false)
	rule.Protocol = hedge(rule.Protocol, why)
	implicit := slices.IndexFunc(g.Egress, func(r stack.Rule) bool { return r.Implicit })
	switch {
	case implicit < 0:
	case why == "":
		g.Egress = slices.Delete(g.Egress, implicit, implicit+1)
	default:
		g.Egress[implicit].Protocol = stack.Unknown[string](why)
	}
	g.Egress = append(g.Egress, rule)
	return true
}

// group returns the group that a standalone rule names, or nil.
func (b *builder) group(p props) *stack.SecurityGroup {
	id, ok := p.id("GroupId").Get()
	if !ok {
		return nil
	}
	if g := b.out.SecurityGroup(id); g != nil {
		return g
	}
	return b.defaultGroup(id)
}

// defaultGroup adds the default security group of a VPC to the stack, where a
// rule or a resource names it, and returns it. It allows its members to reach
// each other, and all egress.
func (b *builder) defaultGroup(id string) *stack.SecurityGroup {
	vpc, ok := strings.CutSuffix(id, "."+defaultGroup)
	if !ok || b.typeOf(vpc) != typeVPC {
		return nil
	}
	if g := b.out.SecurityGroup(id); g != nil {
		return g
	}
	res := b.resource(b.resources[vpc], "")
	res.ID, res.Type, res.Origin.Address = id, typeSecurityGroup, id
	members := allowAll(res.Origin)
	members.CIDR, members.SecurityGroup = stack.Known(""), stack.Known(id)
	g := &stack.SecurityGroup{
		Resource:    res,
		Name:        stack.Known("default"),
		Description: stack.Known("default VPC security group"),
		VPC:         stack.Known(vpc),
		Default:     true,
		Ingress:     []stack.Rule{members},
		Egress:      []stack.Rule{allowAll(res.Origin)},
	}
	b.out.SecurityGroups = append(b.out.SecurityGroups, g)
	return g
}

// defaultGroups adds the default groups that resources name.
func (b *builder) defaultGroups() {
	var named []stack.Value[string]
	for _, f := range b.out.Functions {
		if f.VPC != nil {
			named = append(named, f.VPC.SecurityGroups...)
		}
	}
	for _, c := range b.out.Caches {
		named = append(named, c.SecurityGroups...)
	}
	for _, e := range b.out.Endpoints {
		named = append(named, e.SecurityGroups...)
	}
	for _, i := range b.out.Interfaces {
		named = append(named, i.SecurityGroups...)
	}
	for _, g := range b.out.SecurityGroups {
		for _, r := range append(append([]stack.Rule(nil), g.Ingress...), g.Egress...) {
			named = append(named, r.SecurityGroup)
		}
	}
	for _, id := range named {
		b.defaultGroup(id.Or(""))
	}
}
