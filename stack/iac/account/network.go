package account

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) network() {
	b.vpcs()
	b.subnets()
	b.gateways()
	b.endpoints()
	b.peerings()
}

func (b *builder) vpcs() {
	const call = "ec2:DescribeVpcAttribute"
	type dns struct{ support, hostnames *flag }
	attributes := map[string]dns{}
	for _, a := range b.in.attributes {
		d := attributes[a.v.VpcID]
		if a.v.EnableDNSSupport != nil {
			d.support = a.v.EnableDNSSupport
		}
		if a.v.EnableDNSHostnames != nil {
			d.hostnames = a.v.EnableDNSHostnames
		}
		attributes[a.v.VpcID] = d
	}
	seen := once{}
	for _, it := range b.in.vpcs {
		v := it.v
		if !seen.first(v.VpcID) {
			continue
		}
		out := &stack.VPC{Resource: resource(v.VpcID, typeVPC, "", it.origin),
			EnableDNSSupport:   value(attributes[v.VpcID].support, b.unread(call, v.VpcID)),
			EnableDNSHostnames: value(attributes[v.VpcID].hostnames, b.unread(call, v.VpcID))}
		for _, a := range v.CidrBlockAssociationSet {
			if associated(a.CidrBlockState) {
				out.CIDRs = append(out.CIDRs, prefix(a.CidrBlock, v.VpcID))
			}
		}
		if len(out.CIDRs) == 0 && v.CidrBlock != "" {
			out.CIDRs = append(out.CIDRs, prefix(v.CidrBlock, v.VpcID))
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			if associated(a.Ipv6CidrBlockState) {
				out.CIDRs = append(out.CIDRs, prefix(a.Ipv6CidrBlock, v.VpcID))
			}
		}
		b.out.VPCs = append(b.out.VPCs, out)
	}
}

func value(f *flag, why string) stack.Value[bool] {
	if f == nil {
		return stack.Unknown[bool](why)
	}
	return stack.Known(f.Value)
}

// associated reports whether a range is in use; a range that is being removed
// still shows for a while.
func associated(s state) bool { return s.State == "" || s.State == "associated" }

func (b *builder) subnets() {
	seen := once{}
	for _, it := range b.in.subnets {
		s := it.v
		if !seen.first(s.SubnetID) {
			continue
		}
		out := &stack.Subnet{
			Resource:      resource(s.SubnetID, typeSubnet, "", it.origin),
			VPC:           stack.Known(s.VpcID),
			Zone:          stack.Known(s.AvailabilityZone),
			MapPublicIP:   stack.Known(s.MapPublicIPOnLaunch),
			FreeAddresses: orUnknown(s.AvailableIPAddressCount, "the free addresses of "+s.SubnetID),
		}
		if s.CidrBlock != "" { // an IPv6-only subnet has none
			out.CIDR = prefix(s.CidrBlock, s.SubnetID)
		} else {
			out.CIDR = stack.Known(netip.Prefix{})
		}
		for _, a := range s.Ipv6CidrBlockAssociationSet {
			if associated(a.Ipv6CidrBlockState) {
				out.CIDR6 = prefix(a.Ipv6CidrBlock, s.SubnetID)
			}
		}
		b.out.Subnets = append(b.out.Subnets, out)
	}
}

func (b *builder) gateways() {
	seen := once{}
	for _, it := range b.in.internets {
		g := it.v
		if !seen.first(g.InternetGatewayID) {
			continue
		}
		b.out.Gateways = append(b.out.Gateways, &stack.Gateway{
			Resource: resource(g.InternetGatewayID, typeInternetGateway, "", it.origin),
			Kind:     stack.InternetGateway, VPC: stack.Known(attachedTo(g.Attachments))})
	}
	for _, it := range b.in.egressOnly {
		g := it.v
		if !seen.first(g.EgressOnlyInternetGatewayID) {
			continue
		}
		b.out.Gateways = append(b.out.Gateways, &stack.Gateway{
			Resource: resource(g.EgressOnlyInternetGatewayID, typeEgressOnlyGateway, "", it.origin),
			Kind:     stack.EgressOnlyGateway, VPC: stack.Known(attachedTo(g.Attachments))})
	}
	for _, it := range b.in.nats {
		g := it.v
		if g.State != "" && g.State != "available" || !seen.first(g.NatGatewayID) {
			continue // deleted ones show for an hour
		}
		kind := stack.NATGateway
		if g.ConnectivityType == "private" {
			kind = stack.PrivateNATGateway
		}
		b.out.Gateways = append(b.out.Gateways, &stack.Gateway{
			Resource: resource(g.NatGatewayID, typeNATGateway, "", it.origin),
			Kind:     kind, Subnet: stack.Known(g.SubnetID)})
	}
}

// attachedTo returns the VPC of a gateway, or "".
func attachedTo(all []gatewayAttachment) string {
	for _, a := range all {
		if a.State == "" || a.State == "available" || a.State == "attached" {
			return a.VpcID
		}
	}
	return ""
}

