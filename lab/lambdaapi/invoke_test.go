package lambdaapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInvoke(t *testing.T) {
	f := &fake{}
	s := newServer(t, f)
	w := call(s, "POST", invokePath, `{"id":1}`, "X-Amz-Client-Context: eyJjdXN0b20iOnsiayI6InYifX0=", "X-Amzn-Trace-Id: Root=1-a-b;Sampled=1", "X-Amz-Log-Type: None")
	h := w.Header()
	if w.Code != 200 || w.Body.String() != `{"id":1}` || h.Get("X-Amz-Executed-Version") != "$LATEST" || h.Get("X-Amz-Function-Error") != "" ||
		h.Get("Content-Length") != "8" || h.Get("X-Amz-Log-Result") != "" || h.Get("X-Amzn-Trace-Id") != "Root=1-a-b;Sampled=1" {
		t.Errorf("%d %v %s", w.Code, h, w.Body)
	}
	want := []Invocation{{RequestID: h.Get(requestIDHeader), Payload: []byte(`{"id":1}`), ClientContext: `{"custom":{"k":"v"}}`, TraceID: "Root=1-a-b;Sampled=1"}}
	if diff := cmp.Diff(want, f.invoked); diff != "" {
		t.Error(diff)
	}

	// No payload is an empty object, any JSON value is a payload, and a trace is
	// made up where there is none.
	w = call(s, "POST", "/2015-03-31/functions/Api/invocations?Qualifier=live", "")
	if w.Body.String() != "{}" || w.Header().Get("X-Amz-Executed-Version") != Published || !strings.HasPrefix(w.Header().Get("X-Amzn-Trace-Id"), "Root=1-") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	if w = call(s, "POST", invokePath, `"text"`); w.Body.String() != `"text"` {
		t.Error(w.Body)
	}
	if w = call(s, "POST", invokePath, `{}`, "X-Amz-Invocation-Type: DryRun"); w.Code != 204 || w.Body.Len() > 0 || len(f.invoked) != 3 {
		t.Errorf("dry run: %d %s, %d invocations", w.Code, w.Body, len(f.invoked))
	}
}

