package experiment

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// fallback asks whether a cache outage is an outage.
type fallback struct {
	rate  int           // invocations a second
	phase time.Duration // how long each fault is under load

	careful, goRedis, naive string // function IDs
}

const (
	// slowRoundTrip is far above the careful handler's timeout of 50 ms, and two
	// of them are above the function's timeout of 3 s: the naive handler needs
	// two, a greeting and a GET.
	slowRoundTrip = 2 * time.Second
	// defaultTimeoutMS is the careful handler's own.
	defaultTimeoutMS = "50"
	fallbackOrigin   = 12 * time.Millisecond // the template's
	recoverWithin    = 15 * time.Second
)

func (e fallback) experiment() Experiment {
	return Experiment{
		Name:  "fallback",
		Title: "The cache is killed, paused and made slow",
		Doc: "Invokes the careful handler at a steady rate while the cache is paused (its socket open, no\n" +
			"answers), killed (the port refuses), and behind a network that answers 2 s late; then plain go-redis and\n" +
			"the naive handler.",
		run: e.run,
	}
}

// ordeal is what one handler did under one fault.
type ordeal struct {
	fault                  string
	sent, failed, fromBase int
	times                  []time.Duration // until the answer, failed ones included
	back                   time.Duration   // until the cache answered again; 0: it did not, or nobody looked
}

// fallbackFigures are ordeals by handler.
type fallbackFigures struct{ careful, goRedis, naive []ordeal }

func (e fallback) run(ctx context.Context, o Options, r *Report) error {
	var f fallbackFigures
	for _, form := range []struct {
		function string
		into     *[]ordeal
		recovers bool // look whether the cache answers again
	}{{e.careful, &f.careful, true}, {e.goRedis, &f.goRedis, false}, {e.naive, &f.naive, false}} {
		own := setting{name: form.function + ", paused and killed", functions: []string{form.function}, origin: fallbackOrigin,
			env: map[string]string{"CACHE_TIMEOUT_MS": defaultTimeoutMS}}
		err := o.solo(ctx, r, own, func(s *stage) error {
			server := s.CacheServer("")
			for _, f := range []fault{
				{"paused", server.Pause, server.Resume},
				{"killed", server.Kill, server.Restart},
			} {
				did, err := e.endure(ctx, s, form.function, f, form.recovers)
				if err != nil {
					return err
				}
				*form.into = append(*form.into, did)
			}
			return nil
		})
		if err != nil {
			return err
		}
		did, err := e.slow(ctx, o, r, own, form.function, form.recovers)
		if err != nil {
			return err
		}
		*form.into = append(*form.into, did)
	}
	r.Claims = judgeFallback(f)
	return nil
}

// fault is how a cache goes wrong and comes back.
type fault struct {
	name        string
	begin, lift func() error
}

// slow is endure behind a network that becomes slow.
func (e fallback) slow(ctx context.Context, o Options, r *Report, own setting, function string, recovers bool) (did ordeal, err error) {
	network, err := newRelay()
	if err != nil {
		return did, err
	}
	defer network.Close()
	own.name, own.through = function+", slow", network
	f := fault{"slow",
		func() error { network.setDelay(slowRoundTrip); return nil },
		func() error { network.setDelay(0); return nil }}
	err = o.solo(ctx, r, own, func(s *stage) error {
		did, err = e.endure(ctx, s, function, f, recovers)
		return err
	})
	return did, err
}

// endure fills the cache, lets the fault begin, sends load, waits for all
// answers, lifts the fault, and looks whether the cache answers again.
func (e fallback) endure(ctx context.Context, s *stage, function string, f fault, recovers bool) (ordeal, error) {
	did := ordeal{fault: f.name}
	if _, err := s.fromCache(ctx, function); err != nil {
		return did, fmt.Errorf("before the cache is %s: %w", f.name, err)
	}
	if err := f.begin(); err != nil {
		return did, err
	}
	shots, err := s.steady(ctx, function, e.rate, e.phase, one("1"))
	if err != nil {
		return did, err
	}
	if err := s.settle(ctx); err != nil {
		return did, err
	}
	if err := f.lift(); err != nil {
		return did, err
	}
	did.sent, did.failed, did.fromBase = len(shots), count(shots, shot.failed), count(shots, saysSource("database"))
	for _, shot := range shots {
		did.times = append(did.times, shot.took)
	}
	if recovers {
		if did.back, err = s.fromCache(ctx, function); err != nil {
			did.back = 0 // a finding, not an error
		}
	}
	return did, ctx.Err()
}

