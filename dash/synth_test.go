package dash

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thawdev/thaw/metrics"
)

// shape is a made-up run.
type shape struct {
	name         string
	invocations  int
	environments int
	span         time.Duration
	warm         time.Duration // median of warm invocations
	limit        int64
	seed         uint64
	failing      bool // some errors, throttles and refused connections
}

// small is a run such as `thaw lab` does on a laptop.
func small() shape {
	return shape{name: "burst", invocations: 9000, environments: 24, span: 30 * time.Second, warm: 1300 * time.Microsecond, limit: 64, seed: 7}
}

// large is the run of the size bound: a million invocations, 500 environments.
func large() shape {
	return shape{name: "a million", invocations: 1_000_000, environments: 500, span: 10 * time.Minute, warm: 8 * time.Millisecond, limit: 65000, seed: 3, failing: true}
}

// synthetic records the run with a real Recorder, as the lab would: an
// environment comes with the load, most die when it falls.
func synthetic(t testing.TB, s shape) *metrics.Result {
	t.Helper()
	return record(s)
}

// largeRun is the large one, recorded once: that takes seconds with the race
// detector. Nobody changes it.
var largeRun = sync.OnceValue(func() *metrics.Result { return record(large()) })

func record(s shape) *metrics.Result {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	r := metrics.NewRecorder(metrics.Options{})
	envs := make([]*synthEnv, s.environments)
	for i := range envs {
		// Three quarters come with the burst in the middle of the run.
		start := time.Duration(float64(s.span) * 0.02 * rng.Float64())
		if i >= s.environments/4 {
			start = time.Duration(float64(s.span) * (0.3 + 0.1*rng.Float64()))
		}
		envs[i] = &synthEnv{name: fmt.Sprintf("orders-%d", i+1), start: start, init: time.Duration((180 + 90*rng.Float64()) * float64(time.Millisecond))}
		if i >= s.environments/2 {
			envs[i].end = time.Duration(float64(s.span) * (0.72 + 0.2*rng.Float64()))
		}
	}
	synthLoad(s, rng, r, envs)
	synthSamples(s, rng, r, envs)
	for _, e := range envs {
		detail := metrics.Environment{ID: e.name, Function: "orders", StartedMS: ms(e.start), InitMS: ms(e.init), Invocations: e.served, ConnectionsPeak: 1, Ended: "end of run"}
		if e.end > 0 {
			detail.EndedMS, detail.Ended = ms(e.end), "idle"
		}
		r.Environment(detail)
	}
	out := r.Result()
	out.Run = metrics.Run{Name: s.name, Function: "orders", StartedAt: time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC), DurationS: s.span.Seconds(), Seed: s.seed,
		Arrivals: "burst(100/s, 900/s)", Keys: "zipf(1.1, 10k)", ThawVersion: "0.1.0", Command: "thaw lab template.yaml --arrivals 'burst(100/s,900/s)' --seed 7"}
	out.Machine = metrics.Machine{OS: "linux", Arch: "amd64", CPUs: 2, MemoryBytes: 8 << 30, Kernel: "6.12"}
	out.Mechanisms = metrics.Mechanisms{Cache: "valkey-server 8.1", Freeze: "cgroup v2", Limits: "cgroup v2", Network: "loopback"}
	out.Connections.Limit = s.limit
	out.Cache.Commands, out.Cache.MaxMemoryBytes, out.Cache.BytesIn, out.Cache.BytesOut = out.Cache.Hits*2, 256<<20, 12<<20, 90<<20
	out.Origin = metrics.Origin{Queries: out.Cache.Misses, LatencyInjectedMS: 12, ConnectionsPeak: 18}
	out.Notes = []string{"security groups of the template are not enforced: every handler reaches the cache over loopback"}
	out.Expectations = []metrics.Verdict{{Expression: "warm.p99<25ms", Value: out.Latency.Warm.P99, Unit: "ms", Holds: out.Latency.Warm.P99 < 25}}
	if s.failing {
		out.Warnings = []string{"the load generator was late: p99 1.4 ms after the intended time"}
	}
	return out
}

