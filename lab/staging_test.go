package lab

import (
	"testing"
	"time"

	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/stack"
)

func TestRecordedInvocationsAreInTheResult(t *testing.T) {
	l := openLab(t, Options{}, testFunction(t, "Api"))
	if _, err := l.Invoke(t.Context(), Invocation{Function: "Api", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	reply, err := l.Record(t.Context(), Invocation{Function: "Api", Payload: []byte(`{"value":"x"}`)})
	if err != nil || reply.Err != nil {
		t.Fatal(err, reply.Err)
	}
	if i := l.Result().Invocations; i.Total != 1 || i.Warm != 1 {
		t.Errorf("%+v, want the one that was recorded", i)
	}
}

func TestRetiredEnvironmentsStartCold(t *testing.T) {
	l := openLab(t, Options{}, testFunction(t, "Api"))
	_, a := invoke(t, l, "Api", order{Do: "echo"})
	for l.Counts().Idle == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := l.Retire("Api"); err != nil {
		t.Fatal(err)
	}
	reply, b := invoke(t, l, "Api", order{Do: "echo"})
	if !reply.Cold || a.PID == b.PID {
		t.Errorf("cold %v in process %d after %d was retired", reply.Cold, b.PID, a.PID)
	}
	if err := l.Retire("Nobody"); err == nil {
		t.Error("an unknown function was retired")
	}
}

func TestServersOfAStage(t *testing.T) {
	f := testFunction(t, "Api")
	f.Environment["CACHE"] = stack.Text{{Resource: "Cache", Attribute: stack.EndpointAddress}}
	s := &stack.Stack{Functions: []*stack.Function{f}, Caches: []*stack.Cache{{Resource: stack.Resource{ID: "Cache"}}}}
	l := openLab(t, Options{Stack: s, Cache: "embedded", MaxClients: 3}, f)
	for _, id := range []string{"", "Cache"} {
		server := l.CacheServer(id)
		if server == nil {
			t.Fatalf("no server for %q", id)
		}
		if now, err := server.Sample(t.Context()); err != nil || now.Limit != 3 {
			t.Errorf("limit %d, %v, want 3", now.Limit, err)
		}
	}
	if l.CacheServer("Other") != (*cache.Server)(nil) || l.OriginServer() != nil {
		t.Error("servers that nobody started")
	}
}
