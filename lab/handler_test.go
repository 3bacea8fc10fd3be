package lab

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/thawdev/thaw/stack"
)

// handlerVariable turns this test binary into the handler of the functions
// under test.
const handlerVariable = "THAW_TEST_HANDLER"

func TestMain(m *testing.M) {
	if os.Getenv(handlerVariable) != "" {
		if os.Getenv("FAIL_INIT") != "" {
			os.Exit(3)
		}
		lambda.Start(handle)
		return
	}
	os.Exit(m.Run())
}

// order is what the handler is asked to do.
type order struct {
	Do    string `json:"do"` // echo, sleep, error, crash, env
	MS    int    `json:"ms"`
	Value string `json:"value"`
}

type answer struct {
	Source string `json:"source"`
	Value  string `json:"value"`
	PID    int    `json:"pid"`
}

func handle(_ context.Context, in order) (answer, error) {
	out := answer{Source: "database", Value: in.Value, PID: os.Getpid()}
	switch in.Do {
	case "sleep":
		time.Sleep(time.Duration(in.MS) * time.Millisecond) // past the deadline, if so ordered
	case "error":
		return out, errors.New("as ordered")
	case "crash":
		os.Exit(9)
	case "env":
		out.Value = os.Getenv(in.Value)
	}
	return out, nil
}

// testFunction is a function whose bootstrap is this test binary.
func testFunction(t testing.TB, id string) *stack.Function {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the lab does not run on Windows")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	return &stack.Function{
		Resource: stack.Resource{ID: id, Origin: stack.Origin{File: "t.yaml", Line: 3, Address: id}},
		Name:     stack.Known(id), Runtime: stack.Known("provided.al2023"), Handler: stack.Known("bootstrap"),
		Code: stack.Known(dir), MemoryMB: stack.Known(1769), Timeout: stack.Known(3),
		Environment: map[string]stack.Text{handlerVariable: stack.Literal("1"), "COLOUR": stack.Literal("a=b"), "GORACE": stack.Literal("atexit_sleep_ms=0")},
	}
}

// openLab opens a lab over functions and closes it with the test, which fails if
// something stays behind.
func openLab(t testing.TB, o Options, functions ...*stack.Function) *Lab {
	t.Helper()
	o.TempDir = t.TempDir()
	if o.Stack == nil {
		o.Stack = &stack.Stack{Name: "test", Functions: functions}
	}
	for _, f := range functions {
		o.Functions = append(o.Functions, f.ID)
	}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(o.TempDir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return l
}

// invoke expects a reply.
func invoke(t testing.TB, l *Lab, function string, in order) (Reply, answer) {
	t.Helper()
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := l.Invoke(t.Context(), Invocation{Function: function, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	var out answer
	if reply.Err == nil && reply.Throttle == nil {
		if err := json.Unmarshal(reply.Payload, &out); err != nil {
			t.Fatalf("%s: %v", reply.Payload, err)
		}
	}
	return reply, out
}
