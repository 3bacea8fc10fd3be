package fleet

import (
	"fmt"
	"time"
)

// Reason says which limit refused an invocation. The first four are the values
// of Reason in AWS's TooManyRequestsException.
type Reason string

// The reasons of a Throttle.
const (
	AccountConcurrency  Reason = "ConcurrentInvocationLimitExceeded"
	ReservedConcurrency Reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
	AccountRate         Reason = "FunctionInvocationRateLimitExceeded"
	ReservedRate        Reason = "ReservedFunctionInvocationRateLimitExceeded"
	// ScalingRate is Thaw's own: the function may not add environments that
	// fast. AWS documents the limit but no reason of its own for it.
	ScalingRate Reason = "ScalingRateExceeded"
)

// Throttle is the refusal of an invocation, AWS's TooManyRequestsException with
// status 429.
type Throttle struct {
	Function string
	Reason   Reason
}

// Error names the function and the limit.
func (t *Throttle) Error() string {
	return fmt.Sprintf("fleet: %s is throttled: %s", t.Function, t.Reason)
}

// pool is a number of concurrent executions and the request rate that comes
// with it: 10 a second for each execution (Lambda quotas page, 2026).
type pool struct {
	limit, inUse int
	rate         tokenBucket
	reserved     bool
}

func newPool(limit int, reserved bool) *pool {
	return &pool{limit: limit, rate: newTokenBucket(limit*ratePerExecution, time.Second), reserved: reserved}
}

// admit takes one execution, or says what forbids it.
func (p *pool) admit(now time.Duration) Reason {
	switch {
	case p.inUse >= p.limit && p.reserved:
		return ReservedConcurrency
	case p.inUse >= p.limit:
		return AccountConcurrency
	case p.rate.take(now):
		p.inUse++
		return ""
	case p.reserved:
		return ReservedRate
	}
	return AccountRate
}

func (p *pool) release() { p.inUse-- }

// resize changes the limit; what is in use stays.
func (p *pool) resize(limit int) {
	p.limit = limit
	tokens, last := p.rate.tokens, p.rate.last
	p.rate = newTokenBucket(limit*ratePerExecution, time.Second)
	p.rate.tokens, p.rate.last = min(tokens, p.rate.size), last
}

// tokenBucket grants size tokens each period. It refills continuously and holds
// at most size, so what is not used is not saved up.
type tokenBucket struct {
	size   float64
	period time.Duration
	tokens float64
	last   time.Duration
}

// newTokenBucket returns a full bucket. A negative size grants everything.
func newTokenBucket(size int, period time.Duration) tokenBucket {
	return tokenBucket{size: float64(size), period: period, tokens: float64(size)}
}

func (b *tokenBucket) take(now time.Duration) bool {
	if b.size < 0 {
		return true
	}
	if now > b.last {
		b.tokens = min(b.size, b.tokens+b.size*float64(now-b.last)/float64(b.period))
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
