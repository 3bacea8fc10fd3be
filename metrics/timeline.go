package metrics

import "fmt"

// Timeline is the run over time, as columns of equal length, for charts and
// for laying a plan over a lab run. It has at most 2,000 rows. Row i covers
// [TMS[i], TMS[i]+IntervalMS). Gauges give the largest value in the row and,
// without a sample, the last one known. Counts belong to the row alone.
type Timeline struct {
	IntervalMS           float64   `json:"interval_ms"`
	TMS                  []float64 `json:"t_ms"`                  // start of the row since the start of the run
	EnvironmentsIdle     []int64   `json:"environments_idle"`     // gauge
	EnvironmentsBusy     []int64   `json:"environments_busy"`     // gauge
	EnvironmentsStarting []int64   `json:"environments_starting"` // gauge
	InFlight             []int64   `json:"in_flight"`             // gauge: requests sent and not done
	Rate                 []float64 `json:"rate"`                  // requests sent in the row, per second
	Cold                 []int64   `json:"cold"`                  // count, by time of reply; so are the next two
	Throttled            []int64   `json:"throttled"`             // count
	Failed               []int64   `json:"failed"`                // count
	Connections          []int64   `json:"connections"`           // gauge
	New                  []int64   `json:"new"`                   // count: connections opened
	Rejected             []int64   `json:"rejected"`              // count: connections refused
	Hits                 []int64   `json:"hits"`                  // count
	Misses               []int64   `json:"misses"`                // count
	MemoryBytes          []int64   `json:"memory_bytes"`          // gauge
	// P50MS and P99MS are of successful invocations, cold and warm, by time of
	// reply; 0 when the row has none. Two decimal digits are significant.
	P50MS []float64 `json:"p50_ms"`
	P99MS []float64 `json:"p99_ms"`
}

// counts returns the columns of integers.
func (t *Timeline) counts() []*[]int64 {
	return []*[]int64{
		&t.EnvironmentsIdle, &t.EnvironmentsBusy, &t.EnvironmentsStarting, &t.InFlight,
		&t.Cold, &t.Throttled, &t.Failed, &t.Connections, &t.New, &t.Rejected,
		&t.Hits, &t.Misses, &t.MemoryBytes,
	}
}

// figures returns the other columns.
func (t *Timeline) figures() []*[]float64 {
	return []*[]float64{&t.TMS, &t.Rate, &t.P50MS, &t.P99MS}
}

// check reports columns of different lengths, which a reader would index out
// of range. A column that is missing altogether is filled with zeros: an older
// writer did not have it.
func (t *Timeline) check() error {
	rows := len(t.TMS)
	for _, c := range t.counts() {
		if *c == nil {
			*c = make([]int64, rows)
		}
		if len(*c) != rows {
			return fmt.Errorf("metrics: a column of the result's timeline has %d rows where t_ms has %d", len(*c), rows)
		}
	}
	for _, c := range t.figures() {
		if *c == nil {
			*c = make([]float64, rows)
		}
		if len(*c) != rows {
			return fmt.Errorf("metrics: a column of the result's timeline has %d rows where t_ms has %d", len(*c), rows)
		}
	}
	return nil
}
