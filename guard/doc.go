// Package guard keeps a caller from waiting for something that does not answer:
// a circuit breaker, a budget for retries, a limit on concurrency, and the delays
// between attempts.
//
// All of them are state machines that are told the time. None reads a clock,
// starts a goroutine, sleeps, or draws a random number it was not given, so the
// same code runs in a handler in real time and in a simulator in virtual time.
//
// # Which time to tell
//
// Inside a function tell wall time. While an execution environment is frozen the
// monotonic clock stops, so a cool-down measured with it would still be running
// hours after the freeze. The types here drop the monotonic reading of every
// time.Time they are given; a caller need not. If the wall clock is set back, a
// cool-down ends at most its own length after the step.
//
// # Composition
//
// Outermost first, the order in which the client of package thaw asks them:
//
//	breaker( limiter( attempt, then at most one retry if the budget allows ) )
//
// The breaker is outermost, for its answer costs nothing; a retry is inside the
// permit of the call it repeats, so that one call is one verdict.
//
// Every type is safe for concurrent use.
package guard
