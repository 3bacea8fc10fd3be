package reach

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// generator makes small random stacks. A value may be a hole. Seen by reach, a
// hole is unknown; in a completion it gets any value that it might have. All
// stacks of one seed are equal but for their holes.
type generator struct {
	main  *rand.Rand // decides everything but what holes are filled with
	fill  *rand.Rand // nil: holes are unknown
	holes float64    // share of the values that are holes
	n     int        // holes so far
	kind  bool       // most rules let the path through
	gone  []string   // conditional groups that a completion does without
}

func hole[T any](g *generator, make func(*rand.Rand) T) stack.Value[T] {
	v := make(g.main)
	if g.main.Float64() >= g.holes {
		return stack.Known(v)
	}
	g.n++
	if g.fill == nil {
		return stack.Unknown[T](fmt.Sprintf("hole %d", g.n))
	}
	return stack.Known(make(g.fill))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func picker[T any](from ...T) func(*rand.Rand) T {
	return func(r *rand.Rand) T { return pick(r, from...) }
}

func often(p float64) func(*rand.Rand) bool {
	return func(r *rand.Rand) bool { return r.Float64() < p }
}

// cidr is any range around the two VPCs, often one that matters.
func cidr(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return pick(r, "0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/27", "10.0.0.32/27", "::/0")
	}
	a := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(64))})
	return netip.PrefixFrom(a, 26+r.IntN(7)).Masked().String()
}

func cidr4(r *rand.Rand) string {
	for {
		if c := cidr(r); c != "::/0" {
			return c
		}
	}
}

var rangesByVPC = map[string][]string{
	"A": {"10.0.0.0/27", "10.0.0.0/28", "10.0.0.0/26", "10.0.0.0/24"},
	"B": {"10.0.0.32/27", "10.0.0.32/28", "10.0.0.0/26", "10.0.0.0/24"},
}

func (g *generator) subnetRange(vpc string, bits int) func(*rand.Rand) netip.Prefix {
	return func(r *rand.Rand) netip.Prefix {
		base := 0
		if vpc == "B" {
			base = 32
		}
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(base + r.IntN(16))})
		return netip.PrefixFrom(a, bits).Masked()
	}
}

func (g *generator) stack() *stack.Stack {
	s := &stack.Stack{}
	g.gone = nil
	g.kind = g.main.IntN(2) == 0
	bits := pick(g.main, 30, 31, 31, 31, 31)
	if g.main.IntN(200) == 0 {
		bits = 28
	}
	for _, vpc := range []string{"A", "B"} {
		v := &stack.VPC{Resource: stack.Resource{ID: vpc}, EnableDNSSupport: hole(g, often(0.99))}
		known := rangesByVPC[vpc][0]
		if g.main.IntN(20) == 0 {
			known = rangesByVPC[vpc][2] // overlaps the other VPC
		}
		v.CIDRs = append(v.CIDRs, hole(g, func(r *rand.Rand) netip.Prefix {
			if r == g.main {
				return netip.MustParsePrefix(known)
			}
			return netip.MustParsePrefix(pick(r, rangesByVPC[vpc]...))
		}))
		s.VPCs = append(s.VPCs, v)
		for i := range 3 {
			s.Subnets = append(s.Subnets, &stack.Subnet{Resource: stack.Resource{ID: fmt.Sprintf("%s%d", vpc, i)}, VPC: stack.Known(vpc),
				CIDR: hole(g, g.subnetRange(vpc, bits)), Zone: stack.Known(fmt.Sprint(i))})
		}
		g.borders(s, vpc)
	}
	g.others(s)
	for _, vpc := range []string{"A", "B"} {
		for i := range 3 {
			g.group(s, vpc, i)
		}
	}
	g.ends(s)
	return s
}

func (g *generator) others(s *stack.Stack) {
	if g.main.IntN(4) > 0 {
		s.Peerings = append(s.Peerings, &stack.Peering{Resource: stack.Resource{ID: "pcx"}, Requester: stack.Known("A"), Accepter: stack.Known("B"),
			Active: hole(g, often(0.9)), SameRegion: hole(g, often(0.8))})
	}
	s.Gateways = append(s.Gateways,
		&stack.Gateway{Resource: stack.Resource{ID: "igw"}, Kind: stack.InternetGateway, VPC: stack.Known("A")},
		&stack.Gateway{Resource: stack.Resource{ID: "nat"}, Kind: stack.NATGateway, Subnet: stack.Known("A2")})
	for _, id := range []string{"pl1", "pl2"} {
		l := &stack.PrefixList{Resource: stack.Resource{ID: id}}
		for range g.main.IntN(3) {
			l.Entries = append(l.Entries, hole(g, func(r *rand.Rand) netip.Prefix { return netip.MustParsePrefix(cidr4(r)) }))
		}
		s.PrefixLists = append(s.PrefixLists, l)
	}
}

