package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		rt := e.client()
		if isClosed(e.Initialized()) {
			t.Fatal("Init is over before the runtime has asked")
		}
		poll := rt.next()
		synctest.Wait()
		if !isClosed(e.Initialized()) {
			t.Fatal("Init is not over")
		}
		began := time.Now()
		call := mustStart(t, e.API, Invocation{
			RequestID: "r1", Payload: []byte(`{"a":1}`), Deadline: began.Add(3 * time.Second),
			FunctionARN: "arn:f", TraceID: "Root=1", ClientContext: "{\n\"k\":1}", CognitoIdentity: "{}", TenantID: "t",
		})
		r := <-poll
		want(t, r, 200, `{"a":1}`)
		got := map[string]string{}
		for k := range r.header {
			got[k] = r.header.Get(k)
		}
		if diff := cmp.Diff(map[string]string{
			"Content-Type": "application/json", "Content-Length": "7",
			"Lambda-Runtime-Aws-Request-Id":       "r1",
			"Lambda-Runtime-Deadline-Ms":          fmt.Sprint(began.Add(3 * time.Second).UnixMilli()),
			"Lambda-Runtime-Invoked-Function-Arn": "arn:f",
			"Lambda-Runtime-Trace-Id":             "Root=1",
			"Lambda-Runtime-Client-Context":       `{ "k":1}`,
			"Lambda-Runtime-Cognito-Identity":     "{}",
			"Lambda-Runtime-Aws-Tenant-Id":        "t",
		}, got); diff != "" {
			t.Fatal(diff)
		}
		if !isClosed(call.Delivered()) || isClosed(call.Responded()) {
			t.Fatal("want delivered, not responded")
		}
		if _, err := e.Start(Invocation{RequestID: "r2"}); !errors.Is(err, ErrBusy) {
			t.Fatalf("Start while running: %v, want ErrBusy", err)
		}
		time.Sleep(time.Second) // virtual
		r = rt.post("r1", "response", `"ok"`, "Content-Type", "text/x")
		want(t, r, 202, acceptedBody)
		<-call.Responded()
		if isClosed(call.Done()) {
			t.Fatal("done before the runtime asked again")
		}
		time.Sleep(time.Second) // virtual
		rt.next()
		<-call.Done()
		if diff := cmp.Diff(Result{
			Payload: []byte(`"ok"`), ContentType: "text/x",
			DeliveredAt: began, RespondedAt: began.Add(time.Second), DoneAt: began.Add(2 * time.Second),
		}, call.Result()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// step is one thing that the runtime or the environment's owner does.
type step struct {
	do     string // "next", "post <id> <what>", "start <id>", "fail", "init-error"
	status int
	part   string
}

func TestStateMachine(t *testing.T) {
	const badState = "InvalidStateTransition"
	for name, steps := range map[string][]step{
		"response twice": {
			{"start a", 0, ""}, {"next", 200, ""}, {"post a response", 202, "OK"},
			{"post a response", 403, "from RuntimeResponseSentState to InvocationResponse failed"},
		},
		"error after response":    {{"start a", 0, ""}, {"next", 200, ""}, {"post a response", 202, ""}, {"post a error", 403, "to InvocationErrorResponse failed"}},
		"same event again":        {{"start a", 0, ""}, {"next", 200, "payload a"}, {"next", 200, "payload a"}, {"post a response", 202, ""}},
		"wrong id":                {{"start a", 0, ""}, {"next", 200, ""}, {"post b response", 400, "InvalidRequestID"}, {"post a response", 202, ""}},
		"post before next":        {{"start a", 0, ""}, {"post a response", 403, "from Ready to InvocationResponse"}},
		"post of nothing":         {{"post a response", 400, "Invalid request ID"}},
		"id of the last one":      {{"start a", 0, ""}, {"next", 200, ""}, {"post a response", 202, ""}, {"start b", 0, "busy"}, {"post a response", 403, badState}},
		"response after Fail":     {{"start a", 0, ""}, {"next", 200, ""}, {"fail", 0, ""}, {"post a response", 400, "InvalidRequestID"}},
		"init error":              {{"init-error", 202, "OK"}, {"init-error", 403, "from InitError to InitError"}, {"next", 403, "from InitError to Ready"}},
		"init error while it run": {{"start a", 0, ""}, {"next", 200, ""}, {"init-error", 403, "from Running to InitError"}},
		"next after Fail":         {{"start a", 0, ""}, {"next", 200, "a"}, {"fail", 0, ""}, {"start b", 0, ""}, {"next", 200, "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Options{})
				rt := e.client()
				for _, s := range steps {
					switch f := strings.Fields(s.do); f[0] {
					case "next":
						want(t, <-rt.next(), s.status, s.part)
					case "post":
						want(t, rt.post(f[1], f[2], "{}"), s.status, s.part)
					case "init-error":
						want(t, rt.do("POST", "/2018-06-01/runtime/init/error", "{}"), s.status, s.part)
					case "fail":
						e.Fail(ExitError("a", "exit status 1"))
					case "start":
						_, err := e.Start(Invocation{RequestID: f[1], Payload: []byte("payload " + f[1])})
						if (err == nil) != (s.part == "") {
							t.Fatalf("Start: %v", err)
						}
					}
				}
			})
		})
	}
}

