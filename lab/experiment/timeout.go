package experiment

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/thawdev/thaw/fleet"
)

// timeout asks how long a handler should wait for its cache.
type timeout struct {
	operations   int // over loopback
	slow         int // through the slow network
	environments int
	rounds       int // of calls, one by each environment
	function     string
}

const (
	// farRoundTrip and tightTimeout are the example of the claim: a cache that
	// is 13 ms away, as in another Region nearby, and a timeout that was copied
	// from a cache next door.
	farRoundTrip = 13 * time.Millisecond
	tightTimeout = 10 * time.Millisecond

	// suggestFactor times the p99.9 is the suggested timeout, rounded up to
	// suggestStep: as rare as one operation in a thousand, and then room for a
	// pause of the handler itself. It is a rule of this project.
	suggestFactor = 3
	suggestStep   = 10 * time.Millisecond

	// tolerated is how often the suggested timeout may fail a healthy operation
	// in a second sample, of which p99.9 alone would allow one in a thousand.
	tolerated = 0.005
	// toleratedCalls is the same for handlers, which share two cores with
	// everything else that this machine does.
	toleratedCalls = 0.05
	// provingOrigin is the latency of the database here: a handler that gave up
	// proves its connection while the database answers, before it is frozen.
	provingOrigin = 150 * time.Millisecond
)

func (e timeout) experiment() Experiment {
	return Experiment{
		Name:  "timeout",
		Title: "How long to wait for the cache",
		Doc: "Times single GETs over loopback and through a network with a round trip of 13 ms, suggests a timeout\n" +
			"from each distribution, and tries it on a second sample and on the careful handler; then gives\n" +
			"that handler a timeout of 10 ms on the same network.",
		run: e.run,
	}
}

// timeoutFigures are times of operations, and calls of handlers that gave up.
type timeoutFigures struct {
	near, nearAgain, far []time.Duration
	tight, suggested     gaveUp
}

// gaveUp counts calls of a healthy cache by handlers with one timeout.
type gaveUp struct {
	timeout                      time.Duration
	calls, skipped, hits, failed int // skipped: the value was in the cache, and the database answered
}

// suggest derives a timeout from operations of a healthy cache.
func suggest(operations []time.Duration) time.Duration {
	t := suggestFactor * quantile(operations, 0.999)
	return (t + suggestStep - 1).Truncate(suggestStep)
}

func (e timeout) run(ctx context.Context, o Options, r *Report) error {
	network, err := newRelay()
	if err != nil {
		return err
	}
	defer network.Close()
	network.setDelay(farRoundTrip)
	var f timeoutFigures
	near := setting{name: "loopback", functions: []string{e.function}, origin: burstOrigin}
	err = o.solo(ctx, r, near, func(s *stage) (err error) {
		// One invocation, so that the page of the run has something to show.
		if _, err := s.shoot(ctx, e.function, "1"); err != nil {
			return err
		}
		if f.near, err = s.operations(ctx, e.operations); err != nil {
			return err
		}
		f.nearAgain, err = s.operations(ctx, e.operations)
		return err
	})
	if err != nil {
		return err
	}
	far := near
	// Each call by another environment: one that has just given up may not look.
	far.through, far.placement = network, fleet.LeastRecentlyUsed
	for _, try := range []struct {
		into    *gaveUp
		timeout func() time.Duration
		name    string
	}{
		{&f.tight, func() time.Duration { return tightTimeout }, "13 ms away, timeout 10 ms"},
		{&f.suggested, func() time.Duration { return suggest(f.far) }, "13 ms away, suggested timeout"},
	} {
		far.name, try.into.timeout = try.name, try.timeout()
		far.env = map[string]string{"CACHE_TIMEOUT_MS": strconv.FormatInt(try.into.timeout.Milliseconds(), 10)}
		if err := o.solo(ctx, r, far, func(s *stage) error { return e.call(ctx, s, &f.far, try.into) }); err != nil {
			return err
		}
	}
	r.Claims = judgeTimeout(f)
	r.Notes = []string{"a timeout far above the time that the database takes protects nobody: then the database is the faster answer"}
	return nil
}

