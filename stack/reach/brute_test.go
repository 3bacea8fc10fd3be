package reach

import (
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// A world is a stack without any unknown value, with the answers to what a stack
// does not hold. It passes single packets, in the plainest code, and shares
// nothing with the package under test.
type world struct {
	s *stack.Stack

	// What lies behind a transit gateway or a NAT gateway, and what AWS does not
	// document. A verdict of reach must hold for both answers.
	transitDelivers, natDelivers, transitKeepsGroups, routesWithinSubnet bool
}

// representativePorts holds one port of each range between the ports that the
// generator puts into ACL entries.
var representativePorts = []int{1024, 2000, 2001, 5999, 6000, 6378, 6379, 6380, 6381, 6400, 6401, 32767, 32768, 65535}

func (w *world) opens(f *stack.Function, c *stack.Cache, port int) bool {
	if f.VPC == nil || len(f.VPC.Subnets) == 0 {
		return false
	}
	for _, fs := range f.VPC.Subnets {
		from := w.s.Subnet(fs.Or(""))
		if !w.vpc(from).EnableDNSSupport.Or(false) {
			return false
		}
		for _, cs := range c.Subnets {
			if to := w.s.Subnet(cs.Or("")); !w.pairOpens(f, c, from, to, port) {
				return false
			}
		}
	}
	return true
}

func (w *world) pairOpens(f *stack.Function, c *stack.Cache, from, to *stack.Subnet, port int) bool {
	aclFrom, aclTo := w.aclOf(from), w.aclOf(to)
	for _, src := range addresses(from.CIDR.Or(netip.Prefix{})) {
		for _, dst := range addresses(to.CIDR.Or(netip.Prefix{})) {
			refs := w.groupsFollowed(from, to)
			if !w.groupsAllow(f.VPC.SecurityGroups, true, dst, c.SecurityGroups, refs, port) ||
				!w.groupsAllow(c.SecurityGroups, false, src, f.VPC.SecurityGroups, refs, port) ||
				!w.routed(from, to, dst, 0) || !w.routed(to, from, src, 0) {
				return false
			}
			if from == to {
				continue
			}
			if !aclAllows(aclFrom, true, dst, port) || !aclAllows(aclTo, false, src, port) {
				return false
			}
			for _, back := range representativePorts {
				if !aclAllows(aclTo, true, src, back) || !aclAllows(aclFrom, false, dst, back) {
					return false
				}
			}
		}
	}
	return true
}

// addresses lists what interfaces of a subnet may have.
func addresses(p netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for a := p.Masked().Addr(); p.Contains(a); a = a.Next() {
		out = append(out, a)
	}
	if len(out) >= 16 {
		out = out[4 : len(out)-1]
	}
	return out
}

func (w *world) vpc(s *stack.Subnet) *stack.VPC {
	for _, v := range w.s.VPCs {
		if v.ID == s.VPC.Or("") {
			return v
		}
	}
	return nil
}

func (w *world) peering(a, b string) *stack.Peering {
	for _, p := range w.s.Peerings {
		r, t := p.Requester.Or(""), p.Accepter.Or("")
		if r == a && t == b || r == b && t == a {
			return p
		}
	}
	return nil
}

func (w *world) groupsFollowed(from, to *stack.Subnet) bool {
	if from.VPC.Or("") == to.VPC.Or("") {
		return true
	}
	if p := w.peering(from.VPC.Or(""), to.VPC.Or("")); p != nil {
		return p.SameRegion.Or(false)
	}
	return w.transitKeepsGroups
}

func (w *world) groupsAllow(groups []stack.Value[string], egress bool, peer netip.Addr, peerGroups []stack.Value[string], refs bool, port int) bool {
	for _, id := range groups {
		g := w.s.SecurityGroup(id.Or(""))
		rules := g.Ingress
		if egress {
			rules = g.Egress
		}
		for _, r := range rules {
			if matchesTraffic(r.Protocol.Or(""), r.FromPort.Or(0), r.ToPort.Or(0), port) && w.matchesPeer(r, peer, peerGroups, refs) {
				return true
			}
		}
	}
	return false
}

func matchesTraffic(protocol string, from, to, port int) bool {
	return protocol == "-1" || (protocol == "tcp" || protocol == "6") && from <= port && port <= to
}

func (w *world) matchesPeer(r stack.Rule, peer netip.Addr, peerGroups []stack.Value[string], refs bool) bool {
	if cidr := r.CIDR.Or(""); cidr != "" && netip.MustParsePrefix(cidr).Contains(peer) {
		return true
	}
	if id := r.SecurityGroup.Or(""); id != "" && refs && slices.ContainsFunc(peerGroups, func(v stack.Value[string]) bool { return v.Or("") == id }) {
		return true
	}
	return slices.ContainsFunc(w.list(r.PrefixList.Or("")), func(p netip.Prefix) bool { return p.Contains(peer) })
}

func (w *world) list(id string) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range w.s.PrefixLists {
		if l.ID == id {
			for _, e := range l.Entries {
				out = append(out, e.Or(netip.Prefix{}))
			}
		}
	}
	return out
}

