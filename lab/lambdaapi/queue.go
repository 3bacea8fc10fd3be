package lambdaapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// queue runs asynchronous invocations. A function error is retried twice, a
// minute and two minutes later; a throttle until it passes, with growing
// pauses, for six hours (Lambda developer guide, "Asynchronous invocation").
// Each try has the request id of the event, as in AWS.
type queue struct {
	backend Backend
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	closed  bool
	events  int // not yet over
	bytes   int // of their payloads
	dropped int // since closed
}

const (
	throttlePause    = time.Second
	throttlePauseMax = 5 * time.Minute
	maxEventAge      = 6 * time.Hour
	maxEvents        = 10_000    // waiting or running; AWS states no figure
	maxEventBytes    = 256 << 20 // of their payloads
)

// retryPauses are those before the second and the third try after an error.
func retryPauses() []time.Duration { return []time.Duration{time.Minute, 2 * time.Minute} }

func newQueue(b Backend) *queue {
	q := &queue{backend: b}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// close gives up what is not over and says how many events that were.
func (q *queue) close() int {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.cancel()
	q.running.Wait()
	return q.dropped
}

// add accepts an event, unless the queue is full.
func (q *queue) add(name string, in Invocation) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errorf(http.StatusInternalServerError, "ServiceException", "the lab is shutting down")
	case q.events >= maxEvents || q.bytes+len(in.Payload) > maxEventBytes:
		return Throttled("CallerRateLimitExceeded")
	}
	q.events++
	q.bytes += len(in.Payload)
	q.running.Go(func() {
		over := q.deliver(name, in)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.events--
		q.bytes -= len(in.Payload)
		if !over {
			q.dropped++
		}
	})
	return nil
}

// deliver tries until the event is over, one way or the other; false if the
// queue was closed before.
func (q *queue) deliver(name string, in Invocation) bool {
	deadline := time.Now().Add(maxEventAge)
	pause, retries := throttlePause, retryPauses()
	for time.Now().Before(deadline) {
		reply, err := q.backend.Invoke(q.ctx, name, in)
		var wait time.Duration
		switch {
		case err == nil && !reply.FunctionError:
			return true
		case q.ctx.Err() != nil:
			return false
		case throttled(err):
			wait, pause = pause, min(2*pause, throttlePauseMax)
		case len(retries) == 0:
			return true
		default:
			wait, retries = retries[0], retries[1:]
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.ctx.Done():
			timer.Stop()
			return false
		}
	}
	return true
}

func throttled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusTooManyRequests
}
