package experiment

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/thawdev/thaw/lab"
)

// shot is one invocation and what became of it.
type shot struct {
	lab.Reply
	took   time.Duration // until the answer, cold start included
	source string        // who answered: cache, database, memory
	value  string        // JSON
}

// failed tells that the caller got no answer.
func (s shot) failed() bool { return s.Err != nil || s.Throttle != nil }

// shoot invokes a function once, as part of the recorded run.
func (s *stage) shoot(ctx context.Context, function, key string) (shot, error) {
	payload, err := json.Marshal(map[string]string{"id": key})
	if err != nil {
		return shot{}, err
	}
	began := time.Now()
	reply, err := s.Record(ctx, lab.Invocation{Function: function, Payload: payload})
	out := shot{Reply: reply, took: time.Since(began)}
	if err != nil {
		return out, err
	}
	var answer struct {
		Source string          `json:"source"`
		Value  json.RawMessage `json:"value"`
	}
	if !out.failed() {
		if err := json.Unmarshal(reply.Payload, &answer); err != nil {
			return out, fmt.Errorf("%s answers no storefront answer: %w", function, err)
		}
	}
	out.source, out.value = answer.Source, string(answer.Value)
	return out, nil
}

// wave invokes a function n times at the same moment and waits for all answers.
// Invocations are placed before any of them can end, so with keys that are
// misses n environments work at once.
func (s *stage) wave(ctx context.Context, function string, n int, key func(i int) string) ([]shot, error) {
	shots, errs := make([]shot, n), make([]error, n)
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			shots[i], errs[i] = s.shoot(ctx, function, key(i))
		})
	}
	close(gate)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return shots, s.settle(ctx)
}

// each is a wave in which n environments take one invocation each, all of them
// misses. A machine that does not get it done in three tries is too busy.
func (s *stage) each(ctx context.Context, function string, n int) (shots []shot, err error) {
	for range 3 {
		if shots, err = s.wave(ctx, function, n, s.fresh); err != nil {
			return nil, err
		}
		if environmentsOf(shots) == n {
			return shots, nil
		}
	}
	return nil, fmt.Errorf("this machine is too busy: %d invocations at once met only %d environments", n, environmentsOf(shots))
}

// steady invokes a function at a steady rate, without waiting for answers, and
// then waits for all of them.
func (s *stage) steady(ctx context.Context, function string, rate int, d time.Duration, key func(i int) string) ([]shot, error) {
	n := int(d.Seconds() * float64(rate))
	shots, errs := make([]shot, n), make([]error, n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		if err := pause(ctx, time.Until(began.Add(time.Duration(i)*time.Second/time.Duration(rate)))); err != nil {
			break // the invocations end by themselves with ctx
		}
		all.Go(func() { shots[i], errs[i] = s.shoot(ctx, function, key(i)) })
	}
	all.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return nil, err
		}
	}
	return shots, nil
}

// alternate invokes two functions in turn, one after the other, and returns the
// durations of their handlers as pairs.
func (s *stage) alternate(ctx context.Context, pairs int, a, b, key string) (as, bs []time.Duration, err error) {
	for range pairs {
		for _, turn := range []struct {
			function string
			times    *[]time.Duration
		}{{a, &as}, {b, &bs}} {
			shot, err := s.shoot(ctx, turn.function, key)
			if err != nil {
				return nil, nil, err
			}
			if shot.failed() {
				return nil, nil, fmt.Errorf("%s failed while nothing was wrong: %w", turn.function, shot.Err)
			}
			*turn.times = append(*turn.times, shot.Duration)
		}
	}
	return as, bs, nil
}

// count returns how many shots are so.
func count(shots []shot, so func(shot) bool) (n int) {
	for _, s := range shots {
		if so(s) {
			n++
		}
	}
	return n
}

func isCold(s shot) bool { return s.Cold }

func saysSource(source string) func(shot) bool {
	return func(s shot) bool { return !s.failed() && s.source == source }
}

// environmentsOf counts the environments that took part.
func environmentsOf(shots []shot) int {
	seen := map[string]bool{}
	for _, s := range shots {
		seen[s.Environment] = true
	}
	return len(seen)
}
