package lab

import "time"

// An invocation is answered a moment before its environment is free: the
// runtime must ask for the next event first. In AWS the answer's way to the
// caller takes longer than that; here a caller that sends its next request at
// once would meet a busy environment and cause a cold start, or a throttle, that
// AWS would not show. So a request that finds no idle environment waits a
// moment for one that has answered already.

// settleTime is how long. A Go handler asks for the next event within 0.2 ms; a
// function that works on after its answer, or has extensions that do, keeps its
// environment busy as it does in AWS.
const settleTime = 5 * time.Millisecond

// begin counts an invocation that was placed in env; the lock must be held.
func (env *environment) begin() {
	env.invocations++
	env.running++
}

// responded says that an invocation in env has been answered.
func (l *Lab) responded(env *environment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if env.running > env.settling {
		env.settling++
		env.fn.settling++
	}
}

// settled says that an invocation in env is over; the lock must be held.
func (l *Lab) settled(env *environment) {
	env.running--
	if env.settling > env.running {
		env.settling--
		env.fn.settling--
	}
	fn := env.fn
	if len(fn.waiting) > 0 {
		close(fn.waiting[0])
		fn.waiting = fn.waiting[1:]
	}
}

// awaitSettled waits for an environment of fn that has answered, if none is
// idle. The lock must be held; it is released while waiting.
func (l *Lab) awaitSettled(fn *function) {
	if fn.settling == 0 || fn.sandbox.MaxConcurrency > 1 {
		return
	}
	deadline := time.Now().Add(settleTime)
	for fn.settling > 0 && !l.closed && l.fleet.Counts(fn.stack.ID).Idle == 0 {
		wait := time.Until(deadline)
		if wait <= 0 {
			return
		}
		free := make(chan struct{})
		fn.waiting = append(fn.waiting, free)
		l.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-free:
		case <-timer.C:
		}
		timer.Stop()
		l.mu.Lock()
	}
}
