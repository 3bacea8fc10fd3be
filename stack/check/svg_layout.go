package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// layout places what the picture shows.
type layout struct {
	stack    *stack.Stack
	networks []network
	outside  []string          // functions that are in no VPC
	chips    map[string][]spot // by ID: where its chips are
}

// network is a VPC with the subnets that functions or caches are in.
type network struct {
	id, cidr string
	zones    []zone
}

type zone struct {
	name    string
	subnets []subnetBox
}

type subnetBox struct {
	id, cidr string
	chips    []chip
}

type chip struct {
	id    string
	cache bool
}

// spot is the middle of a chip's left and right edge.
type spot struct {
	left, right, y int
	subnet         string
}

func newLayout(r *Report) *layout {
	l := &layout{stack: r.stack, chips: map[string][]spot{}}
	in := map[string][]chip{} // by subnet
	for _, f := range r.stack.Functions {
		if f.VPC == nil {
			l.outside = append(l.outside, f.ID)
			continue
		}
		for _, id := range subnetNames(f.VPC.Subnets) {
			in[id] = append(in[id], chip{f.ID, false})
		}
	}
	for _, c := range r.stack.Caches {
		for _, id := range subnetNames(c.Subnets) {
			in[id] = append(in[id], chip{c.ID, true})
		}
	}
	var order []string
	for _, n := range r.stack.Subnets {
		if in[n.ID] != nil {
			order = append(order, n.ID)
		}
	}
	var strange []string
	for id := range in {
		if !slices.Contains(order, id) {
			strange = append(strange, id)
		}
	}
	slices.Sort(strange)
	for _, id := range append(order, strange...) {
		l.place(id, in[id])
	}
	for i := range l.networks {
		slices.SortStableFunc(l.networks[i].zones, func(a, b zone) int { return cmp.Compare(a.name, b.name) })
	}
	return l
}

// subnetNames lists subnets, unknown ones by what they depend on.
func subnetNames(subnets []stack.Value[string]) []string {
	var out []string
	for _, v := range subnets {
		id, ok := v.Get()
		if !ok {
			id = "unknown: " + v.Why()
		}
		out = append(out, id)
	}
	return out
}

// place puts a subnet into the column of its zone.
func (l *layout) place(id string, chips []chip) {
	box := subnetBox{id: id, chips: chips}
	vpc, zoneName := "a VPC that this input does not show", "zone not known"
	if n := l.stack.Subnet(id); n != nil {
		vpc = n.VPC.Or(vpc)
		zoneName = cmp.Or(n.Zone.Or(""), n.Zone.Why(), zoneName)
		if cidr, ok := n.CIDR.Get(); ok && cidr != (netip.Prefix{}) {
			box.cidr = cidr.String()
		}
	}
	i := slices.IndexFunc(l.networks, func(n network) bool { return n.id == vpc })
	if i < 0 {
		n := network{id: vpc}
		for _, v := range l.stack.VPCs {
			if v.ID == vpc {
				for _, cidr := range known(v.CIDRs) {
					n.cidr += " " + cidr.String()
				}
			}
		}
		l.networks = append(l.networks, n)
		i = len(l.networks) - 1
	}
	n := &l.networks[i]
	j := slices.IndexFunc(n.zones, func(z zone) bool { return z.name == zoneName })
	if j < 0 {
		n.zones = append(n.zones, zone{name: zoneName})
		j = len(n.zones) - 1
	}
	n.zones[j].subnets = append(n.zones[j].subnets, box)
}

// draw draws the VPCs side by side and returns the next free line.
func (l *layout) draw(c *canvas, top int) int {
	x, bottom := svgMargin, top
	if len(l.outside) > 0 {
		bottom = max(bottom, l.drawOutside(c, x, top))
		x += zoneWidth + 40
	}
	for _, n := range l.networks {
		width := len(n.zones)*(zoneWidth+12) + 12
		height := 0
		for _, z := range n.zones {
			height = max(height, z.height())
		}
		c.box(x, top, width, height+44, "vpc")
		c.text(x+12, top+20, "b", n.id, width-24)
		c.text(x+12, top+34, "s", n.cidr, width-24)
		for i, z := range n.zones {
			l.drawZone(c, x+12+i*(zoneWidth+12), top+42, height-6, z)
		}
		x += width + 40
		bottom = max(bottom, top+height+44)
	}
	c.width = max(c.width, x-40+svgMargin)
	if bottom == top {
		return top
	}
	return bottom + 28
}

