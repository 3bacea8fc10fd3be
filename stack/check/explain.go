package check

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// WriteExplanation draws the path from a function to a cache hop by hop, then
// says which rules carry or block it and what would open it. Both are named by
// ID or by name.
func (r *Report) WriteExplanation(w io.Writer, function, cache string, opts TextOptions) error {
	f := r.stack.Function(function)
	if f == nil {
		return fmt.Errorf("check: there is no function %q; there are %s", function, namesOf(r.stack.Functions, func(f *stack.Function) string { return f.ID }))
	}
	c := r.cacheNamed(cache)
	if c == nil {
		return fmt.Errorf("check: there is no cache %q; there are %s", cache, namesOf(r.stack.Caches, func(c *stack.Cache) string { return c.ID }))
	}
	p := newPrinter(w, opts)
	ports := []stack.Value[int]{c.Port}
	if reader, ok := c.ReaderPort.Get(); ok && reader != 0 && reader != c.Port.Or(0) {
		ports = append(ports, c.ReaderPort)
	}
	for i, port := range ports {
		if i > 0 {
			p.line("")
		}
		r.explain(p, r.pathTo(f, c, port))
	}
	return p.err
}

// pathTo returns the path of the report, or works it out for a pair that the
// stack does not suggest.
func (r *Report) pathTo(f *stack.Function, c *stack.Cache, port stack.Value[int]) Path {
	for _, p := range r.Paths {
		if p.From == f.ID && p.To == c.ID && p.Port == port {
			return p
		}
	}
	return Path{Path: r.network.Path(f, c, port), Evidence: "nothing in the input says that the function uses the cache"}
}

func (r *Report) cacheNamed(name string) *stack.Cache {
	if c := r.stack.Cache(name); c != nil {
		return c
	}
	for _, c := range r.stack.Caches {
		if n, ok := c.Name.Get(); ok && strings.EqualFold(n, name) {
			return c
		}
	}
	return nil
}

