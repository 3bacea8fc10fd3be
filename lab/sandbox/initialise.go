package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/thawdev/thaw/lab/runtimeapi"
)

// initialise starts the process and waits until runtime and extensions have
// asked for their first event, at most limit long. With phase "init" it is the
// init phase, with "invoke" the suppressed init of the invocation requestID.
// After a failed init the process is gone. An error means that there was no
// init: nothing could be executed, or ctx or the environment ended. The caller
// holds life.
func (e *Environment) initialise(ctx context.Context, limit time.Duration, phase, requestID string) (Init, error) {
	if isClosed(e.stopping) {
		return Init{}, errStopped
	}
	begin := time.Now()
	p, err := e.launch()
	if err != nil {
		return Init{}, err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()

	var init Init
	failed := e.api.InitFailed()
	select {
	case <-e.api.Initialized():
	case init.Err = <-failed:
	case <-p.exited:
		init.Err = initError(failed, requestID, p)
	case <-timer.C:
		init.TimedOut = true
	case <-ctx.Done():
		err = fmt.Errorf("sandbox: environment %s: init: %w", e.id, ctx.Err())
	case <-e.stopping:
		err = errStopped
	}
	init.Duration = time.Since(begin)
	if err != nil {
		e.dispose(p)
		return Init{}, err
	}
	if init.Err != nil || init.TimedOut {
		e.dispose(p)
		e.output.platform("%s", initReport(init, phase))
		return init, nil
	}
	// lambda-perf measures the same init duration at 128 MB and at 1,024 MB, so
	// the CPU ceiling is not applied to init; AWS documents neither.
	e.host.fault("setting the CPU ceiling", e.group.serve(true))
	e.mu.Lock()
	e.process = p
	e.mu.Unlock()
	e.samplePeak(true)
	return init, nil
}

// initError is the error of a process that exited in init. A runtime posts its
// error before it exits: that one says more than the exit status.
func initError(failed <-chan *runtimeapi.Error, requestID string, p *process) *runtimeapi.Error {
	select {
	case err := <-failed:
		return err
	case <-time.After(exitGrace):
		return p.exitError(requestID)
	}
}

func initReport(init Init, phase string) string {
	if init.TimedOut {
		return runtimeapi.InitReportLine(init.Duration, phase, "timeout", "")
	}
	return runtimeapi.InitReportLine(init.Duration, phase, "error", init.Err.Type)
}

// launch starts the process of this incarnation and follows its output.
func (e *Environment) launch() (*process, error) {
	files := uint64(openFiles)
	if e.fn.MaxConcurrency > 1 {
		files = openFilesConcurrent
	}
	if err := e.group.renew(); err != nil {
		return nil, fmt.Errorf("sandbox: control group of environment %s: %w", e.id, err)
	}
	e.host.fault("lifting the CPU ceiling", e.group.serve(false))
	p, err := e.host.launcher.launch(command{
		path:  e.program,
		args:  e.fn.Command,
		env:   variables(&e.fn, e.kind, e.id, e.dir, e.folder, e.address, e.created),
		dir:   e.dir,
		files: files,
		group: e.group,
		null:  e.host.null,
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: function %s: cannot execute %s in %s: %w: check that it is built for this machine and may be executed", e.fn.Name, e.program, e.dir, err)
	}
	go e.output.follow(p)
	return p, nil
}

// exitError is what AWS answers when the runtime exits.
func (p *process) exitError(requestID string) *runtimeapi.Error {
	if p.status == "exit status 0" {
		return runtimeapi.ExitError(requestID, "")
	}
	return runtimeapi.ExitError(requestID, p.status)
}

// ensure returns the process that serves an invocation; after a reset it
// performs the suppressed init first, within the invocation's own timeout. With
// a nil process the invocation has failed.
func (inv *invocation) ensure(ctx context.Context) *process {
	e := inv.env
	if p := e.running(); p != nil {
		return p
	}
	e.life.Lock()
	defer e.life.Unlock()
	if p := e.running(); p != nil {
		return p // a concurrent invocation was first
	}
	e.mu.Lock()
	dead := e.process
	e.mu.Unlock()
	if dead != nil { // it exited between two invocations
		e.shutdown(dead, "FAILURE")
		e.dispose(dead)
	}
	init, err := e.initialise(ctx, time.Until(inv.deadline), "invoke", inv.event.RequestID)
	inv.suppressed = init.Duration
	switch {
	case errors.Is(err, errStopped):
		inv.refuse(stoppedError(inv.event.RequestID))
	case ctx.Err() != nil:
		inv.refuse(cancelledError(inv.event.RequestID, ctx.Err()))
	case err != nil:
		inv.refuse(&runtimeapi.Error{Type: "Runtime.InvalidEntrypoint", Message: "RequestId: " + inv.event.RequestID + " Error: " + err.Error()})
	case init.TimedOut:
		inv.ended = "timeout"
		inv.failure = runtimeapi.TimeoutError(inv.event.RequestID, e.fn.Timeout)
	case init.Err != nil:
		inv.refuse(init.Err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.process
}

// running returns the process if there is one that lives.
func (e *Environment) running() *process {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process == nil || e.process.hasExited() {
		return nil
	}
	return e.process
}
