package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// expression reads a schedule: rate(…), cron(…) or at(…).
func (p props) expression(key string) stack.Value[string] {
	if !p.has(key) {
		p.errorf("", "a schedule needs %s, such as rate(5 minutes)", key)
	}
	v := p.str(key, "")
	s, ok := v.Get()
	if ok && p.has(key) && !(strings.HasSuffix(s, ")") &&
		(strings.HasPrefix(s, "rate(") || strings.HasPrefix(s, "cron(") || strings.HasPrefix(s, "at("))) {
		p.errorf(key, "%q is not a schedule; write rate(5 minutes), cron(0 12 * * ? *) or at(2030-01-01T00:00:00)", s)
	}
	return v
}

// state reads State, which is ENABLED if it is not there. EventBridge also
// knows ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.
func (p props) state() stack.Value[bool] {
	v := p.str("State", "ENABLED")
	s, ok := v.Get()
	if !ok {
		return stack.Unknown[bool](v.Why())
	}
	return stack.Known(strings.HasPrefix(s, "ENABLED"))
}

// eventsRule adds an EventBridge rule with a schedule to the functions that it
// targets. A rule that matches events, or targets something else, is kept
// aside.
func (b *builder) eventsRule(p props, why string) bool {
	if !p.has("ScheduleExpression") {
		return false
	}
	found := false
	for _, target := range p.list("Targets") {
		f := b.functionNamed(target.text("Arn"))
		if f == nil {
			continue
		}
		found = true
		f.Schedules = append(f.Schedules, stack.Schedule{
			Name:       p.path,
			Expression: p.expression("ScheduleExpression"),
			Input:      target.str("Input", ""),
			Enabled:    hedge(p.state(), why),
			Origin:     p.origin(),
		})
	}
	return found
}

// schedulerSchedule adds a schedule of EventBridge Scheduler to its function.
func (b *builder) schedulerSchedule(p props, why string) bool {
	target, ok := p.sub("Target")
	if !ok {
		return false
	}
	f := b.functionNamed(target.text("Arn"))
	if f == nil {
		return false
	}
	f.Schedules = append(f.Schedules, stack.Schedule{
		Name:       p.path,
		Expression: p.expression("ScheduleExpression"),
		Input:      target.str("Input", ""),
		Enabled:    hedge(p.state(), why),
		Origin:     p.origin(),
	})
	return true
}
