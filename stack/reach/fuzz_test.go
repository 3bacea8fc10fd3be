package reach

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// spoil puts nonsense into a stack: values out of range, empty and broken
// strings, references to nothing, loops, resources twice, missing resources.
func spoil(s *stack.Stack, r *rand.Rand) {
	text := func() stack.Value[string] {
		switch r.IntN(5) {
		case 0:
			return stack.Unknown[string]("")
		case 1:
			return stack.Known("")
		}
		return stack.Known(pick(r, "A0", "sgA0", "A", "B", "pcx", "igw", "nat", "pl1", "10.0.0.0/33", "10.0.0.1", "::ffff:10.0.0.0/100", "fe80::1%eth0", "/", "tcp", "-1", "\x00", "data.aws_vpc.x"))
	}
	number := func() stack.Value[int] {
		return pick(r, stack.Known(-1), stack.Known(0), stack.Known(1<<40), stack.Known(-1<<62), stack.Known(6379), stack.Unknown[int]("?"))
	}
	prefix := func() stack.Value[netip.Prefix] {
		return pick(r, stack.Known(netip.Prefix{}), stack.Known(netip.MustParsePrefix("::/0")), stack.Known(netip.MustParsePrefix("0.0.0.0/0")),
			stack.Known(netip.MustParsePrefix("10.0.0.0/32")), stack.Unknown[netip.Prefix]("?"))
	}
	for range 1 + r.IntN(12) {
		spoilOne(s, r, text, number, prefix)
	}
}

func spoilOne(s *stack.Stack, r *rand.Rand, text func() stack.Value[string], number func() stack.Value[int], prefix func() stack.Value[netip.Prefix]) {
	bad := stack.Rule{Protocol: text(), FromPort: number(), ToPort: number(), CIDR: text(), SecurityGroup: text(), PrefixList: text()}
	switch f, c, g := s.Functions[0], s.Caches[0], s.SecurityGroups[r.IntN(len(s.SecurityGroups))]; r.IntN(16) {
	case 0:
		s.Functions, s.Caches, s.Subnets = append(s.Functions, nil), append(s.Caches, nil), append(s.Subnets, nil)
	case 1:
		s.SecurityGroups, s.VPCs, s.Peerings = append(s.SecurityGroups, s.SecurityGroups[0]), append(s.VPCs, s.VPCs[0]), append(s.Peerings, s.Peerings...)
	case 2:
		if f.VPC != nil {
			f.VPC.Subnets, f.VPC.SecurityGroups = append(f.VPC.Subnets, text(), text()), append(f.VPC.SecurityGroups, text())
		}
	case 3:
		c.Subnets, c.SecurityGroups, c.Zones = append(c.Subnets, text()), append(c.SecurityGroups, text()), []stack.Value[string]{text()}
	case 4:
		c.Subnets, c.SecurityGroups, c.Port, c.NetworkType = nil, nil, number(), stack.Known(pick(r, "ipv6", "dual_stack", "?"))
	case 5, 6:
		g.Ingress, g.Egress = append(g.Ingress, bad), append(g.Egress, bad)
	case 7:
		s.NetworkACLs = append(s.NetworkACLs, &stack.NetworkACL{VPC: text(), Default: true, Subnets: []stack.Value[string]{text(), stack.Known("A0")},
			Entries: []stack.ACLEntry{{Number: number(), Egress: stack.Unknown[bool]("?"), Protocol: text(), CIDR: text(), FromPort: number(), ToPort: number()}}})
	case 8:
		s.RouteTables = append(s.RouteTables, &stack.RouteTable{VPC: text(), Main: true, Subnets: []stack.Value[string]{text(), stack.Known("A0")},
			Routes: []stack.Route{{Destination: text(), TargetKind: pick(r, "", "nat", "local", "gateway", "peering"), Target: text()}}})
	case 9:
		s.VPCs[r.IntN(len(s.VPCs))].CIDRs = []stack.Value[netip.Prefix]{prefix(), prefix()}
	case 10:
		if n := s.Subnets[r.IntN(len(s.Subnets))]; n != nil {
			n.CIDR, n.CIDR6, n.VPC = prefix(), prefix(), text()
		}
	case 11:
		s.Peerings = append(s.Peerings, nil, &stack.Peering{Requester: text(), Accepter: text()})
	case 12:
		s.Gateways = append(s.Gateways, nil, &stack.Gateway{Resource: stack.Resource{ID: "nat"}, Kind: "?", Subnet: text()})
	case 13:
		s.Endpoints = append(s.Endpoints, nil, &stack.Endpoint{Service: text(), VPC: text(), Kind: text(), Subnets: []stack.Value[string]{text()}, RouteTables: []stack.Value[string]{text()}, PrivateDNS: stack.Known(true)})
	case 14:
		s.PrefixLists = append(s.PrefixLists, nil, &stack.PrefixList{Resource: stack.Resource{ID: "pl1"}, Entries: []stack.Value[netip.Prefix]{prefix()}})
	case 15:
		s.Interfaces = append(s.Interfaces, nil, &stack.Interface{VPC: text(), Subnets: []stack.Value[string]{text()}, SecurityGroups: []stack.Value[string]{text()},
			Addresses: []stack.Value[netip.Addr]{stack.Known(netip.Addr{}), stack.Known(netip.MustParseAddr("10.0.0.5"))}})
	}
}

// askEverything calls every method on a stack.
func askEverything(s *stack.Stack) {
	n := New(s)
	var paths []Path
	for _, c := range append(slices.Clone(s.Caches), nil) {
		port := stack.Known(6379)
		if c != nil {
			port = c.Port
		}
		for _, f := range append(slices.Clone(s.Functions), nil) {
			p := n.Path(f, c, port)
			paths = append(paths, p)
			if q := Apply(s, p.Changes); f != nil {
				New(q).Path(q.Functions[0], c, port)
			}
		}
		for _, i := range append(slices.Clone(s.Interfaces), nil) {
			n.From(FromInterface(i), c, port)
		}
		n.From(FromRange(netip.Prefix{}), c, port)
		n.From(FromRange(netip.MustParsePrefix("::/0")), c, port)
		n.From(FromGroup(nil), c, port)
		n.Sources(c, port)
	}
	n.Unused(paths)
	n.Implied()
	for _, f := range append(slices.Clone(s.Functions), nil) {
		n.Internet(f)
		n.Service("s3", f)
	}
}

// FuzzSpoiledStacks asks everything about stacks full of nonsense.
func FuzzSpoiledStacks(f *testing.F) {
	for i := range 200 {
		f.Add(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var seed [16]byte
		copy(seed[:], data)
		r := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
		s := generate(r.Uint64(), 0.05, nil)
		spoil(s, r)
		askEverything(s)
		Diff(s, generate(r.Uint64(), 0.05, nil))
	})
}

// Nothing is a stack too.
func TestNothing(t *testing.T) {
	askEverything(&stack.Stack{})
	New(nil).Implied()
	Diff(nil, nil)
	if p := New(nil).Path(nil, nil, stack.Value[int]{}); p.Verdict == Open {
		t.Errorf("%+v", p)
	}
}
