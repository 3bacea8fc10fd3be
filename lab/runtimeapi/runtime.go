package runtimeapi

import (
	"encoding/base64"
	"fmt"
	"time"
)

// next answers GET invocation/next: with the event at once, or it parks the
// connection until Start.
func (c *conn) next() {
	a, l := c.api, c.life
	a.mu.Lock()
	if l.over {
		a.mu.Unlock()
		c.hangUp = true
		return
	}
	if from, again := l.nextAllowed(a.opts.MaxConcurrency); from != "" {
		a.mu.Unlock()
		c.refuseState(from, stateReady)
		return
	} else if again != nil {
		a.mu.Unlock()
		a.logf("invocation %s: the runtime asked for the next event before it answered; it gets the same event again", again.inv.RequestID)
		delivery{to: c, call: again}.run()
		return
	}
	if len(l.responded) > 0 {
		call := l.responded[0]
		l.responded = l.responded[1:]
		call.runtimeOut = true
		call.settle(time.Now())
	}
	if len(l.pollers) >= a.opts.MaxConcurrency {
		a.mu.Unlock()
		a.logf("Runtime.TooManyIdleRuntimes: the runtime polls more than %d times at once", a.opts.MaxConcurrency)
		c.answerError(500, "InternalServerError", "Internal Server Error")
		return
	}
	l.polled = true
	c.parked = true
	l.pollers = append(l.pollers, c)
	a.checkInit(l)
	send := a.dispatch(l)
	a.mu.Unlock()
	send.run()
}

// nextAllowed tells what GET next may do: from is the state that forbids it,
// again is the event that the runtime has got already.
func (l *life) nextAllowed(concurrency int) (from string, again *Call) {
	if l.initBad {
		return stateInitError, nil
	}
	if concurrency > 1 {
		return "", nil // each poll is another worker
	}
	switch call := l.only(); {
	case call == nil || call.state == callQueued || call.state == callResponded:
		return "", nil
	case call.state == callRunning:
		return "", call
	default:
		return call.stateName(), nil
	}
}

// post answers POST invocation/{id}/response and …/error. The id is checked
// and the state advanced before the body is read, so that of two answers the
// first one counts.
func (c *conn) post(req *request, id string, asError bool) {
	call := c.begin(id, asError)
	if call == nil {
		return // begin has answered
	}
	mode := req.fields[fieldResponseMode]
	body := c.readBody(req, maxResponse)
	var r Result
	status, typ, message := 202, "", ""
	switch {
	case body.broken != nil:
		c.api.logf("invocation %s: the runtime's answer broke off: %v", id, body.broken)
		r.Err = document(typeTruncatedResponse, "RequestId: "+id+" Error: Runtime sent a truncated response")
		status, typ, message = 400, "TruncatedHTTPRequest", "HTTP request detected as truncated"
	case body.tooLarge:
		r.Err = responseTooLarge(body.length)
		status, typ, message = tooLarge()
	case asError:
		r.Err = postedError(req.fields[fieldContentType], req.fields[fieldErrorType], req.fields[fieldXRayCause], body.bytes)
	case mode != "" && mode != "streaming":
		r.Err = document(typeInvalidMode, "RequestId: "+id+" Error: invalid response mode "+mode)
		status, typ, message = 400, "InvalidFunctionResponseMode", "Invalid function response mode"
	default:
		r.Payload, r.ContentType = body.bytes, req.fields[fieldContentType]
		r.Err = trailerError(req)
	}
	if !c.complete(call, r, len(body.bytes)) {
		c.refuseID(id)
		return
	}
	if status == 202 {
		c.answer(202, acceptedBody)
		return
	}
	c.api.logf("invocation %s: the runtime's answer was refused with %d %s", id, status, typ)
	c.answerError(status, typ, message)
}

// begin finds the call that the runtime answers and marks it; or it answers
// with the refusal and returns nil.
func (c *conn) begin(id string, asError bool) *Call {
	c.api.mu.Lock()
	if c.life.over {
		c.api.mu.Unlock()
		c.hangUp = true
		return nil
	}
	call := c.life.calls[id]
	if call == nil {
		c.api.mu.Unlock()
		c.refuseID(id)
		return nil
	}
	if call.state != callRunning {
		from := call.stateName()
		c.api.mu.Unlock()
		to := stateResponse
		if asError {
			to = stateErrorResponse
		}
		c.refuseState(from, to)
		return nil
	}
	call.state, call.asError = callResponding, asError
	c.api.mu.Unlock()
	return call
}

// complete hands the answer to the caller, unless the call has failed while
// the body was read.
func (c *conn) complete(call *Call, r Result, bytes int) bool {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	if call.state != callResponding {
		return false
	}
	call.bytes = bytes
	c.life.responded = append(c.life.responded, call)
	call.respond(r, time.Now())
	return true
}

// refuseID answers a post for an invocation that this environment does not
// run: an unknown id, another environment's, or one that failed.
func (c *conn) refuseID(id string) {
	c.api.mu.Lock()
	_, late := c.life.late[id]
	delete(c.life.late, id)
	c.api.mu.Unlock()
	if late && c.api.opts.MaxConcurrency > 1 {
		c.api.logf("invocation %s: the runtime answered after the timeout", id)
		c.answerError(410, "InvokeTimeout", "Invoke timeout")
		return
	}
	c.api.logf("invocation %s: the runtime answered, but this environment is not running it", id)
	c.answerError(400, "InvalidRequestID", "Invalid request ID")
}

func (c *conn) refuseState(from, to string) {
	message := fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to)
	c.api.logf("%s", message)
	c.answerError(403, "InvalidStateTransition", message)
}

// tooLarge is what the runtime gets for an answer over the limit.
func tooLarge() (status int, typ, message string) {
	return 413, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse)
}

// trailerError is the failure that a runtime found after it had begun to
// answer. aws-lambda-go uses the trailers without naming the streaming mode, so
// the mode is not asked for.
func trailerError(req *request) *Error {
	typ := req.fields[fieldTrailerErrorType]
	if typ == "" {
		return nil
	}
	payload, err := base64.StdEncoding.DecodeString(req.fields[fieldTrailerErrorBody])
	if err != nil {
		return document(errorType(typ), "")
	}
	return postedError("", typ, "", payload)
}

// initError answers POST runtime/init/error.
func (c *conn) initError(req *request) {
	body := c.readBody(req, maxResponse)
	if body.broken != nil || body.tooLarge {
		c.refuseBody(body)
		return
	}
	e := postedError(req.fields[fieldContentType], req.fields[fieldErrorType], req.fields[fieldXRayCause], body.bytes)
	a, l := c.api, c.life
	a.mu.Lock()
	from := ""
	switch {
	case l.over:
		c.hangUp = true
	case l.initBad:
		from = stateInitError
	case l.polled:
		from = stateReady
		if call := l.only(); call != nil && a.opts.MaxConcurrency == 1 {
			from = call.stateName()
		}
	default:
		l.initBad = true
		l.failInit(e)
	}
	a.mu.Unlock()
	switch {
	case from != "":
		c.refuseState(from, stateInitError)
	case !c.hangUp:
		c.answer(202, acceptedBody)
	}
}

// refuseBody answers a body that is too large or broken.
func (c *conn) refuseBody(b body) {
	if b.tooLarge {
		c.answerError(tooLarge())
		return
	}
	c.answerError(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}
