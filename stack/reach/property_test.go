package reach

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// What Sources does not list is kept out: no packet of a declared function, of
// any carrier of a group, or of any address of the VPC, gets through. The stacks
// have no other VPC and no unknown value.
func TestSourcesAreComplete(t *testing.T) {
	var listed, out atomic.Int64
	forSeeds(t, cases(t, 3000), func(t *testing.T, seed uint64) {
		s := generate(seed, 0, nil)
		c := s.Caches[0]
		if !valid(s) || c.Subnets[0].Or("")[0] != 'A' {
			return
		}
		r := source(seed, 5)
		n := New(s)
		found := n.Sources(c, c.Port)
		bits := &world{s, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0}
		isListed := func(f *stack.Function) bool {
			return slices.ContainsFunc(found, func(e Exposure) bool {
				return e.Kind == FunctionSource && e.ID == f.ID || e.Kind == GroupSource && slices.Contains(f.VPC.SecurityGroups, stack.Known(e.ID)) ||
					e.Range.IsValid() && slices.ContainsFunc(f.VPC.Subnets, func(v stack.Value[string]) bool {
						return e.Range.Overlaps(s.Subnet(v.Or("")).CIDR.Or(netip.Prefix{}))
					})
			})
		}
		probes := []*stack.Function{s.Functions[0]}
		for _, group := range []string{"sgA0", "sgA1", "sgA2", "open"} {
			probes = append(probes, &stack.Function{Resource: stack.Resource{ID: "probe"}, VPC: &stack.VPCConfig{
				Subnets: known([]string{pick(r, "A0", "A1", "A2")}), SecurityGroups: known([]string{group, "open"})}})
		}
		bits.s = withOpenGroup(s)
		for _, f := range probes {
			if f.VPC == nil {
				continue
			}
			if bits.somethingOpens(f, c, c.Port.Or(0)) {
				listed.Add(1)
				if !isListed(f) {
					t.Errorf("seed %d: a packet of %s in %s gets through, and %+v does not list it\n%s", seed, f.VPC.SecurityGroups, f.VPC.Subnets, found, dump(s))
				}
			} else {
				out.Add(1)
			}
		}
	})
	t.Logf("%d sources get through, %d do not", listed.Load(), out.Load())
}

// withOpenGroup adds a group that sends anything anywhere.
func withOpenGroup(s *stack.Stack) *stack.Stack {
	c := *s
	c.SecurityGroups = append(slices.Clip(c.SecurityGroups), &stack.SecurityGroup{Resource: stack.Resource{ID: "open"}, VPC: stack.Known("A"),
		Egress: []stack.Rule{{Protocol: stack.Known("-1"), CIDR: stack.Known("0.0.0.0/0")}}})
	return &c
}

// somethingOpens reports whether all packets between one subnet of f and one of
// c get through.
func (w *world) somethingOpens(f *stack.Function, c *stack.Cache, port int) bool {
	for _, fs := range f.VPC.Subnets {
		for _, cs := range c.Subnets {
			if w.pairOpens(f, c, w.s.Subnet(fs.Or("")), w.s.Subnet(cs.Or("")), port) {
				return true
			}
		}
	}
	return false
}

// Without the rules that are implied by others, and without those that no path
// uses, every path is what it was.
func TestUselessRulesAreUseless(t *testing.T) {
	var implied, unused atomic.Int64
	forSeeds(t, cases(t, 2000), func(t *testing.T, seed uint64) {
		s := generate(seed, []float64{0, 0.05}[seed%2], nil)
		if s.Functions[0].VPC == nil {
			return
		}
		n := New(s)
		p := n.Path(s.Functions[0], s.Caches[0], s.Caches[0].Port)
		var refs []RuleRef
		for _, i := range n.Implied() {
			refs = append(refs, i.Rule)
		}
		implied.Add(int64(len(refs)))
		more := n.Unused([]Path{p})
		unused.Add(int64(len(more)))
		for _, list := range [][]RuleRef{refs, more} {
			if q := ask(withoutRules(s, list)); q.Verdict != p.Verdict {
				t.Errorf("seed %d: %s became %s without %+v\n%s", seed, p.Verdict, q.Verdict, list, dump(s))
			}
		}
	})
	t.Logf("%d implied, %d unused", implied.Load(), unused.Load())
}

