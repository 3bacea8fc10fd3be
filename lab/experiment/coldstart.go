package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/stack"
)

// coldStart asks what a VPC costs a cold start: the oldest number of the field.
type coldStart struct {
	rounds int // cold starts of each kind
	warm   int // warm invocations after each
}

const (
	eniShortest = 100 * time.Millisecond
	eniLongest  = 300 * time.Millisecond
	// unmeasurable is below what this experiment calls a difference between cold
	// starts: a quarter of the smallest delay in question. A Go init on a busy
	// laptop varies by tens of milliseconds, the median of pairs by far less.
	unmeasurable = eniShortest / 4
	// nothing is the same for a warm invocation, which varies less.
	nothing = eniShortest / 20

	eniSource = "injected, evenly from 100 to 300 ms, the price that is quoted for a VPC; measured at the time: 3 to 15 s (sasidhar.com, 2019-11)"
	// The Developer Guide is AWS Lambda's, page configuration-vpc, read 2026.
	sharedSource = "nothing is injected: Lambda makes the interfaces when the function is created, and environments share them (Developer Guide, configuration-vpc)"
)

func (c coldStart) experiment() Experiment {
	return Experiment{
		Name:  "cold-start",
		Title: "What a VPC costs a cold start",
		Doc: "Starts the careful handler cold, outside a VPC, in a VPC with today's shared interfaces, and in one\n" +
			"with an interface for each environment, in turn, so that every figure is the difference of two\n" +
			"starts that follow each other.",
		run: c.run,
	}
}

// startTimes are of one kind of network, in the order of the rounds.
type startTimes struct{ cold, warm []time.Duration }

func (c coldStart) run(ctx context.Context, o Options, r *Report) error {
	outside := setting{name: "no VPC", functions: []string{"Careful"}, change: func(f *stack.Function) { f.VPC = nil }}
	shared := setting{name: "VPC, shared ENIs", functions: []string{"Careful"}, network: lab.Hyperplane}
	own := setting{name: "VPC, an ENI for each environment", functions: []string{"Careful"}, network: lab.PerEnvironmentENI}
	return o.on(ctx, r, func(stages []*stage) error {
		times := make([]startTimes, len(stages))
		for range c.rounds {
			for i, s := range stages {
				if err := c.round(ctx, s, &times[i]); err != nil {
					return err
				}
			}
		}
		r.Claims = judgeColdStart(times[0], times[1], times[2])
		return nil
	}, outside, shared, own)
}

// round is a cold start and the warm invocations after it.
func (c coldStart) round(ctx context.Context, s *stage, t *startTimes) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.Retire("Careful"); err != nil {
		return err
	}
	first, err := s.shoot(ctx, "Careful", "1")
	if err != nil {
		return err
	}
	if !first.Cold || first.failed() {
		return fmt.Errorf("no cold start, or a failed one: %+v", first.Err)
	}
	t.cold = append(t.cold, first.ColdStart)
	var warm []time.Duration
	for range c.warm {
		again, err := s.shoot(ctx, "Careful", "1")
		if err != nil {
			return err
		}
		warm = append(warm, again.took)
	}
	t.warm = append(t.warm, median(warm))
	return nil
}

func judgeColdStart(outside, shared, own startTimes) []Claim {
	perENI := differences(shared.cold, own.cold)
	added, none := median(perENI), median(differences(outside.cold, shared.cold))
	warm := median(differences(outside.warm, own.warm))
	n := len(own.cold)
	return []Claim{{
		Claim: "With an ENI for each environment a VPC makes a cold start 100 to 300 ms longer",
		Measured: fmt.Sprintf("%s longer in the median of %d pairs (p10 %s, p90 %s): %s instead of %s",
			ms(added), n, ms(quantile(perENI, 0.1)), ms(quantile(perENI, 0.9)), ms(median(own.cold)), ms(median(shared.cold))),
		Holds: added >= eniShortest && added <= eniLongest, Kind: Modelled, Source: eniSource, Run: 2, Chart: "latency",
		Figures: map[string]float64{"added_ms": millis(added), "cold_ms": millis(median(own.cold)), "cold_shared_ms": millis(median(shared.cold)), "pairs": float64(n)},
	}, {
		Claim: fmt.Sprintf("With today's shared ENIs it takes no measurable time longer (less than %s)", ms(unmeasurable)),
		Measured: fmt.Sprintf("%s in the median of %d pairs: %s instead of %s outside a VPC",
			ms(none), n, ms(median(shared.cold)), ms(median(outside.cold))),
		Holds: n > 0 && none.Abs() < unmeasurable, Kind: Modelled, Source: sharedSource, Run: 1, Chart: "latency",
		Figures: map[string]float64{"added_ms": millis(none), "cold_ms": millis(median(shared.cold)), "cold_outside_ms": millis(median(outside.cold)), "pairs": float64(n)},
	}, {
		Claim: fmt.Sprintf("Warm invocations pay nothing for the VPC, with either kind of ENI (less than %s)", ms(nothing)),
		Measured: fmt.Sprintf("%s in the median of %d pairs: %s instead of %s",
			ms(warm), len(own.warm), ms(median(own.warm)), ms(median(outside.warm))),
		Holds: n > 0 && warm.Abs() < nothing && median(differences(outside.warm, shared.warm)).Abs() < nothing,
		Kind:  Modelled, Source: "the delay is injected once for each environment, when an interface is attached", Run: 2, Chart: "latency",
		Figures: map[string]float64{"added_ms": millis(warm), "warm_ms": millis(median(own.warm)), "warm_outside_ms": millis(median(outside.warm))},
	}}
}
