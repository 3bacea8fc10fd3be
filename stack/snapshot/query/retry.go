package query

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// call makes a call and repeats it as the retryer says.
func (c *client) call(ctx context.Context, action string, params url.Values) ([]byte, error) {
	body := c.form(action, params)
	paid := func(error) error { return nil } // gives back what a retry cost, if it succeeds
	for n := 1; ; n++ {
		earn, err := c.admit(ctx)
		if err != nil {
			return nil, fmt.Errorf("query: %s: %w", action, err)
		}
		answer, err := c.attempt(ctx, action, body)
		// Both only count; an attempt does not fail for it.
		_, _ = paid(err), earn(err)
		if err == nil {
			return answer, nil
		}
		if paid, err = c.wait(ctx, n, err); err != nil {
			return nil, err
		}
	}
}

// admit waits until the retryer lets an attempt go. The adaptive mode slows down
// all calls once AWS throttles.
func (c *client) admit(ctx context.Context) (func(error) error, error) {
	if r, ok := c.retryer.(aws.RetryerV2); ok {
		return r.GetAttemptToken(ctx)
	}
	return c.retryer.GetInitialToken(), nil
}

// wait waits after attempt n failed. It returns the failure if that is the end.
func (c *client) wait(ctx context.Context, n int, failure error) (func(error) error, error) {
	if ctx.Err() != nil || !c.retryer.IsErrorRetryable(failure) {
		return nil, failure
	}
	if limit := c.retryer.MaxAttempts(); limit > 0 && n >= limit {
		return nil, failure
	}
	token, err := c.retryer.GetRetryToken(ctx, failure)
	if err != nil {
		return nil, failure // too many calls failed: the retryer's budget is spent
	}
	delay, err := c.retryer.RetryDelay(n, failure)
	if err != nil {
		return nil, failure
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return token, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w (after %w)", context.Cause(ctx), failure)
	}
}
