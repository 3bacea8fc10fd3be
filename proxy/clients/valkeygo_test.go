package clients

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"
)

func valkeyGo(t *testing.T, r *route, change func(*valkey.ClientOption)) valkey.Client {
	t.Helper()
	o := valkey.ClientOption{InitAddress: []string{r.front.addr()}, ClientName: "smoke-valkey-go", ForceSingleClient: true, DisableRetry: true}
	if change != nil {
		change(&o)
	}
	c, err := valkey.NewClient(o)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// smokeValkeyGo guards what valkey-go needs of a server. It pipelines by
// itself on one connection, and by default begins with HELLO 3 and CLIENT
// TRACKING ON OPTIN.
func smokeValkeyGo(t *testing.T, r *route) {
	c := valkeyGo(t, r, nil)
	t.Run("handshake", func(t *testing.T) { valkeyGoHandshake(t, c) })
	t.Run("pipeline", func(t *testing.T) { valkeyGoPipeline(t, c) })
	t.Run("transaction", func(t *testing.T) { valkeyGoTransaction(t, c) })
	t.Run("pubsub", func(t *testing.T) { valkeyGoPubSub(t, c) })
	t.Run("blocking", func(t *testing.T) { valkeyGoBlocking(t, c) })
	t.Run("script", func(t *testing.T) { valkeyGoScript(t, c) })
	t.Run("caching", func(t *testing.T) { valkeyGoCaching(t, r, c) })
	t.Run("RESP2 without a cache", func(t *testing.T) {
		plain := valkeyGo(t, r, func(o *valkey.ClientOption) { o.DisableCache, o.AlwaysRESP2 = true, true })
		valkeyGoPipeline(t, plain)
		valkeyGoTransaction(t, plain)
		valkeyGoPubSub(t, plain)
	})
	t.Run("reconnect", func(t *testing.T) { valkeyGoReconnect(t, r) })
}

func valkeyGoHandshake(t *testing.T, c valkey.Client) {
	ctx := t.Context()
	name, err := c.Do(ctx, c.B().ClientGetname().Build()).ToString()
	if err != nil || name != "smoke-valkey-go" {
		t.Errorf("CLIENT GETNAME: %q, %v", name, err)
	}
	info, err := c.Do(ctx, c.B().ClientInfo().Build()).ToString()
	if err != nil || !strings.Contains(info, "name=smoke-valkey-go") {
		t.Errorf("CLIENT INFO: %q, %v", info, err)
	}
	id, err := c.Do(ctx, c.B().ClientId().Build()).AsInt64()
	if err != nil || id <= 0 {
		t.Errorf("CLIENT ID: %d, %v", id, err)
	}
}

func valkeyGoPipeline(t *testing.T, c valkey.Client) {
	ctx := t.Context()
	const key = "valkey-go:n"
	commands := valkey.Commands{c.B().Del().Key(key).Build()}
	for range 2000 {
		commands = append(commands, c.B().Incr().Key(key).Build())
	}
	for i, r := range c.DoMulti(ctx, commands...) {
		got, err := r.AsInt64()
		if err != nil || i > 0 && got != int64(i) {
			t.Fatalf("answer %d is %d, %v", i, got, err)
		}
	}
}

func valkeyGoTransaction(t *testing.T, c valkey.Client) {
	ctx := t.Context()
	const key = "valkey-go:t"
	err := c.Dedicated(func(d valkey.DedicatedClient) error {
		var last error
		for _, r := range d.DoMulti(ctx,
			d.B().Multi().Build(), d.B().Set().Key(key).Value("1").Build(), d.B().Incr().Key(key).Build(), d.B().Exec().Build()) {
			if err := r.Error(); err != nil {
				last = err
			}
		}
		return last
	})
	if err != nil {
		t.Fatalf("MULTI…EXEC: %v", err)
	}
	for _, disturb := range []bool{true, false} {
		err := c.Dedicated(func(d valkey.DedicatedClient) error {
			if err := d.Do(ctx, d.B().Watch().Key(key).Build()).Error(); err != nil {
				return err
			}
			if disturb {
				if err := c.Do(ctx, c.B().Set().Key(key).Value("other").Build()).Error(); err != nil {
					return err
				}
			}
			answers := d.DoMulti(ctx, d.B().Multi().Build(), d.B().Set().Key(key).Value("mine").Build(), d.B().Exec().Build())
			return answers[2].Error()
		})
		if disturb != valkey.IsValkeyNil(err) {
			t.Errorf("EXEC, key changed by another %v: %v", disturb, err)
		}
	}
}

func valkeyGoPubSub(t *testing.T, c valkey.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	const channel = "valkey-go:ch"
	heard := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		done <- c.Receive(ctx, c.B().Subscribe().Channel(channel).Build(), func(m valkey.PubSubMessage) { heard <- m.Message })
	}()
	for { // until the subscription is there
		n, err := c.Do(ctx, c.B().Publish().Channel(channel).Message("hello").Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case m := <-heard:
		if m != "hello" {
			t.Errorf("message: %q", m)
		}
	case <-ctx.Done():
		t.Fatal("no message")
	}
	if err := c.Do(ctx, c.B().Unsubscribe().Channel(channel).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Receive ends with %v", err)
	}
}

func valkeyGoBlocking(t *testing.T, c valkey.Client) {
	ctx := t.Context()
	const key = "valkey-go:q"
	if err := c.Do(ctx, c.B().Blpop().Key(key).Timeout(1).Build()).Error(); !valkey.IsValkeyNil(err) {
		t.Fatalf("BLPOP of nothing: %v", err)
	}
	time.AfterFunc(200*time.Millisecond, func() {
		_ = c.Do(context.WithoutCancel(ctx), c.B().Rpush().Key(key).Element("job").Build())
	})
	got, err := c.Do(ctx, c.B().Blpop().Key(key).Timeout(5).Build()).AsStrSlice()
	if err != nil || len(got) != 2 || got[1] != "job" {
		t.Fatalf("BLPOP: %v, %v", got, err)
	}
}

func valkeyGoScript(t *testing.T, c valkey.Client) {
	ctx := t.Context()
	if err := c.Do(ctx, c.B().ScriptFlush().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(ctx, c.B().Del().Key("valkey-go:s").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	s := valkey.NewLuaScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for _, want := range []int64{21, 42} {
		if got, err := s.Exec(ctx, c, []string{"valkey-go:s"}, []string{"21"}).AsInt64(); err != nil || got != want {
			t.Fatalf("script: %d, %v, wanted %d", got, err, want)
		}
	}
}

func valkeyGoCaching(t *testing.T, r *route, c valkey.Client) {
	ctx := t.Context()
	const key = "valkey-go:c"
	other := valkeyGo(t, r, func(o *valkey.ClientOption) { o.DisableCache = true })
	set := func(value string) {
		t.Helper()
		if err := other.Do(ctx, other.B().Set().Key(key).Value(value).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	get := func() valkey.ValkeyResult { return c.DoCache(ctx, c.B().Get().Key(key).Cache(), time.Minute) }
	set("old")
	if v, err := get().ToString(); err != nil || v != "old" {
		t.Fatalf("GET: %q, %v", v, err)
	}
	if !get().IsCacheHit() {
		t.Error("the second GET went to the server")
	}
	set("new")
	eventually(t, "invalidation", func() (string, error) { return get().ToString() }, "new")
}

func valkeyGoReconnect(t *testing.T, r *route) {
	if r.control == "" {
		t.Skip("a proxy that is not ours: nothing to cut")
	}
	ctx := t.Context()
	c := valkeyGo(t, r, nil)
	if err := c.Do(ctx, c.B().Set().Key("valkey-go:r").Value("kept").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"client", "upstream"} {
		r.cut(t, side)
		eventually(t, "GET after the "+side+" connection was cut", func() (string, error) {
			s, err := c.Do(ctx, c.B().Get().Key("valkey-go:r").Build()).ToString()
			if errors.Is(err, valkey.ErrClosing) {
				t.Fatal("the client closed itself")
			}
			return s, err
		}, "kept")
	}
}
