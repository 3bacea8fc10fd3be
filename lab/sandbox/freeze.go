package sandbox

import "runtime"

// release gives the slot of a settled invocation back, tells the fleet, and
// freezes the environment if nobody takes it at once.
//
//	settle ──▶ slot free ──▶ OnIdle ──▶ others run ──▶ still idle? ──▶ freeze
//	                            │            │
//	                            └─▶ Invoke ──┘ waiting or inflight > 0: no freeze
//
// mu orders it all: acquire counts itself under mu before it thaws, and the
// freeze happens under mu with nobody counted, so no invocation is ever
// delivered to an environment that is being frozen.
func (e *Environment) release() {
	e.mu.Lock()
	e.inflight--
	<-e.slots
	tell := e.fn.OnIdle != nil && e.waiting == 0 && !e.stopped
	e.mu.Unlock()
	if tell {
		e.fn.OnIdle(e)
		// A fleet with work hands it to a goroutine that is runnable now:
		// let it come first, and the freeze is saved.
		runtime.Gosched()
	}
	e.freezeIdle()
}

// freezeIdle freezes the environment if it has nothing to do.
func (e *Environment) freezeIdle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || e.process == nil || e.inflight > 0 || e.waiting > 0 {
		return
	}
	e.setFrozen(true)
}

// setFrozen freezes or thaws; the caller holds mu. It returns when the request
// is made: the kernel stops the last thread some ten microseconds later.
func (e *Environment) setFrozen(on bool) {
	if e.frozen == on {
		return
	}
	e.frozen = on
	switch pl := e.host.platform; {
	case pl.useFreeze:
		e.host.fault("freezing", e.group.freeze(on))
	case pl.signals && e.process != nil && on:
		signalGroup(e.process.pid, sigStop)
	case pl.signals && e.process != nil:
		signalGroup(e.process.pid, sigCont)
	}
}
