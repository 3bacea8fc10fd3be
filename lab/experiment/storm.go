package experiment

import (
	"context"
	"fmt"
)

// storm asks what a hundred environments do to a cache server.
type storm struct {
	environments int
	limit        int // maxclients of the second run
	waves        int // in each of which every environment works

	careful, goRedis string // function IDs
}

func (e storm) experiment() Experiment {
	return Experiment{
		Name:  "storm",
		Title: "A hundred environments at once",
		Doc: "Lets a hundred environments work at the same time, again and again, over a client with one\n" +
			"connection. Then does it again against a server that takes fewer clients than that, with this\n" +
			"client and with plain go-redis.",
		run: e.run,
	}
}

// stormFigures are what the server counted.
type stormFigures struct {
	environments, atOnce, invocations int
	open, opened, mostOfOne           int // connections at the end, ever, and the most of one environment

	limit          int
	careful, plain overflow
}

// overflow is what one handler did past maxclients.
type overflow struct {
	open, refused                              int // connections
	invocations, failed, fromCache, fromOrigin int
}

func (o overflow) String() string {
	return fmt.Sprintf("%d refused, %d connected; %d of %d invocations failed, %d answered by the cache, %d by the database",
		o.refused, o.open, o.failed, o.invocations, o.fromCache, o.fromOrigin)
}

func (o overflow) figures() map[string]float64 {
	return map[string]float64{"refused": float64(o.refused), "connections": float64(o.open), "invocations": float64(o.invocations),
		"failed": float64(o.failed), "from_cache": float64(o.fromCache), "from_database": float64(o.fromOrigin)}
}

func (e storm) run(ctx context.Context, o Options, r *Report) error {
	f := stormFigures{limit: e.limit}
	free := setting{name: "within maxclients", functions: []string{e.careful}, origin: burstOrigin}
	if err := o.solo(ctx, r, free, func(s *stage) error { return e.within(ctx, s, &f) }); err != nil {
		return err
	}
	for _, env := range r.Runs[0].EnvironmentsDetail {
		f.mostOfOne = max(f.mostOfOne, int(env.ConnectionsPeak))
	}
	for _, form := range []struct {
		function string
		into     *overflow
	}{{e.careful, &f.careful}, {e.goRedis, &f.plain}} {
		full := setting{name: "past maxclients, " + form.function, functions: []string{form.function}, origin: burstOrigin, maxClients: e.limit}
		if err := o.solo(ctx, r, full, func(s *stage) error { return e.beyond(ctx, s, form.function, form.into) }); err != nil {
			return err
		}
	}
	r.Claims = judgeStorm(f)
	return nil
}

func (e storm) within(ctx context.Context, s *stage, f *stormFigures) error {
	for range e.waves {
		shots, err := s.wave(ctx, e.careful, e.environments, s.fresh)
		if err != nil {
			return err
		}
		f.atOnce = max(f.atOnce, environmentsOf(shots))
		f.invocations += len(shots)
	}
	f.environments = s.Counts().Started
	now, err := s.cacheNow(ctx)
	f.open, f.opened = now.Connections, int(now.NewTotal)
	return err
}

func (e storm) beyond(ctx context.Context, s *stage, function string, did *overflow) error {
	// A value that is there: who has a connection answers from the cache. No
	// environment puts it there, for one that is warm could answer twice.
	if err := s.inCache(ctx, "1"); err != nil {
		return err
	}
	shots, err := s.wave(ctx, function, e.environments, one("1"))
	if err != nil {
		return err
	}
	now, err := s.cacheNow(ctx)
	if err != nil {
		return err
	}
	did.open, did.refused, did.invocations = now.Connections, int(now.RejectedTotal), len(shots)
	did.failed = count(shots, shot.failed)
	did.fromCache, did.fromOrigin = count(shots, saysSource("cache")), count(shots, saysSource("database"))
	return nil
}

func judgeStorm(f stormFigures) []Claim {
	careful, plain := f.careful, f.plain
	excess := careful.invocations - f.limit
	return []Claim{{
		Claim:    fmt.Sprintf("%d concurrent environments open %d connections", f.atOnce, f.atOnce),
		Measured: fmt.Sprintf("%d connections open with %d environments, all at work at the same time", f.open, f.atOnce),
		Holds:    f.open == f.atOnce && f.environments == f.atOnce,
		Kind:     Measured, Run: 0, Chart: "connections",
		Figures: map[string]float64{"environments": float64(f.atOnce), "connections": float64(f.open)},
	}, {
		Claim: fmt.Sprintf("One connection for each environment is all: %d invocations open no more than one connection in any", f.invocations),
		Measured: fmt.Sprintf("%d connections opened in %d invocations, at most %d in one environment",
			f.opened, f.invocations, f.mostOfOne),
		Holds: f.invocations > f.environments && f.opened <= f.environments && f.mostOfOne <= 1,
		Kind:  Measured, Run: 0, Chart: "lanes",
		Figures: map[string]float64{"connections_opened": float64(f.opened), "invocations": float64(f.invocations), "connections_of_one_environment": float64(f.mostOfOne)},
	}, {
		Claim:    fmt.Sprintf("Past maxclients (%d) the server refuses, and counts it: at least %d refusals, no more than %d clients", f.limit, excess, f.limit),
		Measured: careful.String(),
		Holds:    excess > 0 && careful.refused >= excess && careful.open <= f.limit,
		Kind:     Measured, Run: 1, Chart: "connections", Figures: careful.figures(),
	}, {
		Claim: "A refused environment costs no invocation: the careful handler answers from the database",
		Measured: fmt.Sprintf("%d of %d invocations failed; %d from the cache, %d from the database",
			careful.failed, careful.invocations, careful.fromCache, careful.fromOrigin),
		Holds: careful.failed == 0 && careful.fromOrigin >= excess && careful.fromCache > 0,
		Kind:  Measured, Run: 1, Chart: "sources", Figures: careful.figures(),
	}, {
		// Twice as many: it tries a command four times, and a machine that is busy
		// may end the function before the last of them.
		Claim:    "Plain go-redis fails each refused environment, and knocks at least twice as often at the server that is full",
		Measured: plain.String(),
		Holds:    excess > 0 && plain.failed >= excess && plain.fromOrigin == 0 && plain.refused >= 2*max(excess, careful.refused),
		Kind:     Measured, Run: 2, Chart: "sources", Figures: plain.figures(),
	}}
}
