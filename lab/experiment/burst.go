package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/thawdev/thaw/stack"
)

// burst asks what helps when more requests come at once than environments wait.
type burst struct {
	warm, size  int           // environments before the burst, invocations in it
	provisioned int           // provisioned concurrency
	fleet       int           // environments before the warm-up begins
	pinged      int           // invocations at once of the warm-up
	expiry      time.Duration // of idle environments
}

// burstOrigin is how long each invocation of a burst works: longer than a busy
// machine needs to send them all.
const burstOrigin = 400 * time.Millisecond

func (b burst) experiment() Experiment {
	return Experiment{
		Name:  "burst",
		Title: "A burst beyond the warm environments",
		Doc: "Sends bursts of invocations that all work at the same time to a function with a few warm\n" +
			"environments, to one with provisioned concurrency, and to one that a scheduled warm-up keeps warm.",
		run: b.run,
	}
}

// burstFigures is what the three functions showed.
type burstFigures struct {
	warm, size                  int
	plain, again                []shot // the burst, and the same again
	provisioned                 int
	within, beyond              []shot // bursts of the size of the provisioned concurrency, and of size
	fleet, pinged, kept, pings  int
	afterWarmUp                 []shot
	expiry, interval, warmUpFor time.Duration
}

func (b burst) run(ctx context.Context, o Options, r *Report) error {
	f := burstFigures{warm: b.warm, size: b.size, provisioned: b.provisioned, fleet: b.fleet, pinged: b.pinged, expiry: b.expiry, interval: b.expiry / 4}
	careful := setting{name: "on demand", functions: []string{"Careful"}, origin: burstOrigin}
	err := o.solo(ctx, r, careful, func(s *stage) (err error) {
		if _, err = s.each(ctx, "Careful", b.warm); err != nil {
			return err
		}
		if f.plain, err = s.wave(ctx, "Careful", b.size, s.fresh); err != nil {
			return err
		}
		f.again, err = s.wave(ctx, "Careful", b.size, s.fresh)
		return err
	})
	if err != nil {
		return err
	}
	careful.name = "provisioned concurrency"
	careful.change = func(f *stack.Function) { f.Provisioned = stack.Known(b.provisioned) }
	err = o.solo(ctx, r, careful, func(s *stage) (err error) {
		if f.within, err = s.wave(ctx, "Careful", b.provisioned, s.fresh); err != nil {
			return err
		}
		f.beyond, err = s.wave(ctx, "Careful", b.size, s.fresh)
		return err
	})
	if err != nil {
		return err
	}
	careful.name, careful.change, careful.expiry = "scheduled warm-up", nil, b.expiry
	if err = o.solo(ctx, r, careful, func(s *stage) error { return b.warmUp(ctx, s, &f) }); err != nil {
		return err
	}
	r.Claims = judgeBurst(f)
	return nil
}

// warmUp invokes a few environments at once, again and again, until the others
// have been idle for too long.
func (b burst) warmUp(ctx context.Context, s *stage, f *burstFigures) error {
	if _, err := s.each(ctx, "Careful", b.fleet); err != nil {
		return err
	}
	began := time.Now()
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	// Two expiries: one that ends the others, and one more to see that those
	// which are left stay.
	for time.Since(began) < 2*b.expiry+time.Second {
		if _, err := s.wave(ctx, "Careful", b.pinged, s.fresh); err != nil {
			return err
		}
		f.pings++
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.warmUpFor = time.Since(began)
	c := s.Counts()
	f.kept = c.Idle + c.Busy
	var err error
	f.afterWarmUp, err = s.wave(ctx, "Careful", b.fleet, s.fresh)
	return err
}

// initsIn counts the invocations that waited for an init.
func initsIn(shots []shot) int {
	return count(shots, func(s shot) bool { return s.Cold && s.Init > 0 })
}

// took splits the times of a burst into cold and warm.
func took(shots []shot) (cold, warm []time.Duration) {
	for _, s := range shots {
		if s.Cold {
			cold = append(cold, s.took)
		} else {
			warm = append(warm, s.took)
		}
	}
	return cold, warm
}

func judgeBurst(f burstFigures) []Claim {
	cold, warm := took(f.plain)
	missing := f.size - f.warm
	claims := []Claim{{
		Claim: fmt.Sprintf("A burst of %d on %d warm environments starts %d new ones, and each pays its init again; the same burst afterwards pays none",
			f.size, f.warm, missing),
		Measured: fmt.Sprintf("%d waited for an init, then %d; in the first burst cold %s, warm %s in the median, of which the database takes %s",
			initsIn(f.plain), initsIn(f.again), ms(median(cold)), ms(median(warm)), ms(burstOrigin)),
		Holds: initsIn(f.plain) == missing && initsIn(f.again) == 0,
		Kind:  Measured, Run: 0, Chart: "environments",
		Figures: map[string]float64{"cold_starts": float64(initsIn(f.plain)), "cold_starts_again": float64(initsIn(f.again)),
			"cold_ms": millis(median(cold)), "warm_ms": millis(median(warm))},
	}}
	spilled := f.size - f.provisioned
	claims = append(claims, Claim{
		Claim: fmt.Sprintf("Provisioned concurrency of %d takes the cold starts out of a burst of %d, and leaves %d in a burst of %d",
			f.provisioned, f.provisioned, spilled, f.size),
		Measured: fmt.Sprintf("%d cold starts in the burst of %d, %d in the burst of %d", count(f.within, isCold), f.provisioned, count(f.beyond, isCold), f.size),
		Holds:    len(f.within) == f.provisioned && count(f.within, isCold) == 0 && count(f.beyond, isCold) == spilled,
		Kind:     Measured, Run: 1, Chart: "environments",
		Figures: map[string]float64{"cold_starts_within": float64(count(f.within, isCold)), "cold_starts_beyond": float64(count(f.beyond, isCold))},
	})
	after := count(f.afterWarmUp, isCold)
	return append(claims, Claim{
		Claim: fmt.Sprintf("A warm-up that invokes %d at once keeps %d of %d environments: a burst of %d afterwards starts %d",
			f.pinged, f.pinged, f.fleet, f.fleet, f.fleet-f.pinged),
		Measured: fmt.Sprintf("%d left after %d warm-ups in %.1f s; %d cold starts in the burst", f.kept, f.pings, f.warmUpFor.Seconds(), after),
		Holds:    f.kept == f.pinged && after == f.fleet-f.pinged,
		Kind:     Modelled, Run: 2, Chart: "environments",
		Source: fmt.Sprintf("idle environments end after %g s, warm-ups come every %g s: a stand-in for 10 minutes (\"Serverless in the Wild\", ATC 2020, on AWS; AWS publishes no figure), newest environment first",
			f.expiry.Seconds(), f.interval.Seconds()),
		Figures: map[string]float64{"environments_left": float64(f.kept), "warm_ups": float64(f.pings), "cold_starts": float64(after)},
	})
}