// TestAnswers is about what the caller gets for what the runtime posts.
func TestAnswers(t *testing.T) {
	trailers := "2\r\nab\r\n3\r\ncde\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Broken\r\n" +
		"Lambda-Runtime-Function-Error-Body: " + base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"m"}`)) + "\r\n\r\n"
	for name, tt := range map[string]struct {
		what, head, body string
		status           int
		part             string
		result           Result
	}{
		"empty": {"response", "Content-Length: 0\r\n", "", 202, "OK", Result{}},
		"chunked": {"response", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n", 202, "OK",
			Result{Payload: []byte("abcde")}},
		"largest": {"response", fmt.Sprintf("Content-Length: %d\r\n", maxResponse), strings.Repeat("x", maxResponse), 202, "OK",
			Result{Payload: []byte(strings.Repeat("x", maxResponse))}},
		"too large": {"response", fmt.Sprintf("Content-Length: %d\r\n", maxResponse+1), strings.Repeat("x", maxResponse+1), 413,
			"Exceeded maximum allowed payload size (6291556 bytes).",
			Result{Err: responseTooLarge(maxResponse + 1)}},
		"streaming": {"response", "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n", "1\r\nz\r\n0\r\n\r\n", 202, "OK",
			Result{Payload: []byte("z")}},
		"wrong mode": {"response", "Lambda-Runtime-Function-Response-Mode: buffered\r\nContent-Length: 1\r\n", "x", 400, "InvalidFunctionResponseMode",
			Result{Err: document(typeInvalidMode, "RequestId: r Error: invalid response mode buffered")}},
		"trailers": {"response", "Transfer-Encoding: chunked\r\nTrailer: x\r\n", trailers, 202, "OK",
			Result{Payload: []byte("abcde"), Err: &Error{Type: "Function.Broken", Message: "m", Payload: []byte(`{"errorMessage":"m"}`)}}},
		"error": {"error", "Lambda-Runtime-Function-Error-Type: Runtime.Bad\r\nLambda-Runtime-Function-XRay-Error-Cause: {\"message\":\"c\"}\r\nContent-Length: 38\r\n",
			`{"errorMessage":"m","errorType":"Oh" }`, 202, "OK",
			Result{Err: &Error{Type: "Runtime.Bad", Message: "m", Payload: []byte(`{"errorMessage":"m","errorType":"Oh" }`), XRayCause: []byte(`{"message":"c"}`)}}},
		"error without type": {"error", "Content-Length: 3\r\n", "???", 202, "OK",
			Result{Err: &Error{Type: "Runtime.Unknown", Payload: []byte("???")}}},
		"error with cause": {"error", "Content-Type: " + causeContentType + "\r\nContent-Length: 76\r\n",
			`{"errorMessage":"m","errorType":"T","errorCause":{"working_directory":"/d"}}`, 202, "OK",
			Result{Err: &Error{Type: "Runtime.Unknown", Message: "m", Payload: []byte(`{"errorType":"T","errorMessage":"m"}`), XRayCause: []byte(`{"working_directory":"/d"}`)}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Options{})
				rt := e.client()
				poll := rt.next()
				call := mustStart(t, e.API, Invocation{RequestID: "r"})
				<-poll
				r := rt.raw("POST " + prefixInvocation + "r/" + tt.what + " HTTP/1.1\r\nHost: x\r\n" + tt.head + "\r\n" + tt.body)
				want(t, r, tt.status, tt.part)
				<-call.Responded()
				got := call.Result()
				got.DeliveredAt, got.RespondedAt, got.ContentType = time.Time{}, time.Time{}, ""
				if !bytes.Equal(got.Payload, tt.result.Payload) { // cmp takes seconds for 6 MiB
					t.Fatalf("payload of %d bytes is wrong", len(got.Payload))
				}
				got.Payload = tt.result.Payload[:0:0]
				tt.result.Payload = got.Payload
				if diff := cmp.Diff(tt.result, got); diff != "" {
					t.Fatal(diff)
				}
				rt.next() // the runtime goes on, whatever it was told
				<-call.Done()
			})
		})
	}
}

func TestTruncatedBody(t *testing.T) {
	for name, request := range map[string]string{
		"length": "Content-Length: 10\r\n\r\nshort",
		"chunk":  "Transfer-Encoding: chunked\r\n\r\n10\r\nshort",
		"chunks": "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		"size":   "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Options{})
				rt := e.client()
				poll := rt.next()
				call := mustStart(t, e.API, Invocation{RequestID: "r"})
				<-poll
				go rt.raw("POST " + prefixInvocation + "r/response HTTP/1.1\r\n" + request)
				synctest.Wait()
				rt.nc.Close()
				<-call.Responded()
				if err := call.Result().Err; err == nil || err.Type != typeTruncatedResponse {
					t.Fatalf("got %v, want %s", err, typeTruncatedResponse)
				}
			})
		})
	}
}

func TestExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		rt := e.client()
		poll := rt.next()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		<-poll
		want(t, rt.raw("POST "+prefixInvocation+"r/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 100, "")
		want(t, rt.raw("hi"), 202, "OK")
		if got := string(call.Result().Payload); got != "hi" {
			t.Fatalf("payload %q", got)
		}
		want(t, rt.raw("POST "+prefixInvocation+"r/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"), 403, "")
		if r := rt.read(); r.err == nil {
			t.Fatal("the connection is open after a refusal without 100 Continue")
		}
	})
}

// TestProtocolErrors is about bytes that are no request of these APIs.
func TestProtocolErrors(t *testing.T) {
	for request, status := range map[string]int{
		"GARBAGE\r\n\r\n": 400,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n":                          400, // TLS
		"GET / HTTP/2.0\r\n\r\n":                                                  505,
		"GET /nothing HTTP/1.1\r\n\r\n":                                           404,
		"POST " + pathNext + " HTTP/1.1\r\n\r\n":                                  405,
		"GET " + prefixInvocation + "x/y HTTP/1.1\r\n\r\n":                        404,
		"GET /ping HTTP/1.1\r\n\r\n":                                              200,
		"GET /2018-06-01/ping?x HTTP/1.0\r\n\r\n":                                 200,
		"GET /ping HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc":                      200,
		"GET /ping HTTP/1.1\r\nA: " + strings.Repeat("x", maxHeader) + "\r\n\r\n": 431,
	} {
		t.Run(request[:min(len(request), 20)], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Options{})
				r := e.client().raw(request)
				want(t, r, status, "")
				if status >= 400 && !strings.Contains(r.body, `"errorType"`) {
					t.Fatalf("body %q is no error document", r.body)
				}
			})
		})
	}
}

func TestLimitsOfStart(t *testing.T) {
	a := New(Options{})
	if _, err := a.Start(Invocation{RequestID: "r", Payload: make([]byte, MaxPayload+1)}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
	call := mustStart(t, a, Invocation{RequestID: "r", Payload: make([]byte, MaxPayload)})
	a.Close()
	<-call.Done()
	if err := call.Result().Err; err == nil || err.Type != typeSandboxFailure {
		t.Fatalf("after Close: %v", err)
	}
	if _, err := a.Start(Invocation{}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}

// TestFail is about callers when the process goes while each of them waits for
// something else.
func TestFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		rt := e.client()
		want(t, rt.do("GET", "/ping", ""), 200, "pong")
		queued := mustStart(t, e.API, Invocation{RequestID: "q"})
		e.Fail(nil)
		<-queued.Done()
		if isClosed(queued.Delivered()) {
			t.Fatal("delivered, but there was no poll")
		}
		poll := rt.next()
		answered := mustStart(t, e.API, Invocation{RequestID: "a"})
		<-poll
		want(t, rt.post("a", "response", "1"), 202, "")
		e.Fail(ExitError("a", ""))
		<-answered.Done()
		if r := answered.Result(); r.Err != nil || string(r.Payload) != "1" || r.DoneAt.IsZero() {
			t.Fatalf("an answer was lost: %+v", r)
		}
		poll = rt.next()
		running := mustStart(t, e.API, Invocation{RequestID: "b"})
		<-poll
		running.Fail(TimeoutError("b", 3*time.Second))
		running.Fail(nil)
		<-running.Done()
		if got, w := string(running.Result().Err.Payload), `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: b Error: Task timed out after 3.00 seconds"}`; got != w {
			t.Fatalf("got %s, want %s", got, w)
		}
		want(t, rt.post("b", "response", "late"), 400, "InvalidRequestID")
	})
}

