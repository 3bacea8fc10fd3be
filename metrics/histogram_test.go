package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logNormal returns durations like those of a service: most near the median,
// some far above it.
func logNormal(n int) []time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(2e6 * math.Exp(0.8*random.NormFloat64()))
	}
	return all
}

// Against the obvious way: sort all samples.
func TestQuantiles(t *testing.T) {
	all := logNormal(20_000)
	var h Histogram
	for _, d := range all {
		h.Record(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
		got := h.Quantile(q)
		if slack := want/1000 + time.Microsecond; got < want-slack || got > want+slack {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	s := h.Summary()
	if s.Count != 20_000 || s.Max != millis(all[len(all)-1]) {
		t.Errorf("%+v, want the exact maximum %v", s, all[len(all)-1])
	}
	if s.P50 > s.P90 || s.P90 > s.P99 || s.P99 > s.P999 || s.P999 > s.Max {
		t.Errorf("%+v is not in order", s)
	}
}

func TestHistogramEdges(t *testing.T) {
	var empty Histogram
	if diff := cmp.Diff(Summary{}, empty.Summary()); diff != "" || empty.Quantile(0.5) != 0 {
		t.Error(diff)
	}
	var h Histogram
	h.Record(-time.Second)
	h.Record(0)
	h.Record(5 * time.Hour)
	if diff := cmp.Diff(Summary{Count: 3, P90: 3.6e6, P99: 3.6e6, P999: 3.6e6, Max: 5 * 3.6e6, Mean: 6e6}, roundUp(h.Summary())); diff != "" {
		t.Error(diff)
	}
	var one Histogram
	one.Record(25*time.Millisecond + 3*time.Microsecond)
	if s := one.Summary(); s.P50 != 25.003 || s.P999 != 25.003 || s.Mean != 25.003 {
		t.Errorf("one sample of 25.003 ms: %+v", s)
	}
}

// roundUp takes the width of the last bucket off.
func roundUp(s Summary) Summary {
	for _, p := range []*float64{&s.P90, &s.P99, &s.P999} {
		*p = math.Round(*p/1e4) * 1e4
	}
	return s
}

func TestMerge(t *testing.T) {
	var whole, left, right Histogram
	for i, d := range logNormal(5000) {
		whole.Record(d)
		if i%3 == 0 {
			left.Record(d)
		} else {
			right.Record(d)
		}
	}
	left.Merge(&right)
	left.Merge(new(Histogram))
	if diff := cmp.Diff(whole.Summary(), left.Summary()); diff != "" {
		t.Error(diff)
	}
	left.Merge(&left)
	if left.Summary().Count != 10_000 {
		t.Error("a histogram cannot be merged into itself")
	}
}

func TestHistogramConcurrently(t *testing.T) {
	var h, other Histogram
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				h.Record(time.Duration(i) * time.Microsecond)
				if i%100 == 0 {
					other.Merge(&h)
					h.Summary()
				}
			}
		})
	}
	wg.Wait()
	if n := h.Summary().Count; n != 8000 {
		t.Errorf("%d samples, want 8000", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	all := logNormal(1 << 16)
	b.Run("histogram", func(b *testing.B) {
		var h Histogram
		for i := 0; b.Loop(); i++ {
			h.Record(all[i&(1<<16-1)])
		}
		b.ReportMetric(float64(h.s.buckets.ByteSize()), "bytes")
	})
	b.Run("histogram-parallel", func(b *testing.B) {
		var h Histogram
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				h.Record(all[i&(1<<16-1)])
			}
		})
	})
	b.Run("invocation", func(b *testing.B) {
		r := NewRecorder(Options{})
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			at := time.Duration(i) * 50 * time.Microsecond
			r.Invocation(Outcome{Function: "f", Intended: at, Sent: at, Done: at + all[i&(1<<16-1)], Source: "cache"})
		}
	})
}

func BenchmarkResult(b *testing.B) {
	r := NewRecorder(Options{})
	for i, d := range logNormal(200_000) {
		at := time.Duration(i) * time.Millisecond
		r.Invocation(Outcome{Function: "f", Intended: at, Sent: at, Done: at + d})
	}
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			r.Snapshot(200 * time.Second)
		}
	})
	b.Run("result", func(b *testing.B) {
		for b.Loop() {
			r.Result()
		}
	})
}
