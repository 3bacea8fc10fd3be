package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// routeHop is one question to the route table of a subnet: do packets to the far
// end get there.
type routeHop struct {
	kind FactorKind
	at   *place
	far  *place
	rel  *relation
}

// fate is what a route does to the packets of a hop.
type fate struct {
	allow, deny bool
	code, why   string
}

var (
	delivered = fate{allow: true}
	lost      = fate{deny: true}
)

func unsureFate(why string) fate { return fate{allow: true, deny: true, why: why} }

// askRoute answers a hop through the route table of a subnet.
func (n *Network) askRoute(h routeHop) Factor {
	if h.rel.same && h.at.subnet != "" && h.at.subnet == h.far.subnet && !n.overridden(h) {
		return Factor{Kind: h.kind, Resource: h.at.subnet, Verdict: Open, Reason: "Both ends are in subnet " + h.at.subnet + "."}
	}
	judge := func(r *stack.Route) fate { return n.fateOf(r, h) }
	f := n.askTables(h.kind, h.at, h.far, judge, n.locals(h))
	if f.Verdict != Closed {
		return f
	}
	if h.rel.same && h.far.free && h.at.within(h.far) {
		f.Partial = true // whether the route counts within the subnet is not documented
	}
	if h.rel.same && !h.at.free && !h.far.free && (h.at.subnet == h.far.subnet || h.at.subnet == "" || h.far.subnet == "") {
		f.Verdict, f.Partial, f.AWSCode = Unknown, false, ""
		f.Reason = "A route of " + f.Resource + " leads elsewhere; whether it counts if both ends are in one subnet is not documented."
	}
	return f
}

// overridden reports whether the subnet's table has routes that might matter
// inside the subnet.
func (n *Network) overridden(h routeHop) bool {
	ids, why := bordersOf(h.at, n.tableOf, n.tables, "route table", n.gap("route_tables"))
	if why != "" {
		return false // within a subnet the table hardly counts
	}
	for _, id := range ids {
		if id == awsDefault {
			continue
		}
		for i := range n.tables[id].res.Routes {
			r := &n.tables[id].res.Routes[i]
			for _, d := range n.destinations(r, h.far.family) {
				if d.why != "" || d.prefix.Bits() >= minVPCBits && spanOf(d.prefix).overlaps(h.far.spans[0]) && !isLocal(r) {
					return true
				}
			}
		}
	}
	return false
}

// askTables answers a hop through the tables that a place may have.
func (n *Network) askTables(kind FactorKind, at, far *place, judge func(*stack.Route) fate, locals []routeLine) Factor {
	ids, why := bordersOf(at, n.tableOf, n.tables, "route table", n.gap("route_tables"))
	f := Factor{Kind: kind, Resource: at.subnet, Verdict: Unknown}
	for i, id := range ids {
		g := n.askOneTable(kind, id, at, far, judge, locals)
		if i == 0 {
			f = g
			continue
		}
		if f.Verdict != g.Verdict {
			f.Verdict, f.Partial, f.AWSCode, f.Rules = Unknown, false, "", nil
			f.Reason = fmt.Sprintf("It is not known which route table subnet %s has.", at.subnet)
		}
	}
	if why != "" {
		f = Factor{Kind: kind, Resource: at.subnet, Verdict: Unknown, Reason: "The route table is not known: " + why + "."}
	}
	return f
}

// routeLine is a route with one of its destinations.
type routeLine struct {
	entry
	bits int // length of the prefix; the longest is asked first
	rank int // among equal prefixes: listed routes, prefix lists, local
	ref  ruleAt
}

