package reach

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// shop is a deployment in which everything is as it should be: two function
// subnets and two cache subnets in one VPC, one group for each end.
func shop() *stack.Stack {
	id := func(s string) stack.Resource {
		return stack.Resource{ID: s, Origin: stack.Origin{File: "t.yaml", Line: len(s)}}
	}
	prefix := func(s string) stack.Value[netip.Prefix] { return stack.Known(netip.MustParsePrefix(s)) }
	subnet := func(name, cidr, zone string) *stack.Subnet {
		return &stack.Subnet{Resource: id(name), VPC: stack.Known("Vpc"), CIDR: prefix(cidr), Zone: stack.Known(zone)}
	}
	everything := rule("-1", -1, "cidr:0.0.0.0/0")
	everything.Implicit = true
	return &stack.Stack{
		VPCs: []*stack.VPC{{Resource: id("Vpc"), CIDRs: []stack.Value[netip.Prefix]{prefix("10.0.0.0/16")}, EnableDNSSupport: stack.Known(true)}},
		Subnets: []*stack.Subnet{subnet("AppA", "10.0.1.0/24", "a"), subnet("AppB", "10.0.2.0/24", "b"),
			subnet("DataA", "10.0.11.0/24", "a"), subnet("DataB", "10.0.12.0/24", "b")},
		SecurityGroups: []*stack.SecurityGroup{
			{Resource: id("AppGroup"), VPC: stack.Known("Vpc"), Egress: []stack.Rule{everything}},
			{Resource: id("CacheGroup"), VPC: stack.Known("Vpc"), Ingress: []stack.Rule{rule("tcp", 6379, "AppGroup")}},
		},
		Functions: []*stack.Function{{Resource: id("Api"), VPC: &stack.VPCConfig{Subnets: known([]string{"AppA", "AppB"}), SecurityGroups: known([]string{"AppGroup"})}}},
		Caches:    []*stack.Cache{{Resource: id("Cache"), Port: stack.Known(6379), Subnets: known([]string{"DataA", "DataB"}), SecurityGroups: known([]string{"CacheGroup"})}},
	}
}

// rule has the peer "cidr:…", "pl-…" or a group.
func rule(protocol string, port int, peer string) stack.Rule {
	r := stack.Rule{Protocol: stack.Known(protocol), FromPort: stack.Known(port), ToPort: stack.Known(port)}
	switch cidr, ok := strings.CutPrefix(peer, "cidr:"); {
	case ok:
		r.CIDR = stack.Known(cidr)
	case strings.HasPrefix(peer, "pl-"):
		r.PrefixList = stack.Known(peer)
	default:
		r.SecurityGroup = stack.Known(peer)
	}
	return r
}

func aclEntryFor(number int, egress, allow bool, cidr string, from, to int) stack.ACLEntry {
	return stack.ACLEntry{Number: stack.Known(number), Egress: stack.Known(egress), Allow: stack.Known(allow), Protocol: stack.Known("6"),
		CIDR: stack.Known(cidr), FromPort: stack.Known(from), ToPort: stack.Known(to)}
}

// peered moves the cache of the shop into a VPC of its own, with a peering and
// routes on both sides.
func peered() *stack.Stack {
	s := shop()
	far := stack.Known("Data")
	s.VPCs = append(s.VPCs, &stack.VPC{Resource: stack.Resource{ID: "Data"}, CIDRs: []stack.Value[netip.Prefix]{stack.Known(netip.MustParsePrefix("10.1.0.0/16"))}, EnableDNSSupport: stack.Known(true)})
	s.Subnets[2].VPC, s.Subnets[3].VPC, s.SecurityGroups[1].VPC = far, far, far
	s.Subnets[2].CIDR, s.Subnets[3].CIDR = stack.Known(netip.MustParsePrefix("10.1.11.0/24")), stack.Known(netip.MustParsePrefix("10.1.12.0/24"))
	s.Peerings = []*stack.Peering{{Resource: stack.Resource{ID: "Pcx"}, Requester: stack.Known("Vpc"), Accepter: far, Active: stack.Known(true), SameRegion: stack.Known(true)}}
	s.RouteTables = []*stack.RouteTable{
		{Resource: stack.Resource{ID: "AppTable"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"AppA", "AppB"}), Routes: []stack.Route{route("10.1.0.0/16", "peering", "Pcx")}},
		{Resource: stack.Resource{ID: "DataTable"}, VPC: far, Main: true, Routes: []stack.Route{route("10.0.0.0/16", "peering", "Pcx")}},
	}
	return s
}

