package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/workload"
)

func TestDriveMeasuresARun(t *testing.T) {
	l := openLab(t, Options{Seed: 1}, testFunction(t, "Api"))
	arrivals, err := workload.ParseArrivals("constant:100/s")
	if err != nil {
		t.Fatal(err)
	}
	events, err := workload.ParseEvents("events", []byte(`{"do":"echo","value":"{{key}}"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Drive(t.Context(), Load{Options: workload.Options{Arrivals: arrivals, Events: events, Duration: time.Second, Seed: 1}}); err != nil {
		t.Fatal(err)
	}
	r := l.Result()
	if i := r.Invocations; i.Total != 100 || i.Cold+i.Warm != 100 || i.Cold < 1 || i.Failed+i.Throttled != 0 {
		t.Errorf("%+v", i)
	}
	if r.Sources["database"] != 100 || r.Environments.Started != r.Invocations.Cold || r.Latency.Init.Count != r.Invocations.Cold {
		t.Errorf("sources %v, environments %+v, init %+v", r.Sources, r.Environments, r.Latency.Init)
	}
	if r.Mechanisms.Freeze == "" || r.Mechanisms.Limits == "" || !strings.Contains(r.Mechanisms.Network, "hyperplane") || len(r.Notes) == 0 {
		t.Errorf("mechanisms %+v, notes %q", r.Mechanisms, r.Notes)
	}
	if len(r.EnvironmentsDetail) == 0 || r.EnvironmentsDetail[0].Activity.Busy == "" {
		t.Errorf("no life of an environment: %+v", r.EnvironmentsDetail)
	}
}

// A hundred callers at once each get the answer to their own question.
func TestAnswersNeverMix(t *testing.T) {
	l := openLab(t, Options{}, testFunction(t, "Api"))
	var callers sync.WaitGroup
	for caller := range 20 {
		callers.Go(func() {
			for turn := range 10 {
				want := fmt.Sprintf("%d/%d", caller, turn)
				payload := fmt.Sprintf(`{"do":"sleep","ms":%d,"value":%q}`, turn%3, want)
				reply, err := l.Invoke(t.Context(), Invocation{Function: "Api", Payload: []byte(payload)})
				if err != nil || reply.Err != nil || !strings.Contains(string(reply.Payload), `"`+want+`"`) {
					t.Errorf("asked %s, got %s %v %v", want, reply.Payload, reply.Err, err)
				}
			}
		})
	}
	callers.Wait()
}

func TestWarmEnvironmentIsUsedAgain(t *testing.T) {
	l := openLab(t, Options{}, testFunction(t, "Api"))
	first, a := invoke(t, l, "Api", order{Do: "env", Value: "COLOUR"})
	second, b := invoke(t, l, "Api", order{Do: "env", Value: "AWS_LAMBDA_FUNCTION_NAME"})
	if !first.Cold || second.Cold || a.PID != b.PID || first.Init == 0 || second.Init != 0 {
		t.Errorf("first %+v in %d, second %+v in %d", first.Cold, a.PID, second.Cold, b.PID)
	}
	if a.Value != "a=b" || b.Value != "Api" {
		t.Errorf("environment: %q %q", a.Value, b.Value)
	}
	if log := string(first.Log()); !strings.Contains(log, "START RequestId: "+first.RequestID) || !strings.Contains(log, "Init Duration: ") {
		t.Errorf("log %q", log)
	}
}

func TestReservedConcurrency(t *testing.T) {
	f := testFunction(t, "Api")
	one := stack.Known(1)
	f.Reserved = &one
	l := openLab(t, Options{}, f)
	invoke(t, l, "Api", order{Do: "echo"}) // so that the next one is warm and surely runs
	for l.Counts().Idle == 0 {
		time.Sleep(time.Millisecond)
	}
	running := make(chan struct{})
	go func() {
		defer close(running)
		invoke(t, l, "Api", order{Do: "sleep", MS: 300})
	}()
	for l.Counts().Busy == 0 {
		time.Sleep(time.Millisecond)
	}
	reply, _ := invoke(t, l, "Api", order{Do: "echo"})
	if reply.Throttle == nil || reply.Throttle.Reason != fleet.ReservedConcurrency {
		t.Errorf("%+v, want a throttle", reply)
	}
	<-running
}

func TestProvisionedEnvironmentsAreReady(t *testing.T) {
	f := testFunction(t, "Api")
	f.Provisioned = stack.Known(2)
	l := openLab(t, Options{}, f)
	if c := l.Counts(); c.Idle != 2 {
		t.Fatalf("%+v, want two idle environments", c)
	}
	if reply, out := invoke(t, l, "Api", order{Do: "env", Value: "AWS_LAMBDA_INITIALIZATION_TYPE"}); reply.Cold || out.Value != "provisioned-concurrency" {
		t.Errorf("cold %v, initialised by %q", reply.Cold, out.Value)
	}
}

func TestProvisionedInitFailure(t *testing.T) {
	f := testFunction(t, "Api")
	f.Provisioned = stack.Known(1)
	f.Environment["FAIL_INIT"] = stack.Literal("1")
	dir := t.TempDir()
	_, err := Open(t.Context(), Options{Stack: &stack.Stack{Functions: []*stack.Function{f}}, TempDir: dir})
	if err == nil || !strings.Contains(err.Error(), "t.yaml:3") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v, want the place and the exit status", err)
	}
}

// A timeout and a crash end the process; the environment goes on with a new one
// in the next invocation, which pays the init inside its duration.
func TestFaultsResetTheEnvironment(t *testing.T) {
	f := testFunction(t, "Api")
	f.Timeout = stack.Known(1)
	l := openLab(t, Options{}, f)
	for _, fault := range []struct {
		in          order
		status, in2 string
	}{
		{order{Do: "sleep", MS: 5000}, "timeout", "Task timed out after 1.00 seconds"},
		{order{Do: "crash"}, "error", "exit status 9"},
		{order{Do: "error"}, "error", "as ordered"},
	} {
		reply, _ := invoke(t, l, "Api", fault.in)
		if reply.Status != fault.status || reply.Err == nil || !strings.Contains(string(reply.Err.Payload), fault.in2) {
			t.Errorf("%v: status %q, %v", fault.in, reply.Status, reply.Err)
		}
		after, out := invoke(t, l, "Api", order{Do: "echo", Value: "well"})
		if after.Cold || after.Err != nil || out.Value != "well" {
			t.Errorf("after %v: cold %v, %v, %q", fault.in, after.Cold, after.Err, out.Value)
		}
		if restarted := fault.in.Do != "error"; (after.SuppressedInit > 0) != restarted {
			t.Errorf("after %v: suppressed init %v", fault.in, after.SuppressedInit)
		}
	}
	if c := l.Counts(); c.Started != 1 {
		t.Errorf("%+v: every fault should have kept its environment", c)
	}
}

func TestIdleEnvironmentsExpire(t *testing.T) {
	l := openLab(t, Options{IdleExpiry: 50 * time.Millisecond}, testFunction(t, "Api"))
	_, a := invoke(t, l, "Api", order{Do: "echo"})
	for l.Counts().Idle+l.Counts().Busy > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	reply, b := invoke(t, l, "Api", order{Do: "echo"})
	if !reply.Cold || a.PID == b.PID {
		t.Error("an environment that expired was used again")
	}
}

func TestNetworkProfile(t *testing.T) {
	f := testFunction(t, "Api")
	f.VPC = &stack.VPCConfig{}
	l := openLab(t, Options{Network: PerEnvironmentENI, Seed: 7}, f)
	if cold, _ := invoke(t, l, "Api", order{Do: "echo"}); cold.ColdStart < eniShortest {
		t.Errorf("cold start %v, want at least the delay of an interface", cold.ColdStart)
	}
	var none *eni
	if d, err := none.attach(t.Context()); d != 0 || err != nil {
		t.Errorf("outside a VPC: %v %v", d, err)
	}
	if _, err := Open(t.Context(), Options{Stack: &stack.Stack{}, Network: "pigeon"}); err == nil || !strings.Contains(err.Error(), "hyperplane") {
		t.Errorf("%v, want the known profiles", err)
	}
}

// An interrupt ends the load at once and keeps what was measured.
func TestInterruptKeepsTheResult(t *testing.T) {
	l := openLab(t, Options{}, testFunction(t, "Api"))
	arrivals, _ := workload.ParseArrivals("constant:200/s")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for l.Progress().Invocations.Warm < 20 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	err := l.Drive(ctx, Load{Options: workload.Options{Arrivals: arrivals, Duration: time.Hour}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
	if r := l.Result(); r.Invocations.Warm < 20 || r.Invocations.Failed > 0 {
		t.Errorf("%+v", r.Invocations)
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	unresolved := testFunction(t, "Api")
	unresolved.Environment["TABLE"] = stack.Text{{Resource: "Table"}}
	unresolved.Environment["BUCKET"] = stack.Text{{Unknown: "ImportValue bucket"}}
	noCode := testFunction(t, "Api")
	noCode.Code = stack.Unknown[string]("S3 bucket artefacts")
	for name, test := range map[string]struct {
		options Options
		want    []string
	}{
		"no stack":        {Options{}, []string{"no stack"}},
		"no function":     {Options{Stack: &stack.Stack{Name: "s"}}, []string{"s declares no Lambda function"}},
		"unknown":         {Options{Stack: &stack.Stack{Functions: []*stack.Function{noCode}}, Functions: []string{"Apy"}}, []string{`"Apy"`, `"Api"`}},
		"code elsewhere":  {Options{Stack: &stack.Stack{Functions: []*stack.Function{noCode}}}, []string{"t.yaml:3", "S3 bucket artefacts", "CodeUri"}},
		"two unresolved":  {Options{Stack: &stack.Stack{Functions: []*stack.Function{unresolved}}}, []string{"--env TABLE=VALUE", "--env BUCKET=VALUE", "ImportValue bucket"}},
		"too much wanted": {Options{Account: 1, Stack: &stack.Stack{Functions: []*stack.Function{reserving(t, 5)}}}, []string{"reserve 5"}},
	} {
		test.options.TempDir = t.TempDir()
		_, err := Open(t.Context(), test.options)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
	}
	overridden := Options{Env: map[string]string{"TABLE": "t", "BUCKET": "b"}}
	l := openLab(t, overridden, unresolved)
	if _, out := invoke(t, l, "Api", order{Do: "env", Value: "BUCKET"}); out.Value != "b" {
		t.Errorf("--env was not used: %q", out.Value)
	}
}

func reserving(t *testing.T, n int) *stack.Function {
	f := testFunction(t, "Api")
	v := stack.Known(n)
	f.Reserved = &v
	return f
}

func TestSourceOf(t *testing.T) {
	for payload, want := range map[string]string{
		`{"source":"cache","value":1}`:                          "cache",
		`{"statusCode":200,"body":"{\"source\":\"database\"}"}`: "database",
		`{"source":3}`:     "",
		`[1,2]`:            "",
		`{"body":"plain"}`: "",
		`nonsense`:         "",
		`{"source":"` + strings.Repeat("x", maxSourcePayload) + `"}`: "",
	} {
		if got := sourceOf([]byte(payload)); got != want {
			t.Errorf("%.60s: %q, want %q", payload, got, want)
		}
	}
}

func TestOutcome(t *testing.T) {
	at := request{Invocation: Invocation{Function: "Api"}, intended: 1, sent: 2}
	got := outcome(at, Reply{Throttle: &fleet.Throttle{}}, nil, 9)
	want := metrics.Outcome{Function: "Api", Intended: 1, Sent: 2, Done: 9, Status: metrics.Throttled}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = outcome(at, Reply{Cold: true}, errors.New("no memory"), 9)
	if got.Status != metrics.Error || got.ErrorType != "Lab.StartFailed" || !got.Cold {
		t.Errorf("%+v", got)
	}
}

func TestMemoryGuard(t *testing.T) {
	free := int64(memoryKept)
	g := &memoryGuard{readNow: func() (int64, bool) { return free, true }}
	counts := func() fleet.Counts { return fleet.Counts{Idle: 40} }
	if err := g.check(counts); err != nil {
		t.Error(err)
	}
	g = &memoryGuard{readNow: func() (int64, bool) { return free - 1, true }}
	if err := g.check(counts); err == nil || !strings.Contains(err.Error(), "40 environments") {
		t.Errorf("%v, want a refusal", err)
	}
}

// A schedule fires in time, whether its events take long or not.
func TestScheduleRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		schedule, err := workload.ParseSchedule("rate(5 minutes)")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Minute)
		defer cancel()
		start := time.Now()
		var fired []time.Duration
		var mu sync.Mutex
		repeat(ctx, schedule, func(at time.Time) {
			mu.Lock()
			fired = append(fired, time.Since(start))
			mu.Unlock()
			time.Sleep(time.Hour) // longer than the period
		})
		want := []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute}
		if diff := cmp.Diff(want, fired); diff != "" {
			t.Error(diff)
		}
	})
}

func TestScheduledEvent(t *testing.T) {
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	if got := string(scheduledEvent(stack.Schedule{Input: stack.Known(`{"warm":1}`)}, at)); got != `{"warm":1}` {
		t.Error(got)
	}
	if got := string(scheduledEvent(stack.Schedule{Name: "Warm"}, at)); !strings.Contains(got, `"source":"aws.events"`) || !strings.Contains(got, "2026-11-23T05:00:00Z") {
		t.Error(got)
	}
}
