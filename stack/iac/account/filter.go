package account

import (
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) filters() {
	b.securityGroups()
	b.networkACLs()
}

func (b *builder) securityGroups() {
	seen := once{}
	for _, it := range b.in.groups {
		g := it.v
		if !seen.first(g.GroupID) {
			continue
		}
		out := &stack.SecurityGroup{
			Resource:    resource(g.GroupID, typeSecurityGroup, "", it.origin),
			Name:        stack.Known(g.GroupName),
			Description: stack.Known(g.Description),
			VPC:         stack.Known(g.VpcID),
			Default:     g.GroupName == "default", // the name is AWS's own: no other group can have it
		}
		out.Ingress = rules(g.IPPermissions, out, "IpPermissions")
		out.Egress = rules(g.IPPermissionsEgress, out, "IpPermissionsEgress")
		b.out.SecurityGroups = append(b.out.SecurityGroups, out)
	}
}

// rules flattens permissions: EC2 groups the peers of one protocol and range of
// ports, the model has one rule for each.
func rules(all []permission, g *stack.SecurityGroup, where string) []stack.Rule {
	n := 0
	for _, p := range all {
		n += len(p.IPRanges) + len(p.Ipv6Ranges) + len(p.UserIDGroupPairs) + len(p.PrefixListIDs)
	}
	if n == 0 {
		return nil
	}
	out := make([]stack.Rule, 0, n)
	for i, p := range all {
		base := stack.Rule{Protocol: stack.Known(protocol(p.IPProtocol)), FromPort: port(p.FromPort), ToPort: port(p.ToPort), Origin: g.Origin}
		base.Origin.Address = fmt.Sprintf("%s.%s[%d]", g.ID, where, i)
		for _, r := range p.IPRanges {
			rule := base
			rule.CIDR, rule.Description = stack.Known(r.CidrIP), stack.Known(r.Description)
			out = append(out, rule)
		}
		for _, r := range p.Ipv6Ranges {
			rule := base
			rule.CIDR, rule.Description = stack.Known(r.CidrIpv6), stack.Known(r.Description)
			out = append(out, rule)
		}
		for _, r := range p.UserIDGroupPairs {
			rule := base
			rule.SecurityGroup, rule.Description = stack.Known(r.GroupID), stack.Known(r.Description)
			if r.GroupID == "" {
				rule.SecurityGroup = stack.Unknown[string]("the security group that has the name " + r.GroupName)
			}
			out = append(out, rule)
		}
		for _, r := range p.PrefixListIDs {
			rule := base
			rule.PrefixList, rule.Description = stack.Known(r.PrefixListID), stack.Known(r.Description)
			out = append(out, rule)
		}
	}
	for i := range out {
		out[i].Implicit = asMade(out[i], g, where == "IpPermissionsEgress")
	}
	return out
}

// asMade reports whether a rule is like the ones that AWS gives a new group:
// all egress, and in a default group everything from its own members. Whether
// somebody has written the same rule by hand, an account does not tell.
func asMade(r stack.Rule, g *stack.SecurityGroup, egress bool) bool {
	if r.Protocol != stack.Known("-1") || r.Description != stack.Known("") {
		return false
	}
	if egress {
		return r.CIDR == stack.Known("0.0.0.0/0")
	}
	return g.Default && r.SecurityGroup == stack.Known(g.ID)
}

func port(p *int) stack.Value[int] {
	if p == nil {
		return stack.Known(-1)
	}
	return stack.Known(*p)
}

// protocol spells the protocol of a rule in the words of the model.
func protocol(s string) string {
	switch s {
	case "6":
		return "tcp"
	case "17":
		return "udp"
	case "1":
		return "icmp"
	case "58":
		return "icmpv6"
	}
	return strings.ToLower(s)
}

// lastEntry is the highest number that a user can give an entry. AWS adds
// 32767, which denies the rest, and 32768 for IPv6; the model implies both.
// Source: EC2 API Reference, CreateNetworkAclEntry, RuleNumber.
const lastEntry = 32766

func (b *builder) networkACLs() {
	seen := once{}
	for _, it := range b.in.acls {
		a := it.v
		if !seen.first(a.NetworkACLID) {
			continue
		}
		out := &stack.NetworkACL{Resource: resource(a.NetworkACLID, typeNetworkACL, "", it.origin),
			VPC: stack.Known(a.VpcID), Default: a.IsDefault}
		for _, s := range a.Associations {
			out.Subnets = append(out.Subnets, stack.Known(s.SubnetID))
		}
		for _, e := range a.Entries {
			if e.RuleNumber <= lastEntry {
				out.Entries = append(out.Entries, entry(e, out))
			}
		}
		b.out.NetworkACLs = append(b.out.NetworkACLs, out)
	}
}

func entry(e aclEntry, a *stack.NetworkACL) stack.ACLEntry {
	out := stack.ACLEntry{
		Number: stack.Known(e.RuleNumber), Egress: stack.Known(e.Egress), Allow: stack.Known(e.RuleAction == "allow"),
		Protocol: stack.Known(e.Protocol), CIDR: stack.Known(e.CidrBlock + e.Ipv6CidrBlock), // one of them is set
		FromPort: stack.Known(-1), ToPort: stack.Known(-1), Origin: a.Origin,
	}
	if e.PortRange != nil {
		out.FromPort, out.ToPort = stack.Known(e.PortRange.From), stack.Known(e.PortRange.To)
	}
	direction := "ingress"
	if e.Egress {
		direction = "egress"
	}
	out.Origin.Address = fmt.Sprintf("%s %s %d", a.ID, direction, e.RuleNumber)
	return out
}