// fromCache invokes a function until the cache answers, and tells how long that
// took.
func (s *stage) fromCache(ctx context.Context, function string) (time.Duration, error) {
	began := time.Now()
	for time.Since(began) < recoverWithin {
		shot, err := s.shoot(ctx, function, "1")
		if err != nil {
			return 0, err
		}
		if saysSource("cache")(shot) {
			return time.Since(began), nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the cache answered no invocation within %v", recoverWithin)
}

func judgeFallback(f fallbackFigures) []Claim {
	const slowSource = "injected: each answer 2 s late, so that two of them exceed the function's timeout of 3 s"
	var claims []Claim
	for _, did := range f.careful {
		c := Claim{
			Claim: fmt.Sprintf("Cache %s: the careful handler fails no invocation and says database; afterwards the cache answers again", did.fault),
			Measured: fmt.Sprintf("%d of %d failed, %d said database; p50 %s, max %s; ",
				did.failed, did.sent, did.fromBase, ms(median(did.times)), ms(quantile(did.times, 1))),
			Holds: did.sent > 0 && did.failed == 0 && did.fromBase == did.sent && did.back > 0,
			Kind:  Measured, Chart: "sources",
			Figures: map[string]float64{"invocations": float64(did.sent), "failed": float64(did.failed), "from_database": float64(did.fromBase),
				"p50_ms": millis(median(did.times)), "max_ms": millis(quantile(did.times, 1)), "back_ms": millis(did.back)},
		}
		if did.back > 0 {
			c.Measured += "cache again after " + ms(did.back)
		} else {
			c.Measured += "the cache never again"
		}
		if did.fault == "slow" {
			c.Kind, c.Source, c.Run = Modelled, slowSource, 1
		}
		claims = append(claims, c)
	}
	// One environment is connected when the fault begins, and may get its answer
	// after 2 s: hence nine of ten.
	return append(claims,
		judgeFailing(f.goRedis, "Plain go-redis asks the database in no invocation while the cache is paused, killed or slow, and fails at least nine of ten", 2, slowSource,
			func(o ordeal) bool { return o.fromBase == 0 && 10*o.failed >= 9*o.sent }),
		judgeFailing(f.naive, "The naive handler fails each invocation while the cache is paused, killed or slow", 4, slowSource,
			func(o ordeal) bool { return o.failed == o.sent }))
}

// judgeFailing shows that the ordeal is one: a handler that trusts its cache does
// not survive it. run is its first.
func judgeFailing(ordeals []ordeal, claim string, run int, slowSource string, so func(ordeal) bool) Claim {
	c := Claim{
		Claim: claim,
		Holds: len(ordeals) > 0, Kind: Modelled, Source: slowSource + "; paused and killed are measured", Run: run, Chart: "latency",
		Figures: map[string]float64{},
	}
	var parts []string
	for _, did := range ordeals {
		c.Holds = c.Holds && did.sent > 0 && so(did)
		parts = append(parts, fmt.Sprintf("%s %d of %d failed, p50 %s", did.fault, did.failed, did.sent, ms(median(did.times))))
		c.Figures[did.fault+"_failed"], c.Figures[did.fault+"_invocations"] = float64(did.failed), float64(did.sent)
		c.Figures[did.fault+"_from_database"] = float64(did.fromBase)
		c.Figures[did.fault+"_p50_ms"] = millis(median(did.times))
	}
	c.Measured = strings.Join(parts, "; ")
	return c
}
