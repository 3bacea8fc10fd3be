package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// TestIsolation runs 100 environments at once, every fourth with several
// workers: each answers with its own name and the event, late answers of
// others' ids are thrown in, and every caller must get its own.
func TestIsolation(t *testing.T) {
	const environments, invocations = 100, 40
	var wg sync.WaitGroup
	for i := range environments {
		name := fmt.Sprint("env", i)
		workers := 1
		if i%4 == 0 {
			workers = 3
		}
		a, address := startTCP(t, Options{MaxConcurrency: workers})
		for range workers {
			go echoRuntime(address, name, fmt.Sprintf("env%d-0", (i+1)%environments))
		}
		for w := range workers {
			wg.Go(func() {
				for n := w; n < invocations; n += workers {
					payload := fmt.Sprintf("%s-%d", name, n)
					call, err := startWhenFree(a, Invocation{RequestID: payload, Payload: []byte(payload)})
					if err != nil {
						t.Error(err)
						return
					}
					<-call.Done()
					if r := call.Result(); r.Err != nil || string(r.Payload) != name+" answers "+payload {
						t.Errorf("%s got %q, %v", payload, r.Payload, r.Err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

// startWhenFree waits for a worker: another caller's call may not be done.
func startWhenFree(a *API, inv Invocation) (*Call, error) {
	for {
		call, err := a.Start(inv)
		if !errors.Is(err, ErrBusy) {
			return call, err
		}
		a.mu.Lock()
		var one *Call
		for _, one = range a.life.calls {
			break
		}
		a.mu.Unlock()
		if one != nil {
			<-one.Done()
		}
	}
}

// echoRuntime is a runtime that also posts for another environment's id.
func echoRuntime(address, name, foreign string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	base := "http://" + address + prefixInvocation
	post := func(id, body string) {
		if resp, err := client.Post(base+id+"/response", "text/plain", strings.NewReader(body)); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	for {
		resp, err := client.Get(base + "next")
		if err != nil {
			return
		}
		event, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			return
		}
		post(foreign, "forged by "+name)
		post(resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), fmt.Sprintf("%s answers %s", name, event))
	}
}

// TestMain turns the test binary into a Lambda function for TestAWSLambdaGo.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		os.Exit(m.Run())
	}
	handler := func(ctx context.Context, event json.RawMessage) (any, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		switch string(event) {
		case `"fail"`:
			return nil, errors.New("no luck")
		case `"panic"`:
			panic("oh")
		case `"stream"`:
			return io.MultiReader(strings.NewReader("part"), brokenReader{}), nil
		}
		return map[string]any{
			"event": event, "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext.Custom,
			"left": time.Until(deadline) > 0, "trace": os.Getenv("_X_AMZN_TRACE_ID"),
		}, nil
	}
	if os.Getenv("TEST_SIGTERM") != "" {
		lambda.StartWithOptions(handler, lambda.WithEnableSIGTERM(func() { fmt.Println("terminated") }))
	}
	lambda.Start(handler)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("cut") }

// function starts the test binary as a Lambda function.
func function(t *testing.T, address string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+address), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

// TestAWSLambdaGo runs AWS's own client.
func TestAWSLambdaGo(t *testing.T) {
	a, address := startTCP(t, Options{ErrorLog: t.Logf})
	cmd := function(t, address, "TEST_SIGTERM=1")
	invoke := func(id, event string) Result {
		t.Helper()
		call := mustStart(t, a, Invocation{
			RequestID: id, Payload: []byte(event), Deadline: time.Now().Add(time.Minute),
			FunctionARN: "arn:x", TraceID: "Root=1", ClientContext: `{"custom":{"k":"v"}}`,
		})
		<-call.Responded()
		return call.Result()
	}
	<-a.Initialized()
	if x := a.Extensions(); len(x) != 1 || x[0].Name != "GoLangEnableSIGTERM" || x[0].External || len(x[0].Events) != 0 {
		t.Fatalf("extensions %+v", x)
	}
	wait := func() {
		a.mu.Lock()
		call := a.life.only()
		a.mu.Unlock()
		if call != nil {
			<-call.Done()
		}
	}
	r := invoke("r1", `{"a":1}`)
	if got := string(r.Payload); r.Err != nil || got != `{"arn":"arn:x","client":{"k":"v"},"event":{"a":1},"id":"r1","left":true,"trace":"Root=1"}` {
		t.Fatalf("got %s, %v", got, r.Err)
	}
	wait()
	r = invoke("r2", `"fail"`)
	if r.Err == nil || r.Err.Message != "no luck" || string(r.Err.Payload) != `{"errorMessage":"no luck","errorType":"errorString"}` || r.Err.XRayCause == nil {
		t.Fatalf("got %+v", r.Err)
	}
	wait()
	r = invoke("r3", `"stream"`)
	if r.Err == nil || r.Err.Message != "cut" || string(r.Payload) != "part" {
		t.Fatalf("got %q, %+v", r.Payload, r.Err)
	}
	wait()
	r = invoke("r4", `"panic"`) // it posts the error and exits
	if r.Err == nil || r.Err.Message != "oh" {
		t.Fatalf("got %+v", r.Err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("a panic left status 0")
	}
	a.Reset()
	function(t, address)
	if r = invoke("r5", `{"b":2}`); r.Err != nil {
		t.Fatal(r.Err)
	}
}

// TestAWSLambdaGoConcurrent runs it as on a Managed Instance.
func TestAWSLambdaGoConcurrent(t *testing.T) {
	const workers = 4
	a, address := startTCP(t, Options{MaxConcurrency: workers, ErrorLog: t.Logf})
	function(t, address, fmt.Sprint("AWS_LAMBDA_MAX_CONCURRENCY=", workers))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range 50 {
				id := fmt.Sprintf("%d-%d", w, n)
				call, err := startWhenFree(a, Invocation{RequestID: id, Payload: []byte("1"), Deadline: time.Now().Add(time.Minute)})
				if err != nil {
					t.Error(err)
					return
				}
				<-call.Done()
				if r := call.Result(); r.Err != nil || !strings.Contains(string(r.Payload), `"id":"`+id+`"`) {
					t.Errorf("%s got %s, %v", id, r.Payload, r.Err)
				}
			}
		})
	}
	wg.Wait()
}
