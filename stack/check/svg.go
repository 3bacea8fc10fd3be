package check

import (
	"fmt"
	"io"
	"strings"

	"github.com/thawdev/thaw/stack/reach"
)

// Sizes of the picture, in pixels.
const (
	svgMargin  = 24
	zoneWidth  = 248
	chipHeight = 24
	chipGap    = 6
	subnetPad  = 10
	subnetHead = 34 // name and range
	hopWidth   = 74
	rowHeight  = 78
	mostChips  = 8  // in one subnet
	mostRows   = 24 // paths drawn hop by hop
)

// svgStyle colours the picture for light and dark pages.
const svgStyle = `
  :root{--bg:#fff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--panel:#f6f8fa;--zone:#eef1f4;--open:#1a7f37;--closed:#cf222e;--unknown:#9a6700;--fn:#ddf4ff;--cache:#fbefff}
  @media (prefers-color-scheme:dark){:root{--bg:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--panel:#151b23;--zone:#1c232c;--open:#3fb950;--closed:#f85149;--unknown:#d29922;--fn:#122d45;--cache:#2d1f45}}
  svg{background:var(--bg)} text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
  .h{font-size:16px;font-weight:600} .b{font-weight:600} .s{fill:var(--soft);font-size:11px}
  .vpc{fill:var(--panel);stroke:var(--line)} .zone{fill:var(--zone);stroke:none} .subnet{fill:var(--bg);stroke:var(--line)}
  .fn{fill:var(--fn);stroke:var(--line)} .cache{fill:var(--cache);stroke:var(--line)}
  .open{stroke:var(--open)} .closed{stroke:var(--closed)} .unknown{stroke:var(--unknown)}
  .wire{fill:none;stroke-width:1.6;opacity:.75} .wire.closed{stroke-dasharray:5 4} .wire.unknown{stroke-dasharray:2 4}
  .dot{stroke-width:2;fill:var(--bg)} .mark{fill:none;stroke-width:2;stroke-linecap:round} .tclosed{fill:var(--closed)} .tunknown{fill:var(--unknown)} .topen{fill:var(--open)}
`

// canvas is a picture in the making: boxes at the back, wires over them, and
// chips and texts in front.
type canvas struct {
	back, middle, front strings.Builder
	width, height       int
}

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.front, format+"\n", args...) }

func (c *canvas) addWire(format string, args ...any) { fmt.Fprintf(&c.middle, format+"\n", args...) }

// text writes a text cut to a width in pixels, with the whole as its tooltip.
func (c *canvas) text(x, y int, class, s string, width int) {
	short := cut(s, width)
	title := ""
	if short != s {
		title = "<title>" + escapeHTML(s) + "</title>"
	}
	c.add(`<text x="%d" y="%d" class="%s">%s%s</text>`, x, y, class, title, escapeHTML(short))
}

// cut shortens a text to about a width in pixels: a letter of 12 px is about
// 6.6 wide.
func cut(s string, width int) string {
	most := width * 10 / 66
	letters := []rune(s)
	if len(letters) <= most || most < 2 {
		return s
	}
	return string(letters[:most-1]) + "…"
}