// operations times n GETs of a key that is there.
func (s *stage) operations(ctx context.Context, n int) ([]time.Duration, error) {
	p, err := dialProbe(ctx, s.address())
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := s.inCache(ctx, "1"); err != nil {
		return nil, err
	}
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if _, err := p.do("GET", productKey("1")); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// call times operations if nobody has, and then lets environments look a key up
// that is there, one after the other: at once they would keep each other from the
// processor, and who is not running when a timeout ends does not notice it.
func (e timeout) call(ctx context.Context, s *stage, operations *[]time.Duration, g *gaveUp) (err error) {
	if *operations == nil {
		if *operations, err = s.operations(ctx, e.slow); err != nil {
			return err
		}
	}
	if _, err := s.each(ctx, e.function, e.environments); err != nil {
		return err
	}
	if err := s.inCache(ctx, "1"); err != nil {
		return err
	}
	s.OriginServer().SetLatency(provingOrigin)
	for round := range 1 + e.rounds {
		for range e.environments {
			shots, err := s.wave(ctx, e.function, 1, one("1"))
			if err != nil {
				return err
			}
			if round == 0 { // a miss is several operations in one timeout: who gave up then looks again
				continue
			}
			g.calls++
			g.skipped += count(shots, saysSource("database"))
			g.hits += count(shots, saysSource("cache"))
			g.failed += count(shots, shot.failed)
		}
	}
	return nil
}

func judgeTimeout(f timeoutFigures) []Claim {
	farSource := fmt.Sprintf("injected: a round trip of %s by a relay; chosen for the example, about that of two Regions of one continent", ms(farRoundTrip))
	over := 0
	for _, t := range f.nearAgain {
		if t > suggest(f.near) {
			over++
		}
	}
	handlers := func(g gaveUp) string {
		return fmt.Sprintf("with %s %d of %d calls of a healthy cache failed; %d hits, %d invocations failed", ms(g.timeout), g.skipped, g.calls, g.hits, g.failed)
	}
	figures := func(g gaveUp) map[string]float64 {
		return map[string]float64{"timeout_ms": millis(g.timeout), "calls": float64(g.calls), "calls_failed": float64(g.skipped),
			"hits": float64(g.hits), "invocations_failed": float64(g.failed), "p50_ms": millis(median(f.far)), "p999_ms": millis(quantile(f.far, 0.999))}
	}
	n := len(f.nearAgain)
	// Of the tight timeout: a handler that the machine did not let run when its
	// timeout ended finds the answer there when it does run. So half, and not all.
	return []Claim{{
		Claim: fmt.Sprintf("Cache operations over loopback suggest a timeout (%d × p99.9, in steps of %s) that fails at most %.1f %% of a second sample", suggestFactor, ms(suggestStep), 100*tolerated),
		Measured: fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, max %s: %s, which %d of %d exceed", ms(median(f.near)), ms(quantile(f.near, 0.99)),
			ms(quantile(f.near, 0.999)), ms(quantile(f.near, 1)), ms(suggest(f.near)), over, n),
		Holds: n > 0 && float64(over) <= tolerated*float64(n),
		Kind:  Measured, Run: 0, Chart: "latency",
		Figures: map[string]float64{"p50_ms": millis(median(f.near)), "p99_ms": millis(quantile(f.near, 0.99)), "p999_ms": millis(quantile(f.near, 0.999)),
			"max_ms": millis(quantile(f.near, 1)), "suggested_ms": millis(suggest(f.near)), "operations": float64(n), "exceeded": float64(over)},
	}, {
		Claim:    fmt.Sprintf("A timeout of %s against a network that needs %s fails at least half the calls of a healthy cache", ms(tightTimeout), ms(farRoundTrip)),
		Measured: handlers(f.tight),
		Holds:    f.tight.calls > 0 && 2*f.tight.skipped >= f.tight.calls,
		Kind:     Modelled, Source: farSource, Run: 1, Chart: "sources", Figures: figures(f.tight),
	}, {
		Claim:    fmt.Sprintf("The timeout suggested by %d operations on that network fails at most %.0f %% of the calls", len(f.far), 100*toleratedCalls),
		Measured: fmt.Sprintf("p50 %s, p99.9 %s; ", ms(median(f.far)), ms(quantile(f.far, 0.999))) + handlers(f.suggested),
		Holds:    f.suggested.calls > 0 && float64(f.suggested.skipped) <= toleratedCalls*float64(f.suggested.calls) && f.suggested.hits > 0,
		Kind:     Modelled, Source: farSource, Run: 2, Chart: "sources", Figures: figures(f.suggested),
	}}
}
