//go:build unix

package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testHost(t testing.TB, o HostOptions) *Host {
	t.Helper()
	if o.TempDir == "" {
		o.TempDir = t.TempDir()
	}
	h, err := NewHost(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error("Close:", err)
		}
		if _, err := os.Stat(h.folder); !os.IsNotExist(err) {
			t.Errorf("folder %s stays behind", h.folder)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, f := range h.faults {
			t.Error("fault:", f)
		}
	})
	return h
}

func testFunction(t testing.TB, kind string) *Function {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Function{
		Name: "orders", ARN: "arn:aws:lambda:us-east-1:123456789012:function:orders",
		Handler: "bootstrap", Runtime: "provided.al2023", AccountID: "123456789012",
		Command: []string{exe}, Dir: filepath.Dir(exe), MemoryMB: 512,
		// The race detector's runtime sleeps 1 s before an exit otherwise.
		Env: []string{"SANDBOX_HANDLER=" + kind, "GORACE=atexit_sleep_ms=0"},
	}
}

func testStart(t testing.TB, h *Host, f *Function) (*Environment, Init) {
	t.Helper()
	e, init, err := h.Start(t.Context(), "e1", f, OnDemand)
	if err != nil {
		t.Fatal(err)
	}
	return e, init
}

var serial atomic.Int64

func do(t testing.TB, e *Environment, payload string) Report {
	t.Helper()
	return e.Invoke(t.Context(), Event{RequestID: fmt.Sprintf("id-%d", serial.Add(1)), Payload: []byte(payload)})
}

// want checks status, payload or error type.
func want(t testing.TB, r Report, status, text string) {
	t.Helper()
	got := string(r.Payload)
	if r.Err != nil {
		got = r.Err.Type + " " + r.Err.Message
	}
	if r.Status != status || !strings.Contains(got, text) {
		t.Fatalf("got %s %q, want %s %q", r.Status, got, status, text)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never:", what)
		}
	}
}

func TestInvoke(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, init := testStart(t, h, testFunction(t, "plain"))
	if init.Err != nil || init.TimedOut || init.Duration <= 0 {
		t.Fatalf("init: %+v", init)
	}
	r := e.Invoke(t.Context(), Event{RequestID: "first", Payload: []byte(`{"Do":"print","Count":2}`), Init: init.Duration})
	want(t, r, "success", `"ok"`)
	log := string(r.Log())
	lines := regexp.MustCompile(`(?s)^INIT_START Runtime Version: provided.al2023
START RequestId: first Version: \$LATEST
out 0\nerr 0\nout 1\nerr 1
END RequestId: first
REPORT RequestId: first\tDuration: [0-9.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [0-9.]+ ms\t
$`)
	if !lines.MatchString(log) {
		t.Errorf("log:\n%s", log)
	}
	final := r.Final()
	if final.Billed < final.Duration+init.Duration || final.Billed > final.Duration+init.Duration+time.Millisecond {
		t.Errorf("billed %v for %v and init %v", final.Billed, final.Duration, init.Duration)
	}
	r = do(t, e, `{}`)
	if log := string(r.Log()); strings.Contains(log, "out 0") || strings.Contains(log, "Init Duration") {
		t.Errorf("second log:\n%s", log)
	}
	if e.MemoryMB() <= 0 || len(e.PIDs()) != 1 || e.ID() != "e1" {
		t.Errorf("memory %d, processes %v", e.MemoryMB(), e.PIDs())
	}
	if got := e.State(); got != "idle" {
		t.Errorf("state %s", got)
	}
	folder := e.folder
	e.Stop("SPINDOWN")
	e.Stop("SPINDOWN")
	want(t, do(t, e, `{}`), "error", "Sandbox.Failure")
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Error("folder of the environment stays behind")
	}
	if got := e.State(); got != "stopped" || len(e.PIDs()) > 0 {
		t.Errorf("state %s, processes %v", got, e.PIDs())
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the host's own")
	t.Setenv("HOST_ONLY", "1")
	h := testHost(t, HostOptions{})
	f := testFunction(t, "plain")
	f.Env = append(f.Env, "QUERY=a=b&c==", "EMPTY=", "LANG=de_DE.UTF-8")
	e, _ := testStart(t, h, f)
	var list []string
	r := do(t, e, `{"Do":"env"}`)
	if err := json.Unmarshal(r.Payload, &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for name, value := range map[string]string{
		"QUERY": "a=b&c==", "EMPTY": "", "LANG": "de_DE.UTF-8", "TZ": ":UTC",
		"AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_REGION": "us-east-1",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
		"AWS_SECRET_ACCESS_KEY": "thaw-lab-not-a-secret", "TMPDIR": e.folder, "HOME": e.folder,
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders", "_HANDLER": "bootstrap",
	} {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s=%q, want %q", name, v, value)
		}
	}
	for _, name := range []string{"HOST_ONLY", "AWS_LAMBDA_MAX_CONCURRENCY"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s=%q must not be set", name, v)
		}
	}
}

