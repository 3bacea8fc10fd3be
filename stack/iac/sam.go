package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// mergeGlobals merges Globals.Function into the properties of a function, as
// SAM does: mappings key by key, lists one after the other with the global one
// first, and for anything else the function's own value wins. A call of an
// intrinsic function counts as one value.
func mergeGlobals(global, own *node) *node {
	switch {
	case global == nil:
		return own
	case own == nil || own.kind == null:
		return global
	case global.kind == list && own.kind == list:
		merged := newList(own.position)
		for _, items := range [][]*node{global.items, own.items} {
			for _, item := range items {
				merged.add(item)
			}
		}
		return merged
	case global.kind != mapping || own.kind != mapping:
		return own
	}
	_, _, ownCall := own.call()
	_, _, globalCall := global.call()
	if ownCall || globalCall {
		return own
	}
	merged := newMapping(own.position)
	for _, f := range own.fields {
		f.value = mergeGlobals(global.get(f.key), f.value)
		merged.set(f)
	}
	for _, f := range global.fields {
		merged.set(f)
	}
	return merged
}

// samFunction reads AWS::Serverless::Function, of which p already has the
// globals.
func (b *builder) samFunction(res stack.Resource, p props) *stack.Function {
	f := b.function(res, p)
	f.Code, f.InlineCode = b.samCode(p)
	if config, ok := p.sub("ProvisionedConcurrencyConfig"); ok {
		f.Provisioned = provisioned(config)
		f.Alias = p.str("AutoPublishAlias", "")
		if !p.has("AutoPublishAlias") {
			p.errorf("ProvisionedConcurrencyConfig", "needs AutoPublishAlias: provisioned concurrency belongs to an alias")
		}
	}
	f.Schedules = samSchedules(p)
	f.Role = b.samRole(f, p)
	return f
}

func (b *builder) samCode(p props) (path, inline stack.Value[string]) {
	switch {
	case p.has("InlineCode"):
		return stack.Unknown[string]("the code is written into the template (InlineCode)"), p.str("InlineCode", "")
	case p.has("ImageUri"), p.str("PackageType", "Zip").Or("Zip") == "Image":
		return inImage(p.str("ImageUri", "")), inline
	case !p.has("CodeUri"):
		return stack.Unknown[string]("the template names no code: CodeUri is missing"), inline
	case p.get("CodeUri").kind == object:
		location, _ := p.sub("CodeUri")
		return inBucket(location.str("Bucket", ""), location.str("Key", "")), inline
	}
	uri := p.str("CodeUri", "")
	if location, remote := strings.CutPrefix(uri.Or(""), "s3://"); remote {
		bucket, key, _ := strings.Cut(location, "/")
		return inBucket(stack.Known(bucket), stack.Known(key)), inline
	}
	return b.codePath(uri), inline
}

// samSchedules reads the events that call a function by the clock. Other
// events are not part of the model.
func samSchedules(p props) []stack.Schedule {
	events, ok := p.sub("Events")
	if !ok {
		return nil
	}
	var all []stack.Schedule
	for _, name := range events.value.keys {
		event, ok := events.sub(name)
		if !ok {
			continue
		}
		kind, _ := event.str("Type", "").Get()
		config, ok := event.sub("Properties")
		if !ok || kind != "Schedule" && kind != "ScheduleV2" {
			continue
		}
		key := "ScheduleExpression"
		if kind == "Schedule" {
			key = "Schedule"
		}
		s := stack.Schedule{
			Name:       name,
			Expression: config.expression(key),
			Input:      config.str("Input", ""),
			Enabled:    config.state(),
			Origin:     stack.Origin{File: p.t.report.file, Line: event.at.line, Address: event.path},
		}
		if config.has("Enabled") && !config.has("State") {
			s.Enabled = config.boolean("Enabled", true)
		}
		all = append(all, s)
	}
	return all
}