func route(to, kind, target string) stack.Route {
	return stack.Route{Destination: stack.Known(to), TargetKind: kind, Target: stack.Known(target)}
}

func ask(s *stack.Stack) Path { return New(s).Path(s.Functions[0], s.Caches[0], s.Caches[0].Port) }

// Each way in which a path breaks is reported at the resource that breaks it,
// with AWS's code for it, and named changes mend it.
func TestWhatDecides(t *testing.T) {
	open := aclEntryFor
	why := stack.Unknown[string]("parameter X")
	for _, tc := range []struct {
		name     string
		base     func() *stack.Stack
		breakIt  func(s *stack.Stack)
		verdict  Verdict
		kind     FactorKind
		resource string
		code     string
		partial  bool
		says     string
		changes  []ChangeKind
	}{
		{"nothing broken", shop, func(*stack.Stack) {}, Open, Attached, "Api", "", false, "is in a VPC", nil},
		{"peering", peered, func(*stack.Stack) {}, Open, Attached, "Api", "", false, "", nil},
		{"not attached", shop, func(s *stack.Stack) { s.Functions[0].VPC = nil }, Closed, Attached, "Api", "", false, "in no VPC", []ChangeKind{AttachFunction}},
		{"no inbound rule", shop, func(s *stack.Stack) { s.SecurityGroups[1].Ingress = nil }, Closed, Ingress, "CacheGroup", "SG_HAS_NO_RULES", false, "no inbound rule", []ChangeKind{AddIngress}},
		{"no outbound rule", shop, func(s *stack.Stack) { s.SecurityGroups[0].Egress = nil }, Closed, Egress, "AppGroup", "SG_HAS_NO_RULES", false, "no outbound rule", []ChangeKind{AddEgress}},
		{"other port", shop, func(s *stack.Stack) { s.Caches[0].Port = stack.Known(6380) }, Closed, Ingress, "CacheGroup", "ENI_SG_RULES_MISMATCH", false, "No inbound rule of CacheGroup allows tcp 6380 from AppGroup.", []ChangeKind{AddIngress}},
		{"one zone let in", shop, func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:10.0.1.0/24") }, Closed, Ingress, "CacheGroup", "ENI_SG_RULES_MISMATCH", true, "AppGroup", []ChangeKind{AddIngress}},
		{"half a subnet let in", shop, func(s *stack.Stack) {
			s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:10.0.1.0/25")
			s.Functions[0].VPC.Subnets = known([]string{"AppA"})
		}, Closed, Ingress, "CacheGroup", "ENI_SG_RULES_MISMATCH", true, "only 10.0.1.4-10.0.1.127, which is a part of AppA (10.0.1.0/24)", []ChangeKind{AddIngress}},
		{"IPv6 rule", shop, func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:::/0") }, Closed, Ingress, "CacheGroup", "ENI_SG_RULES_MISMATCH", false, "", []ChangeKind{AddIngress}},
		{"unknown rule", shop, func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0].SecurityGroup = why }, Unknown, Ingress, "CacheGroup", "", false, "parameter X", nil},
		{"prefix list elsewhere", shop, func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "pl-1") }, Unknown, Ingress, "CacheGroup", "", false, "prefix list pl-1 is not declared here", nil},
		{"groups not read", shop, func(s *stack.Stack) {
			s.SecurityGroups[1].Ingress = nil
			s.Gaps = []stack.Gap{{What: "security groups", Why: "denied", Kind: "security_groups"}}
		}, Unknown, Ingress, "CacheGroup", "", false, "denied", nil},
		{"ACLs not read", shop, func(s *stack.Stack) { s.Gaps = []stack.Gap{{What: "ACLs", Why: "denied", Kind: "network_acls"}} }, Unknown, ACLOut, "AppA", "", false, "denied", nil},
		{"ACL without an ID", shop, func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"})}}
		}, Unknown, ACLOut, "AppA", "", false, "a network ACL has no ID", nil},
		{"route table without an ID", shop, func(s *stack.Stack) {
			s.RouteTables = []*stack.RouteTable{{VPC: stack.Known("Vpc"), Subnets: known([]string{"AppA"}), Routes: []stack.Route{route("10.0.0.0/16", "local", "local")}}}
		}, Unknown, RouteOut, "AppA", "", false, "a route table has no ID", nil},
		{"ACL denies the port", shop, func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"}), Entries: []stack.ACLEntry{
				open(90, false, false, "10.0.0.0/16", 6379, 6379), open(100, false, true, "0.0.0.0/0", 0, 65535), open(100, true, true, "0.0.0.0/0", 0, 65535)}}}
		}, Closed, ACLIn, "Acl", "SUBNET_ACL_RESTRICTION", false, "#90 deny tcp 6379 from 10.0.0.0/16", []ChangeKind{AddACLEntry, AddACLEntry}},
		{"ACL forgets the way back", shop, func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"}), Entries: []stack.ACLEntry{
				open(100, false, true, "0.0.0.0/0", 6379, 6379), open(100, true, true, "0.0.0.0/0", 32768, 65535)}}}
		}, Closed, ReturnACLOut, "Acl", "SUBNET_ACL_RESTRICTION", true, "lets only ports 32768-65535 out, which is a part of tcp 1024-65535 to AppA", []ChangeKind{AddACLEntry, AddACLEntry}},
		{"no room below the denying entry", shop, func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"}), Entries: []stack.ACLEntry{
				open(1, false, false, "10.0.1.0/24", 0, 65535), open(2, false, true, "0.0.0.0/0", 0, 65535), open(1, true, true, "0.0.0.0/0", 0, 65535)}}}
		}, Closed, ACLIn, "Acl", "SUBNET_ACL_RESTRICTION", true, "#1 deny", []ChangeKind{MoveACLEntry, MoveACLEntry, AddACLEntry}},
		{"names do not resolve", shop, func(s *stack.Stack) { s.VPCs[0].EnableDNSSupport = stack.Known(false) }, Closed, DNS, "Vpc", "", false, "enableDnsSupport off", []ChangeKind{EnableDNS}},
		{"conditional group", shop, func(s *stack.Stack) { s.SecurityGroups[1].Conditional = "IsProd" }, Unknown, Ingress, "CacheGroup", "", false, "IsProd", nil},
		{"conditional function", shop, func(s *stack.Stack) { s.Functions[0].Conditional = "IsProd" }, Unknown, Attached, "Api", "", false, "IsProd", nil},
		{"conditional subnet", shop, func(s *stack.Stack) { s.Subnets[0].Conditional = "IsProd" }, Unknown, Attached, "AppA", "", false, "IsProd", nil},
		{"subnets elsewhere", shop, func(s *stack.Stack) { s.Functions[0].VPC.Subnets = known([]string{"subnet-1"}) }, Unknown, ACLOut, "subnet-1", "", false, "declared elsewhere", nil},
		{"function in the wrong VPC", peered, func(s *stack.Stack) { s.Peerings, s.RouteTables = nil, nil }, Closed, SameVPC, "Vpc", "DISCONNECTED_VPCS", false, "nothing connects them",
			[]ChangeKind{CreateGroup, AddEgress, AddIngress, AttachFunction}},
		{"peering not accepted", peered, func(s *stack.Stack) { s.Peerings[0].Active = stack.Known(false) }, Closed, PeeringUse, "Pcx", "BAD_STATE", false, "not active", []ChangeKind{AcceptPeering}},
		{"peering without route back", peered, func(s *stack.Stack) { s.RouteTables[1].Routes = nil }, Closed, ReturnRoute, "DataTable", "NO_ROUTE_TO_DESTINATION", false, "no route to AppA", []ChangeKind{AddRoute, AddRoute}},
		{"route is a black hole", peered, func(s *stack.Stack) { s.RouteTables[0].Routes[0].Blackhole = stack.Known(true) }, Closed, RouteOut, "AppTable", "BAD_STATE_ROUTE", false, "blackhole", []ChangeKind{AddRoute, AddRoute}},
		{"more specific route", peered, func(s *stack.Stack) {
			s.RouteTables[0].Routes = append(s.RouteTables[0].Routes, route("10.1.11.0/25", "gateway", "igw-1"))
		}, Closed, RouteOut, "AppTable", "MORE_SPECIFIC_ROUTE", true, "10.1.11.0/25 to gateway igw-1", []ChangeKind{ReplaceRoute}},
		{"group across regions", peered, func(s *stack.Stack) { s.Peerings[0].SameRegion = stack.Known(false) }, Closed, Ingress, "CacheGroup", "UNKNOWN_PEERED_SGS", false, "only within a region", []ChangeKind{AddIngress, AddIngress}},
		{"transit gateway", peered, func(s *stack.Stack) {
			s.Peerings = nil
			s.RouteTables[0].Routes[0] = route("10.1.0.0/16", "transit-gateway", "tgw-1")
			s.RouteTables[1].Routes[0] = route("10.0.0.0/16", "transit-gateway", "tgw-1")
		}, Unknown, SameVPC, "Vpc", "", false, "does not show", nil},
		{"IPv6 only cache", shop, func(s *stack.Stack) { s.Caches[0].NetworkType = stack.Known("ipv6") }, Closed, Attached, "Api", "", false, "IPv6", nil},
		{"port not known", shop, func(s *stack.Stack) { s.Caches[0].Port = stack.Unknown[int]("parameter Port") }, Unknown, Ingress, "CacheGroup", "", false, "parameter Port", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.base()
			tc.breakIt(s)
			p := ask(s)
			f := p.Deciding()
			if p.Verdict != tc.verdict || f.Kind != tc.kind || f.Resource != tc.resource || f.AWSCode != tc.code || !strings.Contains(f.Reason, tc.says) {
				t.Errorf("%s %+v", p.Verdict, f)
			}
			if p.Partial && p.Verdict != Closed || tc.partial != (p.Partial || f.Partial) {
				t.Errorf("partial: path %v factor %v", p.Partial, f.Partial)
			}
			var kinds []ChangeKind
			for _, c := range p.Changes {
				kinds = append(kinds, c.Kind)
			}
			if !slices.Equal(kinds, tc.changes) {
				t.Errorf("changes %+v, want %v", p.Changes, tc.changes)
			}
			if after := ask(Apply(s, p.Changes)); len(p.Changes) > 0 && after.Verdict == Closed {
				t.Errorf("still closed: %+v", after.Deciding())
			}
		})
	}
}

