package experiment

import (
	"context"
	"fmt"
	"time"
)

// reuse asks what it means where the client is made.
type reuse struct {
	environments int // at work at the same time
	waves        int // of invocations after the first
	pairs        int // of invocations, to compare the time
	// function IDs
	outside, goRedis string // one client for each environment
	inside           string // one for each invocation
}

func (e reuse) experiment() Experiment {
	return Experiment{
		Name:  "reuse",
		Title: "A client outside the handler and one inside",
		Doc: "Sends the same waves of invocations to a handler whose client lives as long as its environment, to\n" +
			"one with plain go-redis in the same place, and to one that makes a client for each invocation, and\n" +
			"counts what the server accepts. Then invokes the first and the last in turn and compares how long\n" +
			"they take for a hit.",
		run: e.run,
	}
}

// reuseFigures are counts of the server and times of the handlers.
type reuseFigures struct {
	outside, goRedis, inside  connectionCount
	timesOutside, timesInside []time.Duration // pairs
}

// connectionCount sets connections against what they were opened for.
type connectionCount struct {
	environments, invocations, opened int
	mostOpen                          int // at one moment, at the end of a wave
}

func (e reuse) run(ctx context.Context, o Options, r *Report) error {
	var f reuseFigures
	for _, form := range []struct {
		function string
		into     *connectionCount
	}{{e.outside, &f.outside}, {e.goRedis, &f.goRedis}, {e.inside, &f.inside}} {
		s := setting{name: "waves, " + form.function, functions: []string{form.function}, origin: burstOrigin}
		err := o.solo(ctx, r, s, func(s *stage) error { return e.connections(ctx, s, form.function, form.into) })
		if err != nil {
			return err
		}
	}
	both := setting{name: "in turn", functions: []string{e.outside, e.inside}}
	err := o.solo(ctx, r, both, func(s *stage) (err error) {
		for _, function := range s.functions { // from here on hits
			if _, err = s.shoot(ctx, function, "1"); err != nil {
				return err
			}
		}
		f.timesOutside, f.timesInside, err = s.alternate(ctx, e.pairs, e.outside, e.inside, "1")
		return err
	})
	if err != nil {
		return err
	}
	r.Claims = judgeReuse(f)
	return nil
}

// connections fills the environments with a wave of misses and goes on with waves of
// hits.
func (e reuse) connections(ctx context.Context, s *stage, function string, c *connectionCount) error {
	seen := map[string]bool{}
	for i := range 1 + e.waves {
		key := one("1")
		if i == 0 {
			key = s.fresh
		}
		shots, err := s.wave(ctx, function, e.environments, key)
		if err != nil {
			return err
		}
		c.invocations += len(shots)
		for _, shot := range shots {
			if shot.failed() {
				return fmt.Errorf("%s failed while nothing was wrong: %w", function, shot.Err)
			}
			seen[shot.Environment] = true
		}
		now, err := s.cacheNow(ctx)
		if err != nil {
			return err
		}
		c.opened, c.mostOpen = int(now.NewTotal), max(c.mostOpen, now.Connections)
	}
	c.environments = len(seen)
	return nil
}

func judgeReuse(f reuseFigures) []Claim {
	out, plain, in := f.outside, f.goRedis, f.inside
	added := median(differences(f.timesOutside, f.timesInside))
	return []Claim{{
		Claim:    "A client outside the handler opens one connection for each environment",
		Measured: fmt.Sprintf("%d connections for %d environments and %d invocations", out.opened, out.environments, out.invocations),
		Holds:    out.opened == out.environments && out.invocations > out.environments,
		Kind:     Measured, Run: 0, Chart: "connections",
		Figures: map[string]float64{"connections": float64(out.opened), "environments": float64(out.environments), "invocations": float64(out.invocations)},
	}, {
		Claim:    "Plain go-redis outside the handler does the same: of its pool of 10 for each CPU, one invocation at a time uses one",
		Measured: fmt.Sprintf("%d connections for %d environments and %d invocations", plain.opened, plain.environments, plain.invocations),
		Holds:    plain.opened == plain.environments && plain.invocations > plain.environments,
		Kind:     Measured, Run: 1, Chart: "connections",
		Figures: map[string]float64{"connections": float64(plain.opened), "environments": float64(plain.environments), "invocations": float64(plain.invocations)},
	}, {
		Claim:    "A client inside the handler opens one for each invocation",
		Measured: fmt.Sprintf("%d connections for %d environments and %d invocations, %d open at once", in.opened, in.environments, in.invocations, in.mostOpen),
		Holds:    in.opened >= in.invocations && in.invocations > in.environments,
		Kind:     Measured, Run: 2, Chart: "connections",
		Figures: map[string]float64{"connections": float64(in.opened), "environments": float64(in.environments), "invocations": float64(in.invocations), "open_at_once": float64(in.mostOpen)},
	}, {
		Claim: "The client inside makes every hit slower, here without TLS and over loopback",
		Measured: fmt.Sprintf("%s added in the median of %d pairs: %s instead of %s",
			ms(added), len(f.timesInside), ms(median(f.timesInside)), ms(median(f.timesOutside))),
		Holds: added > 0, Kind: Measured, Run: 3, Chart: "latency",
		Figures: map[string]float64{"added_ms": millis(added), "inside_ms": millis(median(f.timesInside)), "outside_ms": millis(median(f.timesOutside)), "pairs": float64(len(f.timesInside))},
	}}
}
