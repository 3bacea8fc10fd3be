package experiment

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// stale asks what a frozen environment finds when it wakes up and its connection
// is gone.
type stale struct {
	environments                      int
	careful, goRedis, naive, trusting string // function IDs
}

const (
	// staleTimeout is the careful handler's timeout here: ten times its default,
	// so that it stands out of what a busy machine adds by itself.
	staleTimeout = 500 * time.Millisecond
	// noticeable tells an invocation that waited for the timeout from one that did
	// not. It has the same distance from both.
	noticeable = staleTimeout / 2
	// staleBudget is what a vanished peer may cost that handler: its timeout is
	// for the whole look-up, and the rest is for a busy machine. Others wait for
	// the function's timeout, 3 s.
	staleBudget = 2 * time.Second
)

func (e stale) experiment() Experiment {
	return Experiment{
		Name:  "stale",
		Title: "Connections that die while environments are frozen",
		Doc: "Freezes ten environments of each handler form, closes all their connections at the server, and looks\n" +
			"at the first invocation of each environment after that. Then lets the peers of the connections\n" +
			"vanish instead, with no word to the clients.",
		run: e.run,
	}
}

// thaws are the invocations of one form, one in each environment, before and
// after the connections died.
type thaws struct {
	failed, of    int
	before, after []time.Duration // of the handler, in pairs of one environment
}

func (t thaws) added() time.Duration { return median(differences(t.before, t.after)) }

func (t thaws) String() string {
	return fmt.Sprintf("%d of %d first invocations failed, %s added in the median", t.failed, t.of, ms(t.added()))
}

func (t thaws) figures() map[string]float64 {
	return map[string]float64{"failed": float64(t.failed), "environments": float64(t.of),
		"added_ms": millis(t.added()), "before_ms": millis(median(t.before)), "after_ms": millis(median(t.after))}
}

// staleFigures are by form.
type staleFigures struct{ closed, vanished map[string]thaws }

func (e stale) run(ctx context.Context, o Options, r *Report) error {
	f := staleFigures{}
	forms := []string{e.careful, e.goRedis, e.naive, e.trusting}
	// The database takes so long that each environment gets one invocation of a
	// wave, and the same in every wave: what is added is the connection's.
	own := setting{name: "closed", functions: forms, origin: burstOrigin, env: map[string]string{"CACHE_TIMEOUT_MS": strconv.FormatInt(staleTimeout.Milliseconds(), 10)}}
	err := o.solo(ctx, r, own, func(s *stage) (err error) {
		f.closed, err = e.thaw(ctx, s, forms, s.CacheServer("").Restart)
		return err
	})
	if err != nil {
		return err
	}
	network, err := newRelay()
	if err != nil {
		return err
	}
	defer network.Close()
	own.name, own.through = "vanished", network
	err = o.solo(ctx, r, own, func(s *stage) (err error) {
		f.vanished, err = e.thaw(ctx, s, forms, func() error { network.vanish(); return nil })
		return err
	})
	if err != nil {
		return err
	}
	r.Claims = e.judge(f)
	return nil
}

// thaw warms the environments of all forms up, lets the connections die while
// they are frozen, and looks at what comes after.
func (e stale) thaw(ctx context.Context, s *stage, forms []string, die func() error) (map[string]thaws, error) {
	before := map[string]time.Duration{} // by environment
	for _, form := range forms {
		if _, err := s.each(ctx, form, e.environments); err != nil { // cold
			return nil, err
		}
		shots, err := s.each(ctx, form, e.environments)
		if err != nil {
			return nil, err
		}
		for _, shot := range shots {
			before[shot.Environment] = shot.Duration
		}
	}
	if err := die(); err != nil {
		return nil, err
	}
	out := map[string]thaws{}
	for _, form := range forms {
		// An invocation that fails at once leaves its environment to another, so
		// not each: what counts is the wave.
		shots, err := s.wave(ctx, form, e.environments, s.fresh)
		if err != nil {
			return nil, err
		}
		t := thaws{of: len(shots), failed: count(shots, shot.failed)}
		for _, shot := range shots {
			t.before, t.after = append(t.before, before[shot.Environment]), append(t.after, shot.Duration)
		}
		out[form] = t
	}
	return out, nil
}

func (e stale) judge(f staleFigures) []Claim {
	const vanishing = "injected: a relay swallows the bytes of open connections and tells nobody, as NAT and load balancers do that forget a connection (user reports: LibreChat#15539, lettuce#2082)"
	careful, naive, trusting := f.closed[e.careful], f.closed[e.naive], f.closed[e.trusting]
	lost, plain, plainLost := f.vanished[e.careful], f.closed[e.goRedis], f.vanished[e.goRedis]
	others := fmt.Sprintf(". Naive: %d failed; trusting: %d failed after %s", f.vanished[e.naive].failed,
		f.vanished[e.trusting].failed, ms(median(f.vanished[e.trusting].after)))
	return []Claim{{
		Claim:    "Closed while frozen: a client that trusts its connection fails the first invocation",
		Measured: fmt.Sprintf("%d of %d first invocations failed after %s: nobody asked the database", trusting.failed, trusting.of, ms(median(trusting.after))),
		Holds:    trusting.of > 0 && trusting.failed > 0,
		Kind:     Measured, Run: 0, Chart: "lanes", Figures: trusting.figures(),
	}, {
		Claim:    fmt.Sprintf("Closed while frozen: the careful handler fails none and connects again at once (less than %s, half its timeout)", ms(noticeable)),
		Measured: careful.String(),
		Holds:    careful.of > 0 && careful.failed == 0 && careful.added() < noticeable,
		Kind:     Measured, Run: 0, Chart: "lanes", Figures: careful.figures(),
	}, {
		Claim:    fmt.Sprintf("Closed while frozen: the naive handler fails none and notices nothing (less than %s): it connects in each invocation anyway", ms(noticeable)),
		Measured: naive.String(),
		Holds:    naive.of > 0 && naive.failed == 0 && naive.added() < noticeable,
		Kind:     Measured, Run: 0, Chart: "lanes", Figures: naive.figures(),
	}, {
		Claim:    fmt.Sprintf("Closed while frozen: plain go-redis fails none and connects again at once (less than %s): it looks at a socket before it uses it", ms(noticeable)),
		Measured: plain.String(),
		Holds:    plain.of > 0 && plain.failed == 0 && plain.added() < noticeable,
		Kind:     Measured, Run: 0, Chart: "lanes", Figures: plain.figures(),
	}, {
		Claim:    fmt.Sprintf("Vanished without a word: the careful handler fails none; it waits for its timeout of %s once (more than half of it, and less than %s in all)", ms(staleTimeout), ms(staleBudget)),
		Measured: lost.String() + others,
		Holds:    lost.of > 0 && lost.failed == 0 && lost.added() > noticeable && lost.added() < staleBudget,
		Kind:     Modelled, Source: vanishing, Run: 1, Chart: "lanes", Figures: lost.figures(),
	}, {
		Claim:    "Vanished without a word: plain go-redis fails every first invocation, for it waits 5 s and the function's timeout is shorter",
		Measured: fmt.Sprintf("%d of %d first invocations failed after %s", plainLost.failed, plainLost.of, ms(median(plainLost.after))),
		Holds:    plainLost.of > 0 && plainLost.failed == plainLost.of,
		Kind:     Modelled, Source: vanishing, Run: 1, Chart: "lanes", Figures: plainLost.figures(),
	}}
}