func (w *world) aclOf(s *stack.Subnet) *stack.NetworkACL {
	for _, a := range w.s.NetworkACLs {
		if slices.ContainsFunc(a.Subnets, func(v stack.Value[string]) bool { return v.Or("") == s.ID }) {
			return a
		}
	}
	for _, a := range w.s.NetworkACLs {
		if a.Default && a.VPC.Or("") == s.VPC.Or("") {
			return a
		}
	}
	return nil
}

func aclAllows(a *stack.NetworkACL, egress bool, peer netip.Addr, port int) bool {
	if a == nil {
		return true
	}
	best, allow := 1<<30, false
	for _, e := range a.Entries {
		if e.Egress.Or(false) != egress || e.Number.Or(0) >= best || !matchesTraffic(e.Protocol.Or(""), e.FromPort.Or(0), e.ToPort.Or(0), port) {
			continue
		}
		if netip.MustParsePrefix(e.CIDR.Or("")).Contains(peer) {
			best, allow = e.Number.Or(0), e.Allow.Or(false)
		}
	}
	return allow
}

// routed follows the table of a subnet for a packet to dst, which lies in to.
func (w *world) routed(at, to *stack.Subnet, dst netip.Addr, depth int) bool {
	if at == to && !w.routesWithinSubnet {
		return true
	}
	r := w.route(at, dst)
	if r == nil || r.Blackhole.Or(false) {
		return false
	}
	same := at.VPC.Or("") == to.VPC.Or("")
	switch r.TargetKind {
	case "local":
		return same
	case "peering":
		p := w.peering(at.VPC.Or(""), to.VPC.Or(""))
		return !same && p != nil && p.ID == r.Target.Or("") && p.Active.Or(false)
	case "transit-gateway":
		return w.transitDelivers
	case "nat":
		for _, g := range w.s.Gateways {
			if g.ID != r.Target.Or("") {
				continue
			}
			if same {
				return w.natDelivers
			}
			return depth == 0 && w.natDelivers && w.routed(w.s.Subnet(g.Subnet.Or("")), to, dst, 1)
		}
	}
	return false
}

func (w *world) route(at *stack.Subnet, dst netip.Addr) *stack.Route {
	var found *stack.Route
	best := -1
	consider := func(r *stack.Route, p netip.Prefix, rank int) {
		if p.Contains(dst) && p.Bits()*3+rank > best {
			found, best = r, p.Bits()*3+rank
		}
	}
	if t := w.tableOf(at); t != nil {
		for i := range t.Routes {
			r := &t.Routes[i]
			if p, err := netip.ParsePrefix(r.Destination.Or("")); err == nil {
				consider(r, p, 2)
				continue
			}
			for _, p := range w.list(r.Destination.Or("")) {
				consider(r, p, 1)
			}
		}
	}
	for _, c := range w.vpc(at).CIDRs {
		consider(&stack.Route{TargetKind: "local"}, c.Or(netip.Prefix{}), 0)
	}
	return found
}

func (w *world) tableOf(s *stack.Subnet) *stack.RouteTable {
	for _, t := range w.s.RouteTables {
		if slices.ContainsFunc(t.Subnets, func(v stack.Value[string]) bool { return v.Or("") == s.ID }) {
			return t
		}
	}
	for _, t := range w.s.RouteTables {
		if t.Main && t.VPC.Or("") == s.VPC.Or("") {
			return t
		}
	}
	return nil
}
