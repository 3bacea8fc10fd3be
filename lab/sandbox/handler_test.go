//go:build unix

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// TestMain is also the handler: the tests run this binary again with
// SANDBOX_HANDLER set.
func TestMain(m *testing.M) {
	if kind := os.Getenv("SANDBOX_HANDLER"); kind != "" {
		handler(kind)
		return
	}
	os.Exit(m.Run())
}

// inTemp is a path in the environment's own folder.
func inTemp(name string) string { return filepath.Join(os.TempDir(), name) }

// firstTime is true once in the life of an environment's folder.
func firstTime() bool {
	f, err := os.OpenFile(inTemp("marker"), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func handler(kind string) {
	switch kind {
	case "plain":
	case "init exit":
		fmt.Println("about to exit")
		os.Exit(7)
	case "init exit once":
		if firstTime() {
			os.Exit(7)
		}
	case "init slow once":
		fmt.Println("init begins")
		if firstTime() {
			time.Sleep(time.Hour)
		}
	case "init slow":
		time.Sleep(time.Hour)
	case "init error":
		post("runtime/init/error", `{"errorMessage":"no database","errorType":"ConfigError"}`)
		os.Exit(1)
	case "ticker":
		go tick()
	case "child ticker": // the ticking process is in the group, but not the runtime
		child("ticker alone", nil)
	case "ticker alone":
		tick()
	case "daemon":
		child("daemon alone", &syscall.SysProcAttr{Setsid: true})
	case "extension":
		child("extension alone", nil)
	case "extension alone":
		extension()
	case "daemon alone":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		time.Sleep(time.Hour)
	case "lab":
		runLab()
	case "garbage", "twice", "large", "answer and exit":
		raw(kind)
	case "sigterm":
		lambda.StartWithOptions(serve, lambda.WithEnableSIGTERM(func() {
			os.WriteFile(os.Getenv("SANDBOX_OUT"), []byte("terminated"), 0o600)
		}))
	case "sigterm ignored":
		signal.Ignore(syscall.SIGTERM)
		lambda.StartWithOptions(serve, lambda.WithEnableSIGTERM(func() { select {} }))
	}
	lambda.Start(serve)
}

// runLab is a lab that waits to be killed. It says what it has.
func runLab() {
	h, err := NewHost(HostOptions{TempDir: os.Getenv("SANDBOX_TEMP")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	f := &Function{Name: "f", Command: []string{os.Args[0]}, Env: []string{"SANDBOX_HANDLER=daemon"}}
	e, _, err := h.Start(context.Background(), "e1", f, OnDemand)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	main := e.running().pid
	for _, pid := range e.PIDs() {
		if pid == main {
			fmt.Println("main", pid)
		} else {
			fmt.Println("daemon", pid)
		}
	}
	fmt.Println("folder", h.folder)
	for _, dir := range h.platform.folders() {
		fmt.Println("folder", dir)
	}
	fmt.Println()
	time.Sleep(time.Minute)
}

func child(kind string, attr *syscall.SysProcAttr) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SANDBOX_HANDLER="+kind)
	c.SysProcAttr = attr
	c.Stdout = os.Stdout
	if err := c.Start(); err != nil {
		fmt.Println("child:", err)
		os.Exit(1)
	}
}

// tick appends to a file as long as the process runs.
func tick() {
	f, err := os.Create(inTemp("ticks"))
	if err != nil {
		os.Exit(3)
	}
	for range time.Tick(2 * time.Millisecond) {
		f.WriteString(".")
	}
}

type request struct {
	Do    string
	Count int
	MS    int
}

func serve(ctx context.Context, r request) (any, error) {
	switch r.Do {
	case "exit":
		fmt.Println("exit now")
		os.Exit(r.Count)
	case "panic":
		panic("out of cheese")
	case "error":
		return nil, errors.New("no such thing")
	case "sleep":
		time.Sleep(time.Duration(r.MS) * time.Millisecond)
	case "env":
		return os.Environ(), nil
	case "remaining":
		deadline, _ := ctx.Deadline()
		return time.Until(deadline).Milliseconds(), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		return map[string]any{"custom": lc.ClientContext.Custom, "arn": lc.InvokedFunctionArn, "id": lc.AwsRequestID}, nil
	case "print":
		for i := range r.Count {
			fmt.Fprintln(os.Stdout, "out", i)
			fmt.Fprintln(os.Stderr, "err", i)
		}
	case "print bytes":
		os.Stdout.Write(bytes.Repeat([]byte("x"), r.Count))
	case "late":
		go func() {
			time.Sleep(time.Duration(r.MS) * time.Millisecond)
			fmt.Println("from the background")
		}()
	case "daemon":
		child("daemon alone", &syscall.SysProcAttr{Setsid: true})
	case "allocate":
		b := make([]byte, r.Count<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		return len(b), nil
	case "pid":
		return os.Getpid(), nil
	}
	return "ok", nil
}

// post calls the Runtime API without a library and returns the status.
func post(path, body string) int {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/" + path
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		fmt.Println("post:", err)
		return 0
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// extension is an external extension: it writes down what it is told.
func extension() {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"
	call := func(method, path, name, value, body string) *http.Response {
		req, _ := http.NewRequest(method, url+path, strings.NewReader(body))
		req.Header.Set(name, value)
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			fmt.Println("extension:", res, err)
			os.Exit(1)
		}
		return res
	}
	res := call("POST", "register", "Lambda-Extension-Name", "watcher", `{"events":["INVOKE","SHUTDOWN"]}`)
	id := res.Header.Get("Lambda-Extension-Identifier")
	out, _ := os.OpenFile(os.Getenv("SANDBOX_OUT"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	for {
		event, _ := io.ReadAll(call("GET", "event/next", "Lambda-Extension-Identifier", id, "").Body)
		fmt.Fprintf(out, "%s\n", event)
		if strings.Contains(string(event), "SHUTDOWN") {
			os.Exit(0)
		}
		time.Sleep(20 * time.Millisecond) // the invocation is done only then
	}
}

// raw is a runtime that breaks the protocol.
func raw(kind string) {
	for {
		res, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next")
		if err != nil {
			os.Exit(1)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		answer := "runtime/invocation/" + res.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/response"
		switch kind {
		case "garbage":
			fmt.Println("status", post("runtime/invocation/nobody/response", "{"))
			fmt.Println("status", post("nowhere", strings.Repeat("\x00", 1000)))
			fmt.Println("answer", post(answer, `"fine"`))
		case "twice":
			fmt.Println("first", post(answer, `1`))
			fmt.Println("second", post(answer, `2`))
		case "large":
			fmt.Println("status", post(answer, `"`+strings.Repeat("x", 7<<20)+`"`))
		case "answer and exit":
			post(answer, `"bye"`)
			os.Exit(0)
		}
	}
}
