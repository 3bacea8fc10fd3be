//go:build unix

package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestInitExit(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, init := testStart(t, h, testFunction(t, "init exit"))
	if init.Err == nil || init.Err.Type != "Runtime.ExitError" || !strings.Contains(init.Err.Message, "exit status 7") {
		t.Fatalf("init: %+v", init)
	}
	if got := e.State(); got != "reset" {
		t.Errorf("state %s", got)
	}
	r := do(t, e, `{}`)
	want(t, r, "error", "exit status 7")
	log := string(r.Log())
	for _, s := range []string{"about to exit", "Phase: init\tStatus: error\tError Type: Runtime.ExitError", "Phase: invoke\tStatus: error", "Status: error\tError Type: Runtime.ExitError"} {
		if !strings.Contains(log, s) {
			t.Errorf("log lacks %q:\n%s", s, log)
		}
	}
	want(t, do(t, e, `{}`), "error", "exit status 7")
}

func TestInitError(t *testing.T) {
	h := testHost(t, HostOptions{})
	_, init := testStart(t, h, testFunction(t, "init error"))
	if init.Err == nil || init.Err.Message != "no database" {
		t.Fatalf("init: %+v", init)
	}
}

func TestSuppressedInit(t *testing.T) {
	h := testHost(t, HostOptions{})
	for _, kind := range []string{"init exit once", "init slow once"} {
		f := testFunction(t, kind)
		f.InitLimit = 150 * time.Millisecond
		e, init := testStart(t, h, f)
		if slow := kind == "init slow once"; init.TimedOut != slow || (init.Err == nil) != slow {
			t.Fatalf("%s: %+v", kind, init)
		}
		r := do(t, e, `{}`)
		want(t, r, "success", "ok")
		if r.SuppressedInit <= 0 || r.Duration < r.SuppressedInit {
			t.Errorf("duration %v, suppressed init %v", r.Duration, r.SuppressedInit)
		}
		if log := string(r.Log()); !strings.Contains(log, "INIT_REPORT") || strings.Contains(log, "\tInit Duration") {
			t.Errorf("log:\n%s", log)
		}
		if r := do(t, e, `{}`); r.SuppressedInit != 0 {
			t.Error("init again")
		}
	}
}

func TestSuppressedInitTimeout(t *testing.T) {
	h := testHost(t, HostOptions{})
	f := testFunction(t, "init slow")
	f.InitLimit, f.Timeout = 50*time.Millisecond, 100*time.Millisecond
	e, _ := testStart(t, h, f)
	want(t, do(t, e, `{}`), "timeout", "Task timed out after 0.10 seconds")
}

func TestStartCancelled(t *testing.T) {
	h := testHost(t, HostOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := h.Start(ctx, "e1", testFunction(t, "init slow"), Provisioned); err == nil {
		t.Fatal("no error")
	}
}

func TestExit(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	for _, c := range []struct{ payload, want string }{
		{`{"Do":"exit","Count":3}`, "Runtime exited with error: exit status 3"},
		{`{"Do":"exit"}`, "Runtime exited without providing a reason"},
		{`{"Do":"panic"}`, "out of cheese"},
		{`{"Do":"error"}`, "no such thing"},
	} {
		r := do(t, e, c.payload)
		want(t, r, "error", c.want)
		r.Log()
		r = do(t, e, `{}`)
		want(t, r, "success", "ok")
		if crashed := c.want != "no such thing"; (r.SuppressedInit > 0) != crashed {
			t.Errorf("%s: suppressed init %v", c.payload, r.SuppressedInit)
		}
	}
	want(t, do(t, e, `{"Do":"exit","Count":3}`), "error", "exit status 3")
}

func TestAnswerAndExit(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "answer and exit"))
	for range 3 {
		r := do(t, e, `{}`)
		want(t, r, "success", "bye")
		if log := string(r.Log()); !strings.Contains(log, "Status: error\tError Type: Runtime.ExitError") {
			t.Errorf("log:\n%s", log)
		}
	}
}

func TestTimeout(t *testing.T) {
	h := testHost(t, HostOptions{})
	f := testFunction(t, "plain")
	f.Timeout = 100 * time.Millisecond
	e, _ := testStart(t, h, f)
	os.WriteFile(filepath.Join(e.folder, "kept"), nil, 0o600)
	before := e.PIDs()
	begin := time.Now()
	r := do(t, e, `{"Do":"sleep","MS":130}`) // answers late
	if d := time.Since(begin); d < f.Timeout || d > f.Timeout+2*time.Second {
		t.Errorf("took %v", d)
	}
	want(t, r, "timeout", "Sandbox.Timedout")
	if log := string(r.Log()); !strings.Contains(log, "Duration: 100.00 ms\tBilled Duration: 100 ms") || !strings.HasSuffix(log, "Status: timeout\n") {
		t.Errorf("log:\n%s", log)
	}
	if got := e.State(); got != "reset" {
		t.Errorf("state %s", got)
	}
	r = do(t, e, `{}`)
	want(t, r, "success", "ok")
	if r.SuppressedInit <= 0 || len(e.PIDs()) != 1 || e.PIDs()[0] == before[0] {
		t.Errorf("not reset: %v", e.PIDs())
	}
	if _, err := os.Stat(filepath.Join(e.folder, "kept")); err != nil {
		t.Error("/tmp did not survive:", err)
	}
}

