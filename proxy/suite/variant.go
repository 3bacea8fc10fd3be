package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"
)

// runner runs one server's suite in one variant against all targets.
type runner struct {
	o       options
	src     *source
	variant string
	lists   map[string]*expectations
	log     io.Writer

	mu  sync.Mutex // guards what follows
	rep *report
}

func runVariant(ctx context.Context, o options, src *source, variant string, log io.Writer) (*report, error) {
	units, err := src.units(ctx)
	if err != nil {
		return nil, err
	}
	units = slices.DeleteFunc(units, func(u string) bool { return !chosen(u, o.units) })
	if len(units) == 0 {
		return nil, fmt.Errorf("suite: no unit of %s matches %v", src.label, o.units)
	}
	r := &runner{o: o, src: src, variant: variant, log: log, lists: map[string]*expectations{}}
	for _, t := range o.targets {
		if r.lists[t], err = readExpectations(o.lists, t); err != nil {
			return nil, err
		}
	}
	r.rep = newReport(src, variant, o.targets, units)
	begin := time.Now()
	err = r.work(ctx, units)
	r.rep.took = time.Since(begin)
	r.rep.sort()
	return r.rep, err
}

// chosen says whether a unit matches one of the patterns, or there are none.
func chosen(unit string, patterns []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, unit)
		return ok
	})
}

// work gives the units to as many workers as asked. When the time is over,
// the units left are named in the report, not forgotten.
func (r *runner) work(ctx context.Context, units []string) error {
	queue := make(chan string, len(units))
	for _, u := range units {
		queue <- u
	}
	close(queue)
	errs := make([]error, r.o.jobs)
	var wg sync.WaitGroup
	for n := range r.o.jobs {
		wg.Go(func() { errs[n] = r.worker(ctx, n, queue) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *runner) worker(ctx context.Context, n int, queue <-chan string) error {
	t, err := newTree(r.o.work, r.src, n)
	if err != nil {
		return fmt.Errorf("suite: %w", err)
	}
	defer t.remove()
	for unit := range queue {
		err := r.unit(ctx, t, unit)
		if ctx.Err() != nil {
			r.mu.Lock()
			r.rep.left = append(r.rep.left, unit)
			r.mu.Unlock()
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unit runs one unit directly and then through each target.
func (r *runner) unit(ctx context.Context, t *tree, unit string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	direct, err := r.direct(ctx, t, unit)
	if err != nil {
		return err
	}
	verdicts := []verdict{}
	outcomes := []outcome{direct}
	for _, target := range r.o.targets[1:] {
		through, v, err := r.through(ctx, t, direct, target)
		if err != nil {
			return err
		}
		verdicts, outcomes = append(verdicts, v), append(outcomes, through)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rep.add(outcomes, verdicts)
	r.rep.progress(r.log, outcomes, verdicts)
	return nil
}

// direct runs a unit directly, a second time if something failed.
func (r *runner) direct(ctx context.Context, t *tree, unit string) (outcome, error) {
	out, err := t.runUnit(ctx, r.o, unit, "direct", r.variant)
	if err != nil || r.o.retries == 0 || !slices.ContainsFunc(out.Results, func(x result) bool { return x.Status == failed }) {
		return out, err
	}
	again, err := t.runUnit(ctx, r.o, unit, "direct", r.variant)
	if err != nil {
		return out, err
	}
	return improve(out, again, func(string) bool { return false }), nil
}

// through runs a unit through a target, again as often as allowed while tests
// fail that are not listed.
func (r *runner) through(ctx context.Context, t *tree, direct outcome, target string) (outcome, verdict, error) {
	x := r.lists[target]
	out, err := t.runUnit(ctx, r.o, direct.Unit, target, r.variant)
	if err != nil {
		return out, verdict{}, err
	}
	v := compare(r.src.name, r.variant, direct, out, x)
	listed := func(test string) bool { return x.find(r.src.name, r.variant, direct.Unit, test) != nil }
	for n := 0; n < r.o.retries && len(v.unlisted) > 0; n++ {
		again, err := t.runUnit(ctx, r.o, direct.Unit, target, r.variant)
		if err != nil {
			return out, v, err
		}
		out = improve(out, again, listed)
		v = compare(r.src.name, r.variant, direct, out, x)
	}
	return out, v, nil
}
