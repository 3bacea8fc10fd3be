package reach

import (
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// withNAT gives the function's subnets a way to the internet: a NAT gateway in
// AppB, which becomes a public subnet, serves AppA.
func withNAT() *stack.Stack {
	s := shop()
	s.VPCs[0].EnableDNSHostnames = stack.Known(true)
	s.Functions[0].VPC.Subnets = known([]string{"AppA"})
	s.Gateways = []*stack.Gateway{{Resource: stack.Resource{ID: "Igw"}, Kind: stack.InternetGateway, VPC: stack.Known("Vpc")},
		{Resource: stack.Resource{ID: "Nat"}, Kind: stack.NATGateway, Subnet: stack.Known("AppB")}}
	s.RouteTables = []*stack.RouteTable{
		{Resource: stack.Resource{ID: "Private"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"AppA"}), Routes: []stack.Route{route("0.0.0.0/0", "nat", "Nat")}},
		{Resource: stack.Resource{ID: "Public"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"AppB"}), Routes: []stack.Route{route("0.0.0.0/0", "gateway", "Igw")}},
	}
	return s
}

func endpoint(kind, service string) *stack.Endpoint {
	return &stack.Endpoint{Resource: stack.Resource{ID: "Endpoint"}, VPC: stack.Known("Vpc"), Service: stack.Known("com.amazonaws.eu-west-1." + service), Kind: stack.Known(kind),
		PrivateDNS: stack.Known(kind == "Interface"), Subnets: known([]string{"DataA"}), SecurityGroups: known([]string{"EndpointGroup"}), RouteTables: known([]string{"Private"})}
}