func TestInvokeOutcomes(t *testing.T) {
	long := strings.Repeat("x", 5000) + "END"
	for name, test := range map[string]struct {
		reply  Reply
		err    error
		status int
		header [2]string
		body   string
	}{
		"function error": {Reply{FunctionError: true, Payload: []byte(`{"errorType":"E"}`)}, nil, 200, [2]string{"X-Amz-Function-Error", "Unhandled"}, `{"errorType":"E"}`},
		"log": {Reply{Log: func() []byte { return []byte(long) }}, nil, 200,
			[2]string{"X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(long[len(long)-4096:]))}, ""},
		"short log": {Reply{Log: func() []byte { return []byte("START") }}, nil, 200, [2]string{"X-Amz-Log-Result", "U1RBUlQ="}, ""},
		"throttle": {Reply{}, Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"), 429, [2]string{"X-Amzn-Errortype", "TooManyRequestsException"},
			`{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		"the lab's fault": {Reply{}, errors.New("no memory"), 500, [2]string{"X-Amzn-Errortype", "ServiceException"}, `{"Message":"no memory","Type":"Service"}`},
		"large answer":    {Reply{Payload: []byte(strings.Repeat("1", 5<<20))}, nil, 200, [2]string{"Content-Length", "5242880"}, strings.Repeat("1", 5<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, &fake{invoke: func(context.Context, string, Invocation) (Reply, error) { return test.reply, test.err }})
			w := call(s, "POST", invokePath, "{}", "X-Amz-Log-Type: Tail")
			if w.Code != test.status || w.Header().Get(test.header[0]) != test.header[1] || w.Body.String() != test.body {
				t.Errorf("%d %v %.200s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

// serve runs the API on a real port until the test ends.
func serve(t testing.TB, s *Server) (address string) {
	t.Helper()
	listener, err := Listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// A payload over the limit is read and dropped, so that a client which is still
// sending hears the answer, and the connection goes on.
func TestTooLargeOverTheWire(t *testing.T) {
	f := &fake{}
	address := serve(t, newServer(t, f))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, test := range []struct {
		kind    string
		size    int
		chunked bool
		status  int
	}{
		{"RequestResponse", 6<<20 + 1, false, 413},
		{"RequestResponse", 6<<20 + 1, true, 413},
		{"RequestResponse", 20 << 20, false, 413},
		{"RequestResponse", 6 << 20, false, 200},
		{"RequestResponse", 6 << 20, true, 200},
		{"Event", 1<<20 + 1, false, 413},
		{"Event", 1 << 20, false, 202},
	} {
		payload := `"` + strings.Repeat("x", test.size-2) + `"`
		var body io.Reader = strings.NewReader(payload)
		if test.chunked {
			body = io.MultiReader(body)
		}
		r, err := http.NewRequest("POST", "http://"+address+invokePath, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Invocation-Type", test.kind)
		response, err := client.Do(r)
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		answer, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%+v: %d %.200s", test, response.StatusCode, answer)
		}
		if test.status == 413 && response.Header.Get("X-Amzn-Errortype") != "RequestTooLargeException" {
			t.Errorf("%+v: %v", test, response.Header)
		}
	}
}

// A caller that hangs up does not end the invocation.
func TestHangUp(t *testing.T) {
	running, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := newServer(t, &fake{invoke: func(ctx context.Context, _ string, in Invocation) (Reply, error) {
		close(running)
		<-finish
		ended <- ctx.Err()
		return Reply{Payload: in.Payload}, nil
	}})
	conn, err := net.Dial("tcp", serve(t, s))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}", invokePath)
	<-running
	conn.Close()
	close(finish)
	if err := <-ended; err != nil {
		t.Errorf("the invocation was cut: %v", err)
	}
}

// A request that ends early never reaches the function.
func TestHalfARequest(t *testing.T) {
	f := &fake{}
	conn, err := net.Dial("tcp", serve(t, newServer(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{}", invokePath)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 400 || f.tries() != 0 {
		t.Errorf("%d, %d invocations", response.StatusCode, f.tries())
	}
}

func TestListenRefuses(t *testing.T) {
	taken, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, want := range map[string]string{
		"0.0.0.0:9500":          "not authenticated",
		":9500":                 "127.0.0.1:9500",
		"192.0.2.1:9500":        "loopback",
		"example.com:80":        "loopback",
		"9500":                  "HOST:PORT",
		"127.0.0.1:99999":       "cannot listen",
		taken.Addr().String():   "in use",
		"[::ffff:192.0.2.1]:80": "loopback",
	} {
		if l, err := Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
			if err == nil {
				l.Close()
			}
		}
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := newServer(t, &fake{}).Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

// An event is accepted at once and tried again: errors twice, throttles until
// they pass, always with the request id that the caller was told.
func TestEventRetries(t *testing.T) {
	for name, test := range map[string]struct {
		outcomes []error // nil entries are successes; errFunction a function error
		want     []time.Duration
	}{
		"success":           {[]error{nil}, []time.Duration{0}},
		"always fails":      {[]error{errFunction, errFunction, errFunction, errFunction}, []time.Duration{0, time.Minute, 3 * time.Minute}},
		"fails once":        {[]error{errFunction, nil}, []time.Duration{0, time.Minute}},
		"throttled, passes": {[]error{Throttled("x"), Throttled("x"), nil}, []time.Duration{0, time.Second, 3 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var at []time.Duration
				f := &fake{}
				f.invoke = func(context.Context, string, Invocation) (Reply, error) {
					outcome := test.outcomes[len(at)]
					at = append(at, time.Since(began))
					if errors.Is(outcome, errFunction) {
						return Reply{FunctionError: true}, nil
					}
					return Reply{}, outcome
				}
				s := New(f)
				w := call(s, "POST", invokePath, `{}`, "X-Amz-Invocation-Type: Event")
				time.Sleep(time.Hour)
				if n := s.Close(); n != 0 {
					t.Errorf("%d events abandoned", n)
				}
				if diff := cmp.Diff(test.want, at); diff != "" || w.Code != 202 || w.Body.Len() > 0 {
					t.Errorf("%d %s %s", w.Code, w.Body, diff)
				}
				for _, in := range f.invoked {
					if in.RequestID != w.Header().Get(requestIDHeader) {
						t.Errorf("request id %s in the log, %s in the answer", in.RequestID, w.Header().Get(requestIDHeader))
					}
				}
			})
		})
	}
}

var errFunction = errors.New("function error")

// A throttle that does not pass ends after six hours; Close ends it at once.
func TestEventsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{invoke: func(context.Context, string, Invocation) (Reply, error) { return Reply{}, Throttled("x") }}
		s := New(f)
		call(s, "POST", invokePath, `{}`, "X-Amz-Invocation-Type: Event")
		time.Sleep(7 * time.Hour)
		if tries := f.tries(); tries < 70 || tries > 90 { // a try each five minutes, more at first
			t.Errorf("%d tries", tries)
		}
		call(s, "POST", invokePath, `{}`, "X-Amz-Invocation-Type: Event")
		synctest.Wait()
		if n := s.Close(); n != 1 {
			t.Errorf("%d events abandoned, want 1", n)
		}
		wantError(t, call(s, "POST", invokePath, `{}`, "X-Amz-Invocation-Type: Event"), 500, "ServiceException", "shutting down")
	})
}

func TestEventsAreBounded(t *testing.T) {
	block := make(chan struct{})
	q := newQueue(&fake{invoke: func(context.Context, string, Invocation) (Reply, error) { <-block; return Reply{}, nil }})
	for _, test := range []struct{ size, want int }{{maxAsyncPayload, maxEventBytes / maxAsyncPayload}, {0, maxEvents}} {
		in := Invocation{Payload: make([]byte, test.size)}
		for q.events < test.want {
			if err := q.add("Api", in); err != nil {
				t.Fatalf("event %d of %d bytes: %v", q.events, test.size, err)
			}
		}
		if err := q.add("Api", in); !throttled(err) {
			t.Errorf("event %d of %d bytes: %v, want a throttle", test.want, test.size, err)
		}
	}
	close(block)
	if n := q.close(); n != 0 {
		t.Errorf("%d abandoned", n)
	}
}
