package experiment

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps with the kernel's own precision. A Go timer may be a millisecond
// late, more than the whole round trip of a network inside one zone.
func nap(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // an interrupted nap is a short one; wait looks at the time again
}
