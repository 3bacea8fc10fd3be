package experiment

import (
	"fmt"
	"testing"
	"time"

	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/lab/runtimeapi"
	"github.com/thawdev/thaw/lab/sandbox"
)

// verdicts names the claims that do not hold, as positions.
func verdicts(claims []Claim) string {
	failing := ""
	for i, c := range claims {
		if !c.Holds {
			failing += fmt.Sprint(i)
		}
	}
	return failing
}

// broken is a measurement with one thing wrong, and the claims that must fail.
type broken[F any] struct {
	what  string
	spoil func(*F)
	fails string
}

// checkJudge judges sound figures, which all hold, and broken ones. Every claim
// must be refuted by at least one of them: none is true by construction.
func checkJudge[F any](t *testing.T, sound func() F, judge func(F) []Claim, cases []broken[F]) {
	t.Helper()
	claims := judge(sound())
	if got := verdicts(claims); got != "" {
		t.Fatalf("sound figures: claims %s do not hold: %+v", got, claims)
	}
	refuted := map[rune]bool{}
	for _, c := range cases {
		f := sound()
		c.spoil(&f)
		if got := verdicts(judge(f)); got != c.fails {
			t.Errorf("%s: claims %q fail, want %q", c.what, got, c.fails)
		}
		for _, i := range c.fails {
			refuted[i] = true
		}
	}
	if len(refuted) != len(claims) {
		t.Errorf("%d claims, only %d of them shown to fail", len(claims), len(refuted))
	}
	r := Report{Claims: claims}
	for range 10 {
		r.Runs = append(r.Runs, nil)
	}
	if err := r.validate(); err != nil {
		t.Error(err)
	}
}

func times(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d + time.Duration(i%3)*time.Microsecond
	}
	return all
}

func TestJudgeColdStart(t *testing.T) {
	type figures struct{ outside, shared, own startTimes }
	sound := func() figures {
		start := func(cold time.Duration) startTimes { return startTimes{times(9, cold), times(9, time.Millisecond)} }
		return figures{start(30 * time.Millisecond), start(34 * time.Millisecond), start(230 * time.Millisecond)}
	}
	judge := func(f figures) []Claim { return judgeColdStart(f.outside, f.shared, f.own) }
	checkJudge(t, sound, judge, []broken[figures]{
		{"no delay", func(f *figures) { f.own = f.shared }, "0"},
		{"a delay of seconds", func(f *figures) { f.own.cold = times(9, 5*time.Second) }, "0"},
		{"shared ENIs that cost", func(f *figures) { f.outside.cold = times(9, 0) }, "1"},
		{"an ENI for each invocation", func(f *figures) { f.own.warm = times(9, 200*time.Millisecond) }, "2"},
		{"nothing measured", func(f *figures) { *f = figures{} }, "012"},
	})
}

// volley makes shots, the first of them cold.
func volley(n, cold int) []shot {
	shots := make([]shot, n)
	for i := range shots {
		if shots[i].took = time.Second; i < cold {
			shots[i].Reply = lab.Reply{Cold: true, Report: sandbox.Report{Init: time.Millisecond}}
		}
	}
	return shots
}

func TestJudgeBurst(t *testing.T) {
	sound := func() burstFigures {
		return burstFigures{warm: 5, size: 20, plain: volley(20, 15), again: volley(20, 0), provisioned: 10,
			within: volley(10, 0), beyond: volley(20, 10), fleet: 8, pinged: 3, kept: 3, afterWarmUp: volley(8, 5)}
	}
	checkJudge(t, sound, judgeBurst, []broken[burstFigures]{
		{"no new environment", func(f *burstFigures) { f.plain = volley(20, 0) }, "0"},
		{"environments that do not stay", func(f *burstFigures) { f.again = volley(20, 20) }, "0"},
		{"provisioned environments that are cold", func(f *burstFigures) { f.within = volley(10, 1) }, "1"},
		{"provisioned concurrency without end", func(f *burstFigures) { f.beyond = volley(20, 0) }, "1"},
		{"environments that never expire", func(f *burstFigures) { f.kept, f.afterWarmUp = 8, volley(8, 0) }, "2"},
	})
}

