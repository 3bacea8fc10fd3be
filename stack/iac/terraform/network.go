package terraform

import (
	"net/netip"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) vpc(res stack.Resource, a attrs) {
	v := &stack.VPC{Resource: res,
		EnableDNSSupport:   a.boolean("enable_dns_support", true),
		EnableDNSHostnames: a.boolean("enable_dns_hostnames", res.Type == "aws_default_vpc"),
	}
	if a.has("cidr_block") {
		v.CIDRs = append(v.CIDRs, a.prefix("cidr_block"))
	} else {
		v.CIDRs = append(v.CIDRs, stack.Unknown[netip.Prefix]("the range of "+res.ID))
	}
	for _, more := range a.blocks("cidr_block_associations") { // of data
		if p := more.prefix("cidr_block"); p != v.CIDRs[0] {
			v.CIDRs = append(v.CIDRs, p)
		}
	}
	if a.has("ipv6_cidr_block") { // one that AWS assigns says nothing about IPv4
		v.CIDRs = append(v.CIDRs, a.prefix("ipv6_cidr_block"))
	}
	b.out.VPCs = append(b.out.VPCs, v)
}

// vpcCIDR adds a further range to a VPC.
func (b *builder) vpcCIDR(a attrs, why string) bool {
	id := a.id("vpc_id")
	for _, v := range b.out.VPCs {
		if v.ID != id.Or("") {
			continue
		}
		if a.inst.typ == "aws_vpc_ipv6_cidr_block_association" && !a.has("ipv6_cidr_block") {
			return true // AWS assigns it
		}
		block := stack.Unknown[netip.Prefix]("the range that AWS assigns to " + a.path)
		for _, name := range []string{"cidr_block", "ipv6_cidr_block"} {
			if a.has(name) {
				block = a.prefix(name)
			}
		}
		v.CIDRs = append(v.CIDRs, hedge(block, why))
		return true
	}
	return b.lost(a, "vpcs", id)
}

func (b *builder) subnet(res stack.Resource, a attrs) {
	s := &stack.Subnet{Resource: res,
		VPC:           a.id("vpc_id"),
		CIDR:          a.prefix("cidr_block"),
		CIDR6:         a.prefix("ipv6_cidr_block"),
		MapPublicIP:   a.boolean("map_public_ip_on_launch", false),
		Zone:          a.str("availability_zone", ""),
		FreeAddresses: stack.Unknown[int]("what else is deployed in the subnet"),
	}
	if v, ok := s.CIDR.Get(); ok && !v.IsValid() && !a.has("cidr_block") {
		s.CIDR = stack.Unknown[netip.Prefix]("the range that IPAM assigns to " + res.ID)
		if native, _ := a.boolean("ipv6_native", false).Get(); native {
			s.CIDR = stack.Known(netip.Prefix{})
		}
	}
	if !a.has("availability_zone") {
		s.Zone = stack.Unknown[string]("the zone that AWS chooses for " + res.ID)
	}
	if a.has("available_ip_address_count") { // of data
		s.FreeAddresses = a.integer("available_ip_address_count", 0)
	}
	b.out.Subnets = append(b.out.Subnets, s)
}

func (b *builder) endpoint(res stack.Resource, a attrs) {
	e := &stack.Endpoint{Resource: res,
		VPC:            a.id("vpc_id"),
		Service:        a.str("service_name", ""),
		Kind:           a.str("vpc_endpoint_type", "Gateway"),
		PrivateDNS:     a.boolean("private_dns_enabled", false),
		Subnets:        a.ids("subnet_ids"),
		SecurityGroups: a.ids("security_group_ids"),
		RouteTables:    a.ids("route_table_ids"),
	}
	b.changed("aws_vpc_endpoint_route_table_association", "vpc_endpoint_id", res.ID, func(old attrs) {
		e.RouteTables = b.withoutRepeated(e.RouteTables, res.ID, "route_table_ids", old.id("route_table_id"))
	})
	b.out.Endpoints = append(b.out.Endpoints, e)
}

// endpointPart adds a route table, a subnet or a group to an endpoint.
func (b *builder) endpointPart(a attrs, why string) bool {
	id := a.id("vpc_endpoint_id")
	for _, e := range b.out.Endpoints {
		if e.ID != id.Or("") {
			continue
		}
		switch {
		case a.has("route_table_id"):
			e.RouteTables = append(e.RouteTables, hedge(a.id("route_table_id"), why))
		case a.has("subnet_id"):
			e.Subnets = append(e.Subnets, hedge(a.id("subnet_id"), why))
		default:
			e.SecurityGroups = append(e.SecurityGroups, hedge(a.id("security_group_id"), why))
		}
		return true
	}
	return b.lost(a, "endpoints", id)
}