func (b *builder) endpoints() {
	seen := once{}
	for _, it := range b.in.endpoints {
		e := it.v
		switch e.State {
		case "deleting", "deleted", "failed", "rejected", "expired":
			continue
		}
		if !seen.first(e.VpcEndpointID) {
			continue
		}
		var groups []string
		for _, g := range e.Groups {
			groups = append(groups, g.GroupID)
		}
		b.out.Endpoints = append(b.out.Endpoints, &stack.Endpoint{
			Resource: resource(e.VpcEndpointID, typeEndpoint, "", it.origin),
			VPC:      stack.Known(e.VpcID), Service: stack.Known(e.ServiceName), Kind: stack.Known(e.VpcEndpointType),
			PrivateDNS: orUnknown(e.PrivateDNSEnabled, "PrivateDnsEnabled of "+e.VpcEndpointID),
			Subnets:    knowns(e.SubnetIDs), SecurityGroups: knowns(groups), RouteTables: knowns(e.RouteTableIDs),
		})
	}
}

func (b *builder) peerings() {
	seen := once{}
	for _, it := range b.in.peerings {
		p := it.v
		switch p.Status.Code {
		case "deleted", "deleting", "failed", "rejected", "expired":
			continue
		}
		if !seen.first(p.VpcPeeringConnectionID) {
			continue
		}
		out := &stack.Peering{
			Resource:  resource(p.VpcPeeringConnectionID, typePeering, "", it.origin),
			Requester: stack.Known(p.RequesterVpcInfo.VpcID), Accepter: stack.Known(p.AccepterVpcInfo.VpcID),
			Active:     stack.Known(p.Status.Code == "active"),
			SameRegion: stack.Known(p.RequesterVpcInfo.Region == p.AccepterVpcInfo.Region),
			ResolveDNS: resolveDNS(p),
		}
		if p.RequesterVpcInfo.Region == "" || p.AccepterVpcInfo.Region == "" {
			out.SameRegion = stack.Unknown[bool]("the regions of " + p.VpcPeeringConnectionID)
		}
		b.out.Peerings = append(b.out.Peerings, out)
	}
}

// resolveDNS tells whether both sides let the other resolve their names. AWS
// prints the options of the other account to its owner only.
func resolveDNS(p peering) stack.Value[bool] {
	r, a := p.RequesterVpcInfo.PeeringOptions, p.AccepterVpcInfo.PeeringOptions
	switch {
	case r == nil || a == nil:
		return stack.Unknown[bool]("the options of the other side of " + p.VpcPeeringConnectionID)
	case r.AllowDNSResolutionFromRemoteVpc != a.AllowDNSResolutionFromRemoteVpc:
		return stack.Unknown[bool]("which side of " + p.VpcPeeringConnectionID + " asks: one lets the other resolve its names")
	}
	return stack.Known(r.AllowDNSResolutionFromRemoteVpc)
}

// prefixLists reads the lists of the account, and of AWS's own lists those that
// a rule or a route uses.
func (b *builder) prefixLists() {
	used := b.usedLists()
	ids := make([]string, 0, len(b.in.managedLists))
	for _, it := range b.in.managedLists {
		ids = append(ids, it.v.PrefixListID)
	}
	entries := map[string][]string{}
	read := map[string]bool{}
	for _, it := range b.in.listEntries {
		id := it.v.PrefixListID
		if id == "" {
			id = named(it.origin.File, ids)
		}
		read[id] = true
		for _, e := range it.v.Entries {
			entries[id] = append(entries[id], e.Cidr)
		}
	}
	seen := once{}
	for _, it := range b.in.managedLists {
		l := it.v
		if l.OwnerID == "AWS" && !used[l.PrefixListID] || !seen.first(l.PrefixListID) {
			continue
		}
		out := &stack.PrefixList{Resource: resource(l.PrefixListID, typePrefixList, "", it.origin), Name: stack.Known(l.PrefixListName)}
		for _, cidr := range append(l.Cidrs, entries[l.PrefixListID]...) {
			out.Entries = append(out.Entries, prefix(cidr, l.PrefixListID))
		}
		if len(out.Entries) == 0 && !read[l.PrefixListID] {
			out.Entries = []stack.Value[netip.Prefix]{stack.Unknown[netip.Prefix](b.unread("ec2:GetManagedPrefixListEntries", l.PrefixListID))}
		}
		b.out.PrefixLists = append(b.out.PrefixLists, out)
	}
}

func (b *builder) usedLists() map[string]bool {
	used := map[string]bool{}
	for _, g := range b.out.SecurityGroups {
		for _, rules := range [][]stack.Rule{g.Ingress, g.Egress} {
			for _, r := range rules {
				used[r.PrefixList.Or("")] = true
			}
		}
	}
	for _, t := range b.out.RouteTables {
		for _, r := range t.Routes {
			used[r.Destination.Or("")] = true
		}
	}
	return used
}
