package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// goRedis is a go-redis client without retries: what fails must be seen.
func goRedis(t *testing.T, r *route, change func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: r.front.addr(), ClientName: "smoke-go", MaxRetries: -1, ContextTimeoutEnabled: true}
	if change != nil {
		change(o)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// smokeGoRedis guards what go-redis needs of a server: HELLO 3 and RESP2,
// SETINFO, pipelines, transactions, subscriptions, blocking calls, scripts.
func smokeGoRedis(t *testing.T, r *route) {
	t.Run("handshake", func(t *testing.T) { goRedisHandshake(t, r) })
	for _, protocol := range []int{2, 3} {
		c := goRedis(t, r, func(o *redis.Options) { o.Protocol = protocol })
		key := func(name string) string { return fmt.Sprintf("go-redis:%d:%s", protocol, name) }
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) {
			t.Run("pipeline", func(t *testing.T) { goRedisPipeline(t, c, key("n")) })
			t.Run("transaction", func(t *testing.T) { goRedisTransaction(t, c, key("t")) })
			t.Run("watch", func(t *testing.T) { goRedisWatch(t, c, key("w")) })
			t.Run("pubsub", func(t *testing.T) { goRedisPubSub(t, c, key("ch")) })
			t.Run("blocking", func(t *testing.T) { goRedisBlocking(t, c, key("q")) })
			t.Run("script", func(t *testing.T) { goRedisScript(t, c, key("s")) })
		})
	}
	t.Run("reconnect", func(t *testing.T) { goRedisReconnect(t, r) })
}

func goRedisHandshake(t *testing.T, r *route) {
	ctx := t.Context()
	c := goRedis(t, r, nil)
	conn := c.Conn()
	defer conn.Close()
	name, err := conn.ClientGetName(ctx).Result()
	if err != nil || name != "smoke-go" {
		t.Fatalf("CLIENT GETNAME: %q, %v", name, err)
	}
	info, err := conn.ClientInfo(ctx).Result()
	if err != nil || info.Name != "smoke-go" {
		t.Fatalf("CLIENT INFO: %+v, %v", info, err)
	}
	first, err := conn.ClientID(ctx).Result()
	if err != nil || first <= 0 {
		t.Fatalf("CLIENT ID: %d, %v", first, err)
	}
	if again := conn.ClientID(ctx).Val(); again != first {
		t.Errorf("CLIENT ID changes within a connection: %d, then %d", first, again)
	}
	three := goRedis(t, r, func(o *redis.Options) { o.DB = 3 })
	if err := three.Set(ctx, "go-redis:db", "three", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(ctx, "go-redis:db").Result(); !errors.Is(err, redis.Nil) {
		t.Errorf("database 0 sees the key of database 3: %v", err)
	}
	if got := three.Get(ctx, "go-redis:db").Val(); got != "three" {
		t.Errorf("database 3: %q", got)
	}
}

func goRedisPipeline(t *testing.T, c *redis.Client, key string) {
	var results []*redis.IntCmd
	_, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Del(t.Context(), key)
		for range 2000 {
			results = append(results, p.Incr(t.Context(), key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Val() != int64(i+1) {
			t.Fatalf("answer %d is %d", i+1, r.Val())
		}
	}
}

func goRedisTransaction(t *testing.T, c *redis.Client, key string) {
	ctx := t.Context()
	var got *redis.StringCmd
	_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, key, "1", 0)
		p.Incr(ctx, key)
		got = p.Get(ctx, key)
		return nil
	})
	if err != nil || got.Val() != "2" {
		t.Fatalf("MULTI…EXEC: %q, %v", got.Val(), err)
	}
	_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, key, "never", 0)
		p.Do(ctx, "NOSUCHCOMMAND")
		return nil
	})
	if err == nil {
		t.Error("EXEC with an unknown command in it went through")
	}
	if v := c.Get(ctx, key).Val(); v != "2" {
		t.Errorf("the aborted transaction was executed: %q", v)
	}
}

