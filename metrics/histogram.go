package metrics

import (
	"math"
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Range of a histogram. Longer durations count as the longest, but Max and
// Mean stay exact.
const (
	longest = time.Hour
	// digits is the precision: a quantile is at most 0.1 % above the true one,
	// so that 25.02 ms and 25.04 ms can be told apart from 25 ms in an
	// expectation. Three digits cost 188 KB (two: 27 KB), taken with the first
	// sample only: a run of one function, seven series, stays below 1.5 MB.
	digits = 3
)

// Histogram is a distribution of durations from 1 µs to 1 h with three
// significant digits, in 188 KB once it has a sample. The zero value is empty
// and ready. Its methods may be called at the same time from many goroutines;
// it must not be copied.
type Histogram struct {
	mu sync.Mutex
	s  series
}

// Record adds one duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	h.mu.Lock()
	h.s.record(d)
	h.mu.Unlock()
}

// Merge adds all samples of the other histogram, which stays as it is.
func (h *Histogram) Merge(from *Histogram) {
	from.mu.Lock()
	var s series
	s.merge(&from.s) // a copy, so that no goroutine holds two locks
	from.mu.Unlock()
	h.mu.Lock()
	h.s.merge(&s)
	h.mu.Unlock()
}

// Quantile returns the duration that the share q (0 … 1) of the samples does
// not exceed; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.s.quantile(q)
}

// Summary returns the figures of the result format.
func (h *Histogram) Summary() Summary {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.s.summary()
}

// series is a Histogram without the lock. The zero value is empty.
type series struct {
	buckets *hdr.Histogram // of microseconds; nil: no samples
	sum     float64        // nanoseconds
	max     time.Duration
}

func (s *series) record(d time.Duration) {
	if s.buckets == nil {
		s.buckets = hdr.New(1, longest.Microseconds(), digits)
	}
	d = max(d, 0)
	s.sum += float64(d)
	s.max = max(s.max, d)
	// The only errors are a value out of range, which micros excludes, and a
	// count beyond an int64.
	_ = s.buckets.RecordValue(micros(d))
}

// micros rounds to whole microseconds in the range of a histogram.
func micros(d time.Duration) int64 {
	return min(max(d, 0), longest).Round(time.Microsecond).Microseconds()
}

func (s *series) merge(from *series) {
	if from.buckets == nil {
		return
	}
	if s.buckets == nil {
		s.buckets = from.buckets.Clone()
	} else {
		s.buckets.Merge(from.buckets) // drops nothing: both have one range
	}
	s.sum += from.sum
	s.max = max(s.max, from.max)
}

func (s *series) count() int64 {
	if s.buckets == nil {
		return 0
	}
	return s.buckets.TotalCount()
}

func (s *series) quantile(q float64) time.Duration {
	if s.buckets == nil {
		return 0
	}
	// The top of a bucket may lie above the largest sample.
	return min(s.max, time.Duration(s.buckets.ValueAtPercentile(q*100))*time.Microsecond)
}

func (s *series) summary() Summary {
	n := s.count()
	if n == 0 {
		return Summary{}
	}
	return Summary{
		Count: n,
		P50:   millis(s.quantile(0.5)),
		P90:   millis(s.quantile(0.9)),
		P99:   millis(s.quantile(0.99)),
		P999:  millis(s.quantile(0.999)),
		Max:   millis(s.max),
		Mean:  math.Round(s.sum/float64(n)) / 1e6,
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
