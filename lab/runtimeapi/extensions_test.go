package runtimeapi

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestExtension follows an external extension from Init to shutdown.
func TestExtension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{FunctionName: "f", Handler: "h", AccountID: "123"})
		e.ExpectExtensions("ext")
		rt, x := e.client(), e.client()
		poll := rt.next()
		id, r := x.register("ext", `{"events":["INVOKE","SHUTDOWN"]}`, "Lambda-Extension-Accept-Feature", "foo, accountId")
		want(t, r, 200, `{"accountId":"123","functionName":"f","functionVersion":"$LATEST","handler":"h"}`)
		synctest.Wait()
		if isClosed(e.Initialized()) {
			t.Fatal("Init is over before the extension is ready")
		}
		call := mustStart(t, e.API, Invocation{RequestID: "r", FunctionARN: "arn", TraceID: "Root=1", Deadline: time.UnixMilli(5)})
		synctest.Wait()
		if isClosed(call.Delivered()) {
			t.Fatal("delivered before Init was over")
		}
		event := <-x.eventNext(id)
		want(t, <-poll, 200, "")
		want(t, event, 200, `{"eventType":"INVOKE","deadlineMs":5,"requestId":"r","invokedFunctionArn":"arn","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`)
		if !isUUID(event.header.Get("Lambda-Extension-Event-Identifier")) {
			t.Fatal("no event identifier")
		}
		want(t, rt.post("r", "response", "1"), 202, "")
		rt.next()
		synctest.Wait()
		if !isClosed(call.Responded()) || isClosed(call.Done()) {
			t.Fatal("want an answer, and the extension still at work")
		}
		parked := x.eventNext(id)
		<-call.Done()
		want(t, e.client().do("GET", prefixExtensions+"/event/next", "", "Lambda-Extension-Identifier", id), 403, "from Ready to Ready")
		e.Shutdown("SPINDOWN", time.UnixMilli(9))
		want(t, <-parked, 200, `{"deadlineMs":9,"eventType":"SHUTDOWN","shutdownReason":"spindown"}`)
		if _, err := e.Start(Invocation{}); err != ErrClosed {
			t.Fatalf("Start while shutting down: %v", err)
		}
		if diff := cmp.Diff([]Extension{{Name: "ext", External: true, Events: []string{"INVOKE", "SHUTDOWN"}}}, e.Extensions()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestExtensionWithoutEvents is what aws-lambda-go's WithEnableSIGTERM does.
func TestExtensionWithoutEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		rt, x := e.client(), e.client()
		id, r := x.register("GoLangEnableSIGTERM", `{"events":null}`)
		want(t, r, 200, "")
		parked := x.eventNext(id)
		poll := rt.next()
		<-e.Initialized()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		<-poll
		want(t, rt.post("r", "response", "1"), 202, "")
		rt.next()
		<-call.Done()
		e.Shutdown("SPINDOWN", time.Now())
		synctest.Wait()
		select {
		case r := <-parked:
			t.Fatalf("got an event: %v", r)
		default:
		}
	})
}

func TestRegistrationRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		x := e.client()
		const register = prefixExtensions + "/register"
		want(t, x.do("POST", register, `{}`), 403, "Extension.InvalidExtensionName")
		want(t, x.do("POST", register, `{`, "Lambda-Extension-Name", "a"), 403, "InvalidRequestFormat")
		want(t, x.do("POST", register, `{"configurationKeys":["a"]}`, "Lambda-Extension-Name", "a"), 403, "deprecated")
		want(t, x.do("POST", register, `{"events":["SHUTDOWN"]}`, "Lambda-Extension-Name", "a"), 403, "Extension.InvalidEventType")
		want(t, x.do("POST", register, `{"events":["NONE"]}`, "Lambda-Extension-Name", "a"), 403, "Extension.InvalidEventType")
		for i := range maxExtensions {
			_, r := x.register(fmt.Sprint("x", i), `{"events":["INVOKE"]}`)
			want(t, r, 200, "")
		}
		want(t, x.do("POST", register, `{}`, "Lambda-Extension-Name", "x3"), 403, "already registered")
		want(t, x.do("POST", register, `{}`, "Lambda-Extension-Name", "more"), 403, "Extension.TooManyExtensions")
		e.Reset()
		rt := e.client()
		rt.next()
		<-e.Initialized()
		want(t, e.client().do("POST", register, `{}`, "Lambda-Extension-Name", "late"), 403, "Extension.RegistrationClosed")

		lmi := start(t, Options{MaxConcurrency: 2})
		lmi.ExpectExtensions("x")
		_, r := lmi.client().register("x", `{"events":["INVOKE"]}`)
		want(t, r, 403, "Extension.InvalidEventType")
	})
}

func TestExtensionIdentifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		x := e.client()
		const next = prefixExtensions + "/event/next"
		want(t, x.do("GET", next, ""), 403, "Extension.MissingExtensionIdentifier")
		want(t, x.do("GET", next, "", "Lambda-Extension-Identifier", "7"), 403, "Extension.InvalidExtensionIdentifier")
		want(t, x.do("GET", next, "", "Lambda-Extension-Identifier", newID()), 403, "Extension.UnknownExtensionIdentifier")
	})
}

func TestExtensionErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		x := e.client()
		id, _ := x.register("x", `{}`)
		post := func(what string, headers ...string) reply {
			return x.do("POST", prefixExtensions+"/"+what, "{}", append(headers, "Lambda-Extension-Identifier", id)...)
		}
		want(t, post("init/error"), 403, "Extension.MissingHeader")
		want(t, post("init/error", "Lambda-Extension-Function-Error-Type", "Extension.Bad"), 202, "OK")
		err := <-e.InitFailed()
		if err.Type != typeExtensionInit {
			t.Fatalf("got %v", err)
		}
		want(t, post("init/error", "Lambda-Extension-Function-Error-Type", "Extension.Bad"), 202, "OK")
		want(t, post("exit/error", "Lambda-Extension-Function-Error-Type", "Extension.Bad"), 403, "from InitError to ExitError")
		want(t, <-x.eventNext(id), 403, "Extension.InvalidExtensionState")
		if got := e.Extensions()[0].Error; got != "Extension.Bad" {
			t.Fatalf("Error %q", got)
		}
	})
}

// TestExtensionExitEndsItsPart: an extension that gives up during an
// invocation is not waited for.
func TestExtensionExitEndsItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		rt, x := e.client(), e.client()
		id, _ := x.register("x", `{"events":["INVOKE"]}`)
		event, poll := x.eventNext(id), rt.next()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		<-event
		<-poll
		want(t, rt.post("r", "response", "1"), 202, "")
		rt.next()
		want(t, x.do("POST", prefixExtensions+"/exit/error", "", "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.X"), 202, "")
		<-call.Done()
	})
}

// TestLateExtension: an event for an extension that does not poll waits for
// it, unless its invocation fails first.
func TestLateExtension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		e.ExpectExtensions("x")
		rt, x := e.client(), e.client()
		id, _ := x.register("x", `{"events":["INVOKE","SHUTDOWN"]}`)
		event, poll := x.eventNext(id), rt.next()
		mustStart(t, e.API, Invocation{RequestID: "r1"})
		<-event
		<-poll
		e.Fail(nil) // the extension has not polled again
		poll = rt.next()
		mustStart(t, e.API, Invocation{RequestID: "r2"})
		<-poll
		e.Fail(nil) // r2's event was not sent and must not be
		e.Shutdown("FAILURE", time.Now())
		want(t, <-x.eventNext(id), 200, `"shutdownReason":"failure"`)
	})
}

