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
	function     string
}

func (e storm) experiment() Experiment {
	return Experiment{
		Name:  "storm",
		Title: "A hundred environments at once",
		Doc: "Lets a hundred environments work at the same time, again and again, over a client with a pool of\n" +
			"one connection. Then does it again against a server that takes fewer clients than that.",
		run: e.run,
	}
}

// stormFigures are what the server counted.
type stormFigures struct {
	environments, atOnce, invocations int
	open, opened, mostOfOne           int // connections at the end, ever, and the most of one environment

	limit, openAtLimit, refused           int
	stormed, failed, fromCache, fromStore int // invocations of the second run
}

func (e storm) run(ctx context.Context, o Options, r *Report) error {
	f := stormFigures{limit: e.limit}
	free := setting{name: "within maxclients", functions: []string{e.function}, origin: burstOrigin}
	if err := o.solo(ctx, r, free, func(s *stage) error { return e.within(ctx, s, &f) }); err != nil {
		return err
	}
	for _, env := range r.Runs[0].EnvironmentsDetail {
		f.mostOfOne = max(f.mostOfOne, int(env.ConnectionsPeak))
	}
	full := setting{name: "past maxclients", functions: []string{e.function}, origin: burstOrigin, maxClients: e.limit}
	if err := o.solo(ctx, r, full, func(s *stage) error { return e.beyond(ctx, s, &f) }); err != nil {
		return err
	}
	r.Claims = judgeStorm(f)
	return nil
}

func (e storm) within(ctx context.Context, s *stage, f *stormFigures) error {
	for range e.waves {
		shots, err := s.wave(ctx, e.function, e.environments, s.fresh)
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

func (e storm) beyond(ctx context.Context, s *stage, f *stormFigures) error {
	// A value that is there: who has a connection answers from the cache. No
	// environment puts it there, for one that is warm could answer twice.
	if err := s.inCache(ctx, "1"); err != nil {
		return err
	}
	shots, err := s.wave(ctx, e.function, e.environments, one("1"))
	if err != nil {
		return err
	}
	now, err := s.cacheNow(ctx)
	if err != nil {
		return err
	}
	f.openAtLimit, f.refused, f.stormed = now.Connections, int(now.RejectedTotal), len(shots)
	f.failed = count(shots, shot.failed)
	f.fromCache, f.fromStore = count(shots, saysSource("cache")), count(shots, saysSource("database"))
	return nil
}

func judgeStorm(f stormFigures) []Claim {
	excess := f.stormed - f.limit
	return []Claim{{
		Claim:    fmt.Sprintf("%d concurrent environments open %d connections (pool size 1)", f.atOnce, f.atOnce),
		Measured: fmt.Sprintf("%d connections open with %d environments, all at work at the same time", f.open, f.atOnce),
		Holds:    f.open == f.atOnce && f.environments == f.atOnce,
		Kind:     Measured, Run: 0, Chart: "connections",
		Figures: map[string]float64{"environments": float64(f.atOnce), "connections": float64(f.open)},
	}, {
		Claim: fmt.Sprintf("The pool cap bounds each environment: %d invocations open no more than one connection in any", f.invocations),
		Measured: fmt.Sprintf("%d connections opened in %d invocations, at most %d in one environment",
			f.opened, f.invocations, f.mostOfOne),
		Holds: f.invocations > f.environments && f.opened <= f.environments && f.mostOfOne <= 1,
		Kind:  Measured, Run: 0, Chart: "lanes",
		Figures: map[string]float64{"connections_opened": float64(f.opened), "invocations": float64(f.invocations), "connections_of_one_environment": float64(f.mostOfOne)},
	}, {
		Claim: fmt.Sprintf("Past maxclients (%d) the server refuses, and counts it: at least %d refusals, no more than %d clients", f.limit, excess, f.limit),
		Measured: fmt.Sprintf("%d refused, %d connected; %d of %d invocations failed, %d answered by the cache, %d by the database",
			f.refused, f.openAtLimit, f.failed, f.stormed, f.fromCache, f.fromStore),
		Holds: excess > 0 && f.refused >= excess && f.openAtLimit <= f.limit,
		Kind:  Measured, Run: 1, Chart: "connections",
		Figures: map[string]float64{"refused": float64(f.refused), "connections": float64(f.openAtLimit), "limit": float64(f.limit), "invocations": float64(f.stormed), "failed": float64(f.failed)},
	}, {
		Claim: "A refused environment costs no invocation: the careful handler answers from the database",
		Measured: fmt.Sprintf("%d of %d invocations failed; %d from the cache, %d from the database",
			f.failed, f.stormed, f.fromCache, f.fromStore),
		Holds: f.failed == 0 && f.fromStore >= excess && f.fromCache > 0,
		Kind:  Measured, Run: 1, Chart: "sources",
		Figures: map[string]float64{"failed": float64(f.failed), "from_cache": float64(f.fromCache), "from_database": float64(f.fromStore)},
	}}
}