// The changes let in one port, from a group where AWS can follow it, and the
// entry of an ACL comes before the one that denies.
func TestChangesAreNarrow(t *testing.T) {
	s := shop()
	s.SecurityGroups[1].Ingress = nil
	s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"}),
		Entries: []stack.ACLEntry{aclEntryFor(100, false, false, "10.0.1.0/24", 0, 65535), aclEntryFor(200, false, true, "0.0.0.0/0", 0, 65535), aclEntryFor(100, true, true, "0.0.0.0/0", 0, 65535)}}}
	p := ask(s)
	if len(p.Changes) != 2 {
		t.Fatalf("%+v", p.Changes)
	}
	if c := p.Changes[0]; c.Kind != AddIngress || c.Resource != "CacheGroup" || c.Group != "AppGroup" || c.CIDR != "" || c.FromPort != 6379 || c.ToPort != 6379 || c.Protocol != "tcp" {
		t.Errorf("%+v", c)
	}
	if c := p.Changes[1]; c.Kind != AddACLEntry || c.Number != 99 || c.CIDR != "10.0.1.0/24" || c.Egress || c.FromPort != 6379 || c.ToPort != 6379 {
		t.Errorf("%+v", c)
	}
	s.Functions[0].VPC = nil
	if p := ask(s); p.Changes[len(p.Changes)-1].Kind != AttachFunction || p.Changes[0].Kind != CreateGroup {
		t.Errorf("without a group that the cache lets in a new one is made: %+v", p.Changes)
	}
}

