package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

// raisePriority lets the calling thread run before the handlers, where the user
// may do that: as a real-time thread, which the kernel runs at once when its nap
// is over, else with a better nice value. It also asks for timers without slack.
func raisePriority() {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -10)
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// nap blocks the calling thread.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // an interrupted nap is a short one; the caller looks at the time again
}
