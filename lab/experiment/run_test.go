package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/lab/runtimes"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
)

// built is the folder of the example's handlers, compiled once for all tests;
// set by TestMain.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "experiment")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a left-over in the system's temporary folder
	os.Exit(code)
}

// prebuild compiles the handlers at the first call.
var prebuild = sync.OnceValues(func() (map[string]string, error) {
	folders := map[string]string{}
	for _, id := range []string{"Careful", "GoRedis", "Naive", "Trusting", "InFunction"} {
		folders[id] = filepath.Join(built, id)
		source := "../../examples/storefront/go/" + strings.ToLower(id)
		if err := os.MkdirAll(folders[id], 0o755); err != nil {
			return nil, err
		}
		if err := runtimes.BuildGo(context.Background(), source, filepath.Join(folders[id], "bootstrap")); err != nil {
			return nil, err
		}
	}
	return folders, nil
})

// options reads the example and leaves nothing behind.
func options(t *testing.T, cache string) Options {
	t.Helper()
	s, err := iac.ReadFile("../../examples/storefront/template.yaml", iac.Options{StackName: "storefront"})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := prebuild()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Functions {
		f.Code = stack.Known(folders[f.ID])
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return Options{Lab: lab.Options{Stack: s, Cache: cache, TempDir: dir, Seed: 1}}
}

// realServer is a cache program, or a skip.
func realServer(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"valkey", "redis"} {
		if _, err := exec.LookPath(name + "-server"); err == nil {
			return name
		}
	}
	if os.Getenv("THAW_REQUIRE_REAL") != "" {
		t.Fatal("no valkey-server and no redis-server on PATH")
	}
	t.Skip("no valkey-server and no redis-server on PATH")
	return ""
}

// expect runs an experiment and compares the positions of the claims that fail.
func expect(t *testing.T, e Experiment, o Options, fails string) *Report {
	t.Helper()
	r, err := e.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(r.Claims); got != fails {
		var table bytes.Buffer
		r.WriteText(&table, TextOptions{})
		t.Errorf("claims %q fail, want %q\n%s", got, fails, &table)
	}
	return r
}

func TestColdStart(t *testing.T) {
	r := expect(t, coldStart{rounds: 10, warm: 3}.experiment(), options(t, "embedded"), "")
	if n := r.Runs[2].Invocations.Cold; n != 10 {
		t.Errorf("%d cold starts recorded, want 10", n)
	}
}

func TestBurst(t *testing.T) {
	t.Parallel()
	e := burst{warm: 2, size: 6, provisioned: 3, fleet: 4, pinged: 2, expiry: 1500 * time.Millisecond}
	expect(t, e.experiment(), options(t, "embedded"), "")
}

func TestReuse(t *testing.T) {
	expect(t, reuse{environments: 3, waves: 3, pairs: 30, outside: "Careful", goRedis: "GoRedis", inside: "Naive"}.experiment(), options(t, "embedded"), "")
}

// The same experiment with the handlers the other way round refutes itself.
func TestReuseRefuted(t *testing.T) {
	t.Parallel()
	expect(t, reuse{environments: 3, waves: 3, pairs: 30, outside: "Naive", goRedis: "Naive", inside: "Careful"}.experiment(), options(t, "embedded"), "0123")
}

func TestStorm(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"embedded", realServer(t)} {
		expect(t, storm{environments: 12, limit: 6, waves: 2, careful: "Careful", goRedis: "GoRedis"}.experiment(), options(t, cache), "")
	}
}

