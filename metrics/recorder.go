package metrics

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// lateAfter is the lag from which a request counts as late. Sleeping is
// accurate to about this much on an idle machine.
const lateAfter = time.Millisecond

// Options configures a Recorder. The zero value is for a measured run.
type Options struct {
	Kind     Kind          // default Measured
	Interval time.Duration // of the timeline's first rows; default 100 ms, at least 1 ms
	// Sources are the names that Result.Sources has even when nobody answered
	// under them, so that an expectation about them can be judged. Default
	// "cache" and "database".
	Sources []string
}

// Recorder collects one run. Its methods may be called at the same time from
// many goroutines. It holds no clock: every method is told the time.
type Recorder struct {
	mu        sync.Mutex
	options   Options
	functions map[string]*tally
	lag       series // of all sent requests
	late      int64
	dropped   int64
	errors    errorKinds
	rows      rows
	fleet     fleet
	activity  activity
	samples   samples

	begun       bool
	first, done time.Duration // first intended send, last reply
}

// NewRecorder returns an empty recorder.
func NewRecorder(o Options) *Recorder {
	if o.Kind == "" {
		o.Kind = Measured
	}
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Sources == nil {
		o.Sources = []string{"cache", "database"}
	}
	return &Recorder{
		options:   o,
		functions: make(map[string]*tally),
		rows:      rows{interval: max(o.Interval, time.Millisecond)},
	}
}

// Invocation records a finished request.
func (r *Recorder) Invocation(o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.function(o.Function).add(&o)
	r.begin(o.Intended)
	r.done = max(r.done, o.Done)
	lag := o.Sent - o.Intended
	r.lag.record(lag)
	if lag > lateAfter {
		r.late++
	}
	r.rows.at(o.Sent).sent++
	row := r.rows.at(o.Done)
	if o.Status == Throttled {
		row.throttled++
		return
	}
	if o.Cold {
		row.cold++
	}
	if o.Status != Success {
		row.failed++
		r.errors.add(&o)
		return
	}
	row.recordLatency(o.Done - o.Intended)
}

// Dropped records that a request was never sent. intended is its offset.
func (r *Recorder) Dropped(intended time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(intended)
	r.dropped++
}

// Sample records the state of the system. Samples come in the order of At.
func (r *Recorder) Sample(s Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples.add(s, r.rows.at(s.At))
}

// Environment records the life of an environment when it is over, or when the
// run is. Told again, under the same ID, it replaces what was told before, so
// an environment may also be told while it lives.
func (r *Recorder) Environment(e Environment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.function(e.Function)
	r.fleet.add(e)
}

// function returns the tally of a function. The lock is held.
func (r *Recorder) function(name string) *tally {
	t := r.functions[name]
	if t == nil {
		t = newTally(r.options.Sources)
		r.functions[name] = t
	}
	return t
}

// begin moves the start of the run to the earliest intended send.
func (r *Recorder) begin(intended time.Duration) {
	if !r.begun || intended < r.first {
		r.begun, r.first = true, intended
	}
}

// Progress is a run so far, for a status line.
type Progress struct {
	Invocations Invocations
	Dropped     int64         // as Generator.Dropped
	Rate        float64       // requests sent per second, over the last second of whole rows
	P50, P99    time.Duration // of successful invocations, over the same time
	LagP99      time.Duration // of the generator, since the start
	Last        Sample        // the latest sample
}

// Snapshot returns the run so far; now is the offset since its start. It costs
// some microseconds: a status line can ask ten times a second.
func (r *Recorder) Snapshot(now time.Duration) Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Dropped: r.dropped, LagP99: r.lag.quantile(0.99), Last: r.samples.last}
	for _, t := range r.functions {
		p.Invocations.add(t.invocations)
	}
	recent, seconds := r.rows.recent(now)
	if seconds > 0 {
		p.Rate = float64(recent.sent) / seconds
	}
	p.P50 = time.Duration(recent.percentile(50) * float64(time.Millisecond))
	p.P99 = time.Duration(recent.percentile(99) * float64(time.Millisecond))
	return p
}

// Result returns all that was recorded so far; the recorder can go on. What a
// recorder does not see is empty: Machine, Mechanisms, Cache without Hits and
// Misses, Origin, Expectations, Warnings, and Run but for its duration. The
// caller fills it in.
func (r *Recorder) Result() *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Result{Format: Format, Kind: r.options.Kind, Timeline: r.rows.timeline(), Errors: r.errors.result()}
	out.Run.DurationS = max(0, r.done-r.first).Seconds()
	whole := newTally(r.options.Sources)
	for _, name := range slices.Sorted(maps.Keys(r.functions)) {
		t := r.functions[name]
		whole.merge(t)
		out.Functions = append(out.Functions, Function{
			Name:         name,
			Invocations:  t.invocations,
			Latency:      t.latency(),
			Sources:      maps.Clone(t.sources),
			Environments: r.fleet.of(name),
		})
	}
	out.Invocations, out.Latency, out.Sources = whole.invocations, whole.latency(), whole.sources
	out.Generator = Generator{Sent: whole.invocations.Total, Late: r.late, Dropped: r.dropped, LagMS: r.lag.summary()}
	r.samples.result(out)
	r.fleet.result(out, r.samples.environments)
	r.activity.result(out.EnvironmentsDetail)
	out.complete()
	return out
}
