package reach

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// addr is an address of either family as a 128-bit number. The family is known
// from the context: sets of different families are never mixed.
type addr struct{ hi, lo uint64 }

func (a addr) compare(b addr) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

func (a addr) less(b addr) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// next returns the address after a; the last address has none that is larger.
func (a addr) next() addr {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
}

func (a addr) prev() addr {
	if a.lo == 0 {
		a.hi--
	}
	a.lo--
	return a
}

// plus moves a by n addresses; the caller knows that they exist.
func (a addr) plus(n uint64) addr {
	lo := a.lo + n
	if lo < a.lo {
		a.hi++
	}
	return addr{a.hi, lo}
}

// family is 4 or 6.
type family uint8

const (
	ipv4 family = 4
	ipv6 family = 6
)

func (f family) bits() int {
	if f == ipv4 {
		return 32
	}
	return 128
}

func familyOf(a netip.Addr) family {
	if a.Is4() || a.Is4In6() {
		return ipv4
	}
	return ipv6
}

func number(a netip.Addr) addr {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return addr{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr) netip(f family) netip.Addr {
	if f == ipv4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// span is a range of addresses, both ends included.
type span struct{ from, to addr }

// all is every address of a family.
func (f family) all() span {
	if f == ipv4 {
		return span{addr{}, addr{0, 1<<32 - 1}}
	}
	return span{addr{}, addr{^uint64(0), ^uint64(0)}}
}

// spanOf returns the addresses of a valid prefix. Bits after the prefix length
// do not count.
func spanOf(p netip.Prefix) span {
	from := number(p.Masked().Addr())
	host := p.Addr().BitLen() - p.Bits()
	to := from
	switch {
	case host >= 128:
		to = addr{^uint64(0), ^uint64(0)}
	case host >= 64:
		to.hi |= 1<<(host-64) - 1
		to.lo = ^uint64(0)
	default:
		to.lo |= 1<<host - 1
	}
	return span{from, to}
}

func (s span) overlaps(t span) bool { return !s.to.less(t.from) && !t.to.less(s.from) }

func (s span) contains(t span) bool { return !t.from.less(s.from) && !s.to.less(t.to) }

// merge returns the same addresses as sorted ranges that do not touch.
func merge(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	spans = slices.SortedFunc(slices.Values(spans), func(a, b span) int { return a.from.compare(b.from) })
	out := spans[:1]
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if touch := last.to.next(); s.from.less(touch) || s.from == touch {
			if last.to.less(s.to) {
				last.to = s.to
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// coversAll reports whether every address of want is in have.
func coversAll(have, want []span) bool {
	have = merge(have)
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h span) bool { return h.contains(w) }) {
			return false
		}
	}
	return true
}

// without returns the addresses of s that are not in t.
func (s span) without(t span) []span {
	if !s.overlaps(t) {
		return []span{s}
	}
	var out []span
	if s.from.less(t.from) {
		out = append(out, span{s.from, t.from.prev()})
	}
	if t.to.less(s.to) {
		out = append(out, span{t.to.next(), s.to})
	}
	return out
}

// subtract returns the addresses of spans that are not in t.
func subtract(spans []span, t span) []span {
	var out []span
	for _, s := range spans {
		out = append(out, s.without(t)...)
	}
	return out
}

// intersect returns the addresses that are in both.
func intersect(a, b []span) []span {
	var out []span
	for _, s := range a {
		for _, t := range b {
			if s.overlaps(t) {
				out = append(out, span{maxAddr(s.from, t.from), minAddr(s.to, t.to)})
			}
		}
	}
	return merge(out)
}

func maxAddr(a, b addr) addr {
	if a.less(b) {
		return b
	}
	return a
}

func minAddr(a, b addr) addr {
	if a.less(b) {
		return a
	}
	return b
}
