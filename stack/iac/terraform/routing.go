package terraform

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) networkACL(res stack.Resource, a attrs) {
	l := &stack.NetworkACL{Resource: res, VPC: a.id("vpc_id"), Default: res.Type == "aws_default_network_acl", Subnets: a.ids("subnet_ids")}
	if l.Default {
		l.VPC = b.vpcOfDefault(a, "default_network_acl_id")
		l.Subnets = nil // it serves what no other list names, whatever the argument says
	}
	for _, direction := range []string{"ingress", "egress"} {
		for _, entry := range a.blocks(direction) {
			e := entry.aclEntry("rule_no", "action")
			e.Egress = stack.Known(direction == "egress")
			l.Entries = append(l.Entries, e)
		}
	}
	b.changed("aws_network_acl_rule", "network_acl_id", res.ID, func(old attrs) {
		e := old.aclEntry("rule_number", "rule_action")
		l.Entries = slices.DeleteFunc(l.Entries, func(o stack.ACLEntry) bool {
			return b.inherited(res.ID, e.Egress.Or(false)) && o.Number == e.Number && o.Egress == e.Egress
		})
	})
	b.changed("aws_network_acl_association", "network_acl_id", res.ID, func(old attrs) {
		l.Subnets = b.withoutRepeated(l.Subnets, res.ID, "subnet_ids", old.id("subnet_id"))
	})
	b.lists[res.ID] = l
	b.out.NetworkACLs = append(b.out.NetworkACLs, l)
}

// changed calls drop with each resource of a type as it is before apply changes
// or deletes it, if it belongs to the resource to.
func (b *builder) changed(typ, argument, to string, drop func(attrs)) {
	for _, old := range b.e.before {
		if a := b.attrs(old); old.typ == typ && a.id(argument).Or("") == to {
			drop(a)
		}
	}
}

// withoutRepeated takes gone from a list that repeats what exists in AWS.
func (b *builder) withoutRepeated(all []stack.Value[string], address, name string, gone stack.Value[string]) []stack.Value[string] {
	return slices.DeleteFunc(all, func(v stack.Value[string]) bool { return v.IsKnown() && v == gone && b.repeats(address, name) })
}

// vpcOfDefault returns the VPC of a resource that adopts a default of it. The
// argument is a reference to an attribute of the VPC.
func (b *builder) vpcOfDefault(a attrs, argument string) stack.Value[string] {
	if v := a.id("vpc_id"); v.Or("?") != "" && v.IsKnown() {
		return v
	}
	if p, ok := computedPath(a.get(argument)); ok {
		return stack.Known(p.Resource)
	}
	return stack.Unknown[string]("the VPC of " + a.path)
}

func (a attrs) aclEntry(number, action string) stack.ACLEntry {
	e := stack.ACLEntry{
		Number:   a.integer(number, 0),
		Egress:   a.boolean("egress", false),
		Protocol: aclProtocol(a.str("protocol", "-1")),
		CIDR:     a.str("cidr_block", ""),
		FromPort: a.integer("from_port", -1),
		ToPort:   a.integer("to_port", -1),
		Origin:   a.origin(),
	}
	if !a.has("cidr_block") && a.has("ipv6_cidr_block") {
		e.CIDR = a.str("ipv6_cidr_block", "")
	}
	if e.Protocol.Or("") == "-1" {
		e.FromPort, e.ToPort = stack.Known(-1), stack.Known(-1) // ports do not count
	}
	switch s, ok := a.str(action, "").Get(); {
	case !ok:
		e.Allow = stack.Unknown[bool](a.path + "." + action)
	default:
		e.Allow = stack.Known(s == "allow" || s == "ALLOW")
	}
	return e
}

// aclProtocol spells a protocol as network ACLs do, by its number.
func aclProtocol(v stack.Value[string]) stack.Value[string] {
	switch v.Or("") {
	case "tcp", "TCP":
		return stack.Known("6")
	case "udp", "UDP":
		return stack.Known("17")
	case "icmp", "ICMP":
		return stack.Known("1")
	case "all", "ALL":
		return stack.Known("-1")
	}
	return v
}

// aclRule adds a rule to its list. One that may not exist neither allows nor
// denies for certain.
func (b *builder) aclRule(a attrs, why string) bool {
	id := a.id("network_acl_id")
	l := b.acl(id)
	if l == nil {
		return b.lost(a, "network_acls", id)
	}
	e := a.aclEntry("rule_number", "rule_action")
	e.Allow = hedge(e.Allow, why)
	// The list of an ACL that exists repeats its rules of their own.
	l.Entries = slices.DeleteFunc(l.Entries, func(o stack.ACLEntry) bool {
		return b.inherited(l.ID, e.Egress.Or(false)) && o.Number == e.Number && o.Egress == e.Egress
	})
	l.Entries = append(l.Entries, e)
	return true
}

// acl returns a list, also the default one of a VPC, which AWS makes.
func (b *builder) acl(id stack.Value[string]) *stack.NetworkACL {
	s := id.Or("")
	vpc, isDefault := strings.CutSuffix(s, ".default_network_acl_id")
	i := b.instances[vpc]
	if l := b.lists[s]; l != nil || !isDefault || i == nil || i.typ != "aws_vpc" || i.mode == "data" {
		return l
	}
	res := b.resource(i)
	res.ID, res.Type, res.Origin.Address = s, "aws_default_network_acl", s
	l := stack.DefaultNetworkACL(res, vpc)
	b.lists[s] = l
	b.out.NetworkACLs = append(b.out.NetworkACLs, l)
	return l
}

