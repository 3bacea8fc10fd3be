package reach

import "slices"

// ports is a range of ports, both ends included.
type ports struct{ from, to int }

var (
	allPorts  = ports{0, 65535}
	realPorts = ports{1, 65535}
	// ephemeral are the ports from which Lambda connects, and to which answers
	// go. Source: VPC User Guide, "Ephemeral ports".
	ephemeral = ports{1024, 65535}
)

// box is a set of packets: the far end's addresses × destination ports. Every
// filter on a path looks at the address of one end only, which is why two
// dimensions are enough to be exact.
type box struct {
	span
	ports
}

func (b box) meets(c box) bool {
	return b.overlaps(c.span) && b.ports.from <= c.ports.to && c.ports.from <= b.ports.to
}

// split returns the part of b inside c, which it meets, and appends the rest to
// out.
func (b box) split(c box, out []box) (inside box, rest []box) {
	if b.span.from.less(c.span.from) {
		low := b
		low.span.to = c.span.from.prev()
		out = append(out, low)
		b.span.from = c.span.from
	}
	if c.span.to.less(b.span.to) {
		high := b
		high.span.from = c.span.to.next()
		out = append(out, high)
		b.span.to = c.span.to
	}
	if b.ports.from < c.ports.from {
		low := b
		low.ports.to = c.ports.from - 1
		out = append(out, low)
		b.ports.from = c.ports.from
	}
	if c.ports.to < b.ports.to {
		high := b
		high.ports.from = c.ports.to + 1
		out = append(out, high)
		b.ports.to = c.ports.to
	}
	return b, out
}

// entry is one line of an ordered list of rules. A sure entry decides every
// packet that it matches. One that is not sure may match, or may not exist, so
// the lines after it count too.
type entry struct {
	boxes       []box
	sure        bool
	allow, deny bool   // what it may do; both if that is unknown
	index       int    // the rule's place, given back in pieces
	code        string // AWS explanation code, if it denies
	why         string // what it does not know
}

// piece is a set of packets that all have the same fate.
type piece struct {
	box
	allow, deny bool // what may happen to them
	by          int  // position of the sure entry that decides; -1: none matched, denied
	may         []int
}

// decide runs packets through entries, the first of which is asked first; what
// no sure entry matches is denied. The pieces are disjoint and hold exactly the
// packets of target.
func decide(target []box, entries []entry) []piece {
	pending := make([]piece, len(target), len(target)+4)
	for i, b := range target {
		pending[i] = piece{box: b, by: -1}
	}
	var done []piece
	for at, e := range entries {
		if len(pending) == 0 {
			return done
		}
		pending, done = e.take(at, pending, done)
	}
	for _, p := range pending {
		p.deny = true
		done = append(done, p)
	}
	return done
}

// take moves the packets that e decides from pending to done.
func (e *entry) take(at int, pending, done []piece) (left, settled []piece) {
	if !e.touches(pending) {
		return pending, done
	}
	var seen []piece // matched by an entry that is not sure
	for _, b := range e.boxes {
		var rest []piece
		for _, p := range pending {
			if !p.meets(b) || !e.sure && e.addsNothing(p) {
				rest = append(rest, p)
				continue
			}
			inside, outside := p.split(b, nil)
			for _, o := range outside {
				q := p
				q.box = o
				rest = append(rest, q)
			}
			p.box, p.allow, p.deny = inside, p.allow || e.allow, p.deny || e.deny
			switch {
			case e.sure:
				p.by = at
				done = append(done, p)
			case p.allow && p.deny: // nothing that follows can make it certain
				p.may = append(slices.Clip(p.may), at)
				done = append(done, p)
			default:
				p.may = append(slices.Clip(p.may), at)
				seen = append(seen, p)
			}
		}
		pending = rest
	}
	return append(pending, seen...), done
}

func (e *entry) touches(pending []piece) bool {
	for i := range pending {
		for j := range e.boxes {
			if pending[i].meets(e.boxes[j]) {
				return true
			}
		}
	}
	return false
}

func (e *entry) addsNothing(p piece) bool { return (p.allow || !e.allow) && (p.deny || !e.deny) }

// target is the set of packets that a hop must let through.
type target struct {
	spans []span
	ports ports
	// Without sureSpans, the addresses are an unknown part of spans. Without
	// surePorts, the port is one unknown port of ports.
	sureSpans, surePorts bool
}

func (t target) boxes() []box {
	out := make([]box, len(t.spans))
	for i, s := range t.spans {
		out[i] = box{s, t.ports}
	}
	return out
}

// verdict answers whether the pieces, into which t was cut, let all of t
// through. partial means that some are let through and some not.
func (t target) verdict(pieces []piece) (v Verdict, partial bool) {
	mayDeny, mayAllow := false, false
	var blocked []piece
	for _, p := range pieces {
		mayDeny = mayDeny || p.deny
		mayAllow = mayAllow || p.allow
		if !p.allow {
			blocked = append(blocked, p)
		}
	}
	switch {
	case len(pieces) == 0:
		return Unknown, false // no address at all: nothing can be said
	case !mayDeny:
		return Open, false
	case !mayAllow:
		return Closed, false
	case len(blocked) == 0 || !t.sureSpans && !t.surePorts:
		return Unknown, false
	case !t.sureSpans && !coversAll(spansOf(blocked), t.spans):
		return Unknown, false
	case !t.surePorts && !coversPorts(blocked, t.ports):
		return Unknown, false
	}
	return Closed, true
}

func spansOf(pieces []piece) []span {
	out := make([]span, len(pieces))
	for i, p := range pieces {
		out[i] = p.span
	}
	return out
}

// coversPorts reports whether each port of want is in one of the pieces.
func coversPorts(pieces []piece, want ports) bool {
	as := make([]span, len(pieces))
	for i, p := range pieces {
		as[i] = span{addr{0, uint64(p.ports.from)}, addr{0, uint64(p.ports.to)}}
	}
	return coversAll(as, []span{{addr{0, uint64(want.from)}, addr{0, uint64(want.to)}}})
}
