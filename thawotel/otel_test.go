package thawotel

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/thawdev/thaw"
)

type meter struct {
	metricnoop.Meter
	points *[]string
}

func (m meter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{points: m.points}, nil
}

type histogram struct {
	metricnoop.Float64Histogram
	points *[]string
}

func (h histogram) Record(_ context.Context, seconds float64, o ...metric.RecordOption) {
	set := metric.NewRecordConfig(o).Attributes()
	stage, _ := set.Value(attribute.Key("thaw.stage"))
	out, _ := set.Value(attribute.Key("thaw.outcome"))
	*h.points = append(*h.points, stage.AsString()+" "+out.AsString())
}

type tracer struct {
	tracenoop.Tracer
	names *[]string
}

func (t tracer) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	*t.names = append(*t.names, name)
	return t.Tracer.Start(ctx, name, o...)
}

func TestObserver(t *testing.T) {
	var points, spans []string
	observe, err := Observer(meter{points: &points}, tracer{names: &spans})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []thaw.Event{
		{Stage: thaw.StageCommand, Start: time.Now(), Took: time.Millisecond},
		{Stage: thaw.StageCommand, Err: thaw.ErrMiss},
		{Stage: thaw.StageTCP, Err: &thaw.ConnectError{Stage: thaw.StageTCP, Err: context.DeadlineExceeded}},
		{Stage: thaw.StageLoad, Err: errors.New("x")},
	} {
		observe(t.Context(), e)
	}
	if diff := cmp.Diff([]string{"command ok", "command miss", "TCP timeout", "load error"}, points); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"thaw command", "thaw command", "thaw TCP", "thaw load"}, spans); diff != "" {
		t.Error(diff)
	}
	nothing, err := Observer(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	nothing(t.Context(), thaw.Event{})
}

// Through a client: one load is one point.
func TestObserverOfAClient(t *testing.T) {
	var points []string
	observe, _ := Observer(meter{points: &points}, nil)
	c, err := thaw.Open(thaw.Options{URL: "local://", Observer: observe})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, _, err := thaw.Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { return "v", nil }); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"load ok", "answer ok", "answer ok", "answer ok"}, points); diff != "" {
		t.Error(diff)
	}
}
