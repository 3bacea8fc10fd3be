package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/sandbox"
	"github.com/thawdev/thaw/metrics"
)

// Invocation is one request to a function.
type Invocation struct {
	Function      string // ID of a function that the lab runs
	Payload       []byte // JSON
	ClientContext string // JSON, as the handler sees it
	TraceID       string
	RequestID     string // "" is a new one
}

// Reply is what became of an invocation.
type Reply struct {
	sandbox.Report                 // valid unless Throttle is set
	Throttle       *fleet.Throttle // refused before it reached an environment
	Cold           bool            // waited for the init of an environment
	Environment    string
	ColdStart      time.Duration // network interface, process start and init, if Cold
}

// ErrUnknownFunction tells that the lab does not run that function.
var ErrUnknownFunction = errors.New("lab: unknown function")

// Invoke sends one request and waits for the answer. A throttle, an error of
// the function and a timeout are replies; an error means that the lab could not
// carry out the invocation.
func (l *Lab) Invoke(ctx context.Context, in Invocation) (Reply, error) {
	fn := l.functions[in.Function]
	if fn == nil {
		return Reply{}, fmt.Errorf("%w %q", ErrUnknownFunction, in.Function)
	}
	if in.RequestID == "" {
		in.RequestID = uuid.NewString()
	}
	env, init, reply, err := l.place(ctx, fn)
	if err != nil || reply.Throttle != nil {
		return reply, err
	}
	reply.Environment = env.name
	reply.Report = env.sandbox.Invoke(ctx, sandbox.Event{
		RequestID:     in.RequestID,
		Payload:       in.Payload,
		ClientContext: in.ClientContext,
		TraceID:       in.TraceID,
		Init:          init.Duration,
	})
	l.responded(env)
	if log := l.options.Log; log != nil && reply.Log != nil {
		l.background(func(context.Context) { log(fn.stack.ID, env.name, reply.Log()) })
	}
	return reply, nil
}

// place finds or starts an environment for an invocation.
func (l *Lab) place(ctx context.Context, fn *function) (*environment, sandbox.Init, Reply, error) {
	l.mu.Lock()
	l.awaitSettled(fn)
	if l.closed {
		l.mu.Unlock()
		return nil, sandbox.Init{}, Reply{}, context.Canceled
	}
	id, cold, err := l.fleet.Place(l.now(), fn.stack.ID)
	env := l.environments[id]
	if env != nil {
		env.begin()
	}
	l.mu.Unlock()

	var throttle *fleet.Throttle
	switch {
	case errors.As(err, &throttle):
		return nil, sandbox.Init{}, Reply{Throttle: throttle}, nil
	case err != nil:
		return nil, sandbox.Init{}, Reply{}, err
	case !cold:
		return env, sandbox.Init{}, Reply{}, nil
	}
	began := time.Now()
	env, init, err := l.start(ctx, fn, id, sandbox.OnDemand)
	if err != nil {
		return nil, sandbox.Init{}, Reply{Cold: true}, err
	}
	l.mu.Lock()
	env.begin()
	l.mu.Unlock()
	return env, init, Reply{Cold: true, ColdStart: time.Since(began)}, nil
}

// request is one intended request of a load.
type request struct {
	Invocation
	intended, sent time.Duration // since the start of the recorded run
}

// send invokes and records the outcome.
func (l *Lab) send(ctx context.Context, r request) (Reply, error) {
	zero := l.zero()
	reply, err := l.Invoke(ctx, r.Invocation)
	if ctx.Err() != nil {
		return reply, err // interrupted: not an outcome of the function
	}
	done := l.now() - zero
	l.recorder.Invocation(outcome(r, reply, err, done))
	if reply.Environment != "" {
		l.recorder.Busy(reply.Environment, reply.Started.Sub(l.started)-zero, done)
	}
	return reply, err
}

// outcome translates a reply for the recorder.
func outcome(r request, reply Reply, err error, done time.Duration) metrics.Outcome {
	o := metrics.Outcome{
		Function: r.Function, Intended: r.intended, Sent: r.sent, Done: done,
		Cold: reply.Cold, Init: reply.Init, RequestID: reply.RequestID,
	}
	switch {
	case err != nil:
		o.Status, o.ErrorType, o.ErrorMessage = metrics.Error, "Lab.StartFailed", err.Error()
	case reply.Throttle != nil:
		o.Status = metrics.Throttled
	case reply.Err != nil:
		o.Status, o.ErrorType, o.ErrorMessage = metrics.Error, reply.Err.Type, reply.Err.Message
		if reply.Status == "timeout" {
			o.Status = metrics.Timeout
		}
	default:
		o.Source = sourceOf(reply.Payload)
		if !reply.Cold {
			o.Overhead = done - r.sent - reply.Responded.Sub(reply.Delivered)
		}
	}
	return o
}

// maxSourcePayload bounds the answers in which a source is looked for: parsing
// megabytes for every answer would disturb what is measured.
const maxSourcePayload = 64 << 10

// sourceOf finds who answered: "source" at the top of the answer, or in the
// body of an API Gateway answer.
func sourceOf(payload []byte) string {
	if len(payload) > maxSourcePayload {
		return ""
	}
	var answer struct {
		Source any `json:"source"`
		Body   any `json:"body"`
	}
	if json.Unmarshal(payload, &answer) != nil {
		return ""
	}
	if s, ok := answer.Source.(string); ok {
		return s
	}
	if body, ok := answer.Body.(string); ok && len(body) > 0 {
		var inner struct {
			Source string `json:"source"`
		}
		if json.Unmarshal([]byte(body), &inner) == nil {
			return inner.Source
		}
	}
	return ""
}