func (n *Network) askOneTable(kind FactorKind, id string, at, far *place, judge func(*stack.Route) fate, locals []routeLine) Factor {
	f := Factor{Kind: kind, Resource: id, Verdict: Open}
	name := "Route table " + id
	var lines []routeLine
	if t := n.tables[id]; t != nil {
		f.Origin = t.origin
		lines = n.routeLines(t.res, far.family, judge)
	} else {
		f.Resource, name = at.vpc, "The main route table of VPC "+at.vpc
	}
	lines = append(lines, locals...)
	entries, refs := ordered(lines)
	t := target{spans: far.spans, ports: realPorts, sureSpans: far.sure, surePorts: true}
	pieces := decide(t.boxes(), entries)
	f.Verdict, f.Partial = t.verdict(pieces)
	f.Rules = used(pieces, entries, refs, f.Verdict)
	if len(f.Rules) > 0 && f.Rules[0].Index >= 0 {
		f.Origin = f.Rules[0].Origin
	}
	switch {
	case f.Verdict == Open:
		f.Reason = fmt.Sprintf("%s leads to %s: %s.", name, far, f.Rules[0].Text)
	case f.Verdict == Unknown:
		why := firstWhy(pieces, entries)
		if why == "" {
			why = unsureTarget(far, answers)
		}
		f.Reason = fmt.Sprintf("Whether %s leads to %s is not known: %s.", lowerFirst(name), far, why)
	default:
		f.AWSCode, f.Reason = closedRoute(name, far, f, pieces, entries)
		if f.Partial {
			f.Reason += fmt.Sprintf(" Only %s gets through.", allowedText(t, pieces, far.family))
		}
	}
	return f
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func closedRoute(name string, far *place, f Factor, pieces []piece, entries []entry) (code, reason string) {
	if len(f.Rules) == 0 {
		return "NO_ROUTE_TO_DESTINATION", fmt.Sprintf("%s has no route to %s.", name, far)
	}
	code = "MORE_SPECIFIC_ROUTE"
	for _, p := range pieces {
		if p.by >= 0 && !p.allow && entries[p.by].code != "" {
			code = entries[p.by].code
			break
		}
	}
	return code, fmt.Sprintf("%s sends packets for %s elsewhere: %s.", name, far, f.Rules[0].Text)
}

// ordered sorts the lines as AWS asks them and returns them as entries. Source:
// VPC User Guide, "How route priority works": the longest prefix first; among
// equal ones a static route before one with a prefix list.
func ordered(lines []routeLine) ([]entry, []ruleAt) {
	slices.SortStableFunc(lines, func(a, b routeLine) int {
		if a.bits != b.bits {
			return b.bits - a.bits
		}
		return a.rank - b.rank
	})
	entries := make([]entry, len(lines))
	refs := make([]ruleAt, len(lines))
	for i, l := range lines {
		l.entry.index = i
		entries[i], refs[i] = l.entry, l.ref
	}
	return entries, refs
}

// beforeAll is the length given to a destination that is not known: it may be
// more specific than any other.
const beforeAll = 1000

func (n *Network) routeLines(t *stack.RouteTable, fam family, judge func(*stack.Route) fate) []routeLine {
	var out []routeLine
	for i := range t.Routes {
		r := &t.Routes[i]
		var fate fate
		for j, d := range n.destinations(r, fam) {
			if j == 0 {
				fate = judge(r)
			}
			line := routeLine{bits: d.prefix.Bits(), ref: ruleAt{resource: t.ID, kind: RouteRule, index: i, route: r}}
			line.sure, line.allow, line.deny, line.code, line.why = true, fate.allow, fate.deny, fate.code, fate.why
			if d.list {
				line.rank = 1
			}
			if d.why != "" {
				line.bits, line.sure, line.why = beforeAll, false, d.why
				line.boxes = []box{{fam.all(), allPorts}}
			} else {
				line.boxes = []box{{spanOf(d.prefix), allPorts}}
			}
			out = append(out, line)
		}
	}
	return out
}

// destination is one range of a route; why says that it is not known.
type destination struct {
	prefix netip.Prefix
	list   bool
	why    string
}

func (n *Network) destinations(r *stack.Route, fam family) []destination {
	s, ok := r.Destination.Get()
	if !ok {
		return []destination{{why: r.Destination.Why()}}
	}
	if s == "" {
		return []destination{{why: "the route has no destination"}}
	}
	if p, err := parsePrefix(s); err == nil {
		if familyOf(p.Addr()) != fam {
			return nil
		}
		return []destination{{prefix: p.Masked()}}
	}
	var out []destination
	prefixes, why := n.listed(s)
	for _, p := range prefixes {
		if familyOf(p.Addr()) == fam {
			out = append(out, destination{prefix: p.Masked(), list: true})
		}
	}
	if why != "" {
		out = append(out, destination{why: why, list: true})
	}
	return out
}

// The prefix of a VPC has 16 to 28 bits. Source: VPC User Guide, "VPC CIDR
// blocks". Those of IPv6 have 44 to 60.
const (
	minVPCBits = 16
	maxVPCBits = 28
)

// locals are the implied routes to the VPC's own ranges.
func (n *Network) locals(h routeHop) []routeLine {
	local := n.fateOf(&stack.Route{TargetKind: "local", Target: stack.Known("local")}, h)
	line := func(s span, bits int) routeLine {
		return routeLine{bits: bits, rank: 2, ref: ruleAt{resource: h.at.vpc, kind: RouteRule, index: -1, text: "local"},
			entry: entry{boxes: []box{{s, allPorts}}, sure: true, allow: local.allow, deny: local.deny, code: local.code, why: local.why}}
	}
	var out []routeLine
	var covered []span
	known := h.at.vpcRes != nil && n.gap("vpcs") == ""
	if h.at.vpcRes != nil {
		for _, c := range h.at.vpcRes.CIDRs {
			p, ok := c.Get()
			known = known && ok && p.IsValid()
			if ok && p.IsValid() && familyOf(p.Addr()) == h.far.family {
				out = append(out, line(spanOf(p), p.Bits()))
				covered = append(covered, spanOf(p))
			}
		}
	}
	if known && (!h.rel.same || coversAll(covered, h.far.spans)) {
		return out
	}
	// The local route has a range that the stack does not tell. Of one VPC it
	// leads to the far end for certain, unless a route that may be longer does.
	shortest := minVPCBits
	if h.far.family == ipv6 {
		shortest = 0
	}
	rest := line(h.far.family.all(), shortest)
	rest.sure = h.rel.same
	early := line(h.far.family.all(), beforeAll+1)
	early.sure = false
	if h.at.vpcRes == nil || len(covered) == 0 || !known {
		early.why = "the ranges of VPC " + h.at.vpc + " are not known"
		return append(out, early, rest)
	}
	return append(out, early, rest)
}

func isLocal(r *stack.Route) bool { return r.TargetKind == "local" || r.Target.Or("") == "local" }

// fateOf tells whether a route leads a packet to a private address at the other
// end of h.
func (n *Network) fateOf(r *stack.Route, h routeHop) fate {
	gone, ok := r.Blackhole.Get()
	if ok && gone {
		return fate{deny: true, code: "BAD_STATE_ROUTE"}
	}
	f := n.leadsTo(r, h)
	if !ok {
		f.deny, f.why = true, r.Blackhole.Why()
	}
	return f
}

func (n *Network) leadsTo(r *stack.Route, h routeHop) fate {
	rel := h.rel
	id, ok := r.Target.Get()
	switch {
	case !ok:
		return unsureFate("the target of a route is not known: " + r.Target.Why())
	case isLocal(r) && rel.same:
		return delivered
	case isLocal(r) && rel.why != "":
		return unsureFate(rel.why)
	case isLocal(r):
		return fate{deny: true, code: "VPC_LOCAL_ROUTE_CIDR_RESTRICTION"}
	}
	switch r.TargetKind {
	case "peering":
		return n.throughPeering(id, rel)
	case "egress-only":
		return lost
	case "gateway":
		return n.throughGateway(id, h)
	case "nat":
		return n.throughNAT(id, h)
	}
	return unsureFate("a route leads through " + r.TargetKind + " " + id + ", behind which the stack does not show")
}

func (n *Network) throughPeering(id string, rel *relation) fate {
	switch {
	case rel.peering != nil && rel.peering.ID == id:
		return delivered
	case rel.same:
		return lost // a peering carries nothing back into the same VPC
	}
	p := n.peerings[id]
	if p == nil || rel.why != "" || !p.Requester.IsKnown() || !p.Accepter.IsKnown() {
		return unsureFate("a route leads to peering " + id + ", whose other side is not known")
	}
	return fate{deny: true, code: "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"}
}

func (n *Network) throughGateway(id string, h routeHop) fate {
	if g := n.gateways[id]; g != nil {
		switch g.Kind {
		case stack.NATGateway, stack.PrivateNATGateway:
			return n.throughNAT(id, h)
		}
		return lost // packets to private addresses do not pass an internet gateway
	}
	if e := n.endpoints[id]; e != nil && strings.EqualFold(e.Kind.Or(""), "Gateway") || strings.HasPrefix(id, "igw-") {
		return lost
	}
	return unsureFate("a route leads to gateway " + id + ", behind which the stack does not show")
}

// throughNAT follows a NAT gateway one step: it forwards by the table of its own
// subnet.
func (n *Network) throughNAT(id string, h routeHop) fate {
	g := n.gateways[id]
	if g == nil || h.rel.same || g.Subnet.Or("") == "" {
		return unsureFate("a route leads through NAT gateway " + id)
	}
	p := n.placeOf(g.Subnet, g.VPC.Or(""), ipv4)
	ids, why := bordersOf(p, n.tableOf, n.tables, "route table", n.gap("route_tables"))
	if why != "" || p.vpc != h.at.vpc {
		return unsureFate("a route leads through NAT gateway " + g.ID + ", whose own way is not known")
	}
	for _, id := range ids {
		if id == awsDefault {
			continue
		}
		for i := range n.tables[id].res.Routes {
			r := &n.tables[id].res.Routes[i]
			if r.TargetKind == "nat" || !r.Target.IsKnown() || n.leadsTo(r, h).allow {
				return unsureFate("a route leads through NAT gateway " + g.ID + ", which may forward to the other VPC")
			}
		}
	}
	return lost
}
