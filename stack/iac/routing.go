package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// defaultACL is the attribute of a VPC that names the network ACL that AWS makes
// with it.
const defaultACL = "DefaultNetworkAcl"

// acl returns the network ACL that a property names, also the default one of a
// VPC, or nil.
func (b *builder) acl(p props) *stack.NetworkACL {
	id, ok := p.id("NetworkAclId").Get()
	if !ok {
		return nil
	}
	for _, a := range b.out.NetworkACLs {
		if a.ID == id {
			return a
		}
	}
	vpc, ok := strings.CutSuffix(id, "."+defaultACL)
	if !ok || b.typeOf(vpc) != typeVPC {
		return nil
	}
	res := b.resource(b.resources[vpc], "")
	res.ID, res.Type, res.Origin.Address = id, typeNetworkACL, id
	a := stack.DefaultNetworkACL(res, vpc)
	b.out.NetworkACLs = append(b.out.NetworkACLs, a)
	return a
}

// aclEntry adds an entry to its network ACL. An entry that may not exist
// neither allows nor denies for certain.
func (b *builder) aclEntry(p props, why string) bool {
	a := b.acl(p)
	if a == nil {
		return b.lost(p, "NetworkAclId", "network_acls")
	}
	e := stack.ACLEntry{
		Number:   p.integer("RuleNumber", 0),
		Egress:   p.boolean("Egress", false),
		Allow:    hedge(ruleAction(p), why),
		Protocol: p.str("Protocol", ""),
		CIDR:     p.cidr("CidrBlock"),
		Origin:   p.origin(),
	}
	if !p.has("RuleNumber") || !p.has("Protocol") {
		p.errorf("", "an entry of a network ACL needs RuleNumber and Protocol")
	}
	if p.has("Ipv6CidrBlock") && !p.has("CidrBlock") {
		e.CIDR = p.cidr("Ipv6CidrBlock")
	}
	e.FromPort, e.ToPort = stack.Known(-1), stack.Known(-1)
	if ports, ok := p.sub("PortRange"); ok {
		e.FromPort, e.ToPort = ports.integer("From", -1), ports.integer("To", -1)
	}
	a.Entries = append(a.Entries, e)
	return true
}

func ruleAction(p props) stack.Value[bool] {
	action := p.str("RuleAction", "")
	s, ok := action.Get()
	if !ok {
		return stack.Unknown[bool](action.Why())
	}
	switch strings.ToLower(s) {
	case "allow":
		return stack.Known(true)
	case "deny":
		return stack.Known(false)
	}
	p.errorf("RuleAction", "%q is not allow or deny", s)
	return stack.Known(false)
}

func (b *builder) aclSubnet(p props, why string) bool {
	a := b.acl(p)
	if a == nil {
		return b.lostSubnet(p, "NetworkAclId", "network_acls")
	}
	a.Subnets = append(a.Subnets, hedge(p.id("SubnetId"), why))
	return true
}

// routeTable returns the route table that a property names, or nil.
func (b *builder) routeTable(p props) *stack.RouteTable {
	id, ok := p.id("RouteTableId").Get()
	if !ok {
		return nil
	}
	for _, t := range b.out.RouteTables {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// targetKinds are the properties that may name where a route goes, with the
// model's word for it.
func targetKinds() [][2]string {
	return [][2]string{
		{"GatewayId", "gateway"},
		{"NatGatewayId", "nat"},
		{"VpcPeeringConnectionId", "peering"},
		{"TransitGatewayId", "transit-gateway"},
		{"VpcEndpointId", "endpoint"},
		{"NetworkInterfaceId", "interface"},
		{"InstanceId", "instance"},
		{"EgressOnlyInternetGatewayId", "egress-only"},
		{"CarrierGatewayId", "gateway"},
		{"LocalGatewayId", "gateway"},
		{"CoreNetworkArn", "transit-gateway"},
	}
}

func (b *builder) route(p props, why string) bool {
	t := b.routeTable(p)
	if t == nil {
		return b.lost(p, "RouteTableId", "route_tables")
	}
	r := stack.Route{Destination: p.cidr("DestinationCidrBlock"), Origin: p.origin()}
	switch {
	case p.has("DestinationCidrBlock"):
	case p.has("DestinationIpv6CidrBlock"):
		r.Destination = p.cidr("DestinationIpv6CidrBlock")
	default:
		r.Destination = p.id("DestinationPrefixListId")
	}
	for _, kind := range targetKinds() {
		if p.has(kind[0]) {
			r.TargetKind, r.Target = kind[1], p.id(kind[0])
			break
		}
	}
	if r.TargetKind == "" {
		p.errorf("", "a route needs a target such as GatewayId or NatGatewayId")
	}
	r.Target = hedge(r.Target, why)
	t.Routes = append(t.Routes, r)
	return true
}

func (b *builder) routeSubnet(p props, why string) bool {
	t := b.routeTable(p)
	if t == nil {
		return b.lostSubnet(p, "RouteTableId", "route_tables")
	}
	t.Subnets = append(t.Subnets, hedge(p.id("SubnetId"), why))
	return true
}
