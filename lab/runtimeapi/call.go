package runtimeapi

import "time"

// Invocation is one event for the function. Empty fields are left out of the
// headers that the runtime gets.
type Invocation struct {
	RequestID string    // required, unique in the environment
	Payload   []byte    // at most MaxPayload bytes; must not change until the call is done
	Deadline  time.Time // zero: the header is left out, and some runtimes then fail

	FunctionARN     string
	TraceID         string // Root=…;Parent=…;Sampled=…
	ClientContext   string // JSON, not base64
	CognitoIdentity string // JSON
	TenantID        string
}

// Result is how an invocation ended.
type Result struct {
	Payload     []byte // the answer; with Err what had arrived of it, or nil
	ContentType string // as the runtime named it
	Err         *Error // nil: the function succeeded

	DeliveredAt time.Time // zero: the runtime never took it
	RespondedAt time.Time
	DoneAt      time.Time // zero until Done
}

// Call is an invocation under way.
//
//	queued ─next─▶ running ─POST response|error─▶ responding ─body read─▶ responded ─next─▶ done
//	   └──────────────┴────────── Fail, Reset, Close ──┴────────────────────────┴───────────▶ done
type Call struct {
	api  *API
	inv  Invocation
	life *life

	delivered, responded, done chan struct{}

	// Under api.mu:
	state      callState
	asError    bool // while responding: the post is to …/error
	runtimeOut bool // the runtime has asked for its next invocation
	extensions int  // INVOKE extensions that have not asked again
	bytes      int  // length of the answer, for telemetry
	result     Result
}

type callState uint8

const (
	callQueued callState = iota
	callRunning
	callResponding
	callResponded
	callDone
)

// stateName is the runtime's state in AWS's words, for messages.
func (c *Call) stateName() string {
	switch c.state {
	case callQueued:
		return stateReady
	case callRunning:
		return stateRunning
	case callResponding:
		if c.asError {
			return stateErrorResponse
		}
		return stateResponse
	}
	return stateResponseSent
}

// Delivered is closed when the runtime took the event; never, if the call
// failed before.
func (c *Call) Delivered() <-chan struct{} { return c.delivered }

// Responded is closed when the answer is complete or the call failed; Result
// is valid from here on.
func (c *Call) Responded() <-chan struct{} { return c.responded }

// Done is closed when the runtime and every INVOKE extension have asked for
// their next event, or the call failed: Lambda bills until here and may freeze
// the environment.
func (c *Call) Done() <-chan struct{} { return c.done }

// Result is how the call ended. Before Responded it is incomplete, and DoneAt
// is set only when Done is closed.
func (c *Call) Result() Result {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.result
}

// Fail ends this call alone, as a Managed Instance does on a timeout: its
// other invocations go on. A late answer of the runtime is refused with 410
// InvokeTimeout there, with 400 InvalidRequestID in other environments.
func (c *Call) Fail(err *Error) {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	if c.state == callDone {
		return
	}
	c.life.remember(c.inv.RequestID)
	c.fail(err)
}

// Start hands inv to the runtime, at once if it polls and Init is over, else
// when it does. It fails with ErrTooLarge, ErrBusy (MaxConcurrency calls are
// not done) or ErrClosed.
func (a *API) Start(inv Invocation) (*Call, error) {
	if len(inv.Payload) > MaxPayload {
		return nil, ErrTooLarge
	}
	a.mu.Lock()
	l := a.life
	if a.closed || l.stopping {
		a.mu.Unlock()
		return nil, ErrClosed
	}
	if _, dup := l.calls[inv.RequestID]; dup || len(l.calls) >= a.opts.MaxConcurrency {
		a.mu.Unlock()
		return nil, ErrBusy
	}
	c := &Call{
		api: a, inv: inv, life: l,
		delivered: make(chan struct{}),
		responded: make(chan struct{}),
		done:      make(chan struct{}),
	}
	l.calls[inv.RequestID] = c
	l.queue = append(l.queue, c)
	send := a.dispatch(l)
	a.mu.Unlock()
	send.run()
	return c, nil
}

// Fail ends every call that is not done with err: the process exited, the
// function timed out. Calls that were answered keep their answer. Later posts
// for them are refused. A nil err is Sandbox.Failure.
func (a *API) Fail(err *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.life.failAll(err)
}

// fail ends the call, with api.mu held.
func (c *Call) fail(err *Error) {
	if err == nil {
		err = &Error{Type: typeSandboxFailure, Message: "environment failed"}
	}
	now := time.Now()
	if c.state == callQueued {
		c.life.unqueue(c)
	}
	if c.state < callResponded {
		c.respond(Result{Err: err}, now)
	}
	c.finish(now)
}

// respond records the answer, with api.mu held. DeliveredAt is kept.
func (c *Call) respond(r Result, now time.Time) {
	r.DeliveredAt, r.RespondedAt = c.result.DeliveredAt, now
	c.result = r
	c.state = callResponded
	close(c.responded)
	c.life.emitRuntimeDone(c)
}

// finish ends the call if it is not done, with api.mu held.
func (c *Call) finish(now time.Time) {
	if c.state == callDone {
		return
	}
	c.state = callDone
	c.result.DoneAt = now
	c.life.forget(c)
	close(c.done)
}

// settle ends the call if nobody is still at work on it, with api.mu held.
func (c *Call) settle(now time.Time) {
	if c.state == callResponded && c.runtimeOut && c.extensions == 0 {
		c.finish(now)
	}
}
