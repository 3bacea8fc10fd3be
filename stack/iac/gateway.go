package iac

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// readGateway reads what routes lead to out of a VPC.
func readGateway(res stack.Resource, p props) *stack.Gateway {
	g := &stack.Gateway{Resource: res}
	switch res.Type {
	case typeNATGateway:
		g.Kind = stack.NATGateway
		if p.str("ConnectivityType", "public").Or("") == "private" {
			g.Kind = stack.PrivateNATGateway
		}
		g.Subnet, g.VPC = p.id("SubnetId"), p.id("VpcId")
	case typeInternetGateway:
		g.Kind = stack.InternetGateway // its attachment names the VPC
	default:
		g.Kind, g.VPC = stack.EgressOnlyGateway, p.id("VpcId")
	}
	return g
}

// attachGateway reads AWS::EC2::VPCGatewayAttachment. One of a VPN gateway is
// kept aside.
func (b *builder) attachGateway(p props, why string) bool {
	id, ok := p.id("InternetGatewayId").Get()
	if !ok {
		return false
	}
	for _, g := range b.out.Gateways {
		if g.ID == id {
			g.VPC = hedge(p.id("VpcId"), why)
			return true
		}
	}
	return false
}

// readPeering reads a peering. Within one account AWS accepts it at once, and
// in another one if the template names a role there. CloudFormation has no
// property for the resolution of names, which is off. Source: "AWS::EC2::
// VPCPeeringConnection" in the CloudFormation template reference.
func (b *builder) readPeering(res stack.Resource, p props) *stack.Peering {
	c := &stack.Peering{Resource: res, Requester: p.id("VpcId"), Accepter: p.id("PeerVpcId"), Active: stack.Known(true), SameRegion: stack.Known(true)}
	switch owner, ok := p.str("PeerOwnerId", "").Get(); {
	case p.has("PeerRoleArn"), ok && (owner == "" || owner == b.opts.AccountID):
	default:
		c.Active = stack.Unknown[bool]("whether the other account accepts " + res.ID)
	}
	switch region, ok := p.str("PeerRegion", "").Get(); {
	case !ok:
		c.SameRegion = stack.Unknown[bool]("PeerRegion of " + res.ID)
	case region != "":
		c.SameRegion = stack.Known(region == b.opts.Region)
	}
	return c
}

func readPrefixList(res stack.Resource, p props) *stack.PrefixList {
	l := &stack.PrefixList{Resource: res, Name: p.str("PrefixListName", "")}
	for _, entry := range p.list("Entries") {
		l.Entries = append(l.Entries, entry.prefix("Cidr"))
	}
	return l
}

// subnetCIDR adds the IPv6 range of a subnet.
func (b *builder) subnetCIDR(p props, why string) bool {
	s := b.out.Subnet(p.id("SubnetId").Or(""))
	if s == nil {
		return false
	}
	s.CIDR6 = stack.Unknown[netip.Prefix]("the range that AWS assigns to " + s.ID)
	if p.has("Ipv6CidrBlock") {
		s.CIDR6 = hedge(p.prefix("Ipv6CidrBlock"), why)
	}
	return true
}
