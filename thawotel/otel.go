// Package thawotel reports what a cache client does to OpenTelemetry:
//
//	observe, err := thawotel.Observer(meter, tracer)
//	…
//	cache := thaw.MustOpen(thaw.Options{URL: url, Observer: observe})
//
// It uses the API of OpenTelemetry only; which SDK and exporter stand behind the
// meter and the tracer is the function's choice. In Lambda let it export at the end
// of the invocation: a periodic reader does not run in a frozen environment.
package thawotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/thawdev/thaw"
)

// Observer returns a function for Options.Observer of package thaw. Either argument
// may be nil.
//
// With a meter it records one histogram, thaw.stage.duration in seconds, with the
// attributes thaw.stage (DNS, TCP, TLS, AUTH, PING, command, load, answer),
// thaw.outcome (ok, miss, guarded, timeout, error) and, of an answer, thaw.source. With a tracer it adds one span for each stage
// within the caller's, with the stage's own start and end. Neither carries keys,
// values or addresses: they are unbounded, or secret.
func Observer(meter metric.Meter, tracer trace.Tracer) (func(context.Context, thaw.Event), error) {
	var durations metric.Float64Histogram
	if meter != nil {
		var err error
		durations, err = meter.Float64Histogram("thaw.stage.duration",
			metric.WithUnit("s"), metric.WithDescription("How long a stage of a cache call took."),
			// From a local network's round trip to the longest default timeout.
			metric.WithExplicitBucketBoundaries(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2))
		if err != nil {
			return nil, fmt.Errorf("thawotel: making the histogram: %w", err)
		}
	}
	return func(ctx context.Context, e thaw.Event) {
		attributes := []attribute.KeyValue{attribute.String("thaw.stage", string(e.Stage)), attribute.String("thaw.outcome", outcome(e.Err))}
		if e.Stage == thaw.StageAnswer {
			attributes = append(attributes, attribute.String("thaw.source", e.From.String()))
		}
		if durations != nil {
			durations.Record(ctx, e.Took.Seconds(), metric.WithAttributes(attributes...))
		}
		if tracer == nil {
			return
		}
		_, span := tracer.Start(ctx, "thaw "+string(e.Stage), trace.WithTimestamp(e.Start),
			trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
		if o := outcome(e.Err); o == "timeout" || o == "error" {
			span.SetStatus(codes.Error, o)
		}
		span.End(trace.WithTimestamp(e.Start.Add(e.Took)))
	}, nil
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, thaw.ErrMiss), errors.Is(err, thaw.ErrNotFound):
		return "miss"
	case errors.Is(err, thaw.ErrGuarded):
		return "guarded"
	case errors.Is(err, thaw.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}
