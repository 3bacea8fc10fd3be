package runtimeapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxExtensions is Lambda's limit for one function.
const maxExtensions = 10

// Events that an extension registers for.
const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// Extension is what one extension has registered.
type Extension struct {
	Name     string
	External bool     // a process of its own; internal ones live in the runtime's
	Events   []string // INVOKE, SHUTDOWN; may be empty (aws-lambda-go's WithEnableSIGTERM)
	Error    string   // type posted to init/error or exit/error, or empty
}

// extension is one registration.
//
//	Registered ─event/next─▶ Ready ─event─▶ Running ─event/next─▶ Ready …
//	     ├──init/error──▶ InitError            │
//	     └──exit/error──▶ ExitError ◀──────────┘ (and from Ready)
type extension struct {
	Extension
	id      string
	ready   bool   // has called event/next once
	failed  string // stateInitError or stateExitError
	poll    *conn  // parked in event/next
	pending [][]byte
	current *Call // INVOKE was queued or sent, event/next not called since
	sent    bool  // the event of current was written
}

const stateExitError = "ExitError"

// stateName is the extension's state in AWS's words.
func (e *extension) stateName() string {
	switch {
	case e.failed != "":
		return e.failed
	case !e.ready:
		return "Registered"
	case e.poll != nil:
		return stateReady
	}
	return stateRunning
}

// release drops the extension's part in a call that is done, with the event if
// that was not sent. INVOKE comes one at a time and never behind SHUTDOWN, so
// that it is the first event that waits.
func (e *extension) release(c *Call) {
	if e.current != c {
		return
	}
	if !e.sent && len(e.pending) > 0 {
		e.pending = e.pending[1:]
	}
	e.current = nil
}

// push sends an event to the extension, now or at its next poll.
func (e *extension) push(event []byte) deliveries {
	if e.poll == nil {
		e.pending = append(e.pending, event)
		return nil
	}
	to := e.poll
	e.poll = nil
	to.parked = false
	e.sent = true
	return deliveries{{to: to, event: event}}
}

// ExpectExtensions names the external extensions that the environment starts,
// the files in /opt/extensions. Init is not over before each has registered and
// called event/next; other registrations are internal. Names outlive Reset.
// Call it before the processes start.
func (a *API) ExpectExtensions(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = slices.Clone(names)
}

// Extensions lists the registrations in their order. Lambda sends the runtime
// SIGTERM before SIGKILL only if there are any.
func (a *API) Extensions() []Extension {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Extension, 0, len(a.life.extensions))
	for _, e := range a.life.extensions {
		x := e.Extension
		x.Events = slices.Clone(x.Events)
		list = append(list, x)
	}
	return list
}

// Shutdown sends SHUTDOWN to the extensions that registered for it, at once
// or when they poll. The reason is SPINDOWN, TIMEOUT or FAILURE and is sent in
// lower case, which is what extensions in the field parse; by the deadline the
// processes will be killed. Start fails with ErrClosed until Reset.
func (a *API) Shutdown(reason string, deadline time.Time) {
	event, err := json.Marshal(map[string]any{
		"eventType":      eventShutdown,
		"shutdownReason": strings.ToLower(reason),
		"deadlineMs":     deadline.UnixMilli(),
	})
	if err != nil {
		return // a string and a number always marshal
	}
	var send deliveries
	a.mu.Lock()
	l := a.life
	if !l.stopping && !l.over {
		l.stopping = true
		for _, e := range l.extensions {
			if slices.Contains(e.Events, eventShutdown) {
				send = append(send, e.push(event)...)
			}
		}
		for _, s := range l.subscribers {
			s.flush()
		}
	}
	a.mu.Unlock()
	send.run()
}

// invokeExtensions tells the extensions of a call that has been delivered,
// with api.mu held.
func (l *life) invokeExtensions(c *Call) deliveries {
	var ds deliveries
	var event []byte
	for _, e := range l.extensions {
		if e.failed != "" || !slices.Contains(e.Events, eventInvoke) {
			continue
		}
		if event == nil {
			event = invokeEvent(&c.inv)
		}
		c.extensions++
		e.current, e.sent = c, false
		ds = append(ds, e.push(event)...)
	}
	return ds
}

// invokeEvent is the INVOKE document.
func invokeEvent(inv *Invocation) []byte {
	doc := struct {
		EventType   string   `json:"eventType"`
		DeadlineMs  int64    `json:"deadlineMs"`
		RequestID   string   `json:"requestId"`
		FunctionARN string   `json:"invokedFunctionArn"`
		Tracing     *tracing `json:"tracing,omitempty"`
	}{EventType: eventInvoke, RequestID: inv.RequestID, FunctionARN: inv.FunctionARN, Tracing: tracingOf(inv)}
	if !inv.Deadline.IsZero() {
		doc.DeadlineMs = inv.Deadline.UnixMilli()
	}
	event, err := json.Marshal(doc)
	if err != nil {
		return []byte("{}") // strings and a number always marshal
	}
	return event
}

// extensionsReady tells whether all that are registered or expected have
// called event/next, with api.mu held.
func (a *API) extensionsReady(l *life) bool {
	for _, e := range l.extensions {
		if !e.ready {
			return false
		}
	}
	for _, name := range a.expected {
		if !slices.ContainsFunc(l.extensions, func(e *extension) bool { return e.Name == name }) {
			return false
		}
	}
	return true
}

// newID is a random UUID, version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if hexDigit(s[i]) < 0 {
			return false
		}
	}
	return true
}
