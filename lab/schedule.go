package lab

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/workload"
)

// startSchedules runs the schedule events of the functions, such as warm-ups,
// beside the load. They take environments as in AWS, but are not in the figures
// of the load: nobody waits for them.
func (l *Lab) startSchedules() {
	for _, fn := range l.order {
		for _, s := range fn.stack.Schedules {
			if !s.Enabled.Or(true) {
				continue
			}
			text, known := s.Expression.Get()
			if !known {
				l.note("schedule %s of %s is known only after deployment (%s) and does not run", s.Name, fn.stack.ID, s.Expression.Why())
				continue
			}
			schedule, err := workload.ParseSchedule(text)
			if err != nil {
				l.note("schedule %s of %s does not run: %v", s.Name, fn.stack.ID, err)
				continue
			}
			l.background(func(ctx context.Context) {
				repeat(ctx, schedule, func(at time.Time) {
					// Errors of a scheduled event reach nobody in AWS either: the log has them.
					_, _ = l.Invoke(ctx, Invocation{Function: fn.stack.ID, Payload: scheduledEvent(s, at)})
				})
			})
		}
	}
}

// repeat calls fire at each time of the schedule until ctx ends. Events do not
// wait for each other.
func repeat(ctx context.Context, schedule workload.Schedule, fire func(at time.Time)) {
	var running sync.WaitGroup
	defer running.Wait()
	start := time.Now()
	for at, ok := schedule.Next(start, start); ok; at, ok = schedule.Next(start, at) {
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
			running.Go(func() { fire(at) })
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// scheduledEvent is the event that EventBridge sends: the rule's own input, or
// its standard document.
func scheduledEvent(s stack.Schedule, at time.Time) []byte {
	if input := s.Input.Or(""); input != "" {
		return []byte(input)
	}
	event, _ := json.Marshal(map[string]any{ // cannot fail: strings only
		"version": "0", "id": uuid.NewString(), "detail-type": "Scheduled Event", "source": "aws.events",
		"account": account, "region": region, "time": at.UTC().Format(time.RFC3339),
		"resources": []string{"arn:aws:events:" + region + ":" + account + ":rule/" + s.Name}, "detail": struct{}{},
	})
	return event
}
