package metrics

import (
	"math"
	"time"
)

// Bounds of Activity: as many columns as a chart can show, in steps that begin
// fine and double until the run fits.
const (
	maxActivityColumns = 400
	firstColumn        = 5 * time.Millisecond
)

// Activity is when an environment was busy, as columns of equal width: small
// enough for 1,000 environments and a million invocations. Columns after the
// last busy one are left out. In a column where the environment lives and is
// not busy it is frozen.
type Activity struct {
	ColumnMS float64 `json:"column_ms"` // width; 0: not recorded
	FirstMS  float64 `json:"first_ms"`  // start of the first column since the start of the run
	// Busy has a digit for each column: 0 is not busy, 1 is busy for at most a
	// ninth of it, 9 is busy for more than eight ninths.
	Busy string `json:"busy"`
}

// activity collects the busy time of environments. The zero value is empty.
type activity struct {
	column time.Duration
	busy   map[string]*busyColumns
}

// busyColumns is the busy time of one environment. Columns count from the
// start of the run; those before first are not stored.
type busyColumns struct {
	first int
	spent []float32 // seconds
}

// Busy records that an environment worked on an invocation between two offsets
// since the start of the run, without its init. The environment is named as in
// Environment.ID and may be told to Environment later. The first 1,000
// environments are recorded; it costs well under a microsecond.
func (r *Recorder) Busy(environment string, from, to time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.activity.add(environment, max(from, 0), to)
}

func (a *activity) add(environment string, from, to time.Duration) {
	if to <= from {
		return
	}
	if a.busy == nil {
		a.column, a.busy = firstColumn, make(map[string]*busyColumns)
	}
	for (to-1)/a.column >= maxActivityColumns {
		a.halve()
	}
	first := int(from / a.column)
	e := a.busy[environment]
	if e == nil {
		if len(a.busy) == maxEnvironments {
			return
		}
		e = &busyColumns{first: first}
		a.busy[environment] = e
	}
	e.reach(first)
	for i := first; from < to; i++ {
		e.reach(i)
		end := min(to, time.Duration(i+1)*a.column)
		e.spent[i-e.first] += float32((end - from).Seconds())
		from = end
	}
}

// reach makes room for column i, also before the first: invocations are told
// when they end, and a long one can begin before a short one.
func (e *busyColumns) reach(i int) {
	if i < e.first {
		e.spent = append(make([]float32, e.first-i), e.spent...)
		e.first = i
	}
	for len(e.spent) <= i-e.first {
		e.spent = append(e.spent, 0)
	}
}

// halve makes one column of each two.
func (a *activity) halve() {
	for _, e := range a.busy {
		first := e.first / 2
		merged := make([]float32, (e.first+len(e.spent)+1)/2-first)
		for i, s := range e.spent {
			merged[(e.first+i)/2-first] += s
		}
		e.first, e.spent = first, merged
	}
	a.column *= 2
}

// result writes the activity into the environments that have one.
func (a *activity) result(out []Environment) {
	for i := range out {
		e := a.busy[out[i].ID]
		if e == nil {
			continue
		}
		digits := make([]byte, len(e.spent))
		for j, s := range e.spent {
			share := min(1, float64(s)/a.column.Seconds())
			digits[j] = '0' + byte(math.Ceil(9*share-1e-6))
		}
		out[i].Activity = Activity{
			ColumnMS: millis(a.column),
			FirstMS:  millis(time.Duration(e.first) * a.column),
			Busy:     string(digits),
		}
	}
}
