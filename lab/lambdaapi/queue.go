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
type queue struct {
	backend Backend
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

const (
	throttlePause    = time.Second
	throttlePauseMax = 5 * time.Minute
	maxEventAge      = 6 * time.Hour
)

func newQueue(b Backend) *queue {
	q := &queue{backend: b}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

func (q *queue) close() {
	q.cancel()
	q.running.Wait()
}

func (q *queue) add(name string, in Invocation) {
	q.running.Go(func() {
		deadline := time.Now().Add(maxEventAge)
		pause := throttlePause
		for errorsLeft := []time.Duration{time.Minute, 2 * time.Minute}; time.Now().Before(deadline); {
			reply, err := q.backend.Invoke(q.ctx, name, in)
			var wait time.Duration
			switch {
			case err == nil && !reply.FunctionError:
				return
			case throttled(err):
				wait, pause = pause, min(2*pause, throttlePauseMax)
			case len(errorsLeft) == 0:
				return
			default:
				wait, errorsLeft = errorsLeft[0], errorsLeft[1:]
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-q.ctx.Done():
				timer.Stop()
				return
			}
		}
	})
}

func throttled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusTooManyRequests
}