// TestReset is about what old processes say after a Reset.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		old, idle := e.client(), e.client()
		poll := idle.next()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		<-poll
		posted := make(chan reply, 1)
		go func() {
			posted <- old.raw("POST " + prefixInvocation + "r/response HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
		}()
		synctest.Wait()
		before := e.Initialized()
		e.Reset()
		<-call.Done()
		if r := <-posted; r.err == nil {
			t.Fatalf("an old connection was answered: %v", r)
		}
		if e.Initialized() == before || isClosed(e.Initialized()) {
			t.Fatal("Init of the new processes is over before they have started")
		}
		again := mustStart(t, e.API, Invocation{RequestID: "r"})
		rt := e.client()
		want(t, <-rt.next(), 200, "")
		want(t, rt.post("r", "response", "new"), 202, "")
		if got := string(again.Result().Payload); got != "new" {
			t.Fatalf("payload %q", got)
		}
	})
}

// TestBrokenPoll is about a runtime that gives up a poll: its event goes to
// the next one.
func TestBrokenPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		gone := e.client()
		gone.next()
		synctest.Wait()
		gone.nc.Close()
		synctest.Wait()
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		if isClosed(call.Delivered()) {
			t.Fatal("delivered to a connection that is gone")
		}
		want(t, <-e.client().next(), 200, "")
	})
}

func TestManagedInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{MaxConcurrency: 3})
		var workers []*client
		var polls []<-chan reply
		for range 3 {
			w := e.client()
			workers = append(workers, w)
			polls = append(polls, w.next())
			synctest.Wait()
		}
		want(t, <-e.client().next(), 500, "InternalServerError")
		if !e.logged("TooManyIdleRuntimes") {
			t.Fatal("no word to the user")
		}
		var calls []*Call
		for i := range 3 {
			calls = append(calls, mustStart(t, e.API, Invocation{RequestID: fmt.Sprint("r", i)}))
		}
		if _, err := e.Start(Invocation{RequestID: "r3"}); !errors.Is(err, ErrBusy) {
			t.Fatalf("got %v, want ErrBusy", err)
		}
		for i, p := range polls {
			if id := (<-p).header.Get("Lambda-Runtime-Aws-Request-Id"); id != fmt.Sprint("r", i) {
				t.Fatalf("worker %d got %s", i, id)
			}
		}
		calls[1].Fail(TimeoutError("r1", time.Second))
		want(t, workers[1].post("r1", "response", "late"), 410, "InvokeTimeout")
		want(t, workers[1].post("r1", "response", "late"), 400, "InvalidRequestID")
		want(t, workers[2].post("r2", "response", "two"), 202, "")
		want(t, workers[0].post("r0", "response", "zero"), 202, "")
		for i, w := range map[int]string{0: "zero", 2: "two"} {
			if got := string(calls[i].Result().Payload); got != w {
				t.Fatalf("call %d has %q", i, got)
			}
		}
		workers[0].next()
		<-calls[2].Done() // the one that answered first
		workers[2].next()
		<-calls[0].Done()
	})
}

// TestLargeEvent is about an event that the poll's socket cannot take at once.
func TestLargeEvent(t *testing.T) {
	a, address := startTCP(t, Options{})
	go echoOnce(address)
	payload := bytes.Repeat([]byte("0123456789abcdef"), MaxPayload/16)
	call := mustStart(t, a, Invocation{RequestID: "r", Payload: payload})
	<-call.Done()
	if r := call.Result(); r.Err != nil || !bytes.Equal(r.Payload, payload) {
		t.Fatalf("%d bytes came back, %v", len(r.Payload), r.Err)
	}
}

// TestPipelining: a request behind a waiting poll on the same connection would
// get the poll's answer; the connection is closed and the event is not lost.
func TestPipelining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Options{})
		c := e.client()
		poll := c.next()
		synctest.Wait()
		go func() { _, _ = io.WriteString(c.nc, "GET /ping HTTP/1.1\r\n\r\n") }()
		if r := <-poll; r.err == nil {
			t.Fatalf("got %v", r)
		}
		call := mustStart(t, e.API, Invocation{RequestID: "r"})
		synctest.Wait()
		if isClosed(call.Delivered()) {
			t.Fatal("delivered to a closed connection")
		}
	})
}
