package metrics

import (
	"math"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// maxRows bounds a Timeline: as wide as a chart, and below 1 MB of JSON.
const maxRows = 2000

// rows collects a Timeline. When the run outgrows maxRows, pairs of rows
// become one and the interval doubles, so any length of run fits.
type rows struct {
	interval time.Duration
	list     []row
}

// row is one interval. Its latencies are kept as a histogram, because the
// percentiles of two rows cannot be merged but their histograms can.
type row struct {
	sent, cold, throttled, failed int64
	opened, rejected              int64 // connections
	hits, misses                  int64
	sampled                       bool
	gauges                        gauges // valid when sampled
	latency                       *hdr.PackedHistogram
}

type gauges struct{ idle, busy, starting, inFlight, connections, memory int64 }

func (g *gauges) raise(by gauges) {
	g.idle = max(g.idle, by.idle)
	g.busy = max(g.busy, by.busy)
	g.starting = max(g.starting, by.starting)
	g.inFlight = max(g.inFlight, by.inFlight)
	g.connections = max(g.connections, by.connections)
	g.memory = max(g.memory, by.memory)
}

// at returns the row of the offset. The pointer is valid until the next call.
func (t *rows) at(offset time.Duration) *row {
	offset = max(offset, 0)
	for offset/t.interval >= maxRows {
		t.halve()
	}
	i := int(offset / t.interval)
	for len(t.list) <= i {
		t.list = append(t.list, row{})
	}
	return &t.list[i]
}

func (t *rows) halve() {
	half := (len(t.list) + 1) / 2
	for i := range half {
		merged := t.list[2*i]
		if 2*i+1 < len(t.list) {
			merged.merge(&t.list[2*i+1])
		}
		t.list[i] = merged
	}
	clear(t.list[half:]) // lets go of the histograms
	t.list = t.list[:half]
	t.interval *= 2
}

// merge adds the counts and keeps the larger gauges.
func (r *row) merge(from *row) {
	r.sent += from.sent
	r.cold += from.cold
	r.throttled += from.throttled
	r.failed += from.failed
	r.opened += from.opened
	r.rejected += from.rejected
	r.hits += from.hits
	r.misses += from.misses
	r.sampled = r.sampled || from.sampled
	r.gauges.raise(from.gauges)
	if from.latency == nil {
		return
	}
	if r.latency == nil {
		r.latency = newRowHistogram()
	}
	r.latency.Merge(from.latency)
}

// newRowHistogram has two digits and stores only buckets in use: there can be
// 2,000 of them, and a chart shows no third digit.
func newRowHistogram() *hdr.PackedHistogram { return hdr.NewPacked(1, longest.Microseconds(), 2) }

func (r *row) recordLatency(d time.Duration) {
	if r.latency == nil {
		r.latency = newRowHistogram()
	}
	_ = r.latency.RecordValue(micros(d)) // in range, see micros
}

// percentile is in milliseconds; 0 without samples.
func (r *row) percentile(p float64) float64 {
	if r.latency == nil {
		return 0
	}
	return float64(r.latency.ValueAtPercentile(p)) / 1000
}

// recent merges the rows that were complete at now, back to one second before
// it, and returns the seconds they cover. In the first row it returns that row.
func (t *rows) recent(now time.Duration) (sum row, seconds float64) {
	end := int(max(now, 0) / t.interval)
	if end == 0 {
		if len(t.list) > 0 {
			sum.merge(&t.list[0])
		}
		return sum, now.Seconds()
	}
	count := min(end, max(1, int(time.Second/t.interval)))
	for i := end - count; i < min(end, len(t.list)); i++ {
		sum.merge(&t.list[i])
	}
	return sum, (time.Duration(count) * t.interval).Seconds()
}

// timeline returns the columns.
func (t *rows) timeline() Timeline {
	out := Timeline{IntervalMS: millis(t.interval)}
	var known gauges
	for i := range t.list {
		r := &t.list[i]
		if r.sampled {
			known = r.gauges
		}
		out.TMS = append(out.TMS, millis(time.Duration(i)*t.interval))
		out.EnvironmentsIdle = append(out.EnvironmentsIdle, known.idle)
		out.EnvironmentsBusy = append(out.EnvironmentsBusy, known.busy)
		out.EnvironmentsStarting = append(out.EnvironmentsStarting, known.starting)
		out.InFlight = append(out.InFlight, known.inFlight)
		out.Rate = append(out.Rate, math.Round(1000*float64(r.sent)/t.interval.Seconds())/1000)
		out.Cold = append(out.Cold, r.cold)
		out.Throttled = append(out.Throttled, r.throttled)
		out.Failed = append(out.Failed, r.failed)
		out.Connections = append(out.Connections, known.connections)
		out.New = append(out.New, r.opened)
		out.Rejected = append(out.Rejected, r.rejected)
		out.Hits = append(out.Hits, r.hits)
		out.Misses = append(out.Misses, r.misses)
		out.MemoryBytes = append(out.MemoryBytes, known.memory)
		out.P50MS = append(out.P50MS, r.percentile(50))
		out.P99MS = append(out.P99MS, r.percentile(99))
	}
	return out
}