// inherited reports whether the blocks of one direction were not written, but
// repeat what exists in AWS.
func (b *builder) inherited(address string, egress bool) bool {
	name := "ingress"
	if egress {
		name = "egress"
	}
	return b.repeats(address, name)
}

func (b *builder) repeats(address, name string) bool {
	i := b.instances[address]
	if i == nil || i.plan == nil {
		return false
	}
	_, written := i.m.config.resource(i.key).get("expressions").field(name)
	return !written
}

func (b *builder) aclSubnet(a attrs, why string) bool {
	id := a.id("network_acl_id")
	l := b.acl(id)
	if l == nil {
		return b.lostSubnet(a, "network_acls", id)
	}
	l.Subnets = addOnce(l.Subnets, hedge(a.id("subnet_id"), why))
	return true
}

// addOnce appends v unless it is there: a list of what exists repeats the
// associations that are resources of their own.
func addOnce(all []stack.Value[string], v stack.Value[string]) []stack.Value[string] {
	if v.IsKnown() && slices.Contains(all, v) {
		return all
	}
	return append(all, v)
}

func (b *builder) routeTable(res stack.Resource, a attrs) {
	t := &stack.RouteTable{Resource: res, VPC: a.id("vpc_id")}
	if res.Type == "aws_default_route_table" {
		t.Main, t.VPC = true, b.vpcOfDefault(a, "default_route_table_id")
	}
	for _, block := range a.blocks("route") {
		if r := block.route("cidr_block", "ipv6_cidr_block"); r.Target.Or("") != "local" {
			t.Routes = append(t.Routes, r)
		}
	}
	b.changed("aws_route", "route_table_id", res.ID, func(old attrs) {
		gone := old.route("destination_cidr_block", "destination_ipv6_cidr_block").Destination
		t.Routes = slices.DeleteFunc(t.Routes, func(o stack.Route) bool { return b.repeats(res.ID, "route") && o.Destination == gone })
	})
	b.tables[res.ID] = t
	b.out.RouteTables = append(b.out.RouteTables, t)
}

// targetKinds are the arguments that may name where a route goes, with the
// model's word for it.
func targetKinds() [][2]string {
	return [][2]string{
		{"gateway_id", "gateway"},
		{"nat_gateway_id", "nat"},
		{"vpc_peering_connection_id", "peering"},
		{"transit_gateway_id", "transit-gateway"},
		{"vpc_endpoint_id", "endpoint"},
		{"network_interface_id", "interface"},
		{"instance_id", "instance"},
		{"egress_only_gateway_id", "egress-only"},
		{"carrier_gateway_id", "gateway"},
		{"local_gateway_id", "gateway"},
		{"core_network_arn", "transit-gateway"},
	}
}

func (a attrs) route(four, six string) stack.Route {
	r := stack.Route{Destination: a.str(four, ""), Origin: a.origin()}
	switch {
	case a.has(four):
	case a.has(six):
		r.Destination = a.str(six, "")
	default:
		r.Destination = a.id("destination_prefix_list_id")
	}
	for _, kind := range targetKinds() {
		if a.has(kind[0]) {
			r.TargetKind, r.Target = kind[1], a.id(kind[0])
			break
		}
	}
	if r.TargetKind == "" {
		r.Target = stack.Unknown[string]("the target of " + a.path)
	}
	return r
}

// table returns a route table, also the main one of a VPC, which AWS makes.
func (b *builder) table(id stack.Value[string]) *stack.RouteTable {
	s := id.Or("")
	if t := b.tables[s]; t != nil {
		return t
	}
	vpc, isMain := strings.CutSuffix(s, ".default_route_table_id")
	i := b.instances[vpc]
	if !isMain || i == nil || i.typ != "aws_vpc" || i.mode == "data" {
		return nil
	}
	res := b.resource(i)
	res.ID, res.Type, res.Origin.Address = s, "aws_default_route_table", s
	t := &stack.RouteTable{Resource: res, VPC: stack.Known(vpc), Main: true}
	b.tables[s] = t
	b.out.RouteTables = append(b.out.RouteTables, t)
	return t
}

func (b *builder) route(a attrs, why string) bool {
	id := a.id("route_table_id")
	t := b.table(id)
	if t == nil {
		return b.lost(a, "route_tables", id)
	}
	r := a.route("destination_cidr_block", "destination_ipv6_cidr_block")
	r.Target = hedge(r.Target, why)
	// The routes of a table that exists repeat its routes of their own.
	t.Routes = slices.DeleteFunc(t.Routes, func(o stack.Route) bool {
		return b.repeats(t.ID, "route") && o.Destination == r.Destination
	})
	t.Routes = append(t.Routes, r)
	return true
}

func (b *builder) routeSubnet(a attrs, why string) bool {
	id := a.id("route_table_id")
	t := b.table(id)
	switch {
	case t == nil:
		return b.lostSubnet(a, "route_tables", id)
	case a.has("subnet_id"):
		t.Subnets = append(t.Subnets, hedge(a.id("subnet_id"), why))
	}
	return true
}

func (b *builder) mainTable(a attrs) bool {
	id := a.id("route_table_id")
	t := b.table(id)
	if t == nil {
		return b.lost(a, "route_tables", id)
	}
	t.Main = true
	return true
}
