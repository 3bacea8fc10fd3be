package tfwrite

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// nameAll gives each resource of the stack its type and name in Terraform.
func (d *document) nameAll() {
	for _, v := range d.s.VPCs {
		d.declare("aws_vpc", v.Resource)
	}
	for _, s := range d.s.Subnets {
		d.declare("aws_subnet", s.Resource)
	}
	for _, g := range d.s.SecurityGroups {
		switch {
		case !g.Default:
			d.declare("aws_security_group", g.Resource)
		case !untouched(g):
			d.declare("aws_default_security_group", g.Resource)
		}
	}
	for _, a := range d.s.NetworkACLs {
		typ := "aws_network_acl"
		if a.Default {
			typ = "aws_default_network_acl"
		}
		d.declare(typ, a.Resource)
	}
	for _, t := range d.s.RouteTables {
		d.declare("aws_route_table", t.Resource)
	}
	for _, e := range d.s.Endpoints {
		d.declare("aws_vpc_endpoint", e.Resource)
	}
	for _, p := range d.s.Peerings {
		d.declare("aws_vpc_peering_connection", p.Resource)
	}
	for _, g := range d.s.Gateways {
		d.declare(gatewayType(g.Kind), g.Resource)
	}
	for _, l := range d.s.PrefixLists {
		d.declare("aws_ec2_managed_prefix_list", l.Resource)
	}
	for _, i := range d.s.Interfaces {
		d.declare(interfaceType(i.Type), i.Resource)
	}
	for _, r := range d.s.Roles {
		d.declare("aws_iam_role", r.Resource)
	}
	for _, c := range d.s.Caches {
		d.declare(cacheType(c.Kind), c.Resource)
	}
	for _, f := range d.s.Functions {
		d.declare("aws_lambda_function", f.Resource)
	}
}

// untouched reports whether a default group has the rules that AWS gives it:
// its members reach each other, and everything goes out.
func untouched(g *stack.SecurityGroup) bool {
	implicit := func(r stack.Rule) bool { return r.Implicit }
	return len(g.Ingress) == 1 && len(g.Egress) == 1 && slices.ContainsFunc(g.Ingress, implicit) && slices.ContainsFunc(g.Egress, implicit)
}

func gatewayType(k stack.GatewayKind) string {
	switch k {
	case stack.InternetGateway:
		return "aws_internet_gateway"
	case stack.EgressOnlyGateway:
		return "aws_egress_only_internet_gateway"
	}
	return "aws_nat_gateway"
}

func interfaceType(typ string) string {
	switch typ {
	case "AWS::EC2::Instance", "aws_instance":
		return "aws_instance"
	case "AWS::ECS::Service", "aws_ecs_service":
		return "aws_ecs_service"
	case "AWS::ElasticLoadBalancingV2::LoadBalancer", "aws_lb":
		return "aws_lb"
	case "AWS::RDS::DBInstance", "aws_db_instance":
		return "aws_db_instance"
	}
	return "aws_network_interface"
}

func cacheType(k stack.CacheKind) string {
	switch k {
	case stack.ReplicationGroup:
		return "aws_elasticache_replication_group"
	case stack.Serverless:
		return "aws_elasticache_serverless_cache"
	}
	return "aws_elasticache_cluster"
}
