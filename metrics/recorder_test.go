package metrics

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const msec = time.Millisecond

func TestRecorderCounts(t *testing.T) {
	r := NewRecorder(Options{})
	r.Invocation(Outcome{Function: "b", Intended: 1000 * msec, Sent: 1000 * msec, Done: 1300 * msec, Cold: true, Init: 250 * msec, Source: "database"})
	r.Invocation(Outcome{Function: "a", Intended: 1010 * msec, Sent: 1015 * msec, Done: 1030 * msec, Overhead: 2 * msec, Source: "cache"})
	r.Invocation(Outcome{Function: "a", Intended: 1020 * msec, Sent: 1020 * msec, Done: 1021 * msec, Status: Throttled, Cold: true})
	r.Invocation(Outcome{Function: "a", Intended: 1030 * msec, Sent: 1030 * msec, Done: 1050 * msec, Status: Error, ErrorType: "E", ErrorMessage: "port 12", RequestID: "r1"})
	r.Invocation(Outcome{Function: "a", Intended: 1040 * msec, Sent: 1040 * msec, Done: 4040 * msec, Status: Timeout, Cold: true, Init: 100 * msec, Source: "cache"})
	r.Dropped(1050 * msec)
	got := r.Result()

	if diff := cmp.Diff(Invocations{Total: 5, Cold: 2, Warm: 2, Throttled: 1, Failed: 2}, got.Invocations); diff != "" {
		t.Error(diff)
	}
	n := got.Invocations
	if n.Total != n.Cold+n.Warm+n.Throttled {
		t.Error("total is not cold + warm + throttled")
	}
	type figures struct {
		Count int64
		Max   float64
	}
	l := got.Latency
	series := map[string]figures{}
	for name, s := range map[string]Summary{"cold": l.Cold, "warm": l.Warm, "init": l.Init, "failed": l.Failed, "throttled": l.Throttled, "service": l.Service, "overhead": l.Overhead, "lag": got.Generator.LagMS} {
		series[name] = figures{s.Count, s.Max}
	}
	want := map[string]figures{
		"cold": {1, 300}, "warm": {1, 20}, "init": {2, 250}, "failed": {2, 3000}, "throttled": {1, 1},
		"service": {2, 300}, "overhead": {1, 2}, "lag": {5, 5},
	}
	if diff := cmp.Diff(want, series); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int64{"cache": 1, "database": 1}, got.Sources); diff != "" {
		t.Error(diff)
	}
	if g := got.Generator; g.Sent != 5 || g.Late != 1 || g.Dropped != 1 {
		t.Errorf("generator %+v", g)
	}
	if got.Run.DurationS != 3.04 || got.Kind != Measured {
		t.Errorf("run %+v, kind %s", got.Run, got.Kind)
	}
	if len(got.Functions) != 2 || got.Functions[0].Name != "a" || got.Functions[0].Invocations.Total != 4 || got.Functions[1].Sources["database"] != 1 {
		t.Errorf("functions %+v", got.Functions)
	}
	wantErrors := []ErrorKind{
		{Type: "E", Message: "port 12", Count: 1, FirstRequestID: "r1"},
		{Type: "timeout", Count: 1},
	}
	if diff := cmp.Diff(wantErrors, got.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestSamples(t *testing.T) {
	r := NewRecorder(Options{})
	r.Sample(Sample{At: 0, EnvironmentsIdle: 1, EnvironmentsBusy: 2, Connections: 7, ConnectionsNew: 7, Hits: 10})
	r.Sample(Sample{At: 50 * msec, EnvironmentsBusy: 2, EnvironmentsStarting: 3, Connections: 4, ConnectionsNew: 9, Hits: 15, Misses: 1})
	r.Sample(Sample{At: 350 * msec, EnvironmentsBusy: 1, Connections: 5, ConnectionsNew: 2, ConnectionsRejected: 1, MemoryBytes: 99}) // the cache restarted
	got := r.Result()
	if diff := cmp.Diff(Connections{Peak: 7, New: 11, Rejected: 1}, got.Connections); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Cache{Hits: 15, Misses: 1, MemoryBytes: 99}, got.Cache); diff != "" {
		t.Error(diff)
	}
	if got.Environments.Peak != 5 {
		t.Errorf("peak of %d environments, want 5", got.Environments.Peak)
	}
	tl := got.Timeline
	if diff := cmp.Diff([]float64{0, 100, 200, 300}, tl.TMS); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]int64{{1, 1, 1, 0}, {7, 7, 7, 5}, {9, 0, 0, 2}, {15, 0, 0, 0}},
		[][]int64{tl.EnvironmentsIdle, tl.Connections, tl.New, tl.Hits}); diff != "" {
		t.Error(diff)
	}
}

func TestFleet(t *testing.T) {
	r := NewRecorder(Options{})
	for i := range 1005 {
		start := float64(i * 10)
		r.Environment(Environment{ID: fmt.Sprint(i), Function: "f", StartedMS: start, EndedMS: start + 25, Ended: "idle"})
	}
	r.Environment(Environment{ID: "0", Function: "f", StartedMS: 0, EndedMS: 5}) // told again: replaces
	r.Environment(Environment{ID: "g", Function: "g", StartedMS: 3})             // alive
	got := r.Result()
	if diff := cmp.Diff(Environments{Peak: 4, Started: 1006}, got.Environments); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Environments{Peak: 3, Started: 1005}, got.Functions[0].Environments); diff != "" {
		t.Error(diff)
	}
	if len(got.EnvironmentsDetail) != maxEnvironments || got.EnvironmentsDetail[0].EndedMS != 5 || len(got.Notes) != 1 {
		t.Errorf("%d details, notes %q", len(got.EnvironmentsDetail), got.Notes)
	}
}