func (l *layout) drawOutside(c *canvas, x, top int) int {
	shown := l.outside[:min(len(l.outside), 2*mostChips)]
	height := 44 + len(shown)*(chipHeight+chipGap) + subnetPad
	c.box(x, top, zoneWidth, height, "vpc")
	c.text(x+12, top+20, "b", "Lambda's own network", zoneWidth-24)
	c.text(x+12, top+34, "s", plural(len(l.outside), "function", "functions")+" in no VPC", zoneWidth-24)
	y := top + 44
	for _, id := range shown {
		l.drawChip(c, x+12, y, zoneWidth-24, chip{id, false}, "")
		y += chipHeight + chipGap
	}
	return top + height
}

func (b subnetBox) height() int {
	n := min(len(b.chips), mostChips)
	if len(b.chips) > mostChips {
		n++
	}
	return subnetHead + n*(chipHeight+chipGap) + subnetPad
}

func (z zone) height() int {
	h := 34
	for _, b := range z.subnets {
		h += b.height() + 10
	}
	return h
}

func (l *layout) drawZone(c *canvas, x, y, height int, z zone) {
	c.box(x, y, zoneWidth, height, "zone")
	c.text(x+10, y+18, "s b", z.name, zoneWidth-20)
	y += 28
	for _, b := range z.subnets {
		c.box(x+8, y, zoneWidth-16, b.height(), "subnet")
		c.text(x+18, y+17, "", b.id, zoneWidth-130)
		c.add(`<text x="%d" y="%d" text-anchor="end" class="s">%s</text>`, x+zoneWidth-18, y+17, escapeHTML(b.cidr))
		at := y + subnetHead - 6
		for _, chip := range b.chips[:min(len(b.chips), mostChips)] {
			l.drawChip(c, x+44, at, zoneWidth-88, chip, b.id)
			at += chipHeight + chipGap
		}
		if more := len(b.chips) - mostChips; more > 0 {
			c.text(x+44, at+14, "s", fmt.Sprintf("and %d more", more), zoneWidth-88)
		}
		y += b.height() + 10
	}
}

func (l *layout) drawChip(c *canvas, x, y, width int, item chip, subnet string) {
	class, sign := "fn", "λ "
	if item.cache {
		class, sign = "cache", "◆ "
	}
	c.box(x, y, width, chipHeight, class)
	c.text(x+8, y+16, "", sign+item.id, width-16)
	l.chips[item.id] = append(l.chips[item.id], spot{x, x + width, y + chipHeight/2, subnet})
}

// mostWires is how many connections the picture of the network shows; more
// would hide it.
const mostWires = 60

// wires draws the paths between the chips, pair by pair.
func (l *layout) wires(c *canvas, paths []Path) {
	drawn := 0
	for _, p := range closedFirst(paths) {
		for _, from := range l.chips[p.From] {
			for _, to := range l.chips[p.To] {
				if drawn == mostWires {
					return
				}
				drawn++
				l.wire(c, p, from, to)
			}
		}
	}
}

func (l *layout) wire(c *canvas, p Path, from, to spot) {
	verdict := p.Verdict
	for _, pair := range p.Pairs {
		if pair.FromSubnet == from.subnet && pair.ToSubnet == to.subnet {
			verdict = pair.Verdict
		}
	}
	x1, x2, bend := from.right, to.left, 40
	switch {
	case from.left == to.left: // the same column: around the right side
		x2 = to.right
		bend = 28
		c.addWire(`<path d="M%d %dC%d %d %d %d %d %d" class="wire %s"/>`, x1, from.y, x1+bend, from.y, x2+bend, to.y, x2, to.y, verdict)
		l.cross(c, verdict, x1+bend*3/4, (from.y+to.y)/2)
		return
	case from.left > to.left:
		x1, x2, bend = from.left, to.right, -40
	}
	sag := 0 // below the chips that stand between
	if from.y == to.y && max(x1-x2, x2-x1) > zoneWidth {
		sag = 16 + max(x1-x2, x2-x1)/40
	}
	c.addWire(`<path d="M%d %dC%d %d %d %d %d %d" class="wire %s"/>`, x1, from.y, x1+bend, from.y+2*sag, x2-bend, to.y+2*sag, x2, to.y, verdict)
	l.cross(c, verdict, (x1+x2)/2, (from.y+to.y)/2+sag*3/2)
}

// cross marks a closed connection in its middle.
func (l *layout) cross(c *canvas, v reach.Verdict, x, y int) {
	if v == reach.Closed {
		c.add(`<circle cx="%d" cy="%d" r="7" class="dot closed"/><path d="M%d %dl6 6m0 -6l-6 6" class="mark closed"/>`, x, y, x-3, y-3)
	}
}

// closedFirst orders paths: closed, unknown, open.
func closedFirst(paths []Path) []Path {
	out := slices.Clone(paths)
	slices.SortStableFunc(out, func(a, b Path) int { return worst(a.Verdict) - worst(b.Verdict) })
	return out
}
