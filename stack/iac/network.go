package iac

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

func readVPC(res stack.Resource, p props) *stack.VPC {
	v := &stack.VPC{
		Resource:           res,
		EnableDNSSupport:   p.boolean("EnableDnsSupport", true),
		EnableDNSHostnames: p.boolean("EnableDnsHostnames", false),
	}
	if p.has("CidrBlock") {
		v.CIDRs = append(v.CIDRs, p.prefix("CidrBlock"))
	} else {
		v.CIDRs = append(v.CIDRs, stack.Unknown[netip.Prefix]("the range that IPAM assigns to "+res.ID))
	}
	return v
}

func readSubnet(res stack.Resource, p props) *stack.Subnet {
	s := &stack.Subnet{
		Resource:      res,
		VPC:           p.id("VpcId"),
		CIDR:          p.prefix("CidrBlock"),
		CIDR6:         p.prefix("Ipv6CidrBlock"),
		MapPublicIP:   p.boolean("MapPublicIpOnLaunch", false),
		Zone:          p.str("AvailabilityZone", ""),
		FreeAddresses: stack.Unknown[int]("what else is deployed in the subnet"),
	}
	if !p.has("CidrBlock") {
		s.CIDR = stack.Unknown[netip.Prefix]("the range that IPAM assigns to " + res.ID)
		if p.boolean("Ipv6Native", false).Or(false) {
			s.CIDR = stack.Known(netip.Prefix{})
		}
	}
	if !p.has("AvailabilityZone") {
		s.Zone = stack.Unknown[string]("the zone that AWS chooses for " + res.ID)
	}
	return s
}

// readEndpoint reads a VPC endpoint. PrivateDnsEnabled counts for interface
// endpoints only; CloudFormation documents no default for them, so one that
// does not state it is unknown.
func readEndpoint(res stack.Resource, p props) *stack.Endpoint {
	e := &stack.Endpoint{
		Resource:       res,
		VPC:            p.id("VpcId"),
		Service:        p.str("ServiceName", ""),
		Kind:           p.str("VpcEndpointType", "Gateway"),
		PrivateDNS:     p.boolean("PrivateDnsEnabled", false),
		Subnets:        p.ids("SubnetIds"),
		SecurityGroups: p.ids("SecurityGroupIds"),
		RouteTables:    p.ids("RouteTableIds"),
	}
	if e.Kind.Or("Interface") == "Interface" && !p.has("PrivateDnsEnabled") {
		e.PrivateDNS = stack.Unknown[bool]("PrivateDnsEnabled of " + res.ID + ", which the template does not state")
	}
	return e
}

// vpcCIDR adds a further range to a VPC.
func (b *builder) vpcCIDR(p props, why string) bool {
	id, ok := p.id("VpcId").Get()
	if !ok {
		return false
	}
	for _, v := range b.out.VPCs {
		if v.ID != id {
			continue
		}
		if !p.has("CidrBlock") && !p.has("Ipv6CidrBlock") && !p.has("Ipv4IpamPoolId") {
			return true // AWS assigns an IPv6 range, which says nothing about IPv4
		}
		block := stack.Unknown[netip.Prefix]("the range that AWS assigns")
		for _, key := range []string{"CidrBlock", "Ipv6CidrBlock"} {
			if p.has(key) {
				block = p.prefix(key)
			}
		}
		v.CIDRs = append(v.CIDRs, hedge(block, why))
		return true
	}
	return false
}