// collector is an extension's telemetry endpoint in memory.
func collector(t *testing.T, opts *Options) <-chan []map[string]any {
	l := newPipeListener()
	batches := make(chan []map[string]any, 100)
	opts.DialTelemetry = l.dial
	go serveBatches(l, batches)
	t.Cleanup(func() { l.Close() })
	return batches
}

func TestTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opts Options
		batches := collector(t, &opts)
		e := start(t, opts)
		rt, x := e.client(), e.client()
		e.Publish("platform.initStart", map[string]string{"phase": "init"})
		id, _ := x.register("x", `{}`)
		body := `{"schemaVersion":"2022-07-01","types":["platform","function"],"buffering":{"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}}`
		want(t, x.do("PUT", "/2022-07-01/telemetry", body, "Lambda-Extension-Identifier", id), 200, `"OK"`)
		x.eventNext(id)
		poll := rt.next()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		<-poll
		e.Publish("function", "a line")
		e.Publish("extension", "not subscribed")
		time.Sleep(10 * time.Millisecond) // virtual
		want(t, rt.post("r", "response", "12"), 202, "")
		rt.next()
		<-call.Done()
		var types []any
		var done map[string]any
		for _, event := range <-batches {
			types = append(types, event["type"])
			if event["type"] == "platform.runtimeDone" {
				done = event["record"].(map[string]any)
			}
		}
		if diff := cmp.Diff([]any{"platform.initStart", "platform.telemetrySubscription", "platform.extension", "platform.start", "function", "platform.runtimeDone"}, types); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(map[string]any{
			"requestId": "r", "status": "success",
			"metrics": map[string]any{"durationMs": 10.0, "producedBytes": 2.0},
		}, done); diff != "" {
			t.Fatal(diff)
		}
		want(t, e.client().do("PUT", "/2022-07-01/telemetry", body, "Lambda-Extension-Identifier", id), 403, "Telemetry.SubscriptionClosed")
		began := time.Now()
		for range 10_000 { // a full batch, by bytes here, goes at once
			e.Publish("function", "x")
		}
		if n := len(<-batches); n < 3000 || time.Since(began) > 0 {
			t.Fatalf("batch of %d after %v", n, time.Since(began))
		}
		e.Reset() // ends the subscription and its connection
		synctest.Wait()
	})
}

func TestSubscriptionRefused(t *testing.T) {
	for body, part := range map[string]string{
		`{`:                        "unexpected end",
		`{"schemaVersion":"1999"}`: "schemaVersion",
		`{"types":[]}`:             "types is empty",
		`{"types":["logs"]}`:       "none of platform",
		`{"types":["function"]}`:   "destination.protocol",
		`{"types":["function"],"destination":{"protocol":"HTTP","URI":"ftp://x"}}`:                          "destination.URI",
		`{"types":["function"],"destination":{"protocol":"HTTP","URI":"http://x:9001"}}`:                    "reserved",
		`{"types":["function"],"destination":{"protocol":"TCP","port":0}}`:                                  "destination.port",
		`{"types":["function"],"destination":{"protocol":"TCP","port":1},"buffering":{"maxItems":1}}`:       "maxItems is 1; it must be from 1000 to 10000",
		`{"types":["function"],"destination":{"protocol":"TCP","port":1},"buffering":{"timeoutMs":31000}}`:  "timeoutMs",
		`{"types":["function"],"destination":{"protocol":"TCP","port":1},"buffering":{"maxBytes":1048577}}`: "maxBytes",
	} {
		synctest.Test(t, func(t *testing.T) {
			e := start(t, Options{})
			x := e.client()
			id, _ := x.register("x", `{}`)
			r := x.do("PUT", "/2020-08-15/logs", body, "Lambda-Extension-Identifier", id)
			want(t, r, 400, part)
			var doc errorDocument
			if err := json.Unmarshal([]byte(r.body), &doc); err != nil || doc.Type != "ValidationError" {
				t.Fatalf("%v: %s", err, r.body)
			}
		})
	}
}
