package awswrite

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// routing writes route tables with the local routes that AWS adds, and what
// routes lead to.
func (w *writer) routing() {
	hasMain := map[string]bool{}
	for _, t := range w.s.RouteTables {
		vpc := w.id("vpc", t.VPC)
		id := w.own("rtb", t.Resource)
		routes := w.local(t.VPC)
		for _, r := range t.Routes {
			routes = append(routes, w.route(r))
		}
		routes = append(routes, w.gatewayEndpoints(t)...)
		hasMain[vpc] = hasMain[vpc] || t.Main
		w.table(id, vpc, t.Main, w.ids("subnet", t.Subnets), routes)
	}
	for _, v := range w.s.VPCs {
		vpc := w.own("vpc", v.Resource)
		if !hasMain[vpc] {
			w.table(w.id("rtb", stack.Known("main of "+vpc)), vpc, true, nil, w.local(stack.Known(v.ID)))
		}
	}
	w.gateways()
	w.endpoints()
	w.peerings()
	w.prefixLists()
}

func (w *writer) table(id, vpc string, main bool, subnets []string, routes []item) {
	associations := []item{}
	associate := func(it item, of string) {
		it["RouteTableId"], it["RouteTableAssociationId"] = id, "rtbassoc-"+digest(id + of)[:17]
		it["AssociationState"] = item{"State": "associated"}
		associations = append(associations, it)
	}
	if main {
		associate(item{"Main": true}, "main")
	}
	for _, s := range subnets {
		associate(item{"Main": false, "SubnetId": s}, s)
	}
	w.add("ec2:DescribeRouteTables", item{"RouteTableId": id, "VpcId": vpc, "OwnerId": w.account,
		"Associations": associations, "Routes": routes, "PropagatingVgws": []item{}, "Tags": []item{}})
}

// local are the routes within the VPC, which every table has.
func (w *writer) local(vpc stack.Value[string]) []item {
	routes := []item{}
	for _, it := range w.calls["ec2:DescribeVpcs"] {
		if it["VpcId"] != w.id("vpc", vpc) {
			continue
		}
		for _, a := range it["CidrBlockAssociationSet"].([]item) {
			routes = append(routes, item{"DestinationCidrBlock": a["CidrBlock"], "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"})
		}
		six, _ := it["Ipv6CidrBlockAssociationSet"].([]item)
		for _, a := range six {
			routes = append(routes, item{"DestinationIpv6CidrBlock": a["Ipv6CidrBlock"], "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"})
		}
	}
	return routes
}

// targets are the words of the model, with the property and the prefix of the
// id in EC2.
func targets() map[string][2]string {
	return map[string][2]string{
		"gateway":         {"GatewayId", "igw"},
		"nat":             {"NatGatewayId", "nat"},
		"peering":         {"VpcPeeringConnectionId", "pcx"},
		"transit-gateway": {"TransitGatewayId", "tgw"},
		"endpoint":        {"GatewayId", "vpce"},
		"interface":       {"NetworkInterfaceId", "eni"},
		"instance":        {"InstanceId", "i"},
		"egress-only":     {"EgressOnlyInternetGatewayId", "eigw"},
	}
}

func (w *writer) route(r stack.Route) item {
	it := item{"Origin": "CreateRoute", "State": "active"}
	if r.Blackhole.Or(false) {
		it["State"] = "blackhole"
	}
	destination := r.Destination.Or("0.0.0.0/0")
	switch {
	case !strings.Contains(destination, "/"):
		it["DestinationPrefixListId"] = w.id("pl", r.Destination)
	case strings.Contains(destination, ":"):
		it["DestinationIpv6CidrBlock"] = destination
	default:
		it["DestinationCidrBlock"] = destination
	}
	target, ok := targets()[r.TargetKind]
	if !ok {
		target = targets()["interface"]
	}
	id := w.id(target[1], r.Target)
	if given := r.Target.Or(""); strings.HasPrefix(given, "vgw-") || strings.HasPrefix(given, "arn:") {
		id = given
	}
	it[target[0]] = id
	return it
}

// gatewayEndpoints are the routes that AWS adds to the tables of a gateway
// endpoint.
func (w *writer) gatewayEndpoints(t *stack.RouteTable) []item {
	var routes []item
	for _, e := range w.s.Endpoints {
		for _, v := range e.RouteTables {
			if v.Or("") == t.ID {
				routes = append(routes, item{"DestinationPrefixListId": w.id("pl", e.Service), "GatewayId": w.own("vpce", e.Resource),
					"Origin": "CreateRoute", "State": "active"})
			}
		}
	}
	return routes
}