func namesOf[T any](all []T, id func(T) string) string {
	var out []string
	for _, x := range all[:min(len(all), 20)] {
		out = append(out, id(x))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func (r *Report) explain(p *printer, path Path) {
	verdict := path.Verdict.String()
	if path.Partial {
		verdict += " in part"
	}
	p.line("%s  %s → %s port %s", p.paint(verdictColor(path.Verdict)+bold, strings.ToUpper(verdict)), path.From, path.To, portLabel(path))
	p.wrap(p.paint(faint, "because "), "        ", path.Evidence)
	p.line("")
	r.drawHops(p, path)
	r.listRules(p, path)
	r.listPairs(p, path)
	if len(path.Changes) == 0 {
		return
	}
	p.line("")
	p.line("%s", p.paint(bold, "What opens it"))
	fix := r.fixOf(path)
	for i, e := range fix.edits {
		p.wrap(fmt.Sprintf("  %d. ", i+1), "     ", e.sentence())
	}
	if text := snippet(r.stack, fix); text != "" {
		p.line("")
		for line := range strings.SplitSeq(text, "\n") {
			p.line("%s", strings.TrimRight("  "+line, " "))
		}
	}
}

// hopName names a kind of factor for people.
func hopName(k reach.FactorKind) string {
	switch k {
	case reach.Attached:
		return "in a VPC"
	case reach.SameVPC:
		return "same VPC"
	case reach.PeeringUse:
		return "peering"
	case reach.DNS:
		return "name resolves"
	case reach.Egress:
		return "security group out"
	case reach.ACLOut:
		return "network ACL out"
	case reach.RouteOut:
		return "route"
	case reach.ACLIn:
		return "network ACL in"
	case reach.Ingress:
		return "security group in"
	case reach.ReturnACLOut:
		return "answer: ACL out"
	case reach.ReturnRoute:
		return "answer: route"
	case reach.ReturnACLIn:
		return "answer: ACL in"
	}
	return string(k)
}

// drawHops draws the hops from top to bottom:
//
//	● function Api
//	│ ✓ security group out  AppGroup    The outbound rules of AppGroup allow tcp 6379 to CacheGroup.
//	┼ ✗ security group in   CacheGroup  CacheGroup has no inbound rule.  ◀ blocks
//	○ cache Cache
func (r *Report) drawHops(p *printer, path Path) {
	p.line("  ● function %s", path.From)
	name, resource := 0, 0
	for _, f := range path.Factors {
		name, resource = max(name, len(hopName(f.Kind))), max(resource, min(len(f.Resource), 36))
	}
	blocked := false
	for _, f := range path.Factors {
		mark, rail := p.paint(green, "✓"), "│"
		note := ""
		switch f.Verdict {
		case reach.Closed:
			mark, rail, blocked = p.paint(red+bold, "✗"), p.paint(red, "┼"), true
			note = p.paint(red+bold, "◀ blocks")
			if f.Partial {
				note = p.paint(red+bold, "◀ blocks in part")
			}
		case reach.Unknown:
			mark, rail = p.paint(yellow, "?"), p.paint(yellow, "┆")
			note = p.paint(yellow, "◀ not known")
		}
		lead := fmt.Sprintf("  %s %s %-*s  %-*s  ", rail, mark, name, hopName(f.Kind), resource, f.Resource)
		indent := "  │" + strings.Repeat(" ", max(visible(lead)-3, 0))
		if visible(lead) > p.width*6/10 {
			p.line("%s", strings.TrimRight(lead+note, " "))
			p.wrap("  │     ", "  │     ", f.Reason)
			continue
		}
		p.wrap(lead, indent, strings.TrimSpace(f.Reason+" "+note))
	}
	end := "●"
	if blocked {
		end = "○"
	}
	p.line("  %s cache %s", end, path.To)
}

// listRules lists the rules that carry or block the path, with their places.
func (r *Report) listRules(p *printer, path Path) {
	seen := map[string]bool{}
	first := true
	for _, f := range path.Factors {
		for _, ref := range f.Rules {
			key := fmt.Sprint(ref.Resource, ref.Kind, ref.Index)
			if seen[key] {
				continue
			}
			seen[key] = true
			if first {
				p.line("")
				p.line("%s", p.paint(bold, map[bool]string{true: "Rules that carry it", false: "Rules on the way"}[path.Verdict == reach.Open]))
				first = false
			}
			place := ref.Origin.String()
			if ref.Index < 0 {
				place = "AWS's own"
			}
			p.wrap("  "+ref.Resource+": ", "    ", ref.Text+" ("+string(ref.Kind)+", "+place+")")
		}
	}
}

// listPairs lists the subnet pairs, where they differ or cross zones.
func (r *Report) listPairs(p *printer, path Path) {
	if len(path.Pairs) < 2 {
		return
	}
	p.line("")
	p.line("%s", p.paint(bold, "Every subnet of the function to every subnet of the cache"))
	from := 0
	for _, pair := range path.Pairs {
		from = max(from, visible(subnetLabel(pair.FromSubnet, pair.FromZone)))
	}
	const most = 64
	for _, pair := range path.Pairs[:min(len(path.Pairs), most)] {
		cross := ""
		if c, ok := pair.CrossZone.Get(); ok && c {
			cross = p.paint(faint, "  crosses zones")
		}
		reason := ""
		if i := slices.IndexFunc(pair.Factors, func(f reach.Factor) bool { return f.Verdict == pair.Verdict }); i >= 0 && pair.Verdict != reach.Open {
			reason = "  " + hopName(pair.Factors[i].Kind)
		}
		p.line("  %s  %-*s → %s%s%s", p.paint(verdictColor(pair.Verdict), fmt.Sprintf("%-7s", pair.Verdict)), from, subnetLabel(pair.FromSubnet, pair.FromZone), subnetLabel(pair.ToSubnet, pair.ToZone), cross, reason)
	}
	if more := len(path.Pairs) - most; more > 0 {
		p.line("  and %s", plural(more, "pair more", "pairs more"))
	}
}

func subnetLabel(id, zone string) string {
	if zone == "" {
		return id
	}
	return id + " (" + zone + ")"
}

// fixOf returns everything that a path needs.
func (r *Report) fixOf(path Path) Fix {
	p := newPass(r.stack, Options{})
	p.rule = pathClosed()
	return p.opening(client{function: r.stack.Function(path.From), cache: r.stack.Cache(path.To), path: path}, nil)
}
