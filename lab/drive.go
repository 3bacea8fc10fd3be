package lab

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/workload"
)

// Load is an open-loop load on one function: requests are sent when the
// schedule says, whether earlier ones have been answered or not.
type Load struct {
	Function string // ID; "" is the first that the lab runs
	workload.Options
	// Drain is how long requests that are still running after the last one was
	// sent are waited for; 0 is the function's timeout and a second.
	Drain time.Duration
}

// maxInFlight bounds the requests that wait for an answer. Beyond it a request
// is counted as dropped instead of sent: an open loop against a dead function
// would fill this machine's memory.
const maxInFlight = 20_000

// Begin marks the start of the recorded run: offsets of the result count from
// here. Drive calls it if nobody has.
func (l *Lab) Begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun == 0 {
		l.begun = max(1, l.now())
		l.beganAt = time.Now()
	}
}

// zero is the offset, since Open, of the start of the recorded run.
func (l *Lab) zero() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}

// Progress returns the run so far, for a status line.
func (l *Lab) Progress() metrics.Progress {
	return l.recorder.Snapshot(l.now() - l.zero())
}

// Drive sends a load and waits for its answers. When ctx ends it stops sending
// and returns ctx's error at once; what was measured until then is in Result.
func (l *Lab) Drive(ctx context.Context, load Load) error {
	fn := l.order[0]
	if load.Function != "" {
		if fn = l.functions[load.Function]; fn == nil {
			return fmt.Errorf("%w %q", ErrUnknownFunction, load.Function)
		}
	}
	generator, err := workload.New(load.Options)
	if err != nil {
		return err
	}
	defer generator.Close()
	if load.Drain == 0 {
		load.Drain = fn.sandbox.Timeout + time.Second
	}

	l.Begin()
	sendCtx, abandon := context.WithCancel(ctx)
	defer abandon()
	var inFlight sync.WaitGroup
	running := make(chan struct{}, maxInFlight)
	zero := l.zero()
	err = pace(ctx, workload.NewPacer(generator), func() time.Duration { return l.now() - zero }, func(r workload.Request, at time.Duration) {
		select {
		case running <- struct{}{}:
		default:
			l.recorder.Dropped(r.At)
			return
		}
		inFlight.Go(func() {
			_, _ = l.send(sendCtx, request{ // the recorder has both
				Invocation: Invocation{Function: fn.stack.ID, Payload: payloadOf(r)},
				intended:   r.At, sent: at,
			})
			<-running
		})
	})
	if err == nil {
		err = generator.Err()
	}
	return l.drain(ctx, err, &inFlight, abandon, load.Drain)
}

// drain waits for the requests in flight.
func (l *Lab) drain(ctx context.Context, err error, inFlight *sync.WaitGroup, abandon func(), atMost time.Duration) error {
	done := make(chan struct{})
	go func() { inFlight.Wait(); close(done) }()
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		l.mu.Lock()
		l.note("requests were still running %v after the last was sent and are not in the figures", atMost)
		l.mu.Unlock()
	}
	abandon()
	<-done
	return err
}

func payloadOf(r workload.Request) []byte {
	if r.Payload == nil {
		return []byte("{}")
	}
	return r.Payload
}