func (w *writer) gateways() {
	for _, g := range w.s.Gateways {
		switch g.Kind {
		case stack.InternetGateway:
			id := w.own("igw", g.Resource)
			attachments := []item{}
			if vpc := w.id("vpc", g.VPC); vpc != "" {
				attachments = append(attachments, item{"State": "available", "VpcId": vpc})
			}
			w.add("ec2:DescribeInternetGateways", item{"InternetGatewayId": id, "OwnerId": w.account, "Attachments": attachments})
		case stack.EgressOnlyGateway:
			w.add("ec2:DescribeEgressOnlyInternetGateways", item{"EgressOnlyInternetGatewayId": w.own("eigw", g.Resource),
				"Attachments": []item{{"State": "attached", "VpcId": w.id("vpc", g.VPC)}}})
		case stack.NATGateway, stack.PrivateNATGateway:
			connectivity := "public"
			if g.Kind == stack.PrivateNATGateway {
				connectivity = "private"
			}
			w.add("ec2:DescribeNatGateways", item{"NatGatewayId": w.own("nat", g.Resource), "SubnetId": w.id("subnet", g.Subnet),
				"VpcId": w.natVPC(g), "State": "available", "ConnectivityType": connectivity})
		}
	}
}

func (w *writer) natVPC(g *stack.Gateway) string {
	if v := w.id("vpc", g.VPC); v != "" {
		return v
	}
	return w.vpcOf([]stack.Value[string]{g.Subnet})
}

func (w *writer) endpoints() {
	for _, e := range w.s.Endpoints {
		groups := []item{}
		for _, id := range w.ids("sg", e.SecurityGroups) {
			groups = append(groups, item{"GroupId": id, "GroupName": id})
		}
		vpc := w.id("vpc", e.VPC)
		if len(groups) == 0 && e.Kind.Or("Gateway") == "Interface" {
			groups = append(groups, item{"GroupId": w.defaultGroup(vpc), "GroupName": "default"})
		}
		w.add("ec2:DescribeVpcEndpoints", item{
			"VpcEndpointId": w.own("vpce", e.Resource), "VpcEndpointType": e.Kind.Or("Interface"), "VpcId": vpc,
			"ServiceName": e.Service.Or("com.amazonaws." + w.region + ".unknown"), "State": "available", "OwnerId": w.account,
			"RouteTableIds": w.ids("rtb", e.RouteTables), "SubnetIds": w.ids("subnet", e.Subnets), "Groups": groups,
			"PrivateDnsEnabled": e.PrivateDNS.Or(false),
		})
	}
}

func (w *writer) peerings() {
	for _, p := range w.s.Peerings {
		region := w.region
		if !p.SameRegion.Or(true) {
			region = "eu-central-1"
			if w.region == region {
				region = "us-west-2"
			}
		}
		status := "active"
		if !p.Active.Or(true) {
			status = "pending-acceptance"
		}
		options := item{"AllowDnsResolutionFromRemoteVpc": p.ResolveDNS.Or(false)}
		w.add("ec2:DescribeVpcPeeringConnections", item{
			"VpcPeeringConnectionId": w.own("pcx", p.Resource),
			"RequesterVpcInfo":       item{"VpcId": w.id("vpc", p.Requester), "OwnerId": w.account, "Region": w.region, "PeeringOptions": options},
			"AccepterVpcInfo":        item{"VpcId": w.id("vpc", p.Accepter), "OwnerId": w.account, "Region": region, "PeeringOptions": options},
			"Status":                 item{"Code": status},
		})
	}
}

func (w *writer) prefixLists() {
	for _, l := range w.s.PrefixLists {
		id := w.own("pl", l.Resource)
		w.add("ec2:DescribeManagedPrefixLists", item{"PrefixListId": id, "PrefixListName": name(l.Name, l.ID), "OwnerId": w.account,
			"AddressFamily": "IPv4", "State": "create-complete", "MaxEntries": max(1, len(l.Entries))})
		entries := []item{}
		for _, e := range l.Entries {
			if p, ok := e.Get(); ok {
				entries = append(entries, item{"Cidr": p.String()})
			}
		}
		w.add("ec2:GetManagedPrefixListEntries", item{"PrefixListId": id, "Entries": entries})
	}
}
