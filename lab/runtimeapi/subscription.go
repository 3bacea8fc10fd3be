package runtimeapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// subscription is the body of PUT /2022-07-01/telemetry and PUT
// /2020-08-15/logs.
type subscription struct {
	SchemaVersion string   `json:"schemaVersion"`
	Types         []string `json:"types"`
	Destination   struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
	Buffering struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
}

// runtimePort is reserved in every environment: the Runtime API itself listens
// there in Lambda.
const runtimePort = "9001"

// parseSubscription reads and checks a subscription. The error is for the
// extension's author.
func parseSubscription(body []byte) (*subscription, error) {
	var s subscription
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, err
	}
	versions := []string{"2020-08-15", "2021-03-18", "2022-07-01", "2022-12-13", "2025-01-29"}
	if s.SchemaVersion != "" && !slices.Contains(versions, s.SchemaVersion) {
		return nil, fmt.Errorf("schemaVersion %q is none of %s", s.SchemaVersion, strings.Join(versions, ", "))
	}
	if len(s.Types) == 0 {
		return nil, fmt.Errorf("types is empty; name platform, function or extension")
	}
	for _, t := range s.Types {
		if t != "platform" && t != "function" && t != "extension" {
			return nil, fmt.Errorf("types has %q, which is none of platform, function, extension", t)
		}
	}
	if err := s.checkDestination(); err != nil {
		return nil, err
	}
	// Bounds and defaults: telemetry-api in the developer guide.
	for _, b := range []struct {
		name             string
		value            **int
		low, high, unset int
	}{
		{"maxItems", &s.Buffering.MaxItems, 1_000, 10_000, 10_000},
		{"maxBytes", &s.Buffering.MaxBytes, 256 << 10, 1 << 20, 256 << 10},
		{"timeoutMs", &s.Buffering.TimeoutMs, 25, 30_000, 1_000},
	} {
		if *b.value == nil {
			*b.value = &b.unset
		}
		if v := **b.value; v < b.low || v > b.high {
			return nil, fmt.Errorf("buffering.%s is %d; it must be from %d to %d", b.name, v, b.low, b.high)
		}
	}
	return &s, nil
}

func (s *subscription) checkDestination() error {
	d := s.Destination
	switch d.Protocol {
	case "HTTP":
		u, err := url.Parse(d.URI)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return fmt.Errorf("destination.URI %q is not an http URL such as http://sandbox.localdomain:8080", d.URI)
		}
		if u.Port() == runtimePort {
			return fmt.Errorf("destination.URI has port %s, which is reserved", runtimePort)
		}
	case "TCP":
		if d.Port < 1 || d.Port > 65535 || fmt.Sprint(d.Port) == runtimePort {
			return fmt.Errorf("destination.port is %d; it must be from 1 to 65535 and not %s", d.Port, runtimePort)
		}
	default:
		return fmt.Errorf("destination.protocol %q is neither HTTP nor TCP", d.Protocol)
	}
	return nil
}

// subscribe answers a PUT to the Telemetry API, or the Logs API before it: kind
// is the name in error types. Both get the events of the Telemetry API.
func (c *conn) subscribe(req *request, kind string) {
	body := c.readBody(req, maxResponse)
	if body.broken != nil || body.tooLarge {
		c.refuseBody(body)
		return
	}
	s, err := parseSubscription(body.bytes)
	if err != nil {
		c.api.logf("%s API: %v", kind, err)
		c.answerError(400, "ValidationError", err.Error())
		return
	}
	a, l := c.api, c.life
	e := c.lockExtension(req)
	if e == nil {
		return
	}
	if l.initDone {
		a.mu.Unlock()
		c.answerError(403, kind+".SubscriptionClosed", kind+" API subscription is closed")
		return
	}
	l.subscribers = slices.DeleteFunc(l.subscribers, func(old *subscriber) bool {
		if old.extension == e {
			old.stop()
		}
		return old.extension == e
	})
	sub := newSubscriber(a, e, s)
	for _, event := range l.early {
		sub.take(event)
	}
	l.subscribers = append(l.subscribers, sub)
	l.publish("platform.telemetrySubscription", map[string]any{"name": e.Name, "state": "Subscribed", "types": s.Types})
	a.mu.Unlock()
	c.reply(200, "text/plain; charset=utf-8", `"OK"`)
}

// timeout is how long events wait for more.
func (s *subscription) timeout() time.Duration {
	return time.Duration(*s.Buffering.TimeoutMs) * time.Millisecond
}