func TestStartErrors(t *testing.T) {
	h := testHost(t, HostOptions{})
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "data"), []byte("no program"), 0o600)
	os.WriteFile(filepath.Join(dir, "noexec"), []byte("no program"), 0o700)
	for _, c := range []struct {
		change func(*Function)
		want   string
	}{
		{func(f *Function) { f.Command = nil }, "has no command"},
		{func(f *Function) { f.Command = []string{"./absent"} }, "absent does not exist"},
		{func(f *Function) { f.Command = []string{"no-such-program"} }, "nor a program in PATH"},
		{func(f *Function) { f.Command = []string{"./data"} }, "chmod +x"},
		{func(f *Function) { f.Command = []string{"./noexec"} }, "cannot execute"},
		{func(f *Function) { f.Dir = dir + "/gone" }, "does not exist or is no folder"},
		{func(f *Function) { f.Env = []string{"AWS_REGION=x", "_HANDLER=y"} }, "Reserved keys used in this request: AWS_REGION, _HANDLER"},
		{func(f *Function) { f.Env = []string{"novalue"} }, "not NAME=value"},
	} {
		f := testFunction(t, "plain")
		f.Dir = dir
		c.change(f)
		_, _, err := h.Start(t.Context(), "e1", f, OnDemand)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "sandbox: ") {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if len(h.lives) != 0 {
		t.Errorf("%d environments registered", len(h.lives))
	}
	for _, o := range []HostOptions{{Freezer: "ice"}, {Limits: "some"}, {TempDir: dir + "/gone"}} {
		if _, err := NewHost(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestContextAndDeadline(t *testing.T) {
	h := testHost(t, HostOptions{})
	for _, c := range []struct{ timeout, want time.Duration }{
		{3 * time.Second, 3 * time.Second}, {10 * time.Second, 10 * time.Second}, {0, 3 * time.Second},
	} {
		f := testFunction(t, "plain")
		f.Timeout = c.timeout
		e, _ := testStart(t, h, f)
		r := do(t, e, `{"Do":"remaining"}`)
		var ms int64
		if err := json.Unmarshal(r.Payload, &ms); err != nil {
			t.Fatal(err)
		}
		if left := time.Duration(ms) * time.Millisecond; left > c.want || left < c.want-2*time.Second {
			t.Errorf("remaining %v of %v", left, c.want)
		}
		r = e.Invoke(t.Context(), Event{
			RequestID: "ctx", Payload: []byte(`{"Do":"context"}`),
			ClientContext: `{"custom":{"k":"v"}}`,
		})
		var got map[string]any
		if err := json.Unmarshal(r.Payload, &got); err != nil {
			t.Fatal(err)
		}
		wanted := map[string]any{"custom": map[string]any{"k": "v"}, "arn": f.ARN, "id": "ctx"}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Error(d)
		}
		e.Stop("")
	}
}

func TestOutput(t *testing.T) {
	h := testHost(t, HostOptions{Freezer: "none"})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	r := do(t, e, `{"Do":"print bytes","Count":200000}`)
	log := string(r.Log())
	if n := strings.Count(log, "x") - strings.Count(log, "Max"); n != keepOutput {
		t.Errorf("%d bytes kept", n)
	}
	if !strings.Contains(log, fmt.Sprintf("%d bytes of output dropped", 200000-keepOutput)) {
		t.Errorf("no word about dropped bytes")
	}
	want(t, do(t, e, `{"Do":"late","MS":20}`), "success", "ok")
	time.Sleep(60 * time.Millisecond)
	log = string(do(t, e, `{"Do":"print","Count":1}`).Log())
	if !regexp.MustCompile(`(?s)^from the background\nSTART .*\nout 0\nerr 0\nEND`).MatchString(log) {
		t.Errorf("log:\n%s", log)
	}
}

func TestConcurrency(t *testing.T) {
	h := testHost(t, HostOptions{})
	f := testFunction(t, "plain")
	f.MaxConcurrency, f.Timeout = 4, time.Second
	var idle atomic.Int64
	f.OnIdle = func(*Environment) { idle.Add(1) }
	e, _ := testStart(t, h, f)
	begin := time.Now()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := do(t, e, fmt.Sprintf(`{"Do":"sleep","MS":%d}`, 100+1900*(i/7)))
			if i < 7 && r.Status != "success" {
				t.Errorf("%d: %s %v", i, r.Status, r.Err)
			}
			if i == 7 && r.Status != "timeout" {
				t.Errorf("slow one: %s %v", r.Status, r.Err)
			}
			r.Log()
		})
	}
	all.Wait()
	if d := time.Since(begin); d > 1500*time.Millisecond {
		t.Errorf("took %v: not concurrent", d)
	}
	// The timeout of one does not reset an environment that has others.
	if got := e.State(); got == "reset" {
		t.Error("environment was reset")
	}
	eventually(t, "told idle", func() bool { return idle.Load() > 0 })
}

func TestOnIdle(t *testing.T) {
	h := testHost(t, HostOptions{})
	f := testFunction(t, "plain")
	idle := make(chan *Environment, 10)
	f.OnIdle = func(e *Environment) { idle <- e }
	e, _ := testStart(t, h, f)
	for range 3 {
		want(t, do(t, e, `{}`), "success", "ok")
		if got := <-idle; got != e {
			t.Fatal("another environment")
		}
	}
	want(t, do(t, e, `{"Do":"exit","Count":3}`), "error", "Runtime.ExitError")
	<-idle
	if got := e.State(); got != "reset" {
		t.Errorf("state %s when idle after a crash", got)
	}
}
