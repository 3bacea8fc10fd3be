package reach

import (
	"net/netip"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// dual is the shop with IPv6 ranges, a cache that has IPv6 addresses only, and a
// function that may use them.
func dual() *stack.Stack {
	s := shop()
	s.VPCs[0].CIDRs = append(s.VPCs[0].CIDRs, stack.Known(netip.MustParsePrefix("2001:db8:1::/56")))
	for i, n := range s.Subnets {
		n.CIDR6 = stack.Known(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 0, byte(i + 1)}), 64))
	}
	s.Functions[0].VPC.DualStack = stack.Known(true)
	s.Caches[0].NetworkType = stack.Known("ipv6")
	return s
}

// IPv6 paths are asked with IPv6 ranges, in rules, ACLs and routes alike, and a
// rule of the other family counts for nothing.
func TestIPv6(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(s *stack.Stack)
		verdict Verdict
		kind    FactorKind
	}{
		{"by group", func(*stack.Stack) {}, Open, Attached},
		{"by range", func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:2001:db8:1::/56") }, Open, Attached},
		{"range too narrow", func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:2001:db8:1:1::/64") }, Closed, Ingress},
		{"IPv4 range", func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0] = rule("tcp", 6379, "cidr:0.0.0.0/0") }, Closed, Ingress},
		{"written IPv4 egress", func(s *stack.Stack) { s.SecurityGroups[0].Egress[0].Implicit = false }, Closed, Egress},
		{"IPv4 egress of an account", func(s *stack.Stack) {
			s.Dialect = stack.Live
			s.RouteTables = []*stack.RouteTable{{Resource: stack.Resource{ID: "Main"}, VPC: stack.Known("Vpc"), Main: true}}
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Default: true, Entries: []stack.ACLEntry{
				aclEntryFor(100, false, true, "::/0", 0, 65535), aclEntryFor(100, true, true, "::/0", 0, 65535)}}}
		}, Closed, Egress},
		{"no IPv6 for the function", func(s *stack.Stack) { s.Functions[0].VPC.DualStack = stack.Known(false) }, Closed, Attached},
		{"subnet without range", func(s *stack.Stack) { s.Subnets[0].CIDR6 = stack.Known(netip.Prefix{}) }, Closed, Attached},
		{"ACL for IPv4 only", func(s *stack.Stack) {
			s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Default: true, Entries: []stack.ACLEntry{
				aclEntryFor(100, false, true, "0.0.0.0/0", 0, 65535), aclEntryFor(100, true, true, "0.0.0.0/0", 0, 65535)}}}
		}, Closed, ACLOut},
		{"family not known", func(s *stack.Stack) { s.Caches[0].NetworkType = stack.Unknown[string]("x") }, Unknown, Attached},
		{"dual stack cache", func(s *stack.Stack) { s.Caches[0].NetworkType = stack.Known("dual_stack") }, Open, Attached},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := dual()
			tc.change(s)
			p := ask(s)
			if p.Verdict != tc.verdict || p.Deciding().Kind != tc.kind {
				t.Errorf("%s %+v", p.Verdict, p.Deciding())
			}
			if p.Verdict == Closed && len(p.Changes) > 0 {
				if q := ask(Apply(s, p.Changes)); q.Verdict != Open {
					t.Errorf("%s after %+v: %+v", q.Verdict, p.Changes, q.Deciding())
				}
			}
		})
	}
}

// A range of the other family than the cache's is kept out.
func TestRangesOfBothFamilies(t *testing.T) {
	s := shop()
	s.SecurityGroups[1].Ingress = []stack.Rule{rule("tcp", 6379, "cidr:::/0"), rule("tcp", 6379, "cidr:10.0.1.0/24")}
	n := New(s)
	for prefix, want := range map[string]Verdict{"10.0.1.0/24": Open, "10.0.0.0/23": Closed, "2001:db8::/32": Closed} {
		if p := n.From(FromRange(netip.MustParsePrefix(prefix)), s.Caches[0], s.Caches[0].Port); p.Verdict != want {
			t.Errorf("%s: %s %+v", prefix, p.Verdict, p.Deciding())
		}
	}
	s.Caches[0].NetworkType = stack.Known("dual_stack")
	if p := New(s).From(FromRange(netip.MustParsePrefix("2001:db8::/32")), s.Caches[0], s.Caches[0].Port); p.Verdict == Open {
		t.Errorf("addresses outside of the VPC: %+v", p.Deciding())
	}
}
