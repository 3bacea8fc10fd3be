package reach

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// ruleAt is a rule before it is described: most are never shown.
type ruleAt struct {
	resource string
	kind     RuleKind
	index    int // -1: not in the stack
	rule     *stack.Rule
	acl      *stack.ACLEntry
	route    *stack.Route
	text     string // for what the stack does not hold
}

func (r ruleAt) ref() RuleRef {
	out := RuleRef{Resource: r.resource, Kind: r.kind, Index: r.index, Text: r.text}
	switch {
	case r.rule != nil:
		out.Text, out.Origin = ruleText(r.rule, r.kind), r.rule.Origin
	case r.acl != nil:
		out.Text, out.Origin = aclText(r.acl), r.acl.Origin
	case r.route != nil:
		out.Text, out.Origin = routeText(r.route), r.route.Origin
	}
	return out
}

func (p ports) String() string {
	if p.from == p.to {
		return strconv.Itoa(p.from)
	}
	return fmt.Sprintf("%d-%d", p.from, p.to)
}

// show writes a value, or why it is not known.
func show[T any](v stack.Value[T]) string {
	if x, ok := v.Get(); ok {
		return fmt.Sprint(x)
	}
	return "${?" + v.Why() + "}"
}

func trafficText(protocol stack.Value[string], from, to stack.Value[int]) string {
	proto, ok := protocol.Get()
	switch {
	case ok && proto == "-1":
		return "all traffic"
	case ok && proto == "6":
		proto = "tcp"
	case ok && proto == "17":
		proto = "udp"
	case !ok:
		proto = show(protocol)
	}
	a, okA := from.Get()
	b, okB := to.Get()
	switch {
	case okA && okB && a < 0, okA && okB && a == 0 && b == 65535:
		return proto + " all ports"
	case okA && okB && a == b:
		return fmt.Sprintf("%s %d", proto, a)
	}
	return proto + " " + show(from) + "-" + show(to)
}

func ruleText(r *stack.Rule, kind RuleKind) string {
	var peers []string
	for _, v := range []stack.Value[string]{r.SecurityGroup, r.PrefixList, r.CIDR} {
		if s := show(v); s != "" {
			peers = append(peers, s)
		}
	}
	word := " from "
	if kind == EgressRule {
		word = " to "
	}
	return "allow " + trafficText(r.Protocol, r.FromPort, r.ToPort) + word + strings.Join(peers, ", ")
}

func aclText(e *stack.ACLEntry) string {
	action, word := "deny", " from "
	if allow, ok := e.Allow.Get(); !ok {
		action = "allow or deny"
	} else if allow {
		action = "allow"
	}
	if e.Egress.Or(false) {
		word = " to "
	}
	return "#" + show(e.Number) + " " + action + " " + trafficText(e.Protocol, e.FromPort, e.ToPort) + word + show(e.CIDR)
}

func routeText(r *stack.Route) string {
	text := show(r.Destination) + " to " + r.TargetKind + " " + show(r.Target)
	if r.Blackhole.Or(false) {
		text += " (blackhole)"
	}
	return text
}

// allowedText names the part of a target that gets through, for a hop that lets
// only a part through.
func allowedText(t target, pieces []piece, fam family) string {
	var spans []span
	whole := true // all ports of those addresses
	var open []span
	for _, p := range pieces {
		if !p.deny {
			spans = append(spans, p.span)
			whole = whole && p.ports == t.ports
			open = append(open, span{addr{0, uint64(p.ports.from)}, addr{0, uint64(p.ports.to)}})
		}
	}
	if len(spans) == 0 {
		return "a part"
	}
	text := spansText(merge(spans), fam)
	if coversAll(spans, t.spans) {
		text = ""
	}
	if !whole {
		var list []string
		for _, s := range merge(open) {
			list = append(list, ports{int(s.from.lo), int(s.to.lo)}.String())
		}
		if text != "" {
			text += " and "
		}
		text += "ports " + strings.Join(list[:min(len(list), 3)], ", ")
	}
	if text == "" {
		return "a part"
	}
	return text
}

// firstWhy is the reason of the first unsure entry that leaves a packet without
// a sure answer.
func firstWhy(pieces []piece, entries []entry) string {
	for _, p := range pieces {
		if !p.allow || !p.deny {
			continue
		}
		for _, m := range p.may {
			if entries[m].why != "" {
				return entries[m].why
			}
		}
		if p.by >= 0 && entries[p.by].why != "" {
			return entries[p.by].why
		}
	}
	return ""
}

func (n *Network) explainGroups(f *Factor, h hop, t target, pieces []piece, entries []entry) {
	direction, word := "inbound", "from"
	if h.kind == Egress {
		direction, word = "outbound", "to"
	}
	far := h.at.String()
	if h.far != nil && h.far.first() != "" {
		far = h.far.names()
	}
	what := fmt.Sprintf("%s %s %s", h.port, word, far)
	names := h.near.names()
	switch f.Verdict {
	case Open:
		f.Reason = fmt.Sprintf("The %s rules of %s allow %s.", direction, names, what)
	case Unknown:
		why := firstWhy(pieces, entries)
		if why == "" {
			why = unsureTarget(h.at, h.port)
		}
		f.Reason = fmt.Sprintf("Whether the %s rules of %s allow %s is not known: %s.", direction, names, what, why)
	case Closed:
		f.AWSCode = "ENI_SG_RULES_MISMATCH"
		switch {
		case f.Partial:
			f.Reason = fmt.Sprintf("The %s rules of %s allow %s %s only %s, which is a part of %s.", direction, names, h.port, word, allowedText(t, pieces, h.at.family), h.at)
		case n.hasNoRules(h):
			f.AWSCode = "SG_HAS_NO_RULES"
			f.Reason = fmt.Sprintf("%s has no %s rule, so nothing is allowed %s %s.", names, direction, word, far)
		case h.far != nil && h.rel.peering != nil && n.namesFar(h):
			f.AWSCode = "UNKNOWN_PEERED_SGS"
			f.Reason = fmt.Sprintf("The %s rules of %s name a security group across peering %s, which AWS follows only within a region.", direction, names, h.rel.peering.ID)
		default:
			f.Reason = fmt.Sprintf("No %s rule of %s allows %s.", direction, names, what)
		}
	}
}

// unsureTarget says which end's addresses or port make an answer unknown where
// the rules are all known.
func unsureTarget(p *place, port *portRange) string {
	if !p.sure && p.why != "" {
		return p.why
	}
	if !port.sure && port.why != "" {
		return "the port is not known: " + port.why
	}
	return "a value is not known"
}

// hasNoRules reports whether the near groups hold no rule at all in the
// direction of the hop.
func (n *Network) hasNoRules(h hop) bool {
	for _, m := range h.near.members {
		if m.group == nil || h.kind == Egress && len(m.group.Egress) > 0 || h.kind != Egress && len(m.group.Ingress) > 0 {
			return false
		}
	}
	return true
}

// namesFar reports whether a rule would match if it could name groups across the
// peering.
func (n *Network) namesFar(h hop) bool {
	h.rel = oneVPC
	entries, _ := n.groupEntries(h)
	t := target{spans: h.at.spans, ports: h.port.ports, sureSpans: h.at.sure, surePorts: h.port.sure}
	v, _ := t.verdict(decide(t.boxes(), entries))
	return v == Open
}
