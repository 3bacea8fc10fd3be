package reach

import (
	"sync/atomic"
	"testing"
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
