package reach

import (
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/thawdev/thaw/stack"
)

func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

func generate(seed uint64, holes float64, fill *rand.Rand) *stack.Stack {
	g := &generator{main: source(seed, 1), holes: holes, fill: fill}
	return g.stack()
}

func dump(s *stack.Stack) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// forSeeds runs check for count seeds on all cores.
func forSeeds(t *testing.T, count int, check func(t *testing.T, seed uint64)) {
	t.Helper()
	const first = 20261123
	t.Logf("seeds %d to %d", first, first+count-1)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(count) && !t.Failed(); i = next.Add(1) - 1 {
				check(t, first+uint64(i))
			}
		})
	}
	wg.Wait()
}

func cases(t *testing.T, n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// Of a stack without unknown values, reach says what single packets do.
func TestAgainstPackets(t *testing.T) {
	var open, closed, unknown atomic.Int64
	forSeeds(t, cases(t, 60_000), func(t *testing.T, seed uint64) {
		s := generate(seed, 0, nil)
		if !valid(s) {
			return
		}
		bits := source(seed, 2)
		f, c := s.Functions[0], s.Caches[0]
		got := New(s).Path(f, c, c.Port)
		for range 2 {
			w := &world{s, bits.IntN(2) == 0, bits.IntN(2) == 0, bits.IntN(2) == 0, bits.IntN(2) == 0}
			want := Closed
			if w.opens(f, c, c.Port.Or(0)) {
				want = Open
			}
			if got.Verdict != Unknown && got.Verdict != want {
				t.Errorf("seed %d: reach says %s, packets say %s\n%s\n%s", seed, got.Verdict, want, dump(s), describe(got))
				return
			}
		}
		switch got.Verdict {
		case Open:
			open.Add(1)
		case Closed:
			closed.Add(1)
		default:
			unknown.Add(1)
			if !leadsAside(s) {
				t.Errorf("seed %d: unknown, but nothing is\n%s\n%s", seed, dump(s), describe(got))
			}
		}
	})
	t.Logf("%d open, %d closed, %d unknown", open.Load(), closed.Load(), unknown.Load())
	if open.Load() < closed.Load()/10 || unknown.Load() > closed.Load()/2 {
		t.Error("the random stacks prove little: they are nearly all closed or unknown")
	}
}

// leadsAside reports whether a route leads to where the stack does not show, or
// counts within a subnet.
func leadsAside(s *stack.Stack) bool {
	for _, t := range s.RouteTables {
		if len(t.Routes) > 0 {
			return true
		}
	}
	return false
}

// A verdict other than unknown holds whatever the unknown values turn out to be.
func TestCompletions(t *testing.T) {
	var known, unknown, completions atomic.Int64
	forSeeds(t, cases(t, 25_000), func(t *testing.T, seed uint64) {
		share := []float64{0.005, 0.02, 0.05, 0.15}[seed%4]
		s := generate(seed, share, nil)
		got := New(s).Path(s.Functions[0], s.Caches[0], s.Caches[0].Port)
		if got.Verdict == Unknown {
			unknown.Add(1)
			return
		}
		known.Add(1)
		fill := source(seed, 3)
		for range 6 {
			full := generate(seed, share, fill)
			if !valid(full) {
				continue
			}
			w := &world{full, fill.IntN(2) == 0, fill.IntN(2) == 0, fill.IntN(2) == 0, fill.IntN(2) == 0}
			want := Closed
			if w.opens(full.Functions[0], full.Caches[0], full.Caches[0].Port.Or(0)) {
				want = Open
			}
			completions.Add(1)
			if got.Verdict != want {
				t.Errorf("seed %d: reach says %s, a completion says %s\n%s\n%s\n%s", seed, got.Verdict, want, dump(s), dump(full), describe(got))
				return
			}
		}
	})
	t.Logf("%d known, %d unknown, %d completions", known.Load(), unknown.Load(), completions.Load())
}

func describe(p Path) string {
	b, _ := json.Marshal(p)
	return string(b)
}

// A VPC without AWS's resolver may have another. A template that declares no
// DHCP options has none; of an account they are not read.
func TestResolverOfAccount(t *testing.T) {
	for dialect, want := range map[stack.Dialect]Verdict{stack.CloudFormation: Closed, stack.Live: Unknown} {
		s := shop()
		s.Dialect = dialect
		s.VPCs[0].EnableDNSSupport = stack.Known(false)
		for _, f := range ask(s).Factors {
			if f.Kind == DNS && f.Verdict != want {
				t.Errorf("%s: %s, want %s: %s", dialect, f.Verdict, want, f.Reason)
			}
		}
	}
}
