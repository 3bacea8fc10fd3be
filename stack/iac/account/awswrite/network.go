package awswrite

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (w *writer) network() {
	for _, v := range w.s.VPCs {
		id := w.own("vpc", v.Resource)
		it := item{"VpcId": id, "OwnerId": w.account, "State": "available", "IsDefault": false, "Tags": tags(v.Resource)}
		four, six := []item{}, []item{}
		for i, cidr := range v.CIDRs {
			p, ok := cidr.Get()
			switch {
			case ok && p.Addr().Is4(), !ok && i == 0:
				if !ok {
					p = netip.MustParsePrefix("10.0.0.0/16")
				}
				four = append(four, item{"CidrBlock": p.String(), "CidrBlockState": item{"State": "associated"}})
			case !ok:
				p = netip.MustParsePrefix("2600:1f18:4a3:8900::/56")
				fallthrough
			default:
				six = append(six, item{"Ipv6CidrBlock": p.String(), "Ipv6CidrBlockState": item{"State": "associated"}})
			}
		}
		it["CidrBlockAssociationSet"] = four
		if len(four) > 0 {
			it["CidrBlock"] = four[0]["CidrBlock"]
		}
		if len(six) > 0 {
			it["Ipv6CidrBlockAssociationSet"] = six
		}
		w.add("ec2:DescribeVpcs", it)
		w.add("ec2:DescribeVpcAttribute", item{"VpcId": id, "EnableDnsSupport": item{"Value": v.EnableDNSSupport.Or(true)}})
		w.add("ec2:DescribeVpcAttribute", item{"VpcId": id, "EnableDnsHostnames": item{"Value": v.EnableDNSHostnames.Or(false)}})
	}
}

// zone returns the availability zone of a subnet. One that AWS chooses is the
// next of its VPC: a, b, c.
func (w *writer) zone(s *stack.Subnet) string {
	if z, ok := s.Zone.Get(); ok && z != "" {
		return z
	}
	// "item 1 of Fn::GetAZs" is the second zone of the region.
	if n, ok := strings.CutPrefix(s.Zone.Why(), "item "); ok && n != "" && n[0] >= '0' && n[0] <= '5' {
		return w.region + string('a'+rune(n[0]-'0'))
	}
	return w.region + string('a'+rune(slices.Index(w.s.Subnets, s)%3))
}

// zoneOf returns the zone of the subnet with that AWS id, or "".
func (w *writer) zoneOf(id string) string {
	for _, s := range w.s.Subnets {
		if w.own("subnet", s.Resource) == id {
			return w.zone(s)
		}
	}
	return ""
}

// vpcOf returns the VPC of the first subnet that is in the stack, or "".
func (w *writer) vpcOf(subnets []stack.Value[string]) string {
	for _, v := range subnets {
		if s := w.s.Subnet(v.Or("")); s != nil {
			return w.id("vpc", s.VPC)
		}
	}
	return ""
}

// subnets are written last, because the network interfaces of the rest take
// addresses from them.
func (w *writer) subnets() {
	for i, s := range w.s.Subnets {
		id := w.own("subnet", s.Resource)
		cidr, ok := s.CIDR.Get()
		if !ok {
			cidr = netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i))
		}
		known := *s
		known.CIDR = stack.Known(cidr)
		free, ok := s.FreeAddresses.Get()
		if !ok {
			free = max(0, known.Capacity().Or(251)-w.used[id])
		}
		it := item{
			"SubnetId": id, "SubnetArn": w.arn("ec2", "subnet/"+id), "VpcId": w.id("vpc", s.VPC), "OwnerId": w.account, "State": "available",
			"CidrBlock": cidr.String(), "AvailabilityZone": w.zone(s), "AvailableIpAddressCount": free,
			"MapPublicIpOnLaunch": s.MapPublicIP.Or(false), "Ipv6CidrBlockAssociationSet": []item{}, "Tags": tags(s.Resource),
		}
		if six, ok := s.CIDR6.Get(); ok && six.IsValid() {
			it["Ipv6CidrBlockAssociationSet"] = []item{{"Ipv6CidrBlock": six.String(), "Ipv6CidrBlockState": item{"State": "associated"}}}
		}
		w.add("ec2:DescribeSubnets", it)
	}
}

