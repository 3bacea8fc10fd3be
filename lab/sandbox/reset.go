package sandbox

import (
	"os"
	"time"
)

// Grace of a shutdown (AWS, "Understanding the Lambda execution environment
// lifecycle"): none without extensions; 500 ms with an internal one; 2 s with an
// external one, of which the runtime gets the first 300 ms.
const (
	internalGrace = 500 * time.Millisecond
	externalGrace = 2 * time.Second
	runtimeShare  = 300 * time.Millisecond
)

// Stop ends the environment: it shuts it down as AWS does, kills what is left
// of it, and removes its control groups and folder. reason is told to
// extensions: "SPINDOWN", "TIMEOUT" or "FAILURE"; empty is SPINDOWN. Invocations
// in flight fail. It returns when all is gone, also when called again.
func (e *Environment) Stop(reason string) {
	if reason == "" {
		reason = "SPINDOWN"
	}
	e.stop(reason, true)
}

func (e *Environment) stop(reason string, grace bool) {
	e.mu.Lock()
	again := e.stopped
	e.stopped = true
	e.mu.Unlock()
	if again {
		<-e.gone
		return
	}
	close(e.stopping)
	e.life.Lock()
	defer e.life.Unlock()
	e.mu.Lock()
	p := e.process
	e.mu.Unlock()
	if p != nil {
		if grace {
			e.shutdown(p, reason)
		}
		e.dispose(p)
	}
	e.host.fault("closing the Runtime API", e.api.Close())
	e.host.fault("removing a control group", e.group.remove())
	if e.folder != "" {
		e.host.fault("removing a folder", os.RemoveAll(e.folder))
	}
	e.host.dismiss(e)
	close(e.gone)
}

// resetProcess ends the process after a timeout or a crash. The folder stays;
// the next Invoke performs the suppressed init. Another invocation of the same
// environment may have done it already.
func (e *Environment) resetProcess(p *process, reason string) {
	e.life.Lock()
	defer e.life.Unlock()
	e.mu.Lock()
	mine := e.process == p
	e.mu.Unlock()
	if !mine {
		return
	}
	e.shutdown(p, reason)
	e.dispose(p)
}

// shutdown gives the process the notice that AWS gives, which for a function
// without extensions is none. The caller holds life.
func (e *Environment) shutdown(p *process, reason string) {
	extensions := e.api.Extensions()
	if len(extensions) == 0 {
		return
	}
	external := false
	for _, x := range extensions {
		external = external || x.External
	}
	e.mu.Lock()
	e.setFrozen(false)
	e.mu.Unlock()

	begin := time.Now()
	if !external {
		signalGroup(p.pid, sigTerm)
		p.waitExit(internalGrace)
		return
	}
	if !p.hasExited() {
		signalProcess(p.pid, sigTerm)
		p.waitExit(runtimeShare)
	}
	deadline := begin.Add(externalGrace)
	e.api.Shutdown(reason, deadline)
	for time.Now().Before(deadline) && len(e.PIDs()) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
}

// waitExit waits for the main process, at most d.
func (p *process) waitExit(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	}
}

// dispose kills the process and all that it left behind, keeps its last output
// and makes the Runtime API ready for the next. The caller holds life.
func (e *Environment) dispose(p *process) {
	p.end()
	e.output.drain(p)
	p.output.Close()
	e.api.Reset()
	e.mu.Lock()
	defer e.mu.Unlock()
	// A group must not stay frozen: the next process would stop inside fork,
	// and with it the thread that forks for everybody.
	e.setFrozen(false)
	e.process = nil
}
