// Package experiment turns sentences about Lambda and ElastiCache into claims
// that run: each experiment stages its sentence in the lab, over the example
// "storefront", and answers with figures.
//
//	Experiment.Run ──▶ stage (lab.Lab, relay) ──▶ measurement ──▶ judge ──▶ []Claim
//	                        │ waves, faults         plain data      pure
//	                        └──▶ metrics.Result, one for each run ──▶ Report
//
// A claim can fail: its bound stands in its text or beside it in the code, with
// the reason. Bounds compare figures of one run, by medians and counts, so that
// a busy machine changes the figures and not the verdict.
package experiment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/metrics"
)

// Experiment is a claim, or a few that belong together, with what it takes to
// find out.
type Experiment struct {
	Name  string // as in --experiment
	Title string // one line
	Doc   string // what is done and why it is asked
	run   func(context.Context, Options, *Report) error
}

// Options says where experiments run. Each experiment chooses functions, load,
// variables and faults by itself.
type Options struct {
	// Lab is the base of every lab that is opened. Stack is required and must
	// have the functions of the example; Cache, Freezer, Limits, TempDir, Seed,
	// Status and Log are taken as they are, the rest is the experiment's.
	Lab lab.Options
}

// Report is the outcome of one experiment.
type Report struct {
	Experiment string            `json:"experiment"`
	Title      string            `json:"title"`
	Seed       uint64            `json:"seed"`
	DurationS  float64           `json:"duration_s"`
	Claims     []Claim           `json:"claims"`
	Notes      []string          `json:"notes"` // what follows from the figures, as sentences
	Runs       []*metrics.Result `json:"runs"`
}

// All lists the experiments in the order in which they are best read.
func All() []Experiment {
	return []Experiment{
		coldStart{rounds: 20, warm: 5}.experiment(),
		burst{warm: 5, size: 20, provisioned: 10, fleet: 8, pinged: 3, expiry: 2 * time.Second}.experiment(),
		reuse{environments: 8, waves: 25, pairs: 200, outside: "Careful", goRedis: "GoRedis", inside: "Naive"}.experiment(),
		storm{environments: 100, limit: 60, waves: 3, careful: "Careful", goRedis: "GoRedis"}.experiment(),
		fallback{rate: 20, phase: 1500 * time.Millisecond, careful: "Careful", goRedis: "GoRedis", naive: "Naive"}.experiment(),
		stale{environments: 10, careful: "Careful", goRedis: "GoRedis", naive: "Naive", trusting: "Trusting"}.experiment(),
		timeout{operations: 3000, slow: 400, environments: 8, rounds: 3, function: "Careful"}.experiment(),
		inFunction{environments: 10, pairs: 200, keys: 512, ttl: 5, memory: "InFunction", cache: "Careful"}.experiment(),
	}
}

// Find returns the experiments with the names, "all" being every one. An error
// lists the names that there are.
func Find(names ...string) ([]Experiment, error) {
	all := All()
	var known []string
	byName := map[string]Experiment{}
	for _, e := range all {
		known = append(known, e.Name)
		byName[e.Name] = e
	}
	var found []Experiment
	for _, name := range names {
		if name == "all" {
			return all, nil
		}
		e, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("experiment: there is no %q; there are: %s, and all", name, strings.Join(known, ", "))
		}
		found = append(found, e)
	}
	return found, nil
}

// Run stages the experiment and judges its claims. A claim that does not hold is
// a result, not an error; an error means that it could not be judged. The Report
// is then what was found until then.
func (e Experiment) Run(ctx context.Context, o Options) (*Report, error) {
	began := time.Now()
	r := &Report{Experiment: e.Name, Title: e.Title, Seed: o.Lab.Seed}
	err := e.run(ctx, o, r)
	r.DurationS = time.Since(began).Seconds()
	if err == nil {
		err = r.validate()
	}
	if err != nil {
		return r, fmt.Errorf("experiment %s: %w", e.Name, err)
	}
	return r, nil
}

// Holds reports whether every claim holds.
func (r *Report) Holds() bool {
	for _, c := range r.Claims {
		if !c.Holds {
			return false
		}
	}
	return len(r.Claims) > 0
}