// filters writes security groups and network ACLs, and those that AWS makes
// with each VPC.
func (w *writer) filters() {
	hasDefault := map[string]bool{}
	for _, g := range w.s.SecurityGroups {
		vpc := w.id("vpc", g.VPC)
		groupName := name(g.Name, g.ID)
		if g.Default || g.Name == stack.Known("default") {
			groupName = "default"
			hasDefault[vpc] = true
		}
		w.group(w.own("sg", g.Resource), vpc, groupName, g)
	}
	for _, v := range w.s.VPCs {
		vpc := w.own("vpc", v.Resource)
		if !hasDefault[vpc] {
			w.group(w.defaultGroup(vpc), vpc, "default", defaultGroup(w.defaultGroup(vpc)))
		}
	}
	w.acls()
}

// defaultGroup returns the id of the default security group of a VPC.
func (w *writer) defaultGroup(vpc string) string {
	for _, g := range w.s.SecurityGroups {
		if (g.Default || g.Name == stack.Known("default")) && w.id("vpc", g.VPC) == vpc {
			return w.own("sg", g.Resource)
		}
	}
	return w.id("sg", stack.Known("default of "+vpc))
}

// defaultGroup is the group as AWS makes it: its members reach each other, and
// all egress is allowed.
func defaultGroup(id string) *stack.SecurityGroup {
	all := stack.Rule{Protocol: stack.Known("-1"), FromPort: stack.Known(-1), ToPort: stack.Known(-1)}
	members, anywhere := all, all
	members.SecurityGroup = stack.Known(id)
	anywhere.CIDR = stack.Known("0.0.0.0/0")
	return &stack.SecurityGroup{Description: stack.Known("default VPC security group"),
		Ingress: []stack.Rule{members}, Egress: []stack.Rule{anywhere}}
}

func (w *writer) group(id, vpc, groupName string, g *stack.SecurityGroup) {
	w.add("ec2:DescribeSecurityGroups", item{
		"GroupId": id, "GroupName": groupName, "Description": g.Description.Or(groupName), "VpcId": vpc, "OwnerId": w.account,
		"SecurityGroupArn": w.arn("ec2", "security-group/"+id),
		"IpPermissions":    w.permissions(g.Ingress), "IpPermissionsEgress": w.permissions(g.Egress),
	})
}

// permissions writes rules in EC2's form. EC2 merges rules of the same ports;
// the writer keeps one permission a rule, which means the same.
func (w *writer) permissions(rules []stack.Rule) []item {
	out := []item{}
	for _, r := range rules {
		it := item{"IpProtocol": ruleProtocol(r), "IpRanges": []item{}, "Ipv6Ranges": []item{}, "UserIdGroupPairs": []item{}, "PrefixListIds": []item{}}
		if it["IpProtocol"] != "-1" {
			it["FromPort"], it["ToPort"] = r.FromPort.Or(-1), r.ToPort.Or(-1)
		}
		key, peer := w.peer(r)
		if d := r.Description.Or(""); d != "" {
			peer["Description"] = d
		}
		it[key] = []item{peer}
		out = append(out, it)
	}
	return out
}

// ruleProtocol is TCP for a rule with ports whose protocol is not known, such as
// one under a condition.
func ruleProtocol(r stack.Rule) string {
	if p, ok := r.FromPort.Get(); !r.Protocol.IsKnown() && ok && p >= 0 {
		return "tcp"
	}
	return r.Protocol.Or("-1")
}

// peer returns the other side of a rule. One that the stack does not know is a
// group that the snapshot does not hold.
func (w *writer) peer(r stack.Rule) (key string, peer item) {
	group, list := r.SecurityGroup, r.PrefixList
	cidr := r.CIDR.Or("")
	switch {
	case group.Or("") != "" || !group.IsKnown():
		return "UserIdGroupPairs", item{"GroupId": w.id("sg", group), "UserId": w.account}
	case list.Or("") != "" || !list.IsKnown():
		return "PrefixListIds", item{"PrefixListId": w.id("pl", list)}
	case strings.Contains(cidr, ":"):
		return "Ipv6Ranges", item{"CidrIpv6": cidr}
	case cidr != "":
		return "IpRanges", item{"CidrIp": cidr}
	}
	return "UserIdGroupPairs", item{"GroupId": w.id("sg", stack.Unknown[string](r.CIDR.Why())), "UserId": w.account}
}

