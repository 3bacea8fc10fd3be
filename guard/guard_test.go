package guard

import (
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"
)

func TestFullJitterStaysInItsBounds(t *testing.T) {
	property := func(base, limit uint32, n uint8, u float64) bool {
		if u < 0 || u >= 1 {
			return true
		}
		b, l := time.Duration(base), time.Duration(limit)
		top := b // the obvious form: double n times and look
		for range n {
			if top *= 2; top > l {
				top = l
				break
			}
		}
		w := FullJitter(b, l, int(n), u)
		return w >= 0 && w <= min(top, l)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
	if w := FullJitter(100*time.Millisecond, time.Hour, 200, 0.999); w < 0 || w > time.Hour {
		t.Errorf("overflow: %v", w)
	}
	if w := FullJitter(100*time.Millisecond, 10*time.Second, 3, 0.5); w != 400*time.Millisecond {
		t.Errorf("half of 800 ms = %v", w)
	}
}

func TestRandomIsUniformEnough(t *testing.T) {
	r := random(1)
	sum := 0.0
	for range 10000 {
		f := r.float()
		if f < 0 || f >= 1 {
			t.Fatalf("%v is outside [0, 1)", f)
		}
		sum += f
	}
	if mean := sum / 10000; mean < 0.48 || mean > 0.52 {
		t.Errorf("mean %v", mean)
	}
}

// However calls and retries come, retries stay below what the budget was given.
func TestBudgetNeverOverspends(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		o := BudgetOptions{Ratio: 0.2, PerSecond: 2, Max: 5}
		b := NewBudget(o)
		calls, retries := 0, 0
		now := time.Duration(0)
		for range 1000 {
			now += time.Duration(r.IntN(50)) * time.Millisecond
			if r.IntN(3) > 0 {
				b.Deposit(1)
				calls++
			} else if b.Retry(at(now)) {
				retries++
			}
			if most := o.Max + o.Ratio*float64(calls) + o.PerSecond*now.Seconds(); float64(retries) > most {
				t.Fatalf("seed %d: %d retries, at most %.1f", seed, retries, most)
			}
		}
		if retries == 0 {
			t.Fatalf("seed %d: a budget that never pays", seed)
		}
	}
}

func TestBudgetRefillsOverAFreeze(t *testing.T) {
	b := NewBudget(BudgetOptions{Max: 2})
	for b.Retry(at(0)) {
	}
	if b.Retry(at(500 * time.Millisecond)) {
		t.Fatal("half a second is half a retry")
	}
	if !b.Retry(at(time.Hour)) {
		t.Fatal("nothing after an hour")
	}
	if !b.Retry(at(-time.Hour)) || b.Retry(at(-time.Hour)) {
		t.Fatal("a clock set back must change nothing")
	}
}

func TestLimiterBounds(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		l := NewLimiter(LimiterOptions{Max: 8, Min: 2})
		held := 0
		for step := range 2000 {
			now := at(time.Duration(step) * 10 * time.Millisecond)
			if r.IntN(2) == 0 {
				ok := l.Acquire()
				if want := held < l.Limit(); ok != want {
					t.Fatalf("seed %d: Acquire = %v with %d of %d taken", seed, ok, held, l.Limit())
				}
				if ok {
					held++
				}
			} else if held > 0 {
				held--
				l.Release(now, Outcome(r.IntN(3)))
			}
			if l.Limit() < 2 || l.Limit() > 8 || l.Inflight() != held {
				t.Fatalf("seed %d: limit %d, in flight %d, held %d", seed, l.Limit(), l.Inflight(), held)
			}
		}
	}
}

func TestLimiterCutsOncePerStall(t *testing.T) {
	l := NewLimiter(LimiterOptions{Max: 100})
	for range 50 {
		l.Acquire()
	}
	for range 50 {
		l.Release(at(0), Failure)
	}
	if got := l.Limit(); got != 70 {
		t.Errorf("one stall cut the limit to %d, want 70", got)
	}
	for i := range 1000 {
		for range l.Limit() {
			l.Acquire()
		}
		for range l.Limit() {
			l.Release(at(time.Duration(i)*time.Second), Success)
		}
		for l.Inflight() > 0 {
			l.Release(at(0), Ignored)
		}
	}
	if got := l.Limit(); got != 100 {
		t.Errorf("did not recover: %d", got)
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(LimiterOptions{})
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		l.Acquire()
		l.Release(now, Success)
	}
}