func withoutRules(s *stack.Stack, refs []RuleRef) *stack.Stack {
	out := *s
	out.SecurityGroups = nil
	for _, g := range s.SecurityGroups {
		c := *g
		keep := func(rules []stack.Rule, kind RuleKind) []stack.Rule {
			var kept []stack.Rule
			for i, r := range rules {
				if !slices.ContainsFunc(refs, func(ref RuleRef) bool { return ref.Resource == g.ID && ref.Kind == kind && ref.Index == i }) {
					kept = append(kept, r)
				}
			}
			return kept
		}
		c.Ingress, c.Egress = keep(g.Ingress, IngressRule), keep(g.Egress, EgressRule)
		out.SecurityGroups = append(out.SecurityGroups, &c)
	}
	return &out
}

// Splitting boxes loses and invents no packet, and a list of entries is asked in
// its order.
func TestDecide(t *testing.T) {
	forSeeds(t, cases(t, 20_000), func(t *testing.T, seed uint64) {
		r := source(seed, 6)
		random := func() box {
			a, p := uint64(r.IntN(12)), r.IntN(12)
			return box{span{addr{0, a}, addr{0, a + uint64(r.IntN(5))}}, ports{p, p + r.IntN(5)}}
		}
		goal := random()
		var entries []entry
		for range r.IntN(6) {
			e := entry{sure: r.IntN(3) > 0, allow: r.IntN(2) == 0}
			e.deny = !e.allow || r.IntN(5) == 0
			for range 1 + r.IntN(3) {
				e.boxes = append(e.boxes, random())
			}
			entries = append(entries, e)
		}
		pieces := decide([]box{goal}, entries)
		for a := goal.span.from.lo; a <= goal.span.to.lo; a++ {
			for p := goal.ports.from; p <= goal.ports.to; p++ {
				one := box{span{addr{0, a}, addr{0, a}}, ports{p, p}}
				allow, deny := fateByHand(one, entries)
				hits := 0
				for _, piece := range pieces {
					if piece.meets(one) {
						hits++
						if piece.allow != allow || piece.deny != deny {
							t.Fatalf("seed %d: packet %v: %v %v, want %v %v", seed, one, piece.allow, piece.deny, allow, deny)
						}
					}
				}
				if hits != 1 {
					t.Fatalf("seed %d: packet %v is in %d pieces", seed, one, hits)
				}
			}
		}
	})
}

func fateByHand(one box, entries []entry) (allow, deny bool) {
	for _, e := range entries {
		if !slices.ContainsFunc(e.boxes, one.meets) {
			continue
		}
		allow, deny = allow || e.allow, deny || e.deny
		if e.sure || allow && deny {
			return allow, deny
		}
	}
	return allow, true
}

// A range is written as prefixes that hold exactly its addresses, in both
// families.
func TestPrefixesOfASpan(t *testing.T) {
	r := source(1, 7)
	for range 500 {
		for _, fam := range []family{ipv4, ipv6} {
			s := randomSpan(r, fam)
			var back []span
			for _, p := range s.prefixes(fam) {
				back = append(back, spanOf(netip.MustParsePrefix(p)))
			}
			if m := merge(back); len(m) != 1 || m[0] != s || len(back) > 2*fam.bits() {
				t.Fatalf("%v: %v", s, back)
			}
			if text := s.text(fam); strings.Contains(text, "/") != (len(back) == 1 && s.from != s.to) {
				t.Fatalf("%v is written %s", s, text)
			}
		}
	}
}

func randomSpan(r *rand.Rand, fam family) span {
	one := func() addr {
		a := addr{0, uint64(r.Uint32())}
		if fam == ipv6 {
			a = addr{r.Uint64(), r.Uint64()}
		}
		if r.IntN(4) == 0 {
			return pick(r, fam.all().from, fam.all().to)
		}
		return a
	}
	a, b := one(), one()
	return span{minAddr(a, b), maxAddr(a, b)}
}
