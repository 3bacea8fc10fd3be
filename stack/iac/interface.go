package iac

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// networkInterface reads what else has an address in a VPC; nil if it has none
// of its own.
func (b *builder) networkInterface(res stack.Resource, p props) *stack.Interface {
	i := &stack.Interface{Resource: res}
	switch res.Type {
	case "AWS::ECS::Service":
		config, ok := p.sub("NetworkConfiguration")
		if ok {
			config, ok = config.sub("AwsvpcConfiguration")
		}
		if !ok { // on the network of its host
			return nil
		}
		i.Description, i.Subnets, i.SecurityGroups = p.name("ServiceName"), config.ids("Subnets"), config.ids("SecurityGroups")
	case "AWS::ElasticLoadBalancingV2::LoadBalancer":
		i.Description, i.Subnets, i.SecurityGroups = p.name("Name"), p.ids("Subnets"), p.ids("SecurityGroups")
		for _, m := range p.list("SubnetMappings") {
			i.Subnets = append(i.Subnets, m.id("SubnetId"))
		}
	case "AWS::RDS::DBInstance":
		i.Description, i.SecurityGroups = p.name("DBInstanceIdentifier"), p.ids("VPCSecurityGroups")
		i.Subnets = b.databaseSubnets(res, p)
	case "AWS::EC2::Instance":
		if first := p.list("NetworkInterfaces"); len(first) > 0 {
			p = first[0]
			i.SecurityGroups = p.ids("GroupSet")
		} else {
			i.SecurityGroups = p.ids("SecurityGroupIds")
		}
		i.Subnets, i.Addresses = p.place(res)
	default:
		i.Description, i.SecurityGroups = p.str("Description", ""), p.ids("GroupSet")
		i.Subnets, i.Addresses = p.place(res)
	}
	return i
}

// place reads the subnet and the address of something that has one of each.
func (p props) place(res stack.Resource) ([]stack.Value[string], []stack.Value[netip.Addr]) {
	subnets := []stack.Value[string]{stack.Unknown[string]("the subnet of " + res.ID)}
	if p.has("SubnetId") {
		subnets = p.ids("SubnetId")
	}
	if !p.has("PrivateIpAddress") {
		return subnets, nil
	}
	address := scalarOf(p, "PrivateIpAddress", netip.Addr{}, "an IP address", netip.ParseAddr)
	return subnets, []stack.Value[netip.Addr]{address}
}

// databaseSubnets returns the subnets of the DB subnet group that p names.
func (b *builder) databaseSubnets(res stack.Resource, p props) []stack.Value[string] {
	id := p.id("DBSubnetGroupName")
	if r := b.resources[id.Or("")]; r != nil && r.typ == "AWS::RDS::DBSubnetGroup" {
		return b.props(r).ids("SubnetIds")
	}
	return []stack.Value[string]{stack.Unknown[string]("the DB subnet group of " + res.ID)}
}

// placeInterfaces gives each interface the VPC of its subnets.
func (b *builder) placeInterfaces() {
	for _, i := range b.out.Interfaces {
		i.VPC = stack.Unknown[string]("the VPC of the subnets of " + i.ID)
		for _, id := range i.Subnets {
			if s := b.out.Subnet(id.Or("")); s != nil && id.IsKnown() {
				i.VPC = s.VPC
				break
			}
		}
	}
}
