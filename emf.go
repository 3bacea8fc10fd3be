package thaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// emitted is what the last EMF line had counted.
type emitted struct {
	mu    sync.Mutex
	stats Stats
	lines int
}

// traceKey is the key under which aws-lambda-go stores the trace header in a
// handler's context, a plain string.
const traceKey = "x-amzn-trace-id"

// WriteEMF writes one line in CloudWatch's embedded metric format with what
// happened since the line before: call it once at the end of an invocation, with
// os.Stdout. It is one write of far less than 256 KB, with at most 23 metrics (100
// are allowed) under one dimension, the function's name; nothing in it grows with
// keys or values. Calls at the same time each get a part of the counts.
//
// Beside the metrics it has the properties cold, breaker, environment, and, if the
// context or the environment has an X-Ray header, traceId, parentId and sampled,
// by which a line joins its segment.
func (c *Client) WriteEMF(ctx context.Context, w io.Writer) error {
	c.emitted.mu.Lock()
	now := c.Stats() // not before: what a line of the meantime has counted must be in it
	before, first := c.emitted.stats, c.emitted.lines == 0
	c.emitted.stats = now
	c.emitted.lines++
	c.emitted.mu.Unlock()

	function := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	if function == "" {
		function = "none" // a dimension must not be empty
	}
	line := map[string]any{
		"FunctionName": function,
		"cold":         first,
		"breaker":      now.Breaker.String(),
		"environment":  c.opts.Name,
	}
	trace(ctx, line)
	var metrics []emfMetric
	add := func(name, unit string, value any) {
		metrics = append(metrics, emfMetric{name, unit})
		line[name] = value
	}
	for _, s := range sourceNames[1:] {
		add("From"+strings.ToUpper(s[:1])+s[1:], "Count", now.Answers[s]-before.Answers[s])
	}
	for _, m := range []struct {
		name     string
		now, was uint64
	}{
		{"Guarded", now.Guarded, before.Guarded}, {"Timeouts", now.Timeouts, before.Timeouts},
		{"Broken", now.Broken, before.Broken}, {"Retries", now.Retries, before.Retries},
		{"Dials", now.Dials, before.Dials}, {"DialsFailed", now.Failed, before.Failed},
		{"Replaced", now.Replaced, before.Replaced}, {"StoresRefused", now.StoresRefused, before.StoresRefused},
		{"StoresFailed", now.StoresFailed, before.StoresFailed}, {"LeasesWaited", now.LeasesWaited, before.LeasesWaited},
	} {
		add(m.name, "Count", m.now-m.was)
	}
	for _, s := range stageOrder {
		n, o := now.Stages[s], before.Stages[s]
		if count := n.Count - o.Count; count > 0 { // the mean: EMF has no sum with a count
			add(strings.ToUpper(string(s[:1]))+string(s[1:])+"Time", "Milliseconds", float64((n.Sum-o.Sum).Microseconds())/1000/float64(count))
		}
	}
	line["_aws"] = emfHead{Timestamp: time.Now().UnixMilli(), Directives: []emfDirective{{
		Namespace: "Thaw", Dimensions: [][]string{{"FunctionName"}}, Metrics: metrics,
	}}}
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("thaw: encoding the metrics: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return errors.Join(errors.New("thaw: writing the metrics"), err)
	}
	return nil
}

type emfHead struct {
	Timestamp  int64          `json:"Timestamp"`
	Directives []emfDirective `json:"CloudWatchMetrics"`
}

type emfDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []emfMetric
}

type emfMetric struct{ Name, Unit string }

// trace adds the fields of the X-Ray header Root=…;Parent=…;Sampled=….
func trace(ctx context.Context, line map[string]any) {
	header, _ := ctx.Value(traceKey).(string)
	if header == "" {
		header = os.Getenv("_X_AMZN_TRACE_ID")
	}
	names := map[string]string{"Root": "traceId", "Parent": "parentId", "Sampled": "sampled"}
	for part := range strings.SplitSeq(header, ";") {
		if k, v, ok := strings.Cut(part, "="); ok && names[k] != "" {
			line[names[k]] = v
		}
	}
}