// borders gives some of the subnets of a VPC an ACL and a route table.
func (g *generator) borders(s *stack.Stack, vpc string) {
	acls, tables := map[string]bool{}, map[string]bool{}
	for i := range g.main.IntN(3) {
		a := &stack.NetworkACL{Resource: stack.Resource{ID: fmt.Sprintf("acl%s%d", vpc, i)}, VPC: stack.Known(vpc), Default: i == 0 && g.main.IntN(2) == 0}
		a.Subnets = g.share(vpc, acls)
		for e := range 1 + g.main.IntN(6) {
			p := pick(g.main, [2]int{0, 65535}, [2]int{0, 65535}, [2]int{6379, 6379}, [2]int{1024, 65535}, [2]int{32768, 65535}, [2]int{1024, 2000})
			a.Entries = append(a.Entries, stack.ACLEntry{
				Number: hole(g, func(r *rand.Rand) int { return 10*(1+r.IntN(6)) + e }),
				Egress: hole(g, often(0.5)), Allow: hole(g, often(0.75)), Protocol: hole(g, picker("6", "6", "-1", "-1", "17")),
				CIDR: hole(g, cidr), FromPort: hole(g, picker(p[0])), ToPort: hole(g, picker(p[1])),
			})
		}
		if g.kind {
			for i, egress := range []bool{false, true} {
				a.Entries = append(a.Entries, stack.ACLEntry{Number: hole(g, func(r *rand.Rand) int { return pick(r, 80, 80, 80, 20) + i }), Egress: stack.Known(egress),
					Allow: hole(g, often(0.95)), Protocol: stack.Known("-1"), CIDR: hole(g, picker("0.0.0.0/0")), FromPort: stack.Known(-1), ToPort: stack.Known(-1)})
			}
		}
		s.NetworkACLs = append(s.NetworkACLs, a)
	}
	for i := range g.main.IntN(3) {
		t := &stack.RouteTable{Resource: stack.Resource{ID: fmt.Sprintf("rt%s%d", vpc, i)}, VPC: stack.Known(vpc), Main: i == 0 && g.main.IntN(2) == 0}
		t.Subnets = g.share(vpc, tables)
		if g.kind || g.main.IntN(3) > 0 {
			t.Routes = append(t.Routes, stack.Route{Destination: stack.Known(pick(g.main, "10.0.0.0/27", "10.0.0.32/27")), TargetKind: "peering", Target: stack.Known("pcx")})
		}
		for range g.main.IntN(3) {
			t.Routes = append(t.Routes, g.route())
		}
		s.RouteTables = append(s.RouteTables, t)
	}
}

// share takes subnets of a VPC that are not taken yet.
func (g *generator) share(vpc string, taken map[string]bool) []stack.Value[string] {
	var out []stack.Value[string]
	for i := range 3 {
		id := fmt.Sprintf("%s%d", vpc, i)
		v := hole(g, func(r *rand.Rand) string {
			if r == g.main {
				return id
			}
			return pick(r, vpc+"0", vpc+"1", vpc+"2", "elsewhere")
		})
		if g.main.IntN(2) == 0 && !taken[id] {
			taken[id] = true
			out = append(out, v)
		}
	}
	return out
}

// valid reports whether AWS would accept a stack: each subnet has one ACL and
// one table, and a table has one route to a destination.
func valid(s *stack.Stack) bool {
	acls, tables := map[string]bool{}, map[string]bool{}
	repeats := func(seen map[string]bool, v stack.Value[string]) bool {
		id := v.Or("")
		again := seen[id] && id != "elsewhere"
		seen[id] = true
		return again
	}
	for _, a := range s.NetworkACLs {
		for _, v := range a.Subnets {
			if repeats(acls, v) {
				return false
			}
		}
	}
	for _, t := range s.RouteTables {
		for _, v := range t.Subnets {
			if repeats(tables, v) {
				return false
			}
		}
		destinations := map[string]bool{}
		for _, r := range t.Routes {
			if repeats(destinations, r.Destination) {
				return false
			}
		}
	}
	return true
}