// A function has a way out through a NAT gateway that has one itself, or through
// an endpoint, and not through an internet gateway.
func TestWaysOut(t *testing.T) {
	for _, tc := range []struct {
		name    string
		service string // "" is the internet
		change  func(s *stack.Stack)
		verdict Verdict
		kind    WayKind
		via     string
		says    string
	}{
		{"not in a VPC", "", func(s *stack.Stack) { s.Functions[0].VPC = nil }, Open, ByLambda, "", "in no VPC"},
		{"NAT", "", func(*stack.Stack) {}, Open, ByNAT, "Nat", "0.0.0.0/0 to nat Nat"},
		{"service through NAT", "sts", func(*stack.Stack) {}, Open, ByNAT, "Nat", ""},
		{"no route", "", func(s *stack.Stack) { s.RouteTables[0].Routes = nil }, Closed, NoWay, "", "no route to the internet"},
		{"public subnet", "", func(s *stack.Stack) { s.Functions[0].VPC.Subnets = known([]string{"AppB"}) }, Closed, ByGatewayOnly, "Igw", "a function has none"},
		{"NAT in a private subnet", "", func(s *stack.Stack) { s.RouteTables[1].Routes = nil }, Closed, NoWay, "Nat", "nat Nat"},
		{"private NAT", "", func(s *stack.Stack) { s.Gateways[1].Kind = stack.PrivateNATGateway }, Closed, NoWay, "Nat", "nat Nat"},
		{"NAT that may not exist", "", func(s *stack.Stack) { s.Gateways[1].Conditional = "IsProd" }, Unknown, ByOther, "Nat", "IsProd"},
		{"transit gateway", "", func(s *stack.Stack) {
			s.RouteTables[0].Routes[0] = route("0.0.0.0/0", "transit-gateway", "tgw-1")
		}, Unknown, ByOther, "tgw-1", "does not show"},
		{"no egress", "", func(s *stack.Stack) { s.SecurityGroups[0].Egress = []stack.Rule{rule("tcp", 6379, "CacheGroup")} }, Closed, ByNAT, "Nat", "No outbound rule"},
		{"egress to some addresses", "", func(s *stack.Stack) { s.SecurityGroups[0].Egress = []stack.Rule{rule("tcp", 443, "cidr:52.0.0.0/8")} }, Unknown, ByNAT, "Nat", "depends on the address"},
		{"ACL of the NAT gateway", "", func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, Subnets: known([]string{"AppB"}), Entries: []stack.ACLEntry{aclEntryFor(1, false, true, "10.0.0.0/16", 0, 65535)}}}
		}, Closed, ByNAT, "Nat", "Acl"},
		{"tables not read", "", func(s *stack.Stack) {
			s.Gaps = []stack.Gap{{What: "tables", Why: "denied", Kind: "route_tables"}}
		}, Unknown, ByOther, "", "denied"},
		{"gateway endpoint", "s3", func(s *stack.Stack) {
			s.RouteTables[0].Routes = nil
			s.Endpoints = []*stack.Endpoint{endpoint("Gateway", "s3")}
		}, Open, ByGatewayService, "Endpoint", "gateway endpoint Endpoint"},
		{"gateway endpoint of another table", "s3", func(s *stack.Stack) {
			s.RouteTables[0].Routes = nil
			s.Endpoints = []*stack.Endpoint{endpoint("Gateway", "s3")}
			s.Endpoints[0].RouteTables = known([]string{"Public"})
		}, Closed, NoWay, "", "no route"},
		{"endpoint of another service", "sts", func(s *stack.Stack) {
			s.RouteTables[0].Routes = nil
			s.Endpoints = []*stack.Endpoint{endpoint("Interface", "secretsmanager")}
		}, Closed, NoWay, "", "no route"},
		{"interface endpoint", "secretsmanager", func(s *stack.Stack) {
			s.Endpoints = []*stack.Endpoint{endpoint("Interface", "secretsmanager")}
			s.SecurityGroups = append(s.SecurityGroups, &stack.SecurityGroup{Resource: stack.Resource{ID: "EndpointGroup"}, VPC: stack.Known("Vpc"), Ingress: []stack.Rule{rule("tcp", 443, "AppGroup")}})
		}, Open, ByInterface, "Endpoint", ""},
		{"interface endpoint that lets nobody in, beside a NAT gateway", "secretsmanager", func(s *stack.Stack) {
			s.Endpoints = []*stack.Endpoint{endpoint("Interface", "secretsmanager")}
			s.SecurityGroups = append(s.SecurityGroups, &stack.SecurityGroup{Resource: stack.Resource{ID: "EndpointGroup"}, VPC: stack.Known("Vpc")})
		}, Closed, ByInterface, "Endpoint", "EndpointGroup has no inbound rule"},
		{"interface endpoint without private DNS", "secretsmanager", func(s *stack.Stack) {
			s.Endpoints = []*stack.Endpoint{endpoint("Interface", "secretsmanager")}
			s.Endpoints[0].PrivateDNS = stack.Known(false)
		}, Open, ByNAT, "Nat", ""},
		{"interface endpoint without host names", "secretsmanager", func(s *stack.Stack) {
			s.VPCs[0].EnableDNSHostnames = stack.Known(false)
			s.Endpoints = []*stack.Endpoint{endpoint("Interface", "secretsmanager")}
		}, Closed, ByInterface, "Endpoint", "enableDnsHostnames off"},
		{"endpoint whose service is not known", "s3", func(s *stack.Stack) {
			s.RouteTables[0].Routes = nil
			s.Endpoints = []*stack.Endpoint{endpoint("Gateway", "s3")}
			s.Endpoints[0].Service = stack.Unknown[string]("parameter Service")
		}, Unknown, ByOther, "", "may be for the service"},
		{"endpoints not read", "s3", func(s *stack.Stack) {
			s.RouteTables[0].Routes = nil
			s.Gaps = []stack.Gap{{What: "endpoints", Why: "denied", Kind: "endpoints"}}
		}, Unknown, ByOther, "", "denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := withNAT()
			tc.change(s)
			n := New(s)
			w := n.Internet(s.Functions[0])
			if tc.service != "" {
				w = n.Service(tc.service, s.Functions[0])
			}
			via := ""
			if len(w.Subnets) > 0 {
				via = w.Subnets[0].Via
			}
			if w.Verdict != tc.verdict || w.Kind != tc.kind || via != tc.via || !strings.Contains(w.Reason, tc.says) {
				t.Errorf("%s %s via %q: %s", w.Verdict, w.Kind, via, w.Reason)
			}
		})
	}
}