func (w *writer) acls() {
	named := map[string]bool{}
	hasDefault := map[string]bool{}
	for _, a := range w.s.NetworkACLs {
		for _, id := range w.ids("subnet", a.Subnets) {
			named[id] = true
		}
	}
	for _, a := range w.s.NetworkACLs {
		id, vpc := w.own("acl", a.Resource), w.id("vpc", a.VPC)
		subnets := w.ids("subnet", a.Subnets)
		if a.Default {
			hasDefault[vpc] = true
			subnets = append(subnets, w.unnamed(vpc, named)...)
		}
		entries := []item{}
		for _, e := range a.Entries {
			entries = append(entries, aclEntry(e))
		}
		w.acl(id, vpc, a.Default, subnets, append(entries, w.denyRest(a.VPC)...))
	}
	for _, v := range w.s.VPCs {
		vpc := w.own("vpc", v.Resource)
		if hasDefault[vpc] {
			continue
		}
		var entries []item
		for _, egress := range []bool{true, false} {
			entries = append(entries, item{"RuleNumber": 100, "Egress": egress, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"})
			if dual(v) {
				entries = append(entries, item{"RuleNumber": 101, "Egress": egress, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"})
			}
		}
		id := w.id("acl", stack.Known("default of "+vpc))
		w.acl(id, vpc, true, w.unnamed(vpc, named), append(entries, w.denyRest(stack.Known(v.ID))...))
	}
}

// unnamed lists the subnets of a VPC that no network ACL names.
func (w *writer) unnamed(vpc string, named map[string]bool) []string {
	var ids []string
	for _, s := range w.s.Subnets {
		if id := w.own("subnet", s.Resource); w.id("vpc", s.VPC) == vpc && !named[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func dual(v *stack.VPC) bool {
	for i, cidr := range v.CIDRs {
		if p, ok := cidr.Get(); ok && p.Addr().Is6() || !ok && i > 0 {
			return true
		}
	}
	return false
}

// denyRest are the entries that AWS shows as * and numbers 32767 and, with
// IPv6, 32768.
func (w *writer) denyRest(vpc stack.Value[string]) []item {
	var out []item
	six := false
	for _, v := range w.s.VPCs {
		six = six || v.ID == vpc.Or("") && dual(v)
	}
	for _, egress := range []bool{true, false} {
		out = append(out, item{"RuleNumber": 32767, "Egress": egress, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"})
		if six {
			out = append(out, item{"RuleNumber": 32768, "Egress": egress, "Protocol": "-1", "RuleAction": "deny", "Ipv6CidrBlock": "::/0"})
		}
	}
	return out
}

func (w *writer) acl(id, vpc string, isDefault bool, subnets []string, entries []item) {
	associations := []item{}
	for _, s := range subnets {
		associations = append(associations, item{"NetworkAclAssociationId": "aclassoc-" + digest(id + s)[:17], "NetworkAclId": id, "SubnetId": s})
	}
	w.add("ec2:DescribeNetworkAcls", item{"NetworkAclId": id, "VpcId": vpc, "OwnerId": w.account, "IsDefault": isDefault,
		"Associations": associations, "Entries": entries, "Tags": []item{}})
}

func aclEntry(e stack.ACLEntry) item {
	it := item{"RuleNumber": e.Number.Or(1), "Egress": e.Egress.Or(false), "Protocol": aclProtocol(e.Protocol.Or("-1")), "RuleAction": "deny"}
	if e.Allow.Or(false) {
		it["RuleAction"] = "allow"
	}
	cidr := e.CIDR.Or("0.0.0.0/0")
	if strings.Contains(cidr, ":") {
		it["Ipv6CidrBlock"] = cidr
	} else {
		it["CidrBlock"] = cidr
	}
	if from, ok := e.FromPort.Get(); ok && from >= 0 {
		it["PortRange"] = item{"From": from, "To": e.ToPort.Or(65535)}
	}
	return it
}

// aclProtocol writes a protocol as the number that EC2 prints.
func aclProtocol(s string) string {
	if _, err := strconv.Atoi(s); err == nil {
		return s
	}
	return map[string]string{"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}[s]
}
