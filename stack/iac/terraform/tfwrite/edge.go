package tfwrite

import "github.com/thawdev/thaw/stack"

// edges writes what leads out of a VPC: gateways, endpoints and peerings.
func (d *document) edges() {
	for _, g := range d.s.Gateways {
		r := d.begin(g.ID)
		switch g.Kind {
		case stack.NATGateway:
			r.set("subnet_id", d.id(g.Subnet))
		case stack.PrivateNATGateway:
			r.set("subnet_id", d.id(g.Subnet))
			r.set("connectivity_type", literal("private"))
		default:
			r.set("vpc_id", d.id(g.VPC))
		}
	}
	for _, e := range d.s.Endpoints {
		r := d.begin(e.ID)
		r.set("vpc_id", d.id(e.VPC))
		r.set("service_name", d.str(e.Service))
		r.set("vpc_endpoint_type", optional(e.Kind, "Gateway", d))
		r.set("private_dns_enabled", optional(e.PrivateDNS, false, d))
		r.set("subnet_ids", d.ids(e.Subnets))
		r.set("security_group_ids", d.ids(e.SecurityGroups))
		r.set("route_table_ids", d.ids(e.RouteTables))
	}
	for _, p := range d.s.Peerings {
		d.peering(p)
	}
}

func (d *document) peering(p *stack.Peering) {
	r := d.begin(p.ID)
	r.set("vpc_id", d.id(p.Requester))
	r.set("peer_vpc_id", d.id(p.Accepter))
	switch same, ok := p.SameRegion.Get(); {
	case !ok:
		r.set("peer_region", d.unknown(p.SameRegion.Why()))
	case !same:
		region := "us-west-2"
		if d.region == region {
			region = "us-east-1"
		}
		r.set("peer_region", literal(region))
	}
	r.set("auto_accept", optional(p.Active, false, d))
	if !p.ResolveDNS.IsKnown() || p.ResolveDNS.Or(false) {
		for _, side := range []string{"accepter", "requester"} {
			r.set(side, expr{kind: blocks, bodies: [][]attr{{{"allow_remote_vpc_dns_resolution", valueOf(p.ResolveDNS, d)}}}})
		}
	}
}

// interfaces writes what else has an address in a VPC, in the type that comes
// closest.
func (d *document) interfaces() {
	for _, i := range d.s.Interfaces {
		r := d.begin(i.ID)
		switch r.typ {
		case "aws_instance":
			r.set("ami", literal("ami-00000000000000000"))
			r.set("instance_type", literal("t4g.small"))
			r.set("subnet_id", d.first(i.Subnets))
			r.set("vpc_security_group_ids", d.ids(i.SecurityGroups))
			r.set("private_ip", d.address(i))
		case "aws_ecs_service":
			r.set("name", literal(r.name))
			r.set("network_configuration", expr{kind: blocks, bodies: [][]attr{{
				{"subnets", d.ids(i.Subnets)}, {"security_groups", d.ids(i.SecurityGroups)}}}})
		case "aws_lb":
			r.set("subnets", d.ids(i.Subnets))
			r.set("security_groups", d.ids(i.SecurityGroups))
		case "aws_db_instance":
			group := d.add("aws_db_subnet_group", i.ID)
			group.set("name", literal(group.name))
			group.set("subnet_ids", d.ids(i.Subnets))
			r.set("instance_class", literal("db.t4g.micro"))
			r.set("db_subnet_group_name", reference(group, "id"))
			r.set("vpc_security_group_ids", d.ids(i.SecurityGroups))
		default:
			r.set("description", d.str(i.Description))
			r.set("subnet_id", d.first(i.Subnets))
			r.set("security_groups", d.ids(i.SecurityGroups))
			if e := d.address(i); e.kind != omitted {
				r.set("private_ips", list(e))
			}
		}
	}
}

func (d *document) first(ids []stack.Value[string]) expr {
	if len(ids) == 0 {
		return expr{}
	}
	return d.id(ids[0])
}

func (d *document) address(i *stack.Interface) expr {
	if len(i.Addresses) == 0 {
		return expr{}
	}
	a, ok := i.Addresses[0].Get()
	if !ok {
		return d.unknown(i.Addresses[0].Why())
	}
	return literal(a.String())
}