func TestStormRefuted(t *testing.T) {
	t.Parallel()
	r := expect(t, storm{environments: 6, limit: 3, waves: 2, careful: "Naive", goRedis: "Careful"}.experiment(), options(t, "embedded"), "0134")
	if r.Holds() {
		t.Error("a report with claims that fail holds")
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	// The careful handler stands for the naive one: the last claim must fail.
	e := fallback{rate: 20, phase: 500 * time.Millisecond, careful: "Careful", goRedis: "GoRedis", naive: "Careful"}
	expect(t, e.experiment(), options(t, realServer(t)), "4")
}

// The naive handler is not taken for the careful one.
func TestFallbackRefuted(t *testing.T) {
	t.Parallel()
	o, r := options(t, "embedded"), &Report{}
	e := fallback{rate: 10, phase: 300 * time.Millisecond}
	var did ordeal
	err := o.solo(t.Context(), r, setting{name: "naive", functions: []string{"Naive"}}, func(s *stage) (err error) {
		server := s.CacheServer("")
		did, err = e.endure(t.Context(), s, "Naive", fault{"killed", server.Kill, server.Restart}, true)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(judgeFallback(fallbackFigures{[]ordeal{did}, []ordeal{did}, []ordeal{did}})); got != "0" || did.sent != 3 {
		t.Errorf("claims %q fail, want the first: %+v", got, did)
	}
}

func TestStale(t *testing.T) {
	expect(t, stale{environments: 3, careful: "Careful", goRedis: "GoRedis", naive: "Naive", trusting: "Trusting"}.experiment(), options(t, realServer(t)), "")
}

// A trusting handler in the place of the careful one, and the other way round.
func TestStaleRefuted(t *testing.T) {
	t.Parallel()
	expect(t, stale{environments: 2, careful: "Trusting", goRedis: "Careful", naive: "Naive", trusting: "Careful"}.experiment(), options(t, "embedded"), "0145")
}

func TestTimeout(t *testing.T) {
	r := expect(t, timeout{operations: 500, slow: 60, environments: 4, rounds: 6, function: "Careful"}.experiment(), options(t, "embedded"), "")
	if p50 := r.Claims[1].Figures["p50_ms"]; p50 < millis(farRoundTrip) {
		t.Errorf("an operation took %v ms through a network that needs %v", p50, farRoundTrip)
	}
}

func TestInFunction(t *testing.T) {
	e := inFunction{environments: 3, pairs: 30, keys: 400, ttl: 4, memory: "InFunction", cache: "Careful"}
	expect(t, e.experiment(), options(t, "embedded"), "")
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	e := fallback{rate: 20, phase: time.Minute, careful: "Careful", goRedis: "GoRedis", naive: "Naive"}.experiment()
	if _, err := e.Run(ctx, options(t, "embedded")); err == nil {
		t.Error("an interrupted experiment has a verdict")
	}
}

func TestWrongStack(t *testing.T) {
	o := Options{Lab: lab.Options{Stack: &stack.Stack{Name: "other"}}}
	for _, e := range All() {
		if _, err := e.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "examples/storefront") || !strings.Contains(err.Error(), e.Name) {
			t.Errorf("%s over another stack: %v", e.Name, err)
		}
	}
}

func TestFind(t *testing.T) {
	all, err := Find("all")
	if err != nil || len(all) != 8 {
		t.Fatalf("%d experiments, %v", len(all), err)
	}
	if two, err := Find("storm", "burst"); err != nil || len(two) != 2 || two[0].Name != "storm" || two[1].Name != "burst" {
		t.Errorf("%v, %v", two, err)
	}
	if _, err := Find("storm", "strom"); err == nil || !strings.Contains(err.Error(), `"strom"`) || !strings.Contains(err.Error(), "cold-start, burst") {
		t.Errorf("%v, want the names that there are", err)
	}
	page, err := os.ReadFile("../../docs/claims.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Title == "" || e.Doc == "" {
			t.Errorf("%s explains nothing", e.Name)
		}
		if !strings.Contains(string(page), "### "+e.Name+"\n") {
			t.Errorf("docs/claims.md has no section %q", e.Name)
		}
	}
}

func sample() *Report {
	return &Report{
		Experiment: "storm", Title: "A hundred at once", Seed: 7, DurationS: 1.25,
		Claims: []Claim{
			{Claim: "many environments open as many connections as there are", Measured: "100 connections in 12.5 ms", Holds: true, Kind: Measured, Figures: map[string]float64{"connections": 100}},
			{Claim: "x < y", Measured: "no", Kind: Modelled, Source: "injected: 13 ms", Figures: map[string]float64{"n": 0}},
		},
		Notes: []string{"so there"},
		Runs:  []*metrics.Result{{Mechanisms: metrics.Mechanisms{Cache: "redis", Freeze: "none", Limits: "none"}}},
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	sample().WriteText(&b, TextOptions{Width: 70})
	want := `storm · A hundred at once
2 claims in 1.2 s · seed 7 · redis · freeze: none · limits: none

                    claim                     measured
  holds  measured   many environments open    100 connections in
                    as many connections as    12.5 ms
                    there are
  FAILS  modelled¹  x < y                     no

  ¹ injected: 13 ms
  → so there
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	sample().WriteText(&b, TextOptions{Color: true})
	if !strings.Contains(b.String(), "\x1b[31mFAILS") {
		t.Error("no colour")
	}
}

func TestJSON(t *testing.T) {
	data, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Experiment string
		Claims     []struct {
			Claim, Measured, Kind, Source string
			Holds                         bool
			Figures                       map[string]float64
		}
		Runs []json.RawMessage
	}
	if err := json.Unmarshal(data, &got); err != nil || got.Experiment != "storm" || len(got.Claims) != 2 || len(got.Runs) != 1 {
		t.Fatalf("%v: %s", err, data)
	}
	if c := got.Claims[1]; c.Holds || c.Kind != "modelled" || c.Source == "" || c.Figures == nil {
		t.Errorf("%+v", c)
	}
	if _, err := metrics.Decode(bytes.NewReader(got.Runs[0])); err != nil {
		t.Error(err)
	}
}

func TestDurationsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 4800 * time.Microsecond: "4.80 ms", 25 * time.Millisecond: "25 ms", -12500 * time.Microsecond: "-12.5 ms", 3 * time.Second: "3000 ms",
	} {
		if got := ms(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
