package dash

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/thawdev/thaw/metrics"
)

// How intervals are found; see method in compare.go.
const (
	resamples = 2000
	level     = 0.95
	seed      = 1 // the same two files always give the same answer
	segments  = 20
	// A percentile is judged only with so many samples beyond it: the bootstrap
	// of an extreme value is too narrow.
	beyond = 5
)

// noise finds how far the ratio of two percentiles moves by chance. Its answers
// are factors about the ratio that was measured.
type noise struct {
	drift *[2]float64 // spread over time as a factor, low and high; nil: unknown
}

// percentile returns the interval of the ratio b/a of the percentile q, divided
// by the ratio itself: [0.9, 1.1] is ten percent to both sides. drifts says
// that the series is what the timeline shows, so its drift counts.
func (n noise) percentile(a, b metrics.Buckets, q float64, drifts bool) (low, high float64, reason string) {
	da, db := newDistribution(a), newDistribution(b)
	if da.total == 0 || db.total == 0 {
		return 0, 0, "no distribution in one of the runs"
	}
	if tail := min(da.total, db.total) * math.Min(q, 1-q); tail < beyond-1e-9 {
		return 0, 0, "too few samples for a verdict"
	}
	rng := rand.New(rand.NewPCG(seed, math.Float64bits(q)))
	point := math.Log(db.quantile(q) / da.quantile(q))
	moved := make([]float64, resamples)
	for i := range moved {
		moved[i] = math.Log(db.resampled(rng, q)/da.resampled(rng, q)) - point
	}
	low, high = interval(moved)
	if drifts && n.drift != nil && n.drift[1]-n.drift[0] > high-low {
		low, high = n.drift[0], n.drift[1]
	}
	return math.Exp(low), math.Exp(high), ""
}

// distribution is a histogram that can be asked for quantiles.
type distribution struct {
	limits []float64 // upper, ascending, ms
	upTo   []float64 // samples at or below the limit
	total  float64
}

// newDistribution takes buckets as they are in a file: what cannot be, such as
// a negative count, is left out.
func newDistribution(b metrics.Buckets) distribution {
	var d distribution
	for _, bucket := range b {
		if bucket.Count <= 0 || bucket.LeMS <= 0 || (len(d.limits) > 0 && bucket.LeMS <= d.limits[len(d.limits)-1]) {
			continue
		}
		d.total += float64(bucket.Count)
		d.limits = append(d.limits, bucket.LeMS)
		d.upTo = append(d.upTo, d.total)
	}
	return d
}

// quantile interpolates within the bucket, in the logarithm.
func (d distribution) quantile(q float64) float64 {
	want := q * d.total
	i, _ := slices.BinarySearch(d.upTo, want)
	i = min(i, len(d.limits)-1)
	from, below := d.limits[i]/metrics.BucketGrowth, 0.0
	if i > 0 {
		from, below = math.Max(from, d.limits[i-1]), d.upTo[i-1]
	}
	share := (want - below) / (d.upTo[i] - below)
	return from * math.Pow(d.limits[i]/from, share)
}

// resampled returns the quantile of a multinomial resample of the histogram:
// as many samples as it has, each drawn from it with replacement.
//
// Drawing a million samples two thousand times would take minutes. It is not
// needed: the k-th smallest of n draws from a distribution F is F⁻¹(U), where U
// is the k-th smallest of n uniform numbers, and that is distributed as
// Beta(k, n−k+1). One number replaces n.
func (d distribution) resampled(rng *rand.Rand, q float64) float64 {
	k := math.Max(1, math.Ceil(q*d.total))
	return d.quantile(beta(rng, k, d.total-k+1))
}

// beta draws from Beta(a, b) with a, b ≥ 1 as x/(x+y) of two gamma variates.
func beta(rng *rand.Rand, a, b float64) float64 {
	x := gamma(rng, a)
	return x / (x + gamma(rng, b))
}

// gamma draws from Gamma(shape, 1) for shape ≥ 1.
// Source: G. Marsaglia, W. W. Tsang, A Simple Method for Generating Gamma
// Variables, ACM TOMS 26 (2000).
func gamma(rng *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// drift returns how far the ratio of the runs' latencies moves over time, as an
// interval of its logarithm. Both runs are cut into segments; each pair of
// segments gives one ratio of p99 (which moves at least as much as p50 does),
// and the mean of the ratios is bootstrapped over the segments. Pairs, because
// a burst that both runs have at the same time is no noise. nil when the runs
// cannot be cut alike.
func drift(a, b *metrics.Timeline) *[2]float64 {
	la, lb := length(a), length(b)
	if la == 0 || lb == 0 || math.Abs(la-lb) > 0.1*math.Max(la, lb) {
		return nil
	}
	pa, pb := cut(a, math.Max(la, lb)), cut(b, math.Max(la, lb))
	var ratios []float64
	for i := range pa {
		if pa[i] > 0 && pb[i] > 0 {
			ratios = append(ratios, math.Log(pb[i]/pa[i]))
		}
	}
	if len(ratios) < segments/2 {
		return nil
	}
	rng := rand.New(rand.NewPCG(seed, segments))
	mean := average(ratios)
	moved := make([]float64, resamples)
	drawn := make([]float64, len(ratios))
	for i := range moved {
		for j := range drawn {
			drawn[j] = ratios[rng.IntN(len(ratios))]
		}
		moved[i] = average(drawn) - mean
	}
	low, high := interval(moved)
	return &[2]float64{low, high}
}

func length(t *metrics.Timeline) float64 {
	return float64(len(t.TMS)) * t.IntervalMS
}

// cut returns a typical p99 of each segment: the median of its rows.
func cut(t *metrics.Timeline, span float64) []float64 {
	rows := make([][]float64, segments)
	for i, ms := range t.P99MS {
		if ms > 0 && i < len(t.TMS) {
			s := min(segments-1, max(0, int(t.TMS[i]/span*segments)))
			rows[s] = append(rows[s], ms)
		}
	}
	out := make([]float64, segments)
	for i, r := range rows {
		if len(r) > 0 {
			slices.Sort(r)
			out[i] = r[len(r)/2]
		}
	}
	return out
}

func average(list []float64) float64 {
	total := 0.0
	for _, v := range list {
		total += v
	}
	return total / float64(len(list))
}

// interval returns the middle share of the values, which it sorts.
func interval(values []float64) (low, high float64) {
	slices.Sort(values)
	n := float64(len(values) - 1)
	return values[int(math.Floor(n*(1-level)/2))], values[int(math.Ceil(n*(1+level)/2))]
}

// poisson returns the 95 % interval of (y/m)/(x/n), the ratio of two rates of
// rare events: log-normal, with half an event added to each count so that none
// is zero.
func poisson(x, n, y, m int64) (low, high float64) {
	const z = 1.959964 // of the normal distribution, at level
	fx, fy := float64(x)+0.5, float64(y)+0.5
	log := math.Log(fy / float64(m) * float64(n) / fx)
	wide := z * math.Sqrt(1/fx+1/fy)
	return math.Exp(log - wide), math.Exp(log + wide)
}
