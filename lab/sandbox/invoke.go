package sandbox

import (
	"context"
	"time"

	"github.com/thawdev/thaw/lab/runtimeapi"
)

// exitGrace is how long after the exit of a process its last request is waited
// for: the answer of a handler that responds and exits may still be in a socket.
const exitGrace = 10 * time.Millisecond

// invocation is the state of one Invoke until it is settled. First the caller's
// goroutine owns it, then the one that settles it.
type invocation struct {
	env      *Environment
	event    Event
	started  time.Time
	deadline time.Time
	timer    *time.Timer
	process  *process
	call     *runtimeapi.Call

	ended      string            // "timeout" or "error" when the platform ended it
	failure    *runtimeapi.Error // with ended: why, unless the handler had answered
	reset      string            // the reason to give when the environment must be reset
	suppressed time.Duration

	before, text transcript // output of init and between; output of the invocation
	settled      chan struct{}
	final        Report // valid once settled
}

// Invoke runs one invocation and returns as soon as the response is complete,
// or the function's timeout has passed. Up to MaxConcurrency calls run at once;
// more wait for their turn. What comes after the response, until runtime and
// extensions ask for the next event, goes on in the background, and then the
// environment is frozen unless the next Invoke is already there.
//
// The end of ctx ends the waiting of the caller, not the invocation.
func (e *Environment) Invoke(ctx context.Context, ev Event) Report {
	if failure := e.acquire(ctx, ev.RequestID); failure != nil {
		return refused(ev, failure)
	}
	now := time.Now()
	inv := &invocation{
		env: e, event: ev, started: now, deadline: now.Add(e.fn.Timeout),
		timer:   time.NewTimer(e.fn.Timeout),
		settled: make(chan struct{}),
	}
	e.output.begin(e.running(), inv)
	if inv.process = inv.ensure(ctx); inv.process != nil {
		inv.deliver()
	}
	cancelled := false
	if inv.call != nil {
		cancelled = !inv.await(inv.call.Responded(), ctx.Done())
	}
	r := inv.report(false, time.Now())
	if cancelled {
		r.Status, r.Err = "error", cancelledError(ev.RequestID, ctx.Err())
	}
	r.Log, r.Final = inv.log, inv.finalReport
	go inv.settle()
	return r
}

// acquire waits for a slot and thaws the environment. waiting keeps the freeze
// away from the moment the caller is known.
func (e *Environment) acquire(ctx context.Context, requestID string) *runtimeapi.Error {
	e.mu.Lock()
	e.waiting++
	e.mu.Unlock()
	var failure *runtimeapi.Error
	select {
	case <-e.stopping:
		failure = stoppedError(requestID)
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		failure = cancelledError(requestID, ctx.Err())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting--
	if failure == nil {
		e.inflight++
		e.setFrozen(false)
	}
	return failure
}

// deliver hands the event to the Runtime API.
func (inv *invocation) deliver() {
	ev := &inv.event
	call, err := inv.env.api.Start(runtimeapi.Invocation{
		RequestID: ev.RequestID, Payload: ev.Payload, Deadline: inv.deadline,
		FunctionARN: inv.env.fn.ARN, TraceID: ev.TraceID,
		ClientContext: ev.ClientContext, CognitoIdentity: ev.CognitoIdentity,
	})
	if err != nil {
		inv.refuse(&runtimeapi.Error{Type: "Sandbox.Failure", Message: "RequestId: " + ev.RequestID + " Error: " + err.Error()})
		return
	}
	inv.call = call
}

// await waits for one of the call's channels. What ends an invocation before
// that makes the call fail, which closes the channel. It returns false when
// cancel came first.
func (inv *invocation) await(until, cancel <-chan struct{}) bool {
	e, id := inv.env, inv.event.RequestID
	select {
	case <-until:
	case <-cancel:
		return false
	case <-inv.timer.C:
		switch {
		case isClosed(until): // both at once
			inv.timer.Reset(0)
		case inv.fail("timeout", runtimeapi.TimeoutError(id, e.fn.Timeout)) && e.fn.MaxConcurrency == 1:
			// A Managed Instance fails the one invocation; the others go on.
			inv.reset = "TIMEOUT"
		}
	case <-inv.process.exited:
		select {
		case <-until:
		case <-time.After(exitGrace):
		}
		inv.fail("error", inv.process.exitError(id))
	case <-e.stopping:
		inv.fail("error", stoppedError(id))
	}
	return true
}

// fail ends the invocation by the platform, unless it was over before. A
// complete response stays what it is, in the report to the caller; the log tells
// of the end.
func (inv *invocation) fail(ended string, err *runtimeapi.Error) bool {
	if isClosed(inv.call.Done()) {
		return false
	}
	inv.ended, inv.failure = ended, err
	inv.call.Fail(err)
	return true
}

// refuse ends an invocation that was never delivered.
func (inv *invocation) refuse(err *runtimeapi.Error) { inv.ended, inv.failure = "error", err }

// settle follows the invocation to its end in the background, resets the
// environment if need be, completes the report and gives the slot back.
func (inv *invocation) settle() {
	e := inv.env
	if inv.call != nil && inv.ended == "" {
		inv.await(inv.call.Done(), nil)
	}
	end := time.Now()
	inv.timer.Stop()
	if inv.reset == "" && inv.process != nil && inv.process.hasExited() {
		inv.reset = "FAILURE"
	}
	e.samplePeak(false)
	if inv.reset != "" {
		e.resetProcess(inv.process, inv.reset)
	}
	e.output.end(inv)
	inv.final = inv.report(true, end)
	inv.final.Log, inv.final.Final = inv.log, inv.finalReport
	close(inv.settled)
	e.release()
}

func stoppedError(requestID string) *runtimeapi.Error {
	return &runtimeapi.Error{Type: "Sandbox.Failure", Message: "RequestId: " + requestID + " Error: the environment was stopped"}
}

func cancelledError(requestID string, err error) *runtimeapi.Error {
	return &runtimeapi.Error{Type: "Sandbox.Failure", Message: "RequestId: " + requestID + " Error: the caller gave up: " + err.Error()}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