type synthEnv struct {
	name             string
	start, init, end time.Duration
	served           int64
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (e *synthEnv) alive(at time.Duration) bool {
	return at >= e.start && (e.end == 0 || at < e.end)
}

func synthLoad(s shape, rng *rand.Rand, r *metrics.Recorder, envs []*synthEnv) {
	for i := range s.invocations {
		at := time.Duration(float64(s.span) * synthTime(float64(i)/float64(s.invocations)))
		e := envs[rng.IntN(len(envs))]
		for tries := 0; !e.alive(at) && tries < 20; tries++ {
			e = envs[rng.IntN(len(envs))]
		}
		o := metrics.Outcome{Function: "orders", Intended: at, Sent: at, Source: "cache", RequestID: fmt.Sprint(i)}
		if !e.alive(at) {
			o.Done, o.Status = at+time.Millisecond, metrics.Throttled
			r.Invocation(o)
			continue
		}
		if rng.Float64() < 0.08+0.5*math.Exp(-float64(i)/float64(s.invocations)*30) {
			o.Source = "database"
		}
		work := time.Duration(float64(s.warm) * math.Exp(0.45*rng.NormFloat64()))
		if o.Source == "database" {
			work += 12 * time.Millisecond
		}
		from := at
		if e.served == 0 {
			o.Cold, o.Init = true, e.init
			work += 30 * time.Millisecond
			from = at + e.init
		}
		o.Done = from + work
		if s.failing && rng.Float64() < 0.0005 {
			o.Status, o.ErrorType, o.ErrorMessage, o.Place = metrics.Error, "ConnectionError", "dial tcp 127.0.0.1:6379: refused </script><script>alert(1)</script>", "main.go:42"
		}
		e.served++
		r.Invocation(o)
		r.Busy(e.name, from, o.Done)
	}
}

// synthTime bends the share of invocations into a burst in the middle.
func synthTime(x float64) float64 {
	switch {
	case x < 0.12:
		return x / 0.12 * 0.35
	case x < 0.85:
		return 0.35 + (x-0.12)/0.73*0.35
	}
	return 0.70 + (x-0.85)/0.15*0.30
}

func synthSamples(s shape, rng *rand.Rand, r *metrics.Recorder, envs []*synthEnv) {
	step := max(100*time.Millisecond, s.span/1500)
	var hits, misses, opened, refused int64
	for at := time.Duration(0); at < s.span; at += step {
		sample := metrics.Sample{At: at}
		burst := 0.12
		if x := float64(at) / float64(s.span); x > 0.35 && x < 0.7 {
			burst = 0.75
		}
		for _, e := range envs {
			switch {
			case !e.alive(at):
			case at < e.start+e.init:
				sample.EnvironmentsStarting++
			case rng.Float64() < burst:
				sample.EnvironmentsBusy++
			default:
				sample.EnvironmentsIdle++
			}
		}
		sample.Connections = sample.EnvironmentsBusy + sample.EnvironmentsIdle + sample.EnvironmentsStarting/2
		opened = max(opened, sample.Connections)
		per := float64(s.invocations) / float64(s.span/step) * burst * 2.2
		hits += int64(per * 0.9)
		misses += int64(per * (0.05 + 0.1*rng.Float64()))
		if s.failing && burst > 0.5 && rng.Float64() < 0.02 {
			refused += 3
		}
		sample.ConnectionsNew, sample.ConnectionsRejected, sample.Hits, sample.Misses, sample.MemoryBytes = opened, refused, hits, misses, 40<<20
		r.Sample(sample)
	}
}

func page(t testing.TB, pages ...Page) string {
	t.Helper()
	var b strings.Builder
	if err := WriteHTML(&b, pages...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func comparisonPage(t testing.TB, a, b *metrics.Result) string {
	t.Helper()
	var s strings.Builder
	if err := Compare(a, b).WriteHTML(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}