func (g *generator) route() stack.Route {
	kind := pick(g.main, [2]string{"peering", "pcx"}, [2]string{"peering", "pcx"}, [2]string{"gateway", "igw"}, [2]string{"nat", "nat"}, [2]string{"transit-gateway", "tgw"})
	r := stack.Route{TargetKind: kind[0], Target: stack.Known(kind[1]), Blackhole: hole(g, often(0.1))}
	r.Destination = hole(g, func(r *rand.Rand) string {
		if r.IntN(5) == 0 {
			return pick(r, "pl1", "pl2")
		}
		return cidr(r)
	})
	return r
}

func (g *generator) group(s *stack.Stack, vpc string, i int) {
	sg := &stack.SecurityGroup{Resource: stack.Resource{ID: fmt.Sprintf("sg%s%d", vpc, i)}, VPC: stack.Known(vpc)}
	for range g.main.IntN(4) {
		sg.Ingress = append(sg.Ingress, g.rule())
	}
	if g.kind && i == 0 {
		sg.Ingress = append(sg.Ingress, stack.Rule{Protocol: hole(g, picker("tcp", "tcp", "-1")), FromPort: stack.Known(6379), ToPort: hole(g, picker(6379, 6400)),
			SecurityGroup: hole(g, picker("sgA0", "sgA0", "sgA1"))})
	}
	if g.kind || g.main.IntN(2) == 0 {
		sg.Egress = append(sg.Egress, stack.Rule{Protocol: stack.Known("-1"), FromPort: stack.Known(-1), ToPort: stack.Known(-1), CIDR: stack.Known("0.0.0.0/0"), Implicit: true})
	}
	for range g.main.IntN(3) {
		sg.Egress = append(sg.Egress, g.rule())
	}
	if i > 0 && g.main.Float64() < g.holes {
		if g.fill == nil {
			sg.Conditional = "condition"
		} else if g.fill.IntN(2) == 0 {
			g.gone = append(g.gone, sg.ID)
		}
	}
	s.SecurityGroups = append(s.SecurityGroups, sg)
}

func (g *generator) rule() stack.Rule {
	p := pick(g.main, [2]int{6379, 6379}, [2]int{6379, 6379}, [2]int{0, 65535}, [2]int{6000, 6400}, [2]int{6380, 6380}, [2]int{6379, 6380}, [2]int{7, 3})
	r := stack.Rule{Protocol: hole(g, picker("tcp", "tcp", "tcp", "6", "-1", "udp")), FromPort: hole(g, picker(p[0])), ToPort: hole(g, picker(p[1]))}
	switch g.main.IntN(5) {
	case 0, 1:
		r.CIDR = hole(g, cidr)
	case 2, 3:
		r.SecurityGroup = hole(g, picker("sgA0", "sgA1", "sgA2", "sgB0", "sgB1", "sgA0"))
	default:
		r.PrefixList = hole(g, picker("pl1", "pl2"))
	}
	return r
}

// ends adds one function and one cache, mostly in one VPC.
func (g *generator) ends(s *stack.Stack) {
	f := &stack.Function{Resource: stack.Resource{ID: "f"}, VPC: &stack.VPCConfig{}}
	c := &stack.Cache{Resource: stack.Resource{ID: "c"}, Port: hole(g, picker(6379, 6379, 6379, 6380))}
	other := pick(g.main, "A", "A", "B")
	f.VPC.Subnets, f.VPC.SecurityGroups = g.located("A")
	c.Subnets, c.SecurityGroups = g.located(other)
	if g.main.IntN(50) == 0 {
		f.VPC = nil
	}
	s.Functions, s.Caches = append(s.Functions, f), append(s.Caches, c)
}

func (g *generator) located(vpc string) (subnets, groups []stack.Value[string]) {
	for range 1 + g.main.IntN(2) {
		subnets = append(subnets, hole(g, picker(vpc+"0", vpc+"1", vpc+"2")))
	}
	groups = append(groups, stack.Known("sg"+vpc+"0"))
	if g.main.IntN(2) == 0 {
		if v := hole(g, picker("sg"+vpc+"1", "sg"+vpc+"2")); !slices.Contains(g.gone, v.Or("")) {
			groups = append(groups, v)
		}
	}
	return subnets, groups
}