func TestProtocolFaults(t *testing.T) {
	h := testHost(t, HostOptions{})
	for _, c := range []struct{ kind, status, want, log string }{
		{"garbage", "success", `"fine"`, "answer 202"},
		{"twice", "success", "1", "second 403"},
		{"large", "error", "Function.ResponseSizeTooLarge", "status 413"},
	} {
		e, _ := testStart(t, h, testFunction(t, c.kind))
		for range 2 {
			r := do(t, e, `{}`)
			want(t, r, c.status, c.want)
			if log := string(r.Log()); !strings.Contains(log, c.log) {
				t.Errorf("%s:\n%s", c.kind, log)
			}
		}
	}
}

func TestRequestTooLarge(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	r := e.Invoke(t.Context(), Event{RequestID: "big", Payload: make([]byte, 7<<20)})
	want(t, r, "error", "exceeds 6 MiB")
	r.Log()
	want(t, do(t, e, `{}`), "success", "ok")
}

func TestCallerGivesUp(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := e.Invoke(ctx, Event{RequestID: "x", Payload: []byte(`{"Do":"sleep","MS":100}`)})
	want(t, r, "error", "the caller gave up")
	if final := r.Final(); final.Status != "success" {
		t.Errorf("the invocation itself: %+v", final)
	}
	want(t, do(t, e, `{}`), "success", "ok")
}

func TestStopWhileBusy(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	go func() {
		for e.State() != "busy" {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
		e.Stop("")
	}()
	r := do(t, e, `{"Do":"sleep","MS":2000}`)
	want(t, r, "error", "Sandbox.Failure")
	r.Log()
}

func TestShutdownNotice(t *testing.T) {
	h := testHost(t, HostOptions{})
	out := filepath.Join(t.TempDir(), "out")
	f := testFunction(t, "sigterm")
	f.Env = append(f.Env, "SANDBOX_OUT="+out)
	e, _ := testStart(t, h, f)
	want(t, do(t, e, `{}`), "success", "ok")
	e.Stop("SPINDOWN")
	if data, err := os.ReadFile(out); string(data) != "terminated" {
		t.Errorf("handler had no notice: %q %v", data, err)
	}

	e, _ = testStart(t, h, testFunction(t, "sigterm ignored"))
	p := e.running()
	begin := time.Now()
	e.Stop("SPINDOWN")
	if d := time.Since(begin); d < internalGrace || d > internalGrace+2*time.Second {
		t.Errorf("stop took %v, want %v", d, internalGrace)
	}
	if !p.hasExited() {
		t.Error("ignores SIGTERM and lives")
	}

	e, _ = testStart(t, h, testFunction(t, "plain"))
	begin = time.Now()
	e.Stop("SPINDOWN")
	if d := time.Since(begin); d >= internalGrace {
		t.Errorf("stop without extensions took %v", d)
	}
}

func TestExternalExtension(t *testing.T) {
	h := testHost(t, HostOptions{})
	out := filepath.Join(t.TempDir(), "out")
	f := testFunction(t, "extension")
	f.Env = append(f.Env, "SANDBOX_OUT="+out)
	f.Extensions = []string{"watcher"}
	e, init := testStart(t, h, f)
	if init.Err != nil || len(e.PIDs()) != 2 {
		t.Fatalf("init %+v, processes %v", init, e.PIDs())
	}
	r := do(t, e, `{}`)
	want(t, r, "success", "ok")
	// The extension works for 20 ms after it was told, the handler answers at once.
	if final := r.Final(); final.Duration < 20*time.Millisecond || final.Duration <= r.Duration {
		t.Errorf("response after %v, done after %v: the extension was not waited for", r.Duration, final.Duration)
	}
	want(t, do(t, e, `{"Do":"exit","Count":1}`), "error", "exit status 1")
	want(t, do(t, e, `{}`), "success", "ok")
	begin := time.Now()
	e.Stop("SPINDOWN")
	if d := time.Since(begin); d > runtimeShare+time.Second {
		t.Errorf("stop took %v", d)
	}
	data, _ := os.ReadFile(out)
	for _, s := range []string{`"INVOKE"`, "failure", "spindown"} {
		if !strings.Contains(strings.ToLower(string(data)), strings.ToLower(s)) {
			t.Errorf("extension was not told %s:\n%s", s, data)
		}
	}
}