func (b *builder) gateway(res stack.Resource, a attrs) {
	g := &stack.Gateway{Resource: res}
	switch res.Type {
	case "aws_nat_gateway":
		g.Kind = stack.NATGateway
		if a.str("connectivity_type", "public").Or("") == "private" {
			g.Kind = stack.PrivateNATGateway
		}
		g.Subnet = a.id("subnet_id")
	case "aws_internet_gateway":
		g.Kind, g.VPC = stack.InternetGateway, a.id("vpc_id")
	default:
		g.Kind, g.VPC = stack.EgressOnlyGateway, a.id("vpc_id")
	}
	b.out.Gateways = append(b.out.Gateways, g)
}

func (b *builder) attachGateway(a attrs, why string) bool {
	id := a.id("internet_gateway_id")
	for _, g := range b.out.Gateways {
		if g.ID == id.Or("") {
			g.VPC = hedge(a.id("vpc_id"), why)
			return true
		}
	}
	return b.lost(a, "gateways", id)
}

func (b *builder) prefixList(res stack.Resource, a attrs) {
	l := &stack.PrefixList{Resource: res, Name: a.name("name")}
	for _, entry := range a.blocks("entry") {
		l.Entries = append(l.Entries, entry.prefix("cidr"))
	}
	b.out.PrefixLists = append(b.out.PrefixLists, l)
}

func (b *builder) prefixListEntry(a attrs, why string) bool {
	id := a.id("prefix_list_id")
	for _, l := range b.out.PrefixLists {
		if l.ID == id.Or("") {
			l.Entries = append(l.Entries, hedge(a.prefix("cidr"), why))
			return true
		}
	}
	return b.lost(a, "prefix_lists", id)
}

func (b *builder) peering(res stack.Resource, a attrs) {
	p := &stack.Peering{Resource: res,
		Requester:  a.id("vpc_id"),
		Accepter:   a.id("peer_vpc_id"),
		Active:     a.boolean("auto_accept", false),
		SameRegion: stack.Known(true),
		ResolveDNS: resolvesNames(a),
	}
	status, _ := a.get("accept_status").scalar()
	switch {
	case status == "active":
		p.Active = stack.Known(true)
	case status == "" && (a.has("peer_owner_id") || a.has("peer_region")) && !p.Active.Or(false):
		// auto_accept is only for peers in the same account and region.
		p.Active = stack.Unknown[bool]("the other side accepts " + a.path + ", in its own account or region")
	}
	switch region, ok := a.str("peer_region", "").Get(); {
	case !ok:
		p.SameRegion = stack.Unknown[bool](a.path + ".peer_region")
	case region != "" && b.out.Region == "":
		p.SameRegion = stack.Unknown[bool]("the region of the provider")
	case region != "":
		p.SameRegion = stack.Known(region == b.out.Region)
	}
	b.out.Peerings = append(b.out.Peerings, p)
}

// resolvesNames reports whether both sides of a peering let names of theirs
// resolve to private addresses on the other.
func resolvesNames(a attrs) stack.Value[bool] {
	sides := 0
	for _, side := range []string{"requester", "accepter"} {
		block, ok := a.first(side)
		if !ok {
			continue
		}
		v := block.boolean("allow_remote_vpc_dns_resolution", false)
		on, known := v.Get()
		if !known {
			return v
		}
		if on {
			sides++
		}
	}
	if sides == 1 {
		return stack.Unknown[bool]("only one side of " + a.path + " states that names resolve")
	}
	return stack.Known(sides == 2)
}

// peeringPart reads what accepts a peering, or sets its options.
func (b *builder) peeringPart(a attrs, why string) bool {
	id := a.id("vpc_peering_connection_id")
	for _, p := range b.out.Peerings {
		if p.ID != id.Or("") {
			continue
		}
		if strings.HasSuffix(a.inst.typ, "_accepter") {
			if accepts := a.boolean("auto_accept", false); !accepts.IsKnown() || accepts.Or(false) {
				p.Active = hedge(accepts, why)
			}
		}
		if names := resolvesNames(a); names != stack.Known(false) {
			p.ResolveDNS = hedge(names, why)
		}
		return true
	}
	return b.lost(a, "peerings", id)
}

// data adds subnets that exist already and that the plan has read.
//
// VPCs and security groups are not added, on purpose: a plan holds neither the
// rules of the group nor the route tables and network ACLs of the VPC, and a
// stack that declared them would say that there are none.
func (b *builder) data(i *instance) {
	if i.typ == "aws_subnet" {
		b.subnet(b.resource(i), b.attrs(i))
	}
}
