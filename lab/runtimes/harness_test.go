package runtimes_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thawdev/thaw/lab/runtimes"
)

// patience bounds every wait for a real process on a busy machine.
const patience = 60 * time.Second

// need skips a test without the program; THAW_REQUIRE_REAL=1 makes that a failure.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("THAW_REQUIRE_REAL") == "1" {
		t.Fatalf("%s is not on PATH, and THAW_REQUIRE_REAL=1", program)
	}
	t.Skipf("%s is not on PATH", program)
}

// report is what the runtime posted.
type report struct {
	id      string // "" for an init error
	failed  bool
	header  http.Header
	trailer http.Header
	body    string
}

// failure is the body of an error report; Node.js says trace, Python stackTrace.
type failure struct {
	ErrorType, ErrorMessage string
	Trace, StackTrace       []string
}

func (r report) failure(t *testing.T) failure {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(r.body), &f); err != nil || !r.failed {
		t.Fatalf("no error report: %+v (%v)", r, err)
	}
	if got := r.header.Get("Lambda-Runtime-Function-Error-Type"); got != f.ErrorType {
		t.Errorf("error type header %q, body %q", got, f.ErrorType)
	}
	return f
}

// environment is one runtime process and the Runtime API that it talks to.
type environment struct {
	t       *testing.T
	server  *httptest.Server
	cmd     *exec.Cmd
	events  chan http.Header // with the body under "Body"
	reports chan report
	exited  chan struct{}
	stdout  buffer
	stderr  buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a handler of testdata/folder and its Runtime API.
func start(t *testing.T, runtime, folder, handler string, env ...string) *environment {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	if err := runtimes.Materialize(dir); err != nil {
		t.Fatal(err)
	}
	launch, err := runtimes.Command(runtime, filepath.Join("testdata", folder), handler, dir)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, launch, env...)
}

func run(t *testing.T, launch runtimes.Launch, env ...string) *environment {
	t.Helper()
	e := &environment{
		t:       t,
		events:  make(chan http.Header, 8),
		reports: make(chan report, 8),
		exited:  make(chan struct{}),
	}
	e.server = httptest.NewServer(http.HandlerFunc(e.serve))
	e.cmd = exec.Command(launch.Command[0], launch.Command[1:]...)
	e.cmd.Stdout, e.cmd.Stderr = &e.stdout, &e.stderr
	e.cmd.Env = append(os.Environ(), launch.Env...)
	e.cmd.Env = append(e.cmd.Env,
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(e.server.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=shop", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/shop", "AWS_LAMBDA_LOG_STREAM_NAME=2026/11/23/[$LATEST]0")
	e.cmd.Env = append(e.cmd.Env, env...)
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait() // the exit code is read from ProcessState
		close(e.exited)
	}()
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill() // may have ended by itself
		<-e.exited
		e.server.CloseClientConnections()
		e.server.Close()
	})
	return e
}

func (e *environment) serve(w http.ResponseWriter, r *http.Request) {
	route := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")
	if route == "invocation/next" {
		select {
		case event := <-e.events:
			body := event.Get("Body")
			event.Del("Body")
			for name, values := range event {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, body)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body) // a broken body fails the test by its content
	rep := report{header: r.Header, trailer: r.Trailer, body: string(body), failed: strings.HasSuffix(route, "/error")}
	if rest, ok := strings.CutPrefix(route, "invocation/"); ok {
		rep.id, _, _ = strings.Cut(rest, "/")
	}
	w.WriteHeader(http.StatusAccepted)
	e.reports <- rep
}

// send queues an invocation.
func (e *environment) send(id, body string, extra ...string) {
	h := http.Header{}
	h.Set("Body", body)
	h.Set("Lambda-Runtime-Aws-Request-Id", id)
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:shop")
	for i := 0; i+1 < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	e.events <- h
}

func (e *environment) report() report {
	e.t.Helper()
	select {
	case r := <-e.reports:
		return r
	case <-e.exited:
		select {
		case r := <-e.reports:
			return r
		default:
		}
		e.t.Fatalf("the process ended without a report: %v\n%s%s", e.cmd.ProcessState, &e.stdout, &e.stderr)
	case <-time.After(patience):
		e.t.Fatalf("no report\n%s%s", &e.stdout, &e.stderr)
	}
	panic("unreachable")
}

// invoke sends one event and waits for the report.
func (e *environment) invoke(id, body string, extra ...string) report {
	e.t.Helper()
	e.send(id, body, extra...)
	r := e.report()
	if r.id != id {
		e.t.Fatalf("report %+v for invocation %q", r, id)
	}
	return r
}

func (e *environment) exitCode() int {
	e.t.Helper()
	select {
	case <-e.exited:
		return e.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		e.t.Fatal("the process does not end")
		return 0
	}
}

// prints reports whether the handler's output matches, now or within some
// seconds: the pipe is read by another goroutine than the report.
func (e *environment) prints(pattern *regexp.Regexp) bool {
	for range 500 {
		if pattern.MatchString(e.stdout.String()) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}
