package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every sample is in exactly one bucket, at most its limit and above the
// previous one; nothing is lost.
func TestBucketsHoldEverySample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s series
	var samples []float64
	for range 20_000 {
		d := time.Duration(math.Exp(rng.NormFloat64()*2) * float64(3*time.Millisecond)).Round(time.Microsecond)
		s.record(d)
		samples = append(samples, millis(d))
	}
	buckets := s.export()
	slices.Sort(samples)
	var sum int64
	for i, b := range buckets {
		if i > 0 && b.LeMS <= buckets[i-1].LeMS {
			t.Fatalf("limits do not ascend: %v after %v", b.LeMS, buckets[i-1].LeMS)
		}
		sum += b.Count
		// The recorder's own buckets are 0.1 % wide and straddle a limit.
		if got := float64(sum); got > float64(below(samples, b.LeMS*1.001)) || got < float64(below(samples, b.LeMS*0.999)) {
			t.Errorf("up to %v ms: %d samples, want about %d", b.LeMS, sum, below(samples, b.LeMS))
		}
	}
	if sum != int64(len(samples)) {
		t.Errorf("%d samples in the buckets, want %d", sum, len(samples))
	}
}

func below(sorted []float64, limit float64) int {
	i, _ := slices.BinarySearch(sorted, math.Nextafter(limit, math.Inf(1)))
	return i
}

func TestBucketLimits(t *testing.T) {
	for i := -150; i < 330; i++ {
		limit := bucketLimit(i)
		if exact := math.Pow(10, float64(i)/bucketsPerDecade); limit < exact*(1-1e-12) || limit > exact*1.0011 {
			t.Errorf("bucketLimit(%d) = %v, want %v", i, limit, exact)
		}
		if text, _ := json.Marshal(limit); len(text) > 9 {
			t.Errorf("bucketLimit(%d) is written as %s", i, text)
		}
	}
	for _, ms := range []float64{0.001, 0.01, 0.1, 1, 10, 100, 1000} {
		if got := bucketLimit(bucketOf(ms)); got != ms {
			t.Errorf("the bucket of %v ends at %v", ms, got)
		}
	}
}

// A reader needs no defaults: the keys are there without samples too.
func TestHistogramsAreNeverNull(t *testing.T) {
	r := NewRecorder(Options{})
	r.Invocation(Outcome{Function: "f", Done: 12 * time.Millisecond})
	var b strings.Builder
	if err := r.Result().Encode(&b); err != nil {
		t.Fatal(err)
	}
	if want := `"histograms":{"cold":[],"warm":[{"le_ms":12.03,"count":1}]}`; !strings.Contains(b.String(), want) {
		t.Errorf("%s\nholds no %s", b.String(), want)
	}
}
