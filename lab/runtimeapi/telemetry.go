package runtimeapi

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// maxEarly bounds what is kept during Init for extensions that have yet to
// subscribe, in bytes.
const maxEarly = 64 << 10

// telemetryEvent is one element of what subscribers get.
type telemetryEvent struct {
	kind string // platform, function or extension
	json []byte
}

// Publish hands an event to the subscribers of the Telemetry API: a line of
// output under the type "function" or "extension", or what only the owner of
// the processes knows, such as "platform.initStart" or "platform.report".
// platform.start, platform.runtimeDone, platform.extension and
// platform.telemetrySubscription come by themselves. It costs next to nothing
// when nobody subscribed. A record that JSON cannot express is dropped.
func (a *API) Publish(typ string, record any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.life.publish(typ, record)
}

// publish is Publish with api.mu held.
func (l *life) publish(typ string, record any) {
	kind, _, _ := strings.Cut(typ, ".")
	if l.over || l.initDone && !slices.ContainsFunc(l.subscribers, func(s *subscriber) bool { return s.wants(kind) }) {
		return
	}
	event, ok := newEvent(kind, typ, record)
	if !ok {
		return
	}
	if !l.initDone && l.earlySize+len(event.json) <= maxEarly {
		l.early = append(l.early, event)
		l.earlySize += len(event.json)
	}
	for _, s := range l.subscribers {
		s.take(event)
	}
}

func newEvent(kind, typ string, record any) (telemetryEvent, bool) {
	doc, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), typ, record})
	return telemetryEvent{kind, doc}, err == nil
}

// tracing is the X-Ray part of records.
type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func tracingOf(inv *Invocation) *tracing {
	if inv.TraceID == "" {
		return nil
	}
	return &tracing{"X-Amzn-Trace-Id", inv.TraceID}
}

// emitStart publishes platform.start.
func (l *life) emitStart(c *Call) {
	if len(l.subscribers) == 0 {
		return
	}
	l.publish("platform.start", struct {
		RequestID string   `json:"requestId"`
		Version   string   `json:"version"`
		TenantID  string   `json:"tenantId,omitempty"`
		Tracing   *tracing `json:"tracing,omitempty"`
	}{c.inv.RequestID, c.api.opts.FunctionVersion, c.inv.TenantID, tracingOf(&c.inv)})
}

// emitRuntimeDone publishes platform.runtimeDone for a call that has its
// result.
func (l *life) emitRuntimeDone(c *Call) {
	if len(l.subscribers) == 0 {
		return
	}
	type metrics struct {
		DurationMs    float64 `json:"durationMs"`
		ProducedBytes int     `json:"producedBytes"`
	}
	record := struct {
		RequestID string   `json:"requestId"`
		Status    string   `json:"status"`
		ErrorType string   `json:"errorType,omitempty"`
		Metrics   metrics  `json:"metrics"`
		Tracing   *tracing `json:"tracing,omitempty"`
	}{RequestID: c.inv.RequestID, Status: "success", Tracing: tracingOf(&c.inv)}
	if !c.result.DeliveredAt.IsZero() {
		record.Metrics.DurationMs = milliseconds(c.result.RespondedAt.Sub(c.result.DeliveredAt))
	}
	record.Metrics.ProducedBytes = c.bytes
	if e := c.result.Err; e != nil {
		record.ErrorType = e.Type
		switch e.Type {
		case typeTimedout:
			record.Status = "timeout"
		case typeSandboxFailure:
			record.Status = "failure"
		default:
			record.Status = "error"
		}
	}
	l.publish("platform.runtimeDone", record)
}

// emitExtension publishes platform.extension.
func (l *life) emitExtension(e *extension) {
	events := e.Events
	if events == nil {
		events = []string{}
	}
	l.publish("platform.extension", struct {
		Name      string   `json:"name"`
		State     string   `json:"state"`
		Events    []string `json:"events"`
		ErrorType string   `json:"errorType,omitempty"`
	}{e.Name, e.stateName(), events, e.Error})
}
