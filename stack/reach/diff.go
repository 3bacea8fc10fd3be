package reach

import (
	"cmp"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// Difference is what changed between two stacks. The slices are sorted.
type Difference struct {
	Opened  []Edge `json:"opened"`  // was not open, is open
	Closed  []Edge `json:"closed"`  // was not closed, is closed
	Unknown []Edge `json:"unknown"` // was known, is unknown
}

// Edge is one source, cache and port whose verdict changed. A source that is
// declared is open if its whole path is; a group or a range is open if anything
// of it gets through.
type Edge struct {
	Kind   SourceKind       `json:"kind"`
	From   string           `json:"from"` // ID or range
	To     string           `json:"to"`
	Port   stack.Value[int] `json:"port"`
	Old    Verdict          `json:"old"` // Closed if there was no such source, cache or port
	New    Verdict          `json:"new"`
	Reason string           `json:"reason"`
}

type edgeKey struct {
	kind     SourceKind
	from, to string
	port     string
}

// Diff compares what reaches the caches of two stacks, by the IDs of their
// resources.
func Diff(old, new *stack.Stack) Difference {
	before, after := edges(old), edges(new)
	out := Difference{Opened: []Edge{}, Closed: []Edge{}, Unknown: []Edge{}}
	for key, e := range after {
		e.Old = Closed
		if b, ok := before[key]; ok {
			e.Old = b.New
		}
		out.add(e)
	}
	for key, e := range before {
		if _, ok := after[key]; !ok {
			e.Old, e.New, e.Reason = e.New, Closed, "It is not there any more."
			out.add(e)
		}
	}
	for _, list := range [][]Edge{out.Opened, out.Closed, out.Unknown} {
		slices.SortFunc(list, func(a, b Edge) int {
			return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.From, b.From), cmp.Compare(show(a.Port), show(b.Port)))
		})
	}
	return out
}

func (d *Difference) add(e Edge) {
	switch {
	case e.Old == e.New:
	case e.New == Open:
		d.Opened = append(d.Opened, e)
	case e.New == Closed:
		d.Closed = append(d.Closed, e)
	default:
		d.Unknown = append(d.Unknown, e)
	}
}

// edges answers for every source, cache and port of a stack.
func edges(s *stack.Stack) map[edgeKey]Edge {
	n := New(s)
	out := map[edgeKey]Edge{}
	add := func(e Edge) { out[edgeKey{e.Kind, e.From, e.To, show(e.Port)}] = e }
	for _, c := range n.s.Caches {
		if c == nil {
			continue
		}
		for _, port := range portsOf(c) {
			t := n.listener(c, port)
			n.declaredEdges(c, port, add)
			for _, e := range slices.Concat(t.groupExposures(), t.rangeExposures()) {
				from := e.ID
				switch {
				case e.Range.IsValid():
					from = e.Range.String()
				case from == "":
					from = "unknown" // the peer of a rule is not known
				}
				add(Edge{Kind: e.Kind, From: from, To: c.ID, Port: port, New: e.Verdict, Reason: e.Reason})
			}
		}
	}
	return out
}

func (n *Network) declaredEdges(c *stack.Cache, port stack.Value[int], add func(Edge)) {
	var all []Source
	for _, f := range n.s.Functions {
		if f != nil {
			all = append(all, FromFunction(f))
		}
	}
	for _, i := range n.s.Interfaces {
		if i != nil {
			all = append(all, FromInterface(i))
		}
	}
	for _, src := range all {
		w := n.ask(src, c, port)
		add(Edge{Kind: src.Kind, From: src.ID, To: c.ID, Port: port, New: w.verdict, Reason: w.deciding().Reason})
	}
}

// portsOf lists the ports on which a cache listens.
func portsOf(c *stack.Cache) []stack.Value[int] {
	out := []stack.Value[int]{c.Port}
	if reader, ok := c.ReaderPort.Get(); !ok || reader != 0 && reader != c.Port.Or(0) {
		out = append(out, c.ReaderPort)
	}
	return out
}
