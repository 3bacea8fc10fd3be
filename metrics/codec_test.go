package metrics

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/result.json anew")

// fullResult has a value in every key.
func fullResult() *Result {
	r := NewRecorder(Options{Interval: time.Second})
	r.Invocation(Outcome{Function: "orders", Sent: 2 * msec, Done: 400 * msec, Cold: true, Init: 300 * msec, Overhead: msec, Source: "database"})
	r.Invocation(Outcome{Function: "orders", Intended: 500 * msec, Sent: 500 * msec, Done: 512 * msec, Source: "cache"})
	r.Invocation(Outcome{Function: "orders", Intended: 900 * msec, Sent: 900 * msec, Done: 901 * msec, Status: Throttled})
	r.Invocation(Outcome{Function: "orders", Intended: 1200 * msec, Sent: 1200 * msec, Done: 1300 * msec, Status: Error,
		ErrorType: "errorString", ErrorMessage: "cache: connection refused", RequestID: "8f5e", Place: "main.go:42"})
	r.Dropped(1250 * msec)
	r.Sample(Sample{At: 100 * msec, EnvironmentsStarting: 1, InFlight: 1, Connections: 3, ConnectionsNew: 3, MemoryBytes: 1 << 20})
	r.Sample(Sample{At: 1500 * msec, EnvironmentsIdle: 1, EnvironmentsBusy: 1, Connections: 2, ConnectionsNew: 4, ConnectionsRejected: 1, Hits: 9, Misses: 2, MemoryBytes: 2 << 20})
	r.Busy("e1", 302*msec, 400*msec)
	r.Environment(Environment{ID: "e1", Function: "orders", StartedMS: 2, InitMS: 300, Invocations: 3, ConnectionsPeak: 2, EndedMS: 1800, Ended: "idle"})
	out := r.Result()
	out.Run = Run{Name: "storm", Function: "orders", StartedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), DurationS: 1.3, Seed: 7,
		Arrivals: "constant:2/s", Keys: "single", ThawVersion: "0.1.0", Command: "thaw lab"}
	out.Machine = Machine{OS: "linux", Arch: "amd64", CPUs: 2, MemoryBytes: 8 << 30, Kernel: "6.1"}
	out.Mechanisms = Mechanisms{Cache: "valkey 8.1", Freeze: "SIGSTOP", Network: "loopback", Limits: "cgroup v2"}
	out.Connections.Limit = 100
	out.Cache.Evictions, out.Cache.MaxMemoryBytes, out.Cache.BytesIn, out.Cache.BytesOut, out.Cache.Commands = 1, 4<<20, 1000, 2000, 11
	out.Origin = Origin{Queries: 2, Failed: 1, LatencyInjectedMS: 40, Latency: Summary{Count: 2, P50: 41, P90: 42, P99: 42, P999: 42, Max: 42, Mean: 41.5}, ConnectionsPeak: 1}
	out.Expectations = []Verdict{
		{Expression: "warm.p99<25ms", Value: 12, Unit: "ms", Holds: true},
		{Expression: "functions.x.warm.p99<25ms", Unit: "ms", Reason: "no samples"},
	}
	out.Warnings = []string{"one request was dropped"}
	out.Notes = []string{"security groups are not enforced"}
	return out
}

// The keys are read by scripts of users: a rename must fail here. New keys may
// be added with -update; a removal needs another number in Format.
func TestResultIsStable(t *testing.T) {
	var line bytes.Buffer
	if err := fullResult().Encode(&line); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(line.Bytes(), []byte("\n")) != 1 || bytes.Contains(line.Bytes(), []byte(`\u003c`)) {
		t.Errorf("not one plain line: %s", line.Bytes())
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, line.Bytes(), "", " "); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/result.json"
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Error(diff)
	}
	back, err := Decode(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullResult(), back); diff != "" {
		t.Error(diff)
	}
}

// Readers need no defaults: an empty run has every key, and no null.
func TestEmptyResultHasEveryKey(t *testing.T) {
	var full, empty bytes.Buffer
	if err := fullResult().Encode(&full); err != nil {
		t.Fatal(err)
	}
	if err := new(Result).Encode(&empty); err != nil {
		t.Fatal(err)
	}
	var fullKeys, emptyKeys map[string]any
	if json.Unmarshal(full.Bytes(), &fullKeys) != nil || json.Unmarshal(empty.Bytes(), &emptyKeys) != nil {
		t.Fatal("no JSON")
	}
	if diff := cmp.Diff(keysOf("", fullKeys), keysOf("", emptyKeys)); diff != "" {
		t.Error(diff)
	}
	if bytes.Contains(empty.Bytes(), []byte("null")) {
		t.Errorf("null in %s", empty.Bytes())
	}
	if _, err := Decode(&empty); err != nil {
		t.Error(err)
	}
}

// keysOf returns the paths of all objects, but for the names in sources.
func keysOf(prefix string, v map[string]any) map[string]bool {
	keys := map[string]bool{}
	for name, inner := range v {
		keys[prefix+name] = true
		if object, ok := inner.(map[string]any); ok && name != "sources" {
			for k := range keysOf(prefix+name+".", object) {
				keys[k] = true
			}
		}
	}
	return keys
}

func TestDecodeErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no JSON, at byte 0",
		"{":                            "no JSON, at byte 1",
		`{"format":"thaw.result/1"} x`: "no JSON, at byte 28",
		"{}":                           `it has no "format"`,
		`{"format":"k6/1"}`:            `its format is "k6/1"`,
		`{"format":"thaw.result/2"}`:   `this version of thaw reads "thaw.result/1"`,
		`{"format":"thaw.result/10"}`:  `repeat the run with this version`,
		`{"format":"thaw.result/1","run":{"seed":"x"}}`:                   `key "run.seed"`,
		`{"format":"thaw.result/1","timeline":{"t_ms":[0,1],"hits":[1]}}`: "has 1 rows where t_ms has 2",
	} {
		if _, err := Decode(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{`{"format":"thaw.result/1.4","later":[1]}`, `{"format":"thaw.result/1","timeline":{"t_ms":[0,1]}}`} {
		r, err := Decode(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if err := r.Timeline.check(); err != nil || r.Sources == nil {
			t.Errorf("%s: %v, sources %v", text, err, r.Sources)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":"thaw.result/1","run":{"started_at":"2026-03-01T12:00:00Z"},"latency_ms":{"cold":{"count":1,"p50":1e3}},"sources":{"cache":1}}`))
	f.Add([]byte(`{"format":"thaw.result/1","timeline":{"t_ms":[0]},"functions":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := r.Encode(&first); err != nil {
			t.Fatal(err)
		}
		back, err := Decode(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Encode(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%s\nbecame\n%s", &first, &second)
		}
	})
}
