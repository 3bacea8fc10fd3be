package thaw

import (
	"context"
	"errors"
	"time"
)

// Event is one stage that has ended.
type Event struct {
	Stage Stage
	Start time.Time
	Took  time.Duration
	From  Source // of StageAnswer: where the answer came from
	Err   error  // what the stage ended with; a miss is ErrMiss
}

// observe records the end of a stage.
func (c *Client) observe(ctx context.Context, s Stage, began time.Time, err error) {
	took := time.Since(began)
	if err == nil || !errors.Is(err, ErrGuarded) { // not asked is not fast
		c.stats.stage(s).add(took)
	}
	if c.opts.Observer != nil {
		c.opts.Observer(ctx, Event{Stage: s, Start: began, Took: took, Err: err})
	}
}
