package sandbox

import (
	"bytes"
	"time"

	"github.com/thawdev/thaw/lab/runtimeapi"
)

// Report is the outcome of one invocation as the caller of the function sees
// it: complete when the response was.
type Report struct {
	RequestID string
	Payload   []byte
	Err       *runtimeapi.Error // nil: success
	Status    string            // "success", "error" or "timeout"

	// Duration is from the delivery of the event, or from the begin of a
	// suppressed init, to the response; in the Report of Final to Done, which is
	// what AWS bills. Billed is Duration and Init in whole milliseconds, rounded
	// up.
	Duration, Billed time.Duration
	Init             time.Duration // Event.Init, as given
	SuppressedInit   time.Duration // part of Duration; 0: there was none

	// MaxMemoryMB is the environment's peak so far in MB of 2^20 bytes: the
	// kernel's high-water marks of resident memory of its processes, last read
	// after an earlier invocation; exact in the Report of Final and in the log.
	// 0: the system does not tell.
	MaxMemoryMB int

	Started   time.Time // the environment was free and thawing
	Delivered time.Time // the runtime took the event; zero: it never did
	Responded time.Time // the response was complete; zero: there is none

	// Log waits until the invocation is done, and returns its log: output from
	// before it, START, its output, END, REPORT. At most 64 KiB of output are
	// kept, then a line says how many bytes were dropped. With MaxConcurrency
	// over 1 output cannot be told apart: what came from the environment is in
	// the log of the invocation that was done next. Empty if the environment did not
	// take the invocation.
	Log func() []byte
	// Final waits until the invocation is done, and returns the Report as of
	// then.
	Final func() Report
}

// report describes the invocation: final up to Done, else up to the response;
// up to now when there is neither.
func (inv *invocation) report(final bool, now time.Time) Report {
	e := inv.env
	r := Report{
		RequestID: inv.event.RequestID, Started: inv.started,
		Init: inv.event.Init, SuppressedInit: inv.suppressed,
		Err: inv.failure, Status: "success",
	}
	begin, end := inv.started, now
	if inv.call != nil {
		res := inv.call.Result()
		r.Payload, r.Err, r.Delivered = res.Payload, res.Err, res.DeliveredAt
		if inv.suppressed == 0 && !res.DeliveredAt.IsZero() {
			begin = res.DeliveredAt
		}
		if inv.failure == nil || res.Err != inv.failure {
			r.Responded = res.RespondedAt
		}
		switch {
		case final && !res.DoneAt.IsZero():
			end = res.DoneAt
		case !res.RespondedAt.IsZero():
			end = res.RespondedAt
		}
	}
	if r.Err != nil {
		r.Status = "error"
	}
	r.Duration = max(end.Sub(begin), 0)
	if inv.ended == "timeout" {
		if r.Responded.IsZero() {
			r.Status = "timeout"
		}
		r.Duration = e.fn.Timeout
	}
	r.Billed = roundUp(r.Duration + r.Init)
	e.mu.Lock()
	r.MaxMemoryMB = e.peakMB
	e.mu.Unlock()
	return r
}

// refused is the report of an invocation that the environment did not take.
func refused(ev Event, err *runtimeapi.Error) Report {
	r := Report{RequestID: ev.RequestID, Err: err, Status: "error", Init: ev.Init}
	final := r
	final.Log = func() []byte { return nil }
	final.Final = func() Report { return final }
	r.Log, r.Final = final.Log, final.Final
	return r
}

// finalReport is Report.Final. Memory that was not read after this invocation,
// because the last reading was young, is read now.
func (inv *invocation) finalReport() Report {
	<-inv.settled
	r := inv.final
	r.MaxMemoryMB = max(r.MaxMemoryMB, inv.env.samplePeak(inv.reset == ""))
	return r
}

// log is Report.Log. The lines are put together here and not at the end of each
// invocation, for most logs are never read.
func (inv *invocation) log() []byte {
	r := inv.finalReport()
	var b bytes.Buffer
	inv.before.appendTo(&b)
	b.WriteString(runtimeapi.StartLine(r.RequestID, inv.env.fn.Version) + "\n")
	inv.text.appendTo(&b)
	line := runtimeapi.Report{
		RequestID: r.RequestID, Duration: r.Duration, Billed: r.Billed, Init: r.Init,
		MemoryMB: inv.env.fn.MemoryMB, MaxMemoryMB: r.MaxMemoryMB, Status: inv.ended,
	}
	if inv.ended == "error" {
		line.ErrorType = inv.failure.Type
		b.WriteString(inv.failure.Message + "\n" + inv.failure.Type + "\n")
	}
	b.WriteString(runtimeapi.EndLine(r.RequestID) + "\n")
	b.WriteString(line.String() + "\n")
	return b.Bytes()
}

func roundUp(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