func TestJudgeReuse(t *testing.T) {
	sound := func() reuseFigures {
		return reuseFigures{outside: connectionCount{8, 208, 8, 8}, goRedis: connectionCount{8, 208, 8, 8}, inside: connectionCount{8, 208, 208, 100},
			timesOutside: times(9, time.Millisecond), timesInside: times(9, 2*time.Millisecond)}
	}
	checkJudge(t, sound, judgeReuse, []broken[reuseFigures]{
		{"the handlers the other way round", func(f *reuseFigures) {
			f.outside, f.inside = f.inside, f.outside
			f.timesOutside, f.timesInside = f.timesInside, f.timesOutside
		}, "023"},
		{"a pool of two", func(f *reuseFigures) { f.outside.opened = 16 }, "0"},
		{"a pool that is filled", func(f *reuseFigures) { f.goRedis.opened = 160 }, "1"},
		{"one invocation each", func(f *reuseFigures) { f.outside.invocations = 8 }, "0"},
	})
}

func TestJudgeStorm(t *testing.T) {
	sound := func() stormFigures {
		return stormFigures{environments: 100, atOnce: 100, invocations: 300, open: 100, opened: 100, mostOfOne: 1,
			limit:   60,
			careful: overflow{open: 60, refused: 40, invocations: 100, fromCache: 60, fromOrigin: 40},
			plain:   overflow{open: 60, refused: 160, invocations: 100, fromCache: 60, failed: 40}}
	}
	checkJudge(t, sound, judgeStorm, []broken[stormFigures]{
		{"a client for each invocation", func(f *stormFigures) { f.open, f.opened, f.mostOfOne = 300, 300, 3 }, "01"},
		{"a pool of ten in one environment", func(f *stormFigures) { f.mostOfOne = 10 }, "1"},
		{"a connection that is made anew", func(f *stormFigures) { f.opened = 200 }, "1"},
		{"a server that takes all", func(f *stormFigures) {
			f.careful = overflow{open: 100, invocations: 100, fromCache: 100}
			f.plain = f.careful
		}, "234"},
		{"refusals nobody counts", func(f *stormFigures) { f.careful.refused = 0 }, "2"},
		{"a handler that fails", func(f *stormFigures) { f.careful.failed, f.careful.fromOrigin = 40, 0 }, "3"},
		{"go-redis that asks the database", func(f *stormFigures) { f.plain.failed, f.plain.fromOrigin = 0, 40 }, "4"},
		{"go-redis that tries once", func(f *stormFigures) { f.plain.refused = 40 }, "4"},
	})
}

func TestJudgeFallback(t *testing.T) {
	sound := func() fallbackFigures {
		var f fallbackFigures
		for _, fault := range []string{"paused", "killed", "slow"} {
			f.careful = append(f.careful, ordeal{fault: fault, sent: 30, fromBase: 30, times: times(30, time.Millisecond), back: time.Second})
			f.goRedis = append(f.goRedis, ordeal{fault: fault, sent: 30, failed: 29, times: times(30, time.Second)})
			f.naive = append(f.naive, ordeal{fault: fault, sent: 30, failed: 30, times: times(30, time.Second)})
		}
		return f
	}
	checkJudge(t, sound, judgeFallback, []broken[fallbackFigures]{
		{"one failure while paused", func(f *fallbackFigures) { f.careful[0].failed = 1 }, "0"},
		{"an answer of a dead cache", func(f *fallbackFigures) { f.careful[1].fromBase = 29 }, "1"},
		{"a cache that never comes back", func(f *fallbackFigures) { f.careful[2].back = 0 }, "2"},
		{"the careful handler as the naive one", func(f *fallbackFigures) { f.naive = f.careful }, "4"},
		{"the naive handler as the careful one", func(f *fallbackFigures) { f.careful = f.naive }, "012"},
		{"go-redis that asks the database", func(f *fallbackFigures) { f.goRedis[1].fromBase = 1 }, "3"},
		{"go-redis that gets half its answers", func(f *fallbackFigures) { f.goRedis[2].failed = 15 }, "3"},
	})
}

func TestJudgeStale(t *testing.T) {
	e := stale{careful: "c", goRedis: "g", naive: "n", trusting: "t"}
	survived := func(added time.Duration) thaws {
		return thaws{of: 10, before: times(10, 400*time.Millisecond), after: times(10, 400*time.Millisecond+added)}
	}
	failing := thaws{of: 10, failed: 10, before: times(10, 400*time.Millisecond), after: times(10, time.Second)}
	sound := func() staleFigures {
		return staleFigures{
			closed:   map[string]thaws{"c": survived(time.Millisecond), "g": survived(0), "n": survived(0), "t": failing},
			vanished: map[string]thaws{"c": survived(520 * time.Millisecond), "g": failing, "n": survived(0), "t": failing},
		}
	}
	checkJudge(t, sound, e.judge, []broken[staleFigures]{
		{"a trusting client that is careful", func(f *staleFigures) { f.closed["t"] = survived(0) }, "0"},
		{"a careful client that trusts", func(f *staleFigures) { f.closed["c"] = failing }, "1"},
		{"a dead connection that is waited for", func(f *staleFigures) { f.closed["c"] = survived(time.Second) }, "1"},
		{"a naive client that fails", func(f *staleFigures) { f.closed["n"] = failing }, "2"},
		{"go-redis that trusts its socket", func(f *staleFigures) { f.closed["g"] = failing }, "3"},
		{"a peer that did not vanish", func(f *staleFigures) { f.vanished["c"], f.vanished["g"] = survived(0), survived(0) }, "45"},
		{"no timeout", func(f *staleFigures) { f.vanished["c"] = survived(3 * time.Second) }, "4"},
		{"go-redis with a shorter timeout", func(f *staleFigures) { f.vanished["g"] = survived(time.Second) }, "5"},
	})
}