// A run of any length fits, and no request is lost on the way.
func TestTimelineHalves(t *testing.T) {
	r := NewRecorder(Options{Interval: 10 * msec})
	const n = 50_000
	for i := range n {
		at := time.Duration(i) * 10 * msec
		latency := time.Millisecond
		if i == 777 {
			latency = time.Second
		}
		r.Invocation(Outcome{Intended: at, Sent: at, Done: at + latency, Cold: i%10 == 0})
		r.Sample(Sample{At: at, InFlight: int64(i % 100), Hits: int64(i)})
	}
	tl := r.Result().Timeline
	if rows := len(tl.TMS); rows > maxRows || rows < maxRows/2 {
		t.Fatalf("%d rows", rows)
	}
	if err := tl.check(); err != nil {
		t.Fatal(err)
	}
	var cold, hits int64
	var sent, slowest float64
	for i := range tl.TMS {
		cold += tl.Cold[i]
		hits += tl.Hits[i]
		sent += tl.Rate[i] * tl.IntervalMS / 1000
		slowest = max(slowest, tl.P99MS[i])
		if i > 0 && i < len(tl.TMS)-1 && tl.InFlight[i] < 30 {
			t.Errorf("row %d: the gauge is %d, not the largest", i, tl.InFlight[i])
		}
	}
	if cold != n/10 || hits != n-1 || int(sent+0.5) != n {
		t.Errorf("cold %d, hits %d, sent %v", cold, hits, sent)
	}
	if slowest < 990 {
		t.Errorf("the slowest request is lost: %v ms", slowest)
	}
	// A foolish offset costs no memory.
	r.Sample(Sample{At: 1 << 62})
	r.Sample(Sample{At: -5})
	if rows := len(r.Result().Timeline.TMS); rows > maxRows {
		t.Errorf("%d rows", rows)
	}
}

func TestErrorKindsAreBounded(t *testing.T) {
	var k errorKinds
	for i := range 30 {
		for range i + 1 {
			k.add(&Outcome{Status: Error, ErrorType: "E" + strings.Repeat("x", i), ErrorMessage: fmt.Sprintf("dial 10.0.0.%d:%d", i, i*7)})
		}
	}
	got := k.result()
	if len(got) != maxErrorKinds || got[0].Count != 19 || got[18].Count != 1 {
		t.Errorf("%d kinds, %+v", len(got), got)
	}
	if last := got[19]; last.Type != otherKind || last.Count != 20+21+22+23+24+25+26+27+28+29+30 {
		t.Errorf("%+v", last)
	}
	var one errorKinds
	for i := range 50 {
		one.add(&Outcome{Status: Error, ErrorMessage: fmt.Sprintf("read 127.0.0.1:%d: timeout", 40000+i), RequestID: fmt.Sprint(i)})
	}
	want := []ErrorKind{{Message: "read 127.0.0.1:40000: timeout", Count: 50, FirstRequestID: "0"}}
	if diff := cmp.Diff(want, one.result()); diff != "" {
		t.Error(diff)
	}
	if c := clip(strings.Repeat("é", 400)); len(c) > maxErrorMessage || !strings.HasSuffix(c, "é…") {
		t.Errorf("%d bytes: %s", len(c), c)
	}
}

func TestSourcesAreBounded(t *testing.T) {
	r := NewRecorder(Options{Sources: []string{"cache"}})
	for i := range 100 {
		r.Invocation(Outcome{Function: fmt.Sprint(i % 2), Source: fmt.Sprint("s", i)})
	}
	got := r.Result()
	var sum int64
	for _, n := range got.Sources {
		sum += n
	}
	if len(got.Sources) > maxSources+1 || sum != 100 {
		t.Errorf("%d sources, %d in all", len(got.Sources), sum)
	}
}

func TestSnapshot(t *testing.T) {
	r := NewRecorder(Options{})
	if p := r.Snapshot(0); p.Rate != 0 || p.P99 != 0 {
		t.Errorf("an empty run: %+v", p)
	}
	for i := range 3000 {
		at := time.Duration(i) * msec
		r.Invocation(Outcome{Intended: at, Sent: at + msec, Done: at + 5*msec})
	}
	r.Sample(Sample{At: 2900 * msec, InFlight: 3})
	p := r.Snapshot(2950 * msec)
	if p.Rate != 1000 || p.Invocations.Total != 3000 || p.Last.InFlight != 3 || p.LagP99 != msec {
		t.Errorf("%+v", p)
	}
	if p.P50 < 5*msec || p.P50 > 5100*time.Microsecond {
		t.Errorf("p50 %v, want 5 ms", p.P50)
	}
	if early := r.Snapshot(50 * msec); early.Rate < 1000 {
		t.Errorf("in the first row: %+v", early)
	}
	if late := r.Snapshot(time.Hour); late.Rate != 0 {
		t.Errorf("long after: %+v", late)
	}
}

func TestRecorderConcurrently(t *testing.T) {
	r := NewRecorder(Options{Interval: msec})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				at := time.Duration(i) * 3 * msec
				r.Invocation(Outcome{Function: fmt.Sprint(g), Intended: at, Sent: at, Done: at + msec, Status: Status(i % 4)})
				switch {
				case i%50 == 0:
					r.Sample(Sample{At: at})
					r.Environment(Environment{ID: fmt.Sprint(g, i)})
				case i%333 == 0:
					r.Result()
					r.Snapshot(at)
				}
			}
		})
	}
	wg.Wait()
	if n := r.Result().Invocations.Total; n != 8000 {
		t.Errorf("%d invocations, want 8000", n)
	}
}
