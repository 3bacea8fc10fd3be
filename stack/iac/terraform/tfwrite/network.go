package tfwrite

import (
	"net/netip"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// defaultGroup ends the ID that a template gives the security group that AWS
// makes with a VPC.
const defaultGroup = ".DefaultSecurityGroup"

func (d *document) network() {
	for _, v := range d.s.VPCs {
		r := d.begin(v.ID)
		var more []stack.Value[netip.Prefix]
		four, six := expr{}, expr{}
		for _, cidr := range v.CIDRs {
			switch p, known := cidr.Get(); {
			case known && p.Addr().Is6() && six.kind == omitted:
				six = literal(p.String())
			case four.kind == omitted && (!known || p.Addr().Is4()):
				four = d.prefix(cidr)
			default:
				more = append(more, cidr)
			}
		}
		r.set("cidr_block", four)
		r.set("ipv6_cidr_block", six)
		r.set("enable_dns_support", valueOf(v.EnableDNSSupport, d))
		r.set("enable_dns_hostnames", valueOf(v.EnableDNSHostnames, d))
		for _, cidr := range more {
			a := d.add("aws_vpc_ipv4_cidr_block_association", v.ID)
			a.set("vpc_id", reference(r, "id"))
			a.set("cidr_block", d.prefix(cidr))
		}
	}
	for _, s := range d.s.Subnets {
		r := d.begin(s.ID)
		r.set("vpc_id", d.id(s.VPC))
		r.set("cidr_block", d.prefix(s.CIDR))
		r.set("ipv6_cidr_block", d.prefix(s.CIDR6))
		r.set("availability_zone", d.name(s.Zone))
		r.set("map_public_ip_on_launch", optional(s.MapPublicIP, false, d))
	}
	for _, l := range d.s.PrefixLists {
		r := d.begin(l.ID)
		r.set("name", d.name(l.Name))
		r.set("address_family", literal("IPv4"))
		r.set("max_entries", literal(max(1, len(l.Entries))))
		entries := expr{kind: blocks}
		for _, e := range l.Entries {
			entries.bodies = append(entries.bodies, []attr{{"cidr", d.prefix(e)}})
		}
		r.set("entry", entries)
	}
}

// prefix writes a range; the zero prefix is none.
func (d *document) prefix(v stack.Value[netip.Prefix]) expr {
	p, ok := v.Get()
	switch {
	case !ok:
		return d.unknown(v.Why())
	case !p.IsValid():
		return expr{}
	}
	return literal(p.String())
}

func (d *document) routing() {
	for _, t := range d.s.RouteTables {
		r := d.begin(t.ID)
		r.set("vpc_id", d.id(t.VPC))
		if t.Main {
			a := d.add("aws_main_route_table_association", t.ID)
			a.set("vpc_id", d.id(t.VPC))
			a.set("route_table_id", reference(r, "id"))
		}
		for _, route := range t.Routes {
			d.route(r, t, route)
		}
		for _, subnet := range t.Subnets {
			a := d.add("aws_route_table_association", t.ID)
			a.set("route_table_id", reference(r, "id"))
			a.set("subnet_id", d.id(subnet))
		}
	}
	for _, a := range d.s.NetworkACLs {
		r := d.begin(a.ID)
		if a.Default {
			r.set("default_network_acl_id", d.attributeOf(a.VPC, "default_network_acl_id"))
		} else {
			r.set("vpc_id", d.id(a.VPC))
		}
		for _, subnet := range a.Subnets {
			if a.Default {
				break // the default list serves what no other does
			}
			s := d.add("aws_network_acl_association", a.ID)
			s.set("network_acl_id", reference(r, "id"))
			s.set("subnet_id", d.id(subnet))
		}
		d.entries(r, a)
	}
}

func (d *document) route(table *resource, t *stack.RouteTable, route stack.Route) {
	r := d.add("aws_route", partName(route.Origin, t.ID+"_route"))
	r.set("route_table_id", reference(table, "id"))
	destination, known := route.Destination.Get()
	switch {
	case !known:
		r.set("destination_cidr_block", d.unknown(route.Destination.Why()))
	case strings.Contains(destination, ":"):
		r.set("destination_ipv6_cidr_block", literal(destination))
	case strings.Contains(destination, "/"):
		r.set("destination_cidr_block", literal(destination))
	default:
		r.set("destination_prefix_list_id", d.id(route.Destination))
	}
	argument := map[string]string{"nat": "nat_gateway_id", "peering": "vpc_peering_connection_id", "transit-gateway": "transit_gateway_id",
		"endpoint": "vpc_endpoint_id", "interface": "network_interface_id", "egress-only": "egress_only_gateway_id"}[route.TargetKind]
	switch {
	case route.TargetKind == "instance":
		r.set("network_interface_id", d.attributeOf(route.Target, "primary_network_interface_id"))
		return
	case argument == "":
		argument = "gateway_id"
	}
	r.set(argument, d.id(route.Target))
}

// entries writes the lines of a network ACL: as rules of their own, or inside a
// default ACL, which has no other form.
func (d *document) entries(r *resource, a *stack.NetworkACL) {
	inline := map[string]*expr{"ingress": {kind: attributeBlocks}, "egress": {kind: attributeBlocks}}
	for _, e := range a.Entries {
		cidr := "cidr_block"
		if strings.Contains(e.CIDR.Or(""), ":") {
			cidr = "ipv6_cidr_block"
		}
		action := stack.Unknown[string](e.Allow.Why())
		if allow, ok := e.Allow.Get(); ok {
			action = stack.Known(map[bool]string{true: "allow", false: "deny"}[allow])
		}
		if a.Default {
			direction := map[bool]string{true: "egress", false: "ingress"}[e.Egress.Or(false)]
			inline[direction].bodies = append(inline[direction].bodies, []attr{
				{"rule_no", valueOf(e.Number, d)}, {"action", valueOf(action, d)}, {"protocol", valueOf(e.Protocol, d)},
				{cidr, d.str(e.CIDR)}, {"from_port", valueOf(positive(e.FromPort), d)}, {"to_port", valueOf(positive(e.ToPort), d)}})
			continue
		}
		rule := d.add("aws_network_acl_rule", partName(e.Origin, a.ID+"_rule"))
		rule.set("network_acl_id", reference(r, "id"))
		rule.set("rule_number", valueOf(e.Number, d))
		rule.set("egress", valueOf(e.Egress, d))
		rule.set("protocol", valueOf(e.Protocol, d))
		rule.set("rule_action", valueOf(action, d))
		rule.set(cidr, d.str(e.CIDR))
		rule.set("from_port", optional(e.FromPort, -1, d))
		rule.set("to_port", optional(e.ToPort, -1, d))
	}
	for _, direction := range []string{"ingress", "egress"} {
		if len(inline[direction].bodies) > 0 {
			r.set(direction, *inline[direction])
		}
	}
}

// positive writes "no port" as Terraform does inside a network ACL, as 0.
func positive(v stack.Value[int]) stack.Value[int] {
	if v.Or(0) < 0 {
		return stack.Known(0)
	}
	return v
}

// partName names a part of a resource by where it was declared, if it was a
// resource of its own there.
func partName(o stack.Origin, fallback string) string {
	if o.Address == "" || strings.ContainsAny(o.Address, "[.") {
		return fallback
	}
	return o.Address
}
