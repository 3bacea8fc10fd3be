package reach

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// route opens the tables that a subnet has or may have.
func (b *plan) route(h routeHop) {
	if !h.rel.same && h.rel.peering == nil {
		b.stuck = true
		return
	}
	ids, _ := bordersOf(h.at, b.n.tableOf, b.n.tables, "route table", "")
	for _, id := range ids {
		b.openTable(b.tableCopy(id, h.at.vpc), h)
	}
}

// tableCopy copies a table; that of the main table which only AWS has is empty.
func (b *plan) tableCopy(id, vpc string) *stack.RouteTable {
	key := id
	if id == awsDefault {
		key = "/" + vpc
	}
	if t := b.tables[key]; t != nil {
		return t
	}
	t := &stack.RouteTable{Main: true, VPC: stack.Known(vpc)}
	if id != awsDefault {
		c := *b.n.tables[id].res
		c.Routes = slices.Clone(c.Routes)
		t = &c
	}
	b.tables[key] = t
	return t
}

// openTable changes one route after the other until none leads the packets of
// the hop elsewhere.
func (b *plan) openTable(t *stack.RouteTable, h routeHop) {
	for range 2*len(t.Routes) + 64 {
		lines := append(b.n.routeLines(t, h.far.family, func(r *stack.Route) fate { return b.n.fateOf(r, h) }), b.n.locals(h)...)
		entries, _ := ordered(lines)
		goal := target{spans: h.far.spans, ports: realPorts, sureSpans: h.far.sure, surePorts: true}
		pieces := decide(goal.boxes(), entries)
		bad := slices.IndexFunc(pieces, func(p piece) bool { return p.deny && !p.allow })
		if bad < 0 {
			return
		}
		at := pieces[bad].by
		var line *routeLine
		if at >= 0 {
			line = &lines[at]
		}
		if !b.mend(t, h, line) {
			b.stuck = true
			return
		}
	}
	b.stuck = true
}

// mend takes the line out of the way that leads packets elsewhere; nil means
// that no route matches. ordered has sorted the lines as the entries.
func (b *plan) mend(t *stack.RouteTable, h routeHop, line *routeLine) bool {
	var r *stack.Route
	if line != nil {
		r = line.ref.route
		if r == nil {
			return false // the local route of a VPC whose range holds the other end's
		}
	}
	if h.rel.same {
		return r != nil && b.restoreLocal(t, h, r)
	}
	c := Change{Kind: AddRoute, Resource: t.ID, TargetKind: "peering", Target: h.rel.peering.ID,
		Why: fmt.Sprintf("Packets for %s have to take the peering; it carries nothing without routes on both sides.", h.far)}
	if t.ID == "" {
		c.Resource, c.MainOf = t.VPC.Or(""), true
	}
	destinations := h.far.prefixes()
	if line != nil && r != nil && line.rank == 0 {
		if p, err := parsePrefix(r.Destination.Or("")); err == nil && mustReplace(p, destinations) {
			c.Kind, c.CIDR = ReplaceRoute, r.Destination.Or("")
			b.add(c)
			r.Target, r.TargetKind, r.Blackhole = stack.Known(c.Target), c.TargetKind, stack.Known(false)
			return true
		}
	}
	if line != nil && line.rank == 1 { // a static route goes before a prefix list of the same length
		s := line.boxes[0].span
		for _, d := range s.prefixes(h.far.family) {
			if p, err := netip.ParsePrefix(d); err == nil && mustReplace(p, destinations) {
				destinations = []string{d}
			}
		}
	}
	for _, d := range destinations {
		c.CIDR = d
		b.add(c)
		t.Routes = append(t.Routes, stack.Route{Destination: stack.Known(d), TargetKind: c.TargetKind, Target: stack.Known(c.Target)})
	}
	return len(destinations) > 0
}

// mustReplace reports whether a new route to one of the destinations would not
// go before one to p.
func mustReplace(p netip.Prefix, destinations []string) bool {
	return slices.ContainsFunc(destinations, func(d string) bool {
		q, err := netip.ParsePrefix(d)
		return err == nil && q.Overlaps(p) && p.Bits() >= q.Bits()
	})
}

// restoreLocal takes a route out of the way of the local one.
func (b *plan) restoreLocal(t *stack.RouteTable, h routeHop, r *stack.Route) bool {
	c := Change{Kind: DeleteRoute, Resource: t.ID, CIDR: r.Destination.Or(""), Why: "It leads packets for the same VPC elsewhere."}
	if c.CIDR == "" {
		return false
	}
	p, err := parsePrefix(c.CIDR)
	if err == nil && slices.ContainsFunc(vpcRanges(h.at.vpcRes), func(q netip.Prefix) bool { return q == p.Masked() }) {
		c.Kind, c.TargetKind, c.Target = ReplaceRoute, "local", "local"
		c.Why = "The route to the VPC's own range has to lead to local again."
		r.TargetKind, r.Target, r.Blackhole = "local", stack.Known("local"), stack.Known(false)
		b.add(c)
		return true
	}
	t.Routes = slices.DeleteFunc(t.Routes, func(o stack.Route) bool { return o.Destination == r.Destination })
	b.add(c)
	return true
}

func vpcRanges(v *stack.VPC) []netip.Prefix {
	var out []netip.Prefix
	if v != nil {
		for _, c := range v.CIDRs {
			if p, ok := c.Get(); ok && p.IsValid() {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}
