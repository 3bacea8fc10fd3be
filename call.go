package thaw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/thawdev/thaw/guard"
)

// callContext is the context of one cache call: the caller's, ending no later
// than the call's budget.
//
// It exists because context.WithTimeout costs five allocations and a timer for
// each command, and valkey-go, while commands come one at a time, needs only the
// deadline. The real context is made when somebody asks for Done. It is used by
// the calling goroutine alone.
type callContext struct {
	context.Context // the caller's
	began, deadline time.Time
	bounded         bool     // the caller's deadline, not OperationTimeout, is the limit
	primary         bool     // nothing but the primary's answer will do
	again           bool     // the connection broke under the first try: the second waits for the next one
	over            *session // the one that answered a read, for the local tier
	inner           context.Context
	cancel          context.CancelFunc
}

func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callContext) Done() <-chan struct{} {
	if c.inner == nil {
		c.inner, c.cancel = context.WithDeadline(c.Context, c.deadline)
	}
	return c.inner.Done()
}

func (c *callContext) Err() error {
	if c.inner != nil {
		return c.inner.Err()
	}
	return c.Context.Err()
}

// commandKey marks the contexts of commands, in which nothing may be dialled.
type commandKey struct{}

func (c *callContext) Value(key any) any {
	if _, ok := key.(commandKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// release frees what Done made.
func (c *callContext) release() {
	if c.cancel != nil {
		c.cancel()
	}
}

// budget returns the context of a call that begins at now:
//
//	min(limit, remaining − min(Reserve, remaining/2))
func (c *Client) budget(ctx context.Context, now time.Time, limit time.Duration) *callContext {
	bounded := false
	if end, ok := ctx.Deadline(); ok {
		remaining := end.Sub(now)
		if left := remaining - min(c.opts.Reserve, remaining/2); left < limit {
			limit, bounded = left, true
		}
	}
	return &callContext{Context: ctx, began: now, deadline: now.Add(limit), bounded: bounded}
}

// server runs fn, one use of the server, inside the guard:
//
//	breaker( limiter( fn, and once more if the connection broke and the retry budget allows ) )
//
// Every command that this package sends may be repeated: reads, writes of a whole
// value, deletions, and the lease script, which compares. So a command that may
// have been sent is retried as one that surely was not.
//
// limit is OperationTimeout, or what the Fetch it belongs to has left of it.
func (c *Client) server(ctx context.Context, limit time.Duration, fn func(*callContext) error) error {
	if c.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("thaw: the context had ended before the call: %w", err)
	}
	began := time.Now()
	permit, ok := c.breaker.Allow(began)
	if !ok {
		c.stats.guarded.Add(1)
		return &guarded{reason: "it has not answered lately; the breaker is open"}
	}
	if !c.limiter.Acquire() {
		permit.Done(began, guard.Ignored)
		c.stats.guarded.Add(1)
		return &guarded{reason: "too many calls are in flight: see Options.MaxInflight"}
	}
	call := c.budget(ctx, began, limit)
	verdict := guard.Failure // also if fn panics: nothing of ours should
	var failed error
	defer func() {
		call.release()
		now := time.Now()
		permit.Done(now, verdict)
		c.limiter.Release(now, verdict)
		c.report(now, verdict, failed)
	}()
	if !began.Before(call.deadline) {
		verdict = guard.Ignored
		c.stats.guarded.Add(1)
		return &guarded{reason: "no time is left for it"}
	}
	err := fn(call)
	if err != nil && isBroken(err) && c.mayRetry(began) && time.Now().Before(call.deadline) {
		c.stats.retries.Add(1)
		call.again = true
		err = fn(call)
	}
	verdict, err = c.judge(call, err)
	failed = err
	c.observe(ctx, StageCommand, began, err)
	return err
}

// mayRetry pays the calls since it was last asked into the budget and takes one
// retry out.
func (c *Client) mayRetry(now time.Time) bool {
	calls := c.stats.stage(StageCommand).count.Load()
	c.retries.Deposit(int(calls - c.deposited.Swap(calls)))
	return c.retries.Retry(now)
}

// judge turns the error of a call into the guard's verdict and into what the
// caller sees.
func (c *Client) judge(call *callContext, err error) (guard.Outcome, error) {
	switch {
	case err == nil, errors.Is(err, ErrMiss):
		return guard.Success, err
	case errors.Is(err, ErrGuarded):
		c.stats.guarded.Add(1)
		return guard.Ignored, err
	case call.Context.Err() != nil:
		return guard.Ignored, fmt.Errorf("thaw: the context ended during the call: %w", call.Context.Err())
	case isTimeout(err):
		c.stats.timeouts.Add(1)
		if call.bounded { // a short deadline says nothing about the server
			return guard.Ignored, fmt.Errorf("%w (%w)", ErrTimeout, context.DeadlineExceeded)
		}
		return guard.Failure, ErrTimeout
	case isBroken(err):
		c.stats.broken.Add(1)
		return guard.Failure, fmt.Errorf("thaw: the connection broke: %w", err)
	}
	var connect *ConnectError
	if errors.As(err, &connect) {
		return guard.Ignored, err // the link counts its own attempts
	}
	return guard.Success, err // an error reply is an answer
}