// Traffic between zones is told, since AWS charges for it.
func TestCrossZone(t *testing.T) {
	p := ask(shop())
	if len(p.Pairs) != 4 {
		t.Fatalf("%d pairs", len(p.Pairs))
	}
	for _, pair := range p.Pairs {
		if cross, ok := pair.CrossZone.Get(); !ok || cross != (pair.FromZone != pair.ToZone) {
			t.Errorf("%s to %s: %v %v", pair.FromZone, pair.ToZone, cross, ok)
		}
	}
	s := shop()
	s.Caches[0].Zones = known([]string{"b"})
	if p := ask(s); len(p.Pairs) != 2 || p.Pairs[0].ToSubnet != "DataB" {
		t.Errorf("nodes in zone b only: %+v", p.Pairs)
	}
}

// Addresses that AWS keeps for itself in a subnet need no way through.
func TestReservedAddresses(t *testing.T) {
	s := shop()
	s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"DataA", "DataB"}), Entries: []stack.ACLEntry{
		aclEntryFor(1, false, false, "10.0.1.0/30", 0, 65535), aclEntryFor(2, false, false, "10.0.1.255/32", 0, 65535),
		aclEntryFor(100, false, true, "0.0.0.0/0", 0, 65535), aclEntryFor(100, true, true, "0.0.0.0/0", 0, 65535)}}}
	if p := ask(s); p.Verdict != Open {
		t.Errorf("%+v", p.Deciding())
	}
}
