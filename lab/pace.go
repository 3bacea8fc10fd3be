package lab

import (
	"context"
	"runtime"
	"time"

	"github.com/thawdev/thaw/workload"
)

// longestNap bounds one sleep of the pacing thread, so that it sees the end of
// its context.
const longestNap = 20 * time.Millisecond

// spareProcessors is how many are added while a load is sent: measured at 2,000
// requests a second on two cores, the lag's p99 fell from 17 ms without to
// between 0.7 and 4 ms with 6.
const spareProcessors = 6

// pace hands each request of a schedule to send at its time. It owns an
// operating-system thread that sleeps with the kernel's own precision: a Go
// timer may fire a millisecond late, which would be the whole lag that the lab
// allows itself, and later still while handlers keep every core busy.
func pace(ctx context.Context, p *workload.Pacer, elapsed func() time.Duration, send func(workload.Request, time.Duration)) error {
	// The thread also needs a processor of the Go scheduler the moment it wakes.
	// Those that exist may all be held by threads that the kernel has put aside
	// for a handler, for many milliseconds; spare ones cost next to nothing.
	before := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcessors)
	defer runtime.GOMAXPROCS(before)
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its raised priority
		raisePriority()
		result <- paceThread(ctx, p, elapsed, send)
	}()
	return <-result
}

func paceThread(ctx context.Context, p *workload.Pacer, elapsed func() time.Duration, send func(workload.Request, time.Duration)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := elapsed()
		r, wait, ok := p.Next(now)
		switch {
		case !ok:
			return nil
		case wait > 0:
			nap(min(wait, longestNap))
		default:
			send(r, max(now, r.At))
		}
	}
}
