package dash

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/metrics"
)

// warmRun is a steady run of n warm invocations with a log-normal latency.
func warmRun(n int, median float64, seed uint64) *metrics.Result {
	rng := rand.New(rand.NewPCG(seed, 99))
	r := metrics.NewRecorder(metrics.Options{})
	for i := range n {
		at := time.Duration(float64(i) / float64(n) * float64(20*time.Second))
		o := metrics.Outcome{Function: "f", Intended: at, Sent: at, Source: "cache", Cold: i%200 == 0, Init: 200 * time.Millisecond}
		o.Done = at + time.Duration(median*math.Exp(0.5*rng.NormFloat64())*float64(time.Millisecond))
		r.Invocation(o)
	}
	return r.Result()
}

func rowOf(t *testing.T, c Comparison, name string) Ratio {
	t.Helper()
	for _, r := range c.Rows {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no row %q", name)
	return Ratio{}
}

func TestCompareFindsADifference(t *testing.T) {
	c := Compare(warmRun(10_000, 5, 1), warmRun(10_000, 6, 2))
	for _, name := range []string{"warm p50", "warm p90"} {
		r := rowOf(t, c, name)
		if r.Verdict != Larger || r.Ratio < 1.1 || r.Ratio > 1.3 || r.Low > r.Ratio || r.High < r.Ratio {
			t.Errorf("20 %% slower: %+v", r)
		}
	}
	if r := rowOf(t, c, "cold starts"); r.Verdict != Within || r.Ratio != 1 {
		t.Errorf("as many cold starts: %+v", r)
	}
}

// Runs that are alike but for their seed differ by more than the noise about
// once in twenty.
func TestCompareOfAlikeRuns(t *testing.T) {
	judged, wrong := 0, 0
	for seed := range uint64(30) {
		c := Compare(warmRun(3000, 5, 1000+seed), warmRun(3000, 5, 5000+seed))
		for _, name := range []string{"warm p50", "warm p90", "warm p99"} {
			judged++
			if rowOf(t, c, name).Verdict == Larger {
				wrong++
			}
		}
	}
	t.Logf("%d of %d", wrong, judged)
	if wrong > judged/10 {
		t.Errorf("%d of %d figures of alike runs were said to differ", wrong, judged)
	}
}

func TestCompareIsRepeatable(t *testing.T) {
	a, b := warmRun(2000, 5, 1), warmRun(2000, 5.2, 2)
	one, _ := json.Marshal(Compare(a, b))
	two, _ := json.Marshal(Compare(a, b))
	if string(one) != string(two) {
		t.Error("two comparisons of the same runs differ")
	}
}

// The short way to resample a quantile gives what drawing every sample gives.
func TestResampledQuantileAgainstTheLongWay(t *testing.T) {
	d := newDistribution(warmRun(300, 5, 3).Latency.Histograms.Warm)
	rng := rand.New(rand.NewPCG(4, 5))
	const q, rounds = 0.9, 1000
	short, long := make([]float64, rounds), make([]float64, rounds)
	for i := range rounds {
		short[i] = d.resampled(rng, q)
		samples := make([]float64, int(d.total))
		for j := range samples {
			samples[j] = d.quantile(rng.Float64())
		}
		slices.Sort(samples)
		long[i] = samples[int(math.Ceil(q*d.total))-1]
	}
	sl, sh := interval(short)
	ll, lh := interval(long)
	if math.Abs(sl-ll) > 0.03*ll || math.Abs(sh-lh) > 0.03*lh {
		t.Errorf("short way [%.3f, %.3f], long way [%.3f, %.3f]", sl, sh, ll, lh)
	}
}

// A histogram's quantile is that of the samples, within the width of a bucket.
func TestQuantileOfBuckets(t *testing.T) {
	r := warmRun(20_000, 5, 6)
	d := newDistribution(r.Latency.Histograms.Warm)
	for q, want := range map[float64]float64{0.5: r.Latency.Warm.P50, 0.9: r.Latency.Warm.P90, 0.99: r.Latency.Warm.P99} {
		if got := d.quantile(q); math.Abs(got/want-1) > 0.01 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

// Files are written by anyone: nothing in them may crash a comparison or put a
// number into the page that JSON cannot hold.
func TestCompareOfNonsense(t *testing.T) {
	good := warmRun(1000, 5, 1)
	bad := warmRun(1000, 5, 2)
	bad.Latency.Histograms.Warm = metrics.Buckets{{LeMS: 5, Count: 3}, {LeMS: 5, Count: 3}, {LeMS: -1, Count: 9}, {LeMS: 7, Count: -4}, {LeMS: 1e300, Count: math.MaxInt64}}
	bad.Invocations = metrics.Invocations{Total: 0, Cold: 12}
	bad.Timeline.P99MS = bad.Timeline.P99MS[:3]
	for _, pair := range [][2]*metrics.Result{{good, bad}, {bad, good}, {bad, bad}, {good, {}}, {{}, {}}} {
		c := Compare(pair[0], pair[1])
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
		c.WriteText(&strings.Builder{}, true, 10)
	}
}

func TestFewSamplesAreNotJudged(t *testing.T) {
	r := rowOf(t, Compare(warmRun(60, 5, 1), warmRun(60, 9, 2)), "warm p99")
	if r.Verdict != "" || r.Reason == "" {
		t.Errorf("p99 of 60 samples: %+v", r)
	}
}

func TestPoisson(t *testing.T) {
	for _, c := range []struct {
		x, n, y, m int64
		larger     bool
	}{
		{10, 1000, 12, 1000, false},
		{10, 1000, 100, 10_000, false}, // a longer run is no worse one
		{10, 1000, 40, 1000, true},
		{0, 1000, 2, 1000, false},
		{0, 1000, 30, 1000, true},
		{30, 1000, 0, 1000, true},
	} {
		low, high := poisson(c.x, c.n, c.y, c.m)
		if got := low > 1 || high < 1; got != c.larger {
			t.Errorf("%+v: [%.2f, %.2f]", c, low, high)
		}
	}
}

func TestComparisonText(t *testing.T) {
	a, b := warmRun(10_000, 5, 1), warmRun(10_000, 10, 2)
	a.Run.Name, b.Run.Name, b.Run.Arrivals = "before", "after", "constant(500/s)"
	var s strings.Builder
	Compare(a, b).WriteText(&s, false, 90)
	for _, want := range []string{"before against after", "warm p50", Larger, Within, "arrivals: A none, B constant(500/s)", "bootstrap", "95 %"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, s.String())
		}
	}
	if strings.Contains(s.String(), "\x1b") {
		t.Error("escapes without colour")
	}
	t.Log("\n" + s.String())
}
