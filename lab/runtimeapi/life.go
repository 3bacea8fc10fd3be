package runtimeapi

import (
	"slices"
	"time"
)

// The runtime's states in AWS's words, as they appear in messages.
//
//	            ┌─POST init/error─▶ InitError
//	Started ────┤
//	            └─next─▶ Ready ─event─▶ Running ─POST─▶ InvocationResponse ─────┐
//	                       ▲                        └─▶ InvocationErrorResponse ┤
//	                       └──────────next── RuntimeResponseSentState ◀─body────┘
//
// With one invocation at a time the runtime is in one state. With more, each
// call is in one of its own (see Call).
const (
	stateStarted       = "Started"
	stateInitError     = "InitError"
	stateReady         = "Ready"
	stateRunning       = "Running"
	stateResponse      = "InvocationResponse"
	stateErrorResponse = "InvocationErrorResponse"
	stateResponseSent  = "RuntimeResponseSentState"
)

// life is what the API knows of one set of processes in the environment:
// Reset drops it whole, and connections keep to the life that they were made
// in. API.mu guards all of it.
type life struct {
	over     bool // Reset or closed: nothing that arrives counts any more
	stopping bool // Shutdown was told

	polled   bool // the runtime has asked for its first event
	initBad  bool // POST …/init/error came
	initDone bool

	pollers   []*conn // parked in invocation/next, longest first
	queue     []*Call // not delivered, oldest first
	calls     map[string]*Call
	responded []*Call             // answered, next not called since; oldest first
	late      map[string]struct{} // ids of calls that failed alone; see remember

	extensions  []*extension
	subscribers []*subscriber
	early       []telemetryEvent // during Init, for those who subscribe later
	earlySize   int

	conns       map[*conn]struct{}
	initialized chan struct{}
	initFailed  chan *Error // room for one
}

func newLife() *life {
	return &life{
		calls:       make(map[string]*Call),
		conns:       make(map[*conn]struct{}),
		initialized: make(chan struct{}),
		initFailed:  make(chan *Error, 1),
	}
}

// end fails what is under way and returns the connections, to be closed
// without the lock.
func (l *life) end(err *Error) []*conn {
	l.failAll(err)
	l.over = true
	for _, s := range l.subscribers {
		s.stop()
	}
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	return conns
}

func (l *life) failAll(err *Error) {
	calls := make([]*Call, 0, len(l.calls))
	for _, c := range l.calls {
		calls = append(calls, c)
	}
	for _, c := range calls {
		c.fail(err)
	}
}

func (l *life) unqueue(c *Call) {
	if i := slices.Index(l.queue, c); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
}

// forget drops a call that is done.
func (l *life) forget(c *Call) {
	delete(l.calls, c.inv.RequestID)
	if i := slices.Index(l.responded, c); i >= 0 {
		l.responded = slices.Delete(l.responded, i, i+1)
	}
	for _, e := range l.extensions {
		e.release(c)
	}
}

// maxLate bounds the memory of failed calls whose answer may still come.
const maxLate = 1024

// remember notes that the call of this id failed alone, so that its late answer can
// be told from a wrong id.
func (l *life) remember(id string) {
	if l.late == nil || len(l.late) >= maxLate {
		l.late = make(map[string]struct{})
	}
	l.late[id] = struct{}{}
}

// only is the call of an environment that takes one at a time, or nil.
func (l *life) only() *Call {
	for _, c := range l.calls {
		return c
	}
	return nil
}

// failInit reports the first error during Init; later ones are dropped.
func (l *life) failInit(e *Error) {
	select {
	case l.initFailed <- e:
	default:
	}
}

// delivery is an answer to a parked poll. It is prepared under the lock and
// written without it, by whoever caused it: the poll's own goroutine is then
// already waiting for the next request and need not be woken.
type delivery struct {
	to    *conn
	call  *Call  // for a runtime
	event []byte // for an extension
}

type deliveries []delivery

// inline is the largest event, in bytes, that the causing goroutine writes
// itself: a poll's socket is empty, so that this much never waits for the
// reader.
const inline = 16 << 10

func (ds deliveries) run() {
	for _, d := range ds {
		if d.call != nil && len(d.call.inv.Payload) > inline {
			go d.run()
			continue
		}
		d.run()
	}
}

func (d delivery) run() {
	if d.call == nil {
		d.to.answerEvent(d.event)
		return
	}
	if err := d.to.answerInvocation(&d.call.inv); err != nil {
		d.to.nc.Close()
		d.to.api.requeue(d.call, err)
	}
}

// dispatch hands queued calls to parked polls once Init is over, with api.mu
// held. The caller runs the result after unlocking.
func (a *API) dispatch(l *life) deliveries {
	if !l.initDone || l.stopping {
		return nil
	}
	var ds deliveries
	for len(l.queue) > 0 && len(l.pollers) > 0 {
		call, to := l.queue[0], l.pollers[0]
		l.queue = slices.Delete(l.queue, 0, 1)
		l.pollers = slices.Delete(l.pollers, 0, 1)
		to.parked = false
		call.state = callRunning
		ds = append(ds, delivery{to: to, call: call})
		if call.result.DeliveredAt.IsZero() { // else it was requeued
			call.result.DeliveredAt = time.Now()
			close(call.delivered)
			l.emitStart(call)
			ds = append(ds, l.invokeExtensions(call)...)
		}
	}
	return ds
}

// requeue takes back a call whose event could not be written: the poll's
// connection had broken unseen. Another worker, or the same one on a new
// connection, may take it.
func (a *API) requeue(c *Call, err error) {
	a.logf("invocation %s: the runtime's connection broke before the event was written: %v", c.inv.RequestID, err)
	a.mu.Lock()
	if c.life.over || c.state != callRunning {
		a.mu.Unlock()
		return
	}
	c.state = callQueued
	c.life.queue = slices.Insert(c.life.queue, 0, c)
	send := a.dispatch(c.life)
	a.mu.Unlock()
	send.run()
}

// checkInit ends Init if everybody is ready, with api.mu held.
func (a *API) checkInit(l *life) {
	if l.initDone || l.initBad || !l.polled || !a.extensionsReady(l) {
		return
	}
	l.initDone = true
	l.early = nil
	for _, e := range l.extensions {
		l.emitExtension(e)
	}
	close(l.initialized)
}

// unpark removes a poll whose connection has ended, with api.mu held.
func (l *life) unpark(c *conn) {
	if i := slices.Index(l.pollers, c); i >= 0 {
		l.pollers = slices.Delete(l.pollers, i, i+1)
	}
	for _, e := range l.extensions {
		if e.poll == c {
			e.poll = nil
		}
	}
	c.parked = false
}
