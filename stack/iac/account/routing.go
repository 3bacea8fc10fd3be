package account

import (
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) routing() {
	seen := once{}
	for _, it := range b.in.tables {
		t := it.v
		if !seen.first(t.RouteTableID) {
			continue
		}
		out := &stack.RouteTable{Resource: resource(t.RouteTableID, typeRouteTable, "", it.origin), VPC: stack.Known(t.VpcID)}
		for _, a := range t.Associations {
			if !associated(a.AssociationState) {
				continue
			}
			out.Main = out.Main || a.Main
			if a.SubnetID != "" {
				out.Subnets = append(out.Subnets, stack.Known(a.SubnetID))
			}
		}
		for i, r := range t.Routes {
			if implied(r) {
				continue
			}
			read := readRoute(r)
			read.Origin = out.Origin
			read.Origin.Address = fmt.Sprintf("%s.Routes[%d]", t.RouteTableID, i)
			out.Routes = append(out.Routes, read)
		}
		b.out.RouteTables = append(b.out.RouteTables, out)
	}
}

// implied reports whether the model leaves a route out: the local routes of the
// VPC, and those that a gateway endpoint adds to its tables.
func implied(r route) bool {
	return r.GatewayID == "local" || r.DestinationPrefixListID != "" && strings.HasPrefix(r.GatewayID, "vpce-")
}

func readRoute(r route) stack.Route {
	out := stack.Route{Blackhole: stack.Known(r.State == "blackhole")}
	out.Destination = stack.Known(r.DestinationCidrBlock + r.DestinationIpv6CidrBlock + r.DestinationPrefixListID) // one of them is set
	// An instance is printed with its network interface; it goes first.
	for _, t := range []struct{ kind, id string }{
		{"nat", r.NatGatewayID},
		{"peering", r.VpcPeeringConnectionID},
		{"transit-gateway", r.TransitGatewayID},
		{"transit-gateway", r.CoreNetworkArn},
		{"egress-only", r.EgressOnlyInternetGatewayID},
		{"instance", r.InstanceID},
		{"interface", r.NetworkInterfaceID},
		{"gateway", r.CarrierGatewayID},
		{"gateway", r.LocalGatewayID},
		{"gateway", r.OdbNetworkArn},
		{"gateway", r.GatewayID},
	} {
		if t.id != "" {
			out.TargetKind, out.Target = t.kind, stack.Known(t.id)
			break
		}
	}
	if strings.HasPrefix(r.GatewayID, "vpce-") {
		out.TargetKind = "endpoint"
	}
	if out.TargetKind == "" {
		out.TargetKind, out.Target = "gateway", stack.Unknown[string]("the target of the route, which AWS did not print")
	}
	return out
}
