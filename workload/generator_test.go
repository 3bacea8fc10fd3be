package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func stream(t testing.TB, o Options) (all []Request) {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		all = append(all, r)
	}
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestStreamsAreIndependent(t *testing.T) {
	events, err := ParseEvents("e", []byte(`{"id":"{{uuid}}"}`))
	if err != nil {
		t.Fatal(err)
	}
	base := Options{Arrivals: mustArrivals(t, "poisson:500/s"), Keys: Keys{N: 1000, S: 1.1}, Events: events, Duration: time.Second, Seed: 11}
	first := stream(t, base)
	if diff := cmp.Diff(first, stream(t, base)); diff != "" {
		t.Errorf("the same seed gives another stream: %s", diff)
	}
	otherKeys, otherArrivals, otherSeed := base, base, base
	otherKeys.Keys = Keys{N: 7}
	otherArrivals.Arrivals = mustArrivals(t, "constant:500/s")
	otherSeed.Seed = 12
	keys, arrivals, seed := stream(t, otherKeys), stream(t, otherArrivals), stream(t, otherSeed)
	for i := range min(len(first), len(arrivals), len(seed)) {
		a := first[i]
		if a.At != keys[i].At || string(a.Payload) != string(keys[i].Payload) {
			t.Fatal("other keys change the arrivals or the events")
		}
		if a.Key != arrivals[i].Key || string(a.Payload) != string(arrivals[i].Payload) {
			t.Fatal("other arrivals change the keys or the events")
		}
		if a.At == seed[i].At || string(a.Payload) == string(seed[i].Payload) {
			t.Fatal("another seed gives the same stream")
		}
	}
}

// Recorded runs must stay repeatable: these figures change only on purpose.
func TestStreamIsStable(t *testing.T) {
	var got []string
	for _, r := range stream(t, Options{Arrivals: mustArrivals(t, "poisson:100/s"), Keys: Keys{N: 1000, S: 1.1}, Limit: 4, Seed: 1}) {
		got = append(got, r.At.String()+" "+r.Key)
	}
	want := []string{"11.922418ms 111", "17.183073ms 389", "18.99491ms 58", "24.326819ms 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewErrors(t *testing.T) {
	constant := mustArrivals(t, "constant:1/s")
	for want, o := range map[string]Options{
		"give Duration or Limit": {Arrivals: constant},
		"Limit -1":               {Arrivals: constant, Limit: -1},
		"unknown shape":          {Limit: 1},
		"keys: -1 keys":          {Arrivals: constant, Limit: 1, Keys: Keys{N: -1}},
		"no templates":           {Arrivals: constant, Limit: 1, Events: &Events{}},
		"duration -1s":           {Arrivals: constant, Duration: -time.Second},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestPacer(t *testing.T) {
	g, err := New(Options{Arrivals: mustArrivals(t, "constant:10/s"), Duration: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p := NewPacer(g)
	type answer struct {
		Seq  int64
		At   time.Duration
		Wait time.Duration
		OK   bool
	}
	const ms = time.Millisecond
	want := []answer{
		{0, 0, 0, true},
		{0, 0, 60 * ms, true},  // asked at 40 ms: wait for 100 ms
		{0, 0, 1 * ms, true},   // woken too early
		{1, 100 * ms, 0, true}, // asked at 350 ms, late: at once
		{2, 200 * ms, 0, true}, // with the time it was intended for
		{3, 300 * ms, 0, true},
		{0, 0, 0, false},
	}
	var got []answer
	for _, elapsed := range []time.Duration{0, 40 * ms, 99 * ms, 350 * ms, 350 * ms, 350 * ms, 350 * ms} {
		r, wait, ok := p.Next(elapsed)
		got = append(got, answer{r.Seq, r.At, wait, ok})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkGenerator(b *testing.B) {
	fixed, _ := ParseEvents("e", []byte(`{"a":1}`))
	filled, _ := ParseEvents("e", []byte(`{"id":"{{key}}","n":"{{int 1 100 | number}}","u":"{{uuid}}","t":"{{time}}"}`))
	for name, o := range map[string]Options{
		"constant-fixed":      {Arrivals: mustArrivals(b, "constant:1000/s"), Events: fixed},
		"poisson-zipf":        {Arrivals: mustArrivals(b, "poisson:1000/s"), Keys: Keys{N: 10_000, S: 1.1}, Events: fixed},
		"sine-zipf":           {Arrivals: mustArrivals(b, "sine:100/s..1000/s,period=30s"), Keys: Keys{N: 10_000, S: 1.1}, Events: fixed},
		"poisson-zipf-filled": {Arrivals: mustArrivals(b, "poisson:1000/s"), Keys: Keys{N: 10_000, S: 1.1}, Events: filled},
	} {
		b.Run(name, func(b *testing.B) {
			o.Limit = 1 << 60
			g, err := New(o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				g.Next()
			}
		})
	}
}
