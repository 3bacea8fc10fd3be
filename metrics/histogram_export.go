package metrics

import (
	"encoding/json"
	"math"
)

// BucketGrowth is the ratio of a full bucket's limit to the one before it:
// 50 buckets a decade. A percentile that is interpolated in such a bucket is
// within some tenths of a percent of the one taken from all samples, and a
// series over three decades is 4 KB of JSON.
const BucketGrowth = 1.0471285480508996 // 10^(1/bucketsPerDecade)

const (
	bucketsPerDecade = 50
	bucketDigits     = 1000 // a limit is written with four significant digits
)

// Histograms are the distributions behind Latency.Cold and Latency.Warm, for
// charts and for resampling.
type Histograms struct {
	Cold Buckets `json:"cold"`
	Warm Buckets `json:"warm"`
}

// Buckets is a distribution on a logarithmic scale, ascending, without empty
// buckets. The limits are the same in every result, so that distributions can
// be laid over each other and added.
type Buckets []Bucket

// Bucket counts the samples that are at most LeMS and more than
// LeMS / BucketGrowth.
type Bucket struct {
	LeMS  float64 `json:"le_ms"`
	Count int64   `json:"count"`
}

// MarshalJSON writes an empty list, not null, when there are no samples.
func (b Buckets) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Bucket(b))
}

// export returns the series as buckets; nil without samples. It merges the
// series' own buckets, which are about fifty times as fine.
func (s *series) export() Buckets {
	if s.buckets == nil {
		return nil
	}
	var out Buckets
	last := math.MinInt
	for _, bar := range s.buckets.Distribution() {
		if bar.Count == 0 {
			continue
		}
		i := bucketOf(float64(bar.To) / 1000)
		if i != last {
			out = append(out, Bucket{LeMS: bucketLimit(i)})
			last = i
		}
		out[len(out)-1].Count += bar.Count
	}
	return out
}

// bucketOf returns the number of the bucket that holds the duration: the
// smallest i with ms ≤ 10^(i/bucketsPerDecade). Below 1 µs nothing is
// distinguished.
func bucketOf(ms float64) int {
	const rounding = 1e-9 // keeps a value that is a limit in its own bucket
	return int(math.Ceil(bucketsPerDecade*math.Log10(max(ms, 0.001)) - rounding))
}

// bucketLimit returns the upper limit in milliseconds, rounded up so that it is
// never below a sample of the bucket.
func bucketLimit(i int) float64 {
	exact := math.Pow(10, float64(i)/bucketsPerDecade)
	decade := math.Pow(10, math.Floor(math.Log10(exact)+1e-9))
	digits := math.Ceil(exact/decade*bucketDigits - 1e-6)
	if decade < 1 { // divide by a whole number, so that the JSON shows four digits
		return digits / math.Round(bucketDigits/decade)
	}
	return digits * decade / bucketDigits
}
