package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/lab/lambdaapi"
	"github.com/thawdev/thaw/stack"
)

// wantCode expects an exception of the Lambda API.
func wantCode(t *testing.T, err error, code, message string) {
	t.Helper()
	var e *lambdaapi.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("%v, want %s with %q", err, code, message)
	}
}

// ask invokes through the API and expects an answer of the handler.
func ask(t *testing.T, c control, name string, in order) answer {
	t.Helper()
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.Invoke(t.Context(), name, lambdaapi.Invocation{Payload: payload})
	var out answer
	if err != nil || reply.FunctionError || json.Unmarshal(reply.Payload, &out) != nil {
		t.Fatalf("%+v: %v %s", in, err, reply.Payload)
	}
	return out
}

// updated waits until no update of the function is in progress.
func updated(t *testing.T, c control, name string) lambdaapi.Configuration {
	t.Helper()
	for {
		config, err := c.Function(name)
		if err != nil {
			t.Fatal(err)
		}
		if !config.Updating {
			return config
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAPIOverTheLab(t *testing.T) {
	f := testFunction(t, "Api")
	f.Name = stack.Known("shop-api")
	l := openLab(t, Options{}, f, testFunction(t, "Worker"))
	api := l.API()
	defer api.Close()
	post := func(path, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://127.0.0.1/2015-03-31/functions/"+path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	for _, name := range []string{"shop-api", "Api", "Worker"} {
		w := post(name+"/invocations", `{"do":"echo","value":"v"}`)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"value":"v"`) || w.Header().Get("X-Amz-Function-Error") != "" {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
	w := post("Api/invocations", `{"do":"error"}`)
	if w.Code != 200 || w.Header().Get("X-Amz-Function-Error") != "Unhandled" || !strings.Contains(w.Body.String(), `"errorMessage":"as ordered"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := post("Nobody/invocations", `{}`); w.Code != http.StatusNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}

	// An event is answered at once and runs later, under the id that was told.
	w = post("Worker/invocations", `{"do":"sleep","ms":1}`, "X-Amz-Invocation-Type", "Event")
	if w.Code != http.StatusAccepted {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for l.Result().Invocations.Total < 5 {
		time.Sleep(time.Millisecond)
	}
	if r := l.Result(); r.Invocations.Total != 5 || r.Invocations.Failed != 1 {
		t.Errorf("%+v", r.Invocations)
	}
}

func TestUpdateChangesTheNextInvocation(t *testing.T) {
	f := testFunction(t, "Api")
	l := openLab(t, Options{Network: PerEnvironmentENI, Seed: 1}, f)
	c := control{l}
	before := ask(t, c, "Api", order{Do: "env", Value: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"})

	// One runs while the configuration changes: it ends as it began.
	for l.Counts().Idle == 0 {
		time.Sleep(time.Millisecond)
	}
	running := make(chan answer)
	go func() { running <- ask(t, c, "Api", order{Do: "sleep", MS: 200, Value: "old"}) }()
	for l.Counts().Busy == 0 {
		time.Sleep(time.Millisecond)
	}
	memory, timeout := 512, 7
	config, err := c.Update("Api", lambdaapi.Update{
		MemoryMB: &memory, TimeoutS: &timeout, SubnetIDs: []string{"subnet-1"}, SecurityGroupIDs: []string{"sg-1"},
		Environment: map[string]string{handlerVariable: "1", "COLOUR": "blue", "GORACE": "atexit_sleep_ms=0"},
	})
	if err != nil || !config.Updating || config.MemoryMB != 512 || config.TimeoutS != 7 || config.Environment["COLOUR"] != "blue" || config.SubnetIDs[0] != "subnet-1" {
		t.Errorf("%+v %v", config, err)
	}
	if out := ask(t, c, "Api", order{Do: "env", Value: "COLOUR"}); out.Value != "blue" {
		t.Errorf("the next invocation saw COLOUR %q", out.Value)
	}
	if old := <-running; old.PID != before.PID || old.Value != "old" {
		t.Errorf("the running invocation was cut: %+v", old)
	}
	after := updated(t, c, "Api")
	if after.Revision == "" || after.Revision != config.Revision {
		t.Errorf("revision %q, then %q", config.Revision, after.Revision)
	}
	if out := ask(t, c, "Api", order{Do: "env", Value: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"}); before.Value != "1769" || out.Value != "512" {
		t.Errorf("memory %q, then %q", before.Value, out.Value)
	}

	// Attached to a VPC, a new environment waits for an interface; detached, not.
	invoke(t, l, "Api", order{Do: "echo"})
	if err := l.Retire("Api"); err != nil {
		t.Fatal(err)
	}
	if cold, _ := invoke(t, l, "Api", order{Do: "echo"}); !cold.Cold || cold.ColdStart < eniShortest {
		t.Errorf("cold start %v, want an interface's delay", cold.ColdStart)
	}
	if _, err := c.Update("Api", lambdaapi.Update{SubnetIDs: []string{}, SecurityGroupIDs: []string{}}); err != nil {
		t.Fatal(err)
	}
	if cold, _ := invoke(t, l, "Api", order{Do: "echo"}); !cold.Cold || cold.ColdStart >= eniShortest {
		t.Errorf("cold start %v without a VPC", cold.ColdStart)
	}
	_, err = c.Update("Api", lambdaapi.Update{Revision: "old"})
	wantCode(t, err, "PreconditionFailedException", "Revision Id")
	_, err = c.Update("Nobody", lambdaapi.Update{})
	wantCode(t, err, "ResourceNotFoundException", "Nobody")
}

// While provisioned environments of the new configuration start, a second
// update is refused.
func TestUpdateConflict(t *testing.T) {
	f := testFunction(t, "Api")
	f.Provisioned = stack.Known(1)
	l := openLab(t, Options{}, f)
	c := control{l}
	for range cap(l.starts) {
		l.starts <- struct{}{} // no environment can start
	}
	timeout := 5
	if _, err := c.Update("Api", lambdaapi.Update{TimeoutS: &timeout}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Update("Api", lambdaapi.Update{TimeoutS: &timeout})
	wantCode(t, err, "ResourceConflictException", "An update is in progress for resource: arn:aws:lambda:us-east-1:123456789012:function:Api")
	for range cap(l.starts) {
		<-l.starts
	}
	if config := updated(t, c, "Api"); config.TimeoutS != 5 {
		t.Errorf("%+v", config)
	}
	if p, err := c.Provisioned("Api"); err != nil || p.Requested != 1 || p.Ready != 1 || p.Qualifier != lambdaapi.Published {
		t.Errorf("%+v %v", p, err)
	}
	if n := l.Counts(); n.Idle != 1 {
		t.Errorf("%+v, want the one provisioned environment", n)
	}
}

func TestReservedThroughTheAPI(t *testing.T) {
	l := openLab(t, Options{Account: 200}, testFunction(t, "Api"), testFunction(t, "Worker"))
	c := control{l}
	zero, fifty, sixty := 0, 50, 60
	if err := c.SetReserved("Worker", &fifty); err != nil {
		t.Fatal(err)
	}
	wantCode(t, c.SetReserved("Api", &sixty), "InvalidParameterValueException", "UnreservedConcurrentExecution below its minimum value of [100]")
	wantCode(t, c.SetReserved("Nobody", nil), "ResourceNotFoundException", "Nobody")
	if a := c.Account(); a.Concurrent != 200 || a.Unreserved != 150 {
		t.Errorf("%+v", a)
	}
	if err := c.SetReserved("Api", &zero); err != nil {
		t.Fatal(err)
	}
	_, err := c.Invoke(t.Context(), "Api", lambdaapi.Invocation{Payload: []byte(`{}`)})
	var e *lambdaapi.Error
	if !errors.As(err, &e) || e.Status != 429 || e.Reason != "ReservedFunctionConcurrentInvocationLimitExceeded" {
		t.Errorf("%v", err)
	}
	if err := c.SetReserved("Api", nil); err != nil {
		t.Fatal(err)
	}
	ask(t, c, "Api", order{Do: "echo"})
}

func TestProvisionedThroughTheAPI(t *testing.T) {
	f := testFunction(t, "Api")
	f.Alias = stack.Known("live")
	l := openLab(t, Options{Account: 200}, f)
	c := control{l}
	ready := func(n int) lambdaapi.Provisioned {
		t.Helper()
		for {
			p, err := c.Provisioned("Api")
			if err != nil {
				t.Fatal(err)
			}
			if p.Failed != "" || p.Ready == n {
				return p
			}
			time.Sleep(time.Millisecond)
		}
	}
	if err := c.SetProvisioned("Api", "live", 2); err != nil {
		t.Fatal(err)
	}
	if p := ready(2); p.Qualifier != "live" || p.Requested != 2 || p.Failed != "" {
		t.Errorf("%+v", p)
	}
	if out := ask(t, c, "Api", order{Do: "env", Value: "AWS_LAMBDA_INITIALIZATION_TYPE"}); out.Value != "provisioned-concurrency" {
		t.Error(out.Value)
	}
	one := 1
	wantCode(t, c.SetReserved("Api", &one), "InvalidParameterValueException", "provisioned concurrency of [2]")
	wantCode(t, c.SetProvisioned("Api", lambdaapi.Published, 1), "InvalidParameterValueException", "delete that first")
	wantCode(t, c.SetProvisioned("Api", "live", 101), "InvalidParameterValueException", "below its minimum value of [100]")
	five := 5
	if err := c.SetReserved("Api", &five); err != nil {
		t.Fatal(err)
	}
	wantCode(t, c.SetProvisioned("Api", "live", 6), "InvalidParameterValueException", "ReservedConcurrentExecutions [5]")
	if err := c.SetProvisioned("Api", "live", 0); err != nil {
		t.Fatal(err)
	}
	for l.Counts().Idle > 0 {
		time.Sleep(time.Millisecond)
	}

	// What does not start is told.
	broken := map[string]string{handlerVariable: "1", "FAIL_INIT": "1"}
	if _, err := c.Update("Api", lambdaapi.Update{Environment: broken}); err != nil {
		t.Fatal(err)
	}
	updated(t, c, "Api")
	if err := c.SetProvisioned("Api", "live", 1); err != nil {
		t.Fatal(err)
	}
	if p := ready(-1); !strings.Contains(p.Failed, "exit status 3") {
		t.Errorf("%+v", p)
	}
}

// BenchmarkAPI is a warm invocation by the lab's own path and by HTTP through
// the Lambda API, turn and turn about, so that both meet the same machine.
func BenchmarkAPI(b *testing.B) {
	l := openLab(b, Options{Account: 1 << 20}, echoFunction(b))
	listener, err := lambdaapi.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	api := l.API()
	done := make(chan error)
	ctx, cancel := context.WithCancel(b.Context())
	go func() { done <- api.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		api.Close()
	}()
	url := "http://" + listener.Addr().String() + "/2015-03-31/functions/Echo/invocations"
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	mustInvoke(b, l)
	var direct, through []time.Duration
	for b.Loop() {
		began := time.Now()
		mustInvoke(b, l)
		direct = append(direct, time.Since(began))
		began = time.Now()
		response, err := client.Post(url, "application/json", bytes.NewReader([]byte(`{"id":"1"}`)))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		through = append(through, time.Since(began))
	}
	a, h := median(direct), median(through)
	b.ReportMetric(ms(a), "direct-p50-ms")
	b.ReportMetric(ms(h), "api-p50-ms")
	b.ReportMetric(ms(h-a), "added-p50-ms")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
