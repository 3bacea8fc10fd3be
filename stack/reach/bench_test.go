package reach

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// estate is a large deployment in one VPC: functions in three subnets with
// groupsOf different sets of groups, caches in three others, and filler groups
// with rules.
func estate(functions, caches, groups, rules int) *stack.Stack {
	s := shop()
	s.Functions, s.Caches = nil, nil
	cidr := func(i, j int) stack.Value[netip.Prefix] {
		return stack.Known(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(j), 0}), 24))
	}
	for i := range 40 {
		s.Subnets = append(s.Subnets, &stack.Subnet{Resource: stack.Resource{ID: fmt.Sprint("net", i)}, VPC: stack.Known("Vpc"), CIDR: cidr(0, i+20), Zone: stack.Known(string(rune('a' + i%3)))})
	}
	for i := range groups {
		g := &stack.SecurityGroup{Resource: stack.Resource{ID: fmt.Sprint("sg", i)}, VPC: stack.Known("Vpc"), Egress: []stack.Rule{rule("-1", -1, "cidr:0.0.0.0/0")}}
		for j := range rules {
			peer := fmt.Sprint("sg", (i*7+j*13)%groups)
			if j%2 == 0 {
				peer = fmt.Sprintf("cidr:10.%d.%d.0/24", i%250, j%250)
			}
			g.Ingress = append(g.Ingress, rule("tcp", 6379+j%3, peer))
		}
		s.SecurityGroups = append(s.SecurityGroups, g)
	}
	s.NetworkACLs = []*stack.NetworkACL{{Resource: stack.Resource{ID: "Acl"}, VPC: stack.Known("Vpc"), Default: true, Entries: []stack.ACLEntry{
		aclEntryFor(100, false, true, "10.0.0.0/16", 0, 65535), aclEntryFor(100, true, true, "10.0.0.0/16", 0, 65535)}}}
	for i := range functions {
		f := &stack.Function{Resource: stack.Resource{ID: fmt.Sprint("f", i)}, VPC: &stack.VPCConfig{SecurityGroups: known([]string{fmt.Sprint("sg", i%groups)})}}
		for j := range 3 {
			f.VPC.Subnets = append(f.VPC.Subnets, stack.Known(fmt.Sprint("net", (i+j)%20)))
		}
		s.Functions = append(s.Functions, f)
	}
	for i := range caches {
		c := &stack.Cache{Resource: stack.Resource{ID: fmt.Sprint("c", i)}, Port: stack.Known(6379), SecurityGroups: known([]string{fmt.Sprint("sg", (i*17)%groups)})}
		for j := range 3 {
			c.Subnets = append(c.Subnets, stack.Known(fmt.Sprint("net", 20+(i+j)%20)))
		}
		s.Caches = append(s.Caches, c)
	}
	return s
}

func allPaths(n *Network) (open int) {
	for _, f := range n.s.Functions {
		for _, c := range n.s.Caches {
			if n.Path(f, c, c.Port).Verdict == Open {
				open++
			}
		}
	}
	return open
}

// 200 functions × 20 caches: every path with its changes.
func BenchmarkPaths(b *testing.B) {
	s := estate(200, 20, 2400, 2)
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(allPaths(New(s))), "open")
	}
}

// 2,000 groups with 50,000 rules.
func BenchmarkManyRules(b *testing.B) {
	s := estate(200, 20, 2000, 25)
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(allPaths(New(s))), "open")
	}
}

// The proof over sources, unused and implied rules of the same.
func BenchmarkSources(b *testing.B) {
	s := estate(200, 20, 2000, 25)
	b.ReportAllocs()
	for b.Loop() {
		n := New(s)
		for _, c := range s.Caches {
			n.Sources(c, c.Port)
		}
		n.Implied()
	}
}

func BenchmarkDiff(b *testing.B) {
	s, t := estate(200, 20, 2000, 25), estate(200, 20, 2000, 25)
	for b.Loop() {
		Diff(s, t)
	}
}