func TestJudgeTimeout(t *testing.T) {
	sound := func() timeoutFigures {
		return timeoutFigures{near: times(1000, 100*time.Microsecond), nearAgain: times(1000, 150*time.Microsecond), far: times(400, 14*time.Millisecond),
			tight:     gaveUp{timeout: 10 * time.Millisecond, calls: 24, skipped: 24},
			suggested: gaveUp{timeout: 50 * time.Millisecond, calls: 24, hits: 24}}
	}
	checkJudge(t, sound, judgeTimeout, []broken[timeoutFigures]{
		{"a second sample that is slower", func(f *timeoutFigures) { f.nearAgain = times(1000, time.Second) }, "0"},
		{"the timeouts the other way round", func(f *timeoutFigures) { f.tight, f.suggested = f.suggested, f.tight }, "12"},
		{"a network that needs less", func(f *timeoutFigures) { f.tight.skipped, f.tight.hits = 0, 24 }, "1"},
		{"no call", func(f *timeoutFigures) { f.suggested = gaveUp{} }, "2"},
	})
	if got := suggest(times(1000, 14*time.Millisecond)); got != 50*time.Millisecond {
		t.Errorf("suggested %v, want 3 × 14 ms rounded up to 50 ms", got)
	}
}

func TestJudgeInFunction(t *testing.T) {
	sound := func() inFunctionFigures {
		return inFunctionFigures{hitCache: times(9, 2*time.Millisecond), hitMemory: times(9, time.Millisecond),
			cacheSide: freshness{answers: 10}, memorySide: freshness{answers: 10, stale: 10},
			dataMB: 29, cacheGrew: 5, memoryGrew: 25, environments: 10, ttl: 5, queriesCache: 1, queriesMemory: 10}
	}
	checkJudge(t, sound, judgeInFunction, []broken[inFunctionFigures]{
		{"a hit that is no faster", func(f *inFunctionFigures) { f.hitCache = f.hitMemory }, "0"},
		{"a cache that keeps the old value", func(f *inFunctionFigures) { f.cacheSide.stale = 1 }, "1"},
		{"a variable without a time to live", func(f *inFunctionFigures) { f.memorySide.staleAfterTTL = 10 }, "1"},
		{"the handlers the other way round", func(f *inFunctionFigures) {
			f.cacheSide, f.memorySide = f.memorySide, f.cacheSide
			f.queriesCache, f.queriesMemory = f.queriesMemory, f.queriesCache
			f.cacheGrew, f.memoryGrew = f.memoryGrew, f.cacheGrew
		}, "123"},
		{"memory that was not read", func(f *inFunctionFigures) { f.memoryGrew, f.cacheGrew = 0, 0 }, "3"},
	})
}

func TestFailedShots(t *testing.T) {
	failed := shot{Reply: lab.Reply{Report: sandbox.Report{Err: &runtimeapi.Error{Type: "x"}}}, source: "cache"}
	if !failed.failed() || saysSource("cache")(failed) {
		t.Error("a failed invocation counts as answered")
	}
}

func TestValidateRefusesIncompleteClaims(t *testing.T) {
	whole := Claim{Claim: "c", Measured: "m", Kind: Modelled, Source: "s", Figures: map[string]float64{"n": 1}}
	for what, spoil := range map[string]func(*Claim){
		"no figures": func(c *Claim) { c.Figures = nil },
		"no source":  func(c *Claim) { c.Source = "" },
		"no run":     func(c *Claim) { c.Run = 1 },
	} {
		c := whole
		spoil(&c)
		r := Report{Claims: []Claim{whole, c}}
		r.Runs = append(r.Runs, nil)
		if r.validate() == nil {
			t.Errorf("%s passes", what)
		}
	}
	if err := (&Report{}).validate(); err == nil {
		t.Error("a report without claims passes")
	}
}