func (c *canvas) box(x, y, w, h int, class string) {
	layer := &c.back
	if class == "fn" || class == "cache" {
		layer = &c.front
	}
	fmt.Fprintf(layer, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" class="%s"/>`+"\n", x, y, w, h, class)
}

// WriteSVG draws the network: each VPC with its subnets by zone, the functions
// and caches in them, the paths between them, and below them each path hop by
// hop with the hop that blocks it. The picture follows the page's light or dark
// scheme and needs nothing from elsewhere.
func (r *Report) WriteSVG(w io.Writer) error {
	c := &canvas{width: 760}
	c.text(svgMargin, svgMargin+14, "h", r.headline(), 2000)
	c.text(svgMargin, svgMargin+34, "s", strings.Join(r.counts(), " · "), 2000)
	y := svgMargin + 56
	l := newLayout(r)
	y = l.draw(c, y)
	l.wires(c, r.Paths)
	y = r.drawRows(c, y)
	c.height = y + svgMargin
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">
<style>%s</style>
<rect width="100%%" height="100%%" fill="var(--bg)"/>
%s%s%s</svg>
`, c.width, c.height, c.width, c.height, escapeHTML(r.headline()), svgStyle, c.back.String(), c.middle.String(), c.front.String())
	return err
}

// drawRows draws each path as a line of hops, the closed ones first.
func (r *Report) drawRows(c *canvas, y int) int {
	if len(r.Paths) == 0 {
		return y
	}
	c.text(svgMargin, y+16, "b", "Paths, hop by hop", 400)
	y += 30
	paths := closedFirst(r.Paths)
	for _, p := range paths[:min(len(paths), mostRows)] {
		r.drawRow(c, y, p)
		y += rowHeight
	}
	if more := len(paths) - mostRows; more > 0 {
		c.text(svgMargin, y+8, "s", "and "+plural(more, "path more", "paths more"), 400)
		y += 20
	}
	return y
}

func (r *Report) drawRow(c *canvas, y int, p Path) {
	const chip = 150
	x, mid := svgMargin, y+chipHeight/2
	c.box(x, y, chip, chipHeight, "fn")
	c.text(x+8, y+16, "", p.From, chip-16)
	x += chip
	class := p.Verdict.String()
	end := x + 20 + len(p.Factors)*hopWidth
	broken := false
	for i, f := range p.Factors {
		at := x + 20 + i*hopWidth + hopWidth/2
		from := at - hopWidth
		if i == 0 {
			from = x
		}
		line := "open"
		if broken {
			line = "closed"
		}
		c.addWire(`<path d="M%d %dH%d" class="wire %s"/>`, from, mid, at, line)
		broken = broken || f.Verdict == reach.Closed
	}
	for i, f := range p.Factors {
		hop(c, x+20+i*hopWidth+hopWidth/2, mid, f)
	}
	if n := len(p.Factors); n > 0 {
		c.addWire(`<path d="M%d %dH%d" class="wire %s"/>`, x+20+(n-1)*hopWidth+hopWidth/2+7, mid, end, class)
	}
	c.box(end, y, chip, chipHeight, "cache")
	c.text(end+8, y+16, "", p.To+":"+portLabel(p), chip-16)
	c.width = max(c.width, end+chip+svgMargin)
	if p.Verdict != reach.Open {
		c.text(svgMargin, y+chipHeight+38, "s t"+class, p.Verdict.String()+": "+p.Deciding().Reason, end+chip-svgMargin)
	}
}

// hop draws one hop: a circle with its mark, and what it is.
func hop(c *canvas, x, y int, f reach.Factor) {
	c.add(`<g><title>%s %s: %s</title><circle cx="%d" cy="%d" r="7" class="dot %s"/>`, escapeHTML(hopName(f.Kind)), escapeHTML(f.Resource), escapeHTML(f.Reason), x, y, f.Verdict)
	switch f.Verdict {
	case reach.Open:
		c.add(`<path d="M%d %dl3 3 5 -6" class="mark open"/>`, x-4, y)
	case reach.Closed:
		c.add(`<path d="M%d %dl8 8m0 -8l-8 8" class="mark closed"/>`, x-4, y-4)
	default:
		c.add(`<text x="%d" y="%d" text-anchor="middle" class="b tunknown">?</text>`, x, y+4)
	}
	c.add(`</g>`)
	class := "s"
	if f.Verdict != reach.Open {
		class = "s b t" + f.Verdict.String()
	}
	for i, line := range hopLabel(f.Kind) {
		c.add(`<text x="%d" y="%d" text-anchor="middle" class="%s">%s</text>`, x, y+22+i*11, class, line)
	}
}

// hopLabel is the name of a hop in one or two short lines.
func hopLabel(k reach.FactorKind) []string {
	switch k {
	case reach.Attached:
		return []string{"in a VPC"}
	case reach.SameVPC:
		return []string{"same VPC"}
	case reach.Egress:
		return []string{"group", "out"}
	case reach.Ingress:
		return []string{"group", "in"}
	case reach.ACLOut:
		return []string{"ACL", "out"}
	case reach.ACLIn:
		return []string{"ACL", "in"}
	case reach.ReturnACLOut:
		return []string{"answer:", "ACL out"}
	case reach.ReturnACLIn:
		return []string{"answer:", "ACL in"}
	case reach.ReturnRoute:
		return []string{"answer:", "route"}
	case reach.DNS:
		return []string{"name"}
	}
	return []string{string(k)}
}
