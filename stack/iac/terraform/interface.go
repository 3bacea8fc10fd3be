package terraform

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// networkInterface reads what else has an address in a VPC.
func (b *builder) networkInterface(res stack.Resource, a attrs) {
	i := &stack.Interface{Resource: res}
	switch res.Type {
	case "aws_ecs_service":
		config, ok := a.first("network_configuration")
		if !ok { // on the network of its host
			b.out.Others = append(b.out.Others, res)
			return
		}
		i.Description, i.Subnets, i.SecurityGroups = a.str("name", ""), config.ids("subnets"), config.ids("security_groups")
	case "aws_lb", "aws_alb":
		i.Description, i.Subnets, i.SecurityGroups = a.str("name", ""), a.ids("subnets"), a.ids("security_groups")
		for _, m := range a.blocks("subnet_mapping") {
			i.Subnets = addOnce(i.Subnets, m.id("subnet_id"))
		}
	case "aws_db_instance":
		i.Description, i.SecurityGroups = a.str("identifier", ""), a.ids("vpc_security_group_ids")
		i.Subnets = []stack.Value[string]{stack.Unknown[string]("the DB subnet group of " + res.ID)}
		if group := b.find("aws_db_subnet_group", a.get("db_subnet_group_name"), "name", "id"); group != nil {
			i.Subnets = b.attrs(group).ids("subnet_ids")
		}
	case "aws_instance":
		i.SecurityGroups = a.ids("vpc_security_group_ids")
		i.Subnets, i.Addresses = a.place()
	default:
		i.Description, i.SecurityGroups = a.str("description", ""), a.ids("security_groups")
		i.Subnets, i.Addresses = a.place()
	}
	b.out.Interfaces = append(b.out.Interfaces, i)
}

// place reads the subnet of something that has one, and its addresses.
func (a attrs) place() (subnets []stack.Value[string], addresses []stack.Value[netip.Addr]) {
	subnets = []stack.Value[string]{stack.Unknown[string]("the subnet of " + a.path)}
	if a.has("subnet_id") {
		subnets = a.ids("subnet_id")
	}
	all := a.words("private_ips")
	if a.has("private_ip") && len(all) == 0 {
		all = a.words("private_ip")
	}
	for _, v := range all {
		s, ok := v.Get()
		address, err := netip.ParseAddr(s)
		switch {
		case !ok:
			addresses = append(addresses, stack.Unknown[netip.Addr](v.Why()))
		case err == nil:
			addresses = append(addresses, stack.Known(address))
		}
	}
	return subnets, addresses
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
