package reach

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// The changes that a closed path names open it, on stacks where everything is
// known, and leave it at worst unknown where something is not. They never close
// a path that was open.
func TestChangesOpen(t *testing.T) {
	var opened, stuck, none atomic.Int64
	forSeeds(t, cases(t, 10_000), func(t *testing.T, seed uint64) {
		share := []float64{0, 0, 0.02, 0.08}[seed%4]
		s := generate(seed, share, nil)
		if !valid(s) {
			return
		}
		f, c := s.Functions[0], s.Caches[0]
		p := New(s).Path(f, c, c.Port)
		if p.Verdict != Closed {
			if len(p.Changes) > 0 {
				t.Errorf("seed %d: changes for a path that is %s", seed, p.Verdict)
			}
			return
		}
		if len(p.Changes) == 0 {
			none.Add(1)
			if share == 0 {
				t.Errorf("seed %d: no changes although everything is known: %s\n%s", seed, p.Deciding().Reason, dump(s))
			}
			return
		}
		after := Apply(s, p.Changes)
		q := New(after).Path(after.Function("f"), after.Cache("c"), c.Port)
		if again := New(s).Path(f, c, c.Port); again.Verdict != Closed {
			t.Errorf("seed %d: Apply changed the stack that it was given", seed)
		}
		switch {
		case q.Verdict == Open:
			opened.Add(1)
		case q.Verdict == Closed, share == 0 && q.Deciding().Kind != RouteOut && q.Deciding().Kind != ReturnRoute && q.Deciding().Kind != SameVPC:
			t.Errorf("seed %d: %s after the changes\n%s\n%s\n%s", seed, q.Verdict, dump(s), describe(p), describe(q))
		default:
			stuck.Add(1)
		}
	})
	t.Logf("%d opened, %d unknown after the changes, %d without changes", opened.Load(), stuck.Load(), none.Load())
}

// An interface that claims to be in a VPC where its subnet is not: a peering of
// the claimed VPC opens nothing, and no second one is tried.
func TestPeeringOfAnotherVPC(t *testing.T) {
	s := peered()
	s.Peerings = nil
	s.VPCs = append(s.VPCs, &stack.VPC{Resource: stack.Resource{ID: "Claimed"}, CIDRs: []stack.Value[netip.Prefix]{stack.Known(netip.MustParsePrefix("10.2.0.0/16"))}})
	s.RouteTables[0].Routes, s.RouteTables[1].Routes = nil, nil
	s.Interfaces = []*stack.Interface{{Resource: stack.Resource{ID: "eni"}, VPC: stack.Known("Claimed"), Subnets: known([]string{"AppA"}), SecurityGroups: known([]string{"AppGroup"})}}
	p := New(s).From(FromInterface(s.Interfaces[0]), s.Caches[0], s.Caches[0].Port)
	if p.Verdict != Closed || len(p.Changes) > 0 {
		t.Errorf("%s with changes %+v", p.Verdict, p.Changes)
	}
}