func goRedisWatch(t *testing.T, c *redis.Client, key string) {
	ctx := t.Context()
	c.Set(ctx, key, "old", 0)
	set := func(disturb bool) error {
		return c.Watch(ctx, func(tx *redis.Tx) error {
			if v := tx.Get(ctx, key).Val(); v != "old" {
				return fmt.Errorf("GET after WATCH: %q", v)
			}
			if disturb {
				c.Set(ctx, key, "other", 0)
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key, "mine", 0).Err() })
			return err
		}, key)
	}
	if err := set(true); !errors.Is(err, redis.TxFailedErr) {
		t.Fatalf("EXEC after a change by another: %v", err)
	}
	c.Set(ctx, key, "old", 0)
	if err := set(false); err != nil {
		t.Fatalf("EXEC without a change: %v", err)
	}
	if v := c.Get(ctx, key).Val(); v != "mine" {
		t.Errorf("after EXEC: %q", v)
	}
}

func goRedisPubSub(t *testing.T, c *redis.Client, channel string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := c.Subscribe(ctx, channel)
	defer s.Close()
	if _, err := s.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.PSubscribe(ctx, channel+"*"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if n := c.Publish(ctx, channel, "hello").Val(); n != 2 {
		t.Errorf("PUBLISH reached %d subscriptions, wanted 2", n)
	}
	for range 2 { // by name and by pattern
		m, err := s.ReceiveMessage(ctx)
		if err != nil || m.Payload != "hello" {
			t.Fatalf("message: %v, %v", m, err)
		}
	}
	if err := s.Ping(ctx, "alive"); err != nil {
		t.Fatal(err)
	}
	if pong, err := s.Receive(ctx); err != nil || !strings.Contains(fmt.Sprint(pong), "alive") {
		t.Fatalf("PING while subscribed: %v, %v", pong, err)
	}
}

func goRedisBlocking(t *testing.T, c *redis.Client, key string) {
	ctx := t.Context()
	if _, err := c.BLPop(ctx, time.Second, key).Result(); !errors.Is(err, redis.Nil) {
		t.Fatalf("BLPOP of nothing: %v", err)
	}
	time.AfterFunc(200*time.Millisecond, func() { c.RPush(context.WithoutCancel(ctx), key, "job") })
	got, err := c.BLPop(ctx, 5*time.Second, key).Result()
	if err != nil || len(got) != 2 || got[1] != "job" {
		t.Fatalf("BLPOP: %v, %v", got, err)
	}
	c.XAdd(ctx, &redis.XAddArgs{Stream: key + ":x", Values: []string{"a", "1"}})
	streams, err := c.XRead(ctx, &redis.XReadArgs{Streams: []string{key + ":x", "0"}, Block: time.Second}).Result()
	if err != nil || len(streams) != 1 || len(streams[0].Messages) == 0 {
		t.Fatalf("XREAD BLOCK: %v, %v", streams, err)
	}
}

func goRedisScript(t *testing.T, c *redis.Client, key string) {
	ctx := t.Context()
	c.ScriptFlush(ctx)
	s := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for _, want := range []int64{21, 42} { // NOSCRIPT and EVAL, then EVALSHA
		if got, err := s.Run(ctx, c, []string{key}, 21).Int64(); err != nil || got != want {
			t.Fatalf("script: %d, %v, wanted %d", got, err, want)
		}
	}
}

// cut asks the harness to cut, as the scripts of other languages do.
func (r *route) cut(t *testing.T, side string) {
	t.Helper()
	resp, err := http.Get(r.control + "/cut/" + side)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func goRedisReconnect(t *testing.T, r *route) {
	if r.control == "" {
		t.Skip("a proxy that is not ours: nothing to cut")
	}
	c := goRedis(t, r, nil)
	c.Set(t.Context(), "go-redis:r", "kept", 0)
	for _, side := range []string{"client", "upstream"} {
		r.cut(t, side)
		eventually(t, "GET after the "+side+" connection was cut", func() (string, error) { return c.Get(t.Context(), "go-redis:r").Result() }, "kept")
	}
}

// eventually asks until the answer is right.
func eventually(t *testing.T, what string, ask func() (string, error), want string) {
	t.Helper()
	var got string
	var err error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got, err = ask(); err == nil && got == want {
			return
		}
	}
	t.Fatalf("%s: still %q, %v; wanted %q", what, got, err, want)
}
