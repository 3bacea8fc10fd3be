package thaw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/thawdev/thaw/guard"
)

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"", "host:6379", "http://host", "redis://", "redis://:6379", "redis://host:0", "redis://host:65536",
		"redis://host:x", "redis://host/x", "redis://host/-1", "redis://host?mode=x", "redis://host?unknown=1", "redis://host/1?mode=cluster",
		"redis://user:s3cret@host:99999", "redis://user:s3cret@ho st", "memcached://host/1",
		"redis://user:1?s3cret@host", "redis://user:1?mode=s3cret@host", "redis://user:98765/s3cret@host", "redis://host?reader=user:s3cret", "memcached://host?reader=user:s3cret@host"} {
		_, err := Open(Options{URL: url})
		if !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "98765")) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("redis://user:password@host:6379/3?mode=single&name=x")
	f.Add("memcacheds://x.cfg.use1.cache.amazonaws.com:11211")
	f.Fuzz(func(t *testing.T, url string) {
		e, err := parseURL(url)
		if err != nil && strings.Contains(url, "@") && e.password != "" && len(e.password) > 8 && strings.Contains(err.Error(), e.password) {
			t.Errorf("the error tells the password: %v", err)
		}
		if err == nil && e.kind != kindLocal && (e.host == "" || e.port == "") {
			t.Errorf("%q: %+v", url, e)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{OperationTimeout: -1}, {Connections: 9}, {Jitter: 1}, {MaxInflight: -1}, {LocalSize: -1}, {Codec: badCodec{}}} {
		o.URL = "local://"
		if _, err := Open(o); err == nil || !strings.HasPrefix(err.Error(), "thaw: Options.") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

type badCodec struct{}

func (badCodec) Marshal(any) ([]byte, error) { return nil, nil }
func (badCodec) Unmarshal([]byte, any) error { return nil }
func (badCodec) Format() uint8               { return 16 }

func TestBadCalls(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url(), MaxValueSize: 100})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		what string
		ctx  context.Context
		key  string
		ttl  time.Duration
		load Loader[string]
		want error
	}{
		{"nil loader", t.Context(), "k", time.Hour, nil, ErrNoLoader},
		{"zero TTL", t.Context(), "k", 0, text("v"), ErrTTL},
		{"negative TTL", t.Context(), "k", -time.Hour, text("v"), ErrTTL},
		{"empty key", t.Context(), "", time.Hour, text("v"), ErrKey},
		{"long key", t.Context(), strings.Repeat("k", 5000), time.Hour, text("v"), ErrKey},
		{"cancelled context", ended, "k", time.Hour, text("v"), context.Canceled},
	} {
		if _, from, err := Fetch(tt.ctx, c, tt.key, tt.ttl, tt.load); !errors.Is(err, tt.want) || from != FromNowhere {
			t.Errorf("%s: from %v, %v", tt.what, from, err)
		}
	}
	if n := c.Stats().Dials; n != 0 {
		t.Errorf("%d connections for calls that could not be right", n)
	}
	large := strings.Repeat("v", 101)
	v, from, err := Fetch(t.Context(), c, "large", time.Hour, text(large))
	if err != nil || v != large || from != FromDatabase || c.Stats().StoresFailed != 1 {
		t.Errorf("a value that is too large: from %v, %v", from, err)
	}
	if err := Set(t.Context(), c, "large", large, time.Hour); !errors.Is(err, ErrValue) {
		t.Error(err)
	}
	if got := s.ask("EXISTS large"); !strings.HasPrefix(got, ":0") {
		t.Errorf("the lease was left behind: %s", got)
	}
}

func TestPanicOfLoaderReachesTheCallerAndFreesTheLease(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url()})
	func() {
		defer func() {
			if r := recover(); r != "boom" {
				t.Errorf("recovered %v", r)
			}
		}()
		Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { panic("boom") })
	}()
	if got := s.ask("EXISTS k"); !strings.HasPrefix(got, ":0") {
		t.Errorf("the lease was left behind: %s", got)
	}
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
}

// A cache that is full refuses the lease; nobody else loads, so there is nobody to
// wait for.
func TestFullCacheIsNotWaitedFor(t *testing.T) {
	s := startRedis(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	c := ensured(t, Options{URL: s.url(), OperationTimeout: 5 * time.Second, LeaseWait: 5 * time.Second})
	began := time.Now()
	for i := range 5 {
		fetchText(t, c, itoa(i), FromDatabase)
	}
	if took := time.Since(began); took > 4*time.Second || c.Stats().LeasesWaited > 0 {
		t.Errorf("waited for nobody: %v, %+v", took, c.Stats())
	}
}

func TestSecondOpenSharesTheFirst(t *testing.T) {
	var log bytes.Buffer
	o := Options{URL: "redis://user:s3cret@192.0.2.1", Logger: slog.New(slog.NewTextHandler(&log, nil))}
	a, b := open(t, o), open(t, o)
	if a != b {
		t.Error("two clients for one cache")
	}
	if out := log.String(); !strings.Contains(out, "already open") || strings.Contains(out, "s3cret") {
		t.Errorf("log: %s", out)
	}
	b.Close()
	if a.closed.Load() {
		t.Error("the first Close closed the other's client")
	}
}

func TestClosedClientStillLoads(t *testing.T) {
	c, err := Open(Options{URL: "redis://192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	fetchText(t, c, "v", FromDatabase)
	if err := c.Ensure(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// After Close local:// answers as a server's client does: with ErrClosed, and Fetch
// with its loader.
func TestLocalOnlyClosed(t *testing.T) {
	c, err := Open(Options{URL: "local://"})
	if err != nil {
		t.Fatal(err)
	}
	fetchText(t, c, "v", FromDatabase)
	c.Close()
	if err := Set(t.Context(), c, "k", "v", time.Hour); !errors.Is(err, ErrClosed) {
		t.Errorf("Set: %v", err)
	}
	if err := c.Invalidate(t.Context(), "k"); !errors.Is(err, ErrClosed) {
		t.Errorf("Invalidate: %v", err)
	}
	for _, v := range []string{"a", "b"} {
		fetchText(t, c, v, FromDatabase)
		m, err := FetchMany(t.Context(), c, []string{"k"}, time.Hour, func(context.Context, []string) (map[string]string, error) {
			return map[string]string{"k": v}, nil
		})
		if m.Values["k"] != v || err != nil {
			t.Errorf("FetchMany: %v, %v", m, err)
		}
		if v, _, err := Get[string](t.Context(), c, "k"); !errors.Is(err, ErrClosed) {
			t.Errorf("Get: %q, %v", v, err)
		}
	}
}

func TestLocalOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{URL: "local://", Jitter: -1})
		fetchText(t, c, "v", FromDatabase)
		fetchText(t, c, "v", FromLocal)
		if err := c.Invalidate(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		fetchText(t, c, "w", FromDatabase)
		time.Sleep(time.Hour)
		fetchText(t, c, "x", FromDatabase)
		if err := Set(t.Context(), c, "k", "y", time.Hour); err != nil {
			t.Fatal(err)
		}
		fetchText(t, c, "y", FromLocal)
	})
}

// A value near its end that cannot be decoded is loaded without a server too.
func TestLocalOnlyEarlyRefresh(t *testing.T) {
	c := open(t, Options{URL: "local://", EarlyRefresh: 1e9})
	slow := func(context.Context, string) (int, error) { time.Sleep(time.Millisecond); return 7, nil } // a value with a cost
	if _, _, err := Fetch(t.Context(), c, "k", time.Hour, slow); err != nil {
		t.Fatal(err)
	}
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromLocal)
}

// FetchMany without a server: nothing is stored over an invalidation, and what the
// loader leaves out is remembered.
func TestLocalOnlyFetchMany(t *testing.T) {
	c := open(t, Options{URL: "local://"})
	loads := 0
	load := func(ctx context.Context, missing []string) (map[string]string, error) {
		loads++
		return map[string]string{"a": "old"}, c.Invalidate(ctx, "a")
	}
	if _, err := FetchMany(t.Context(), c, []string{"a"}, time.Hour, load); err != nil {
		t.Fatal(err)
	}
	if v, _, err := Get[string](t.Context(), c, "a"); !errors.Is(err, ErrMiss) {
		t.Errorf("the old value came back: %q, %v", v, err)
	}
	for range 3 {
		m, err := FetchMany(t.Context(), c, []string{"none", "b"}, time.Hour, func(context.Context, []string) (map[string]string, error) {
			loads++
			return map[string]string{"b": "v"}, nil
		})
		if diff := cmp.Diff(map[string]string{"b": "v"}, m.Values); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	if loads != 2 {
		t.Errorf("%d loads", loads)
	}
}

func TestStaleWhileError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{Jitter: -1})
		fetchText(t, c, "v", FromDatabase)
		time.Sleep(time.Hour + time.Second)
		v, from, err := Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { return "", errOrigin })
		if err != nil || v != "v" || from != FromStale {
			t.Errorf("%q from %v, %v", v, from, err)
		}
		fetchText(t, c, "w", FromDatabase) // the lease was given back
		time.Sleep(2 * time.Hour)
		if _, _, err := Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { return "", errOrigin }); !errors.Is(err, errOrigin) {
			t.Errorf("beyond StaleFor: %v", err)
		}
		c.Close()
	})
}

// Whoever wants for ever writes the longest duration there is.
func TestForEver(t *testing.T) {
	const forEver = time.Duration(math.MaxInt64)
	for i, o := range []Options{{Jitter: -1}, {Jitter: -1, StaleFor: forEver}, {OperationTimeout: forEver, DialTimeout: forEver, Lease: forEver}, {URL: "local://", Jitter: -1}} {
		for _, ttl := range []time.Duration{time.Hour, forEver} {
			synctest.Test(t, func(t *testing.T) {
				c := open
				if o.URL == "" {
					c = func(t testing.TB, o Options) *Client { return faked(t, newFakeNode(), o) }
				}
				client := c(t, o)
				for n, want := range []Source{FromDatabase, FromCache} {
					if o.URL != "" && n > 0 {
						want = FromLocal
					}
					if _, from, err := Fetch(t.Context(), client, "k", ttl, text("v")); err != nil || from != want {
						t.Errorf("%d, %v: from %v, %v; want %v", i, ttl, from, err, want)
					}
					time.Sleep(time.Minute)
				}
				client.Close()
				time.Sleep(10 * time.Second)
			})
		}
	}
	if got := expiration(longest+longest, time.Now()); got != math.MaxInt32 {
		t.Errorf("Memcached: %d", got)
	}
}

func TestStaleIsServedWhileAnotherLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		a, b := faked(t, n, Options{URL: "redis://fake?name=a", Jitter: -1}), faked(t, n, Options{URL: "redis://fake?name=b", Jitter: -1})
		fetchText(t, a, "v", FromDatabase)
		time.Sleep(time.Hour + time.Second)
		go Fetch(t.Context(), a, "k", time.Hour, func(context.Context, string) (string, error) { time.Sleep(time.Second); return "w", nil })
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		fetchText(t, b, "v", FromStale)
		if took := time.Since(began); took > 0 {
			t.Errorf("waited %v", took)
		}
		time.Sleep(time.Second)
		fetchText(t, b, "w", FromCache)
		a.Close()
		b.Close()
	})
}

func TestEarlyRefreshIsCloseToTheEnd(t *testing.T) {
	c := open(t, Options{URL: "redis://192.0.2.1"})
	now := time.Now()
	count := func(left, cost time.Duration) (n int) {
		for range 1000 {
			if c.early(entry{fresh: now.Add(left), cost: cost}, now) {
				n++
			}
		}
		return n
	}
	// P(refresh) = exp(−left/cost)
	for _, tt := range []struct {
		left, cost time.Duration
		lo, hi     int
	}{{time.Hour, 50 * time.Millisecond, 0, 0}, {50 * time.Millisecond, 50 * time.Millisecond, 310, 430}, {0, time.Millisecond, 1000, 1000}} {
		if n := count(tt.left, tt.cost); n < tt.lo || n > tt.hi {
			t.Errorf("%v before the end of a value that took %v: %d of 1000", tt.left, tt.cost, n)
		}
	}
}

func TestSingleFlightInTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		loads := 0
		sources := make(chan Source, 50)
		for range 50 {
			go func() {
				_, from, err := Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) {
					loads++
					time.Sleep(time.Second)
					return "v", nil
				})
				if err != nil {
					t.Error(err)
				}
				sources <- from
			}()
		}
		got := map[Source]int{}
		for range 50 {
			got[<-sources]++
		}
		if diff := cmp.Diff(map[Source]int{FromDatabase: 1, FromShared: 49}, got); diff != "" || loads != 1 {
			t.Errorf("%d loads: %s", loads, diff)
		}
		c.Close()
	})
}

// Whoever asks after an invalidation of this process does not get what a load from
// before it brings.
func TestFlightEndsWithAnInvalidation(t *testing.T) {
	for _, url := range []string{"redis://fake?name=flight", "local://"} {
		synctest.Test(t, func(t *testing.T) {
			var c *Client
			if url == "local://" {
				c = open(t, Options{URL: url})
			} else {
				c = faked(t, newFakeNode(), Options{URL: url})
			}
			go Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { time.Sleep(time.Second); return "old", nil })
			time.Sleep(100 * time.Millisecond)
			if err := c.Invalidate(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			fetchText(t, c, "new", FromDatabase)
			time.Sleep(2 * time.Second) // the old load has ended
			if v, _, err := Get[string](t.Context(), c, "k"); v != "new" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
			c.Close()
		})
	}
}

func TestConnectionName(t *testing.T) {
	env := map[string]string{"AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef"}
	if got, want := connectionName(func(k string) string { return env[k] }), "orders:$LATEST:0123456789ab"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s := startRedis(t)
	ensured(t, Options{URL: s.url() + "?name=my%20name"})
	if list := s.ask("CLIENT LIST"); !strings.Contains(list, "name=my_name") {
		t.Error(list)
	}
}

func TestWriteEMF(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url(), Name: "f:1:e"})
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
	ctx := context.WithValue(t.Context(), traceKey, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1") //nolint:staticcheck // aws-lambda-go's key
	for i, want := range []map[string]any{
		{"FromCache": 1.0, "FromDatabase": 1.0, "Dials": 1.0, "cold": true},
		{"FromCache": 0.0, "FromDatabase": 0.0, "Dials": 0.0, "cold": false},
	} {
		var b bytes.Buffer
		if err := c.WriteEMF(ctx, &b); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 || b.Len() > 4096 {
			t.Errorf("%d lines, %d bytes", n, b.Len())
		}
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("line %d: %s = %v, want %v", i, k, got[k], v)
			}
		}
		if got["traceId"] != "1-5759e988-bd862e3fe1be46a994272793" || got["parentId"] != "53995c3f42cd8ad8" {
			t.Errorf("%v", got)
		}
		directive := got["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
		metrics := directive["Metrics"].([]any)
		if len(metrics) > 100 {
			t.Errorf("%d metrics", len(metrics))
		}
		for _, m := range metrics { // every target is a number at the root
			if _, ok := got[m.(map[string]any)["Name"].(string)].(float64); !ok {
				t.Errorf("%v has no number", m)
			}
		}
	}
}

// Lines written at the same time share the counts: none counts backwards.
func TestWriteEMFConcurrently(t *testing.T) {
	c := open(t, Options{URL: "local://"})
	fetchText(t, c, "v", FromDatabase)
	var total atomic.Uint64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				_, _, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
				var b bytes.Buffer
				if err := errors.Join(err, c.WriteEMF(t.Context(), &b)); err != nil {
					t.Error(err)
				}
				var got struct{ FromLocal uint64 }
				if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.FromLocal > 4000 {
					t.Errorf("%d local answers, %v", got.FromLocal, err)
				}
				total.Add(got.FromLocal)
			}
		})
	}
	wg.Wait()
	if n := total.Load(); n != 4000 {
		t.Errorf("%d local answers", n)
	}
}

func TestProbe(t *testing.T) {
	s, config := startTLS(t, "--requirepass", "right")
	stages := func(url string) (out []Stage, err error) {
		steps, err := Probe(t.Context(), Options{URL: url, TLS: config})
		for _, s := range steps {
			out = append(out, s.Stage)
			if strings.Contains(s.String(), "right") || strings.Contains(s.String(), "wr0ng") {
				t.Errorf("tells the password: %s", s)
			}
		}
		return out, err
	}
	got, err := stages("rediss://:right@" + s.name())
	if diff := cmp.Diff([]Stage{StageDNS, StageTCP, StageTLS, StageAuth, StageCluster, StagePing}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if steps, err := Probe(t.Context(), Options{URL: "rediss://:right@" + s.name(), TLS: config, Name: "my probe"}); err != nil {
		t.Error(steps, err)
	}
	for _, tt := range []struct {
		url   string
		stage Stage
		cause Cause
	}{
		{"rediss://:wr0ng@" + s.name(), StageAuth, CauseWrongPass},
		{"rediss://" + s.name(), StageAuth, CauseNoAuth},
		{"rediss://no-such-host.invalid", StageDNS, CauseNoSuchHost},
		{"redis://localhost:" + freePort(t), StageTCP, CauseRefused},
	} {
		_, err := stages(tt.url)
		var connect *ConnectError
		if !errors.As(err, &connect) || connect.Stage != tt.stage || connect.Cause != tt.cause {
			t.Errorf("%s: %v", tt.url, err)
		}
	}
}

func TestMaxClients(t *testing.T) {
	s := startRedis(t, "--maxclients", "1")
	first := open(t, Options{URL: s.url() + "?name=first"})
	eventually(t, "the first is in, and what started the server out", func() bool { return first.Ensure(t.Context()) == nil })
	c := open(t, Options{URL: s.url() + "?name=second"})
	err := c.Ensure(t.Context())
	var connect *ConnectError
	if !errors.As(err, &connect) || connect.Cause != CauseMaxClients {
		t.Error(err)
	}
	fetchText(t, c, "v", FromDatabase)
}

func TestCodecs(t *testing.T) {
	type point struct{ X, Y int }
	enc := encoding{max: 1 << 20, compress: 100}
	end := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	long := strings.Repeat("abc", 1000)
	for _, v := range []any{[]byte("raw"), []byte{}, "text", long, []byte(long), point{1, 2}, map[string]int{"a": 1}, 7, nil} {
		b, err := enc.encode(pointerTo(v), v, end, 1500*time.Microsecond)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := parseEntry(b)
		if !ok || !e.fresh.Equal(end) || e.cost != 1500*time.Microsecond || e.leased() || e.notFound() {
			t.Fatalf("%v: %+v", v, e)
		}
		if len(b) > 1000 {
			t.Errorf("not compressed: %d bytes", len(b))
		}
		var got any
		switch v.(type) {
		case []byte:
			var x []byte
			err = enc.decode(e, &x)
			got = x
		case string:
			var x string
			err = enc.decode(e, &x)
			got = x
		case point:
			var x point
			err = enc.decode(e, &x)
			got = x
		case map[string]int:
			var x map[string]int
			err = enc.decode(e, &x)
			got = x
		case int:
			var x int
			err = enc.decode(e, &x)
			got = x
		}
		if diff := cmp.Diff(v, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	small := encoding{max: 1000}
	b, _ := enc.encode(&long, long, end, 0)
	e, _ := parseEntry(b)
	var s string
	if err := small.decode(e, &s); !errors.Is(err, ErrValue) {
		t.Errorf("a bomb: %v", err)
	}
}

// pointerTo is a pointer to v with the type of v, as a caller's variable has it.
func pointerTo(v any) any {
	if v == nil {
		return new(any)
	}
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	return p.Interface()
}

// A string in an any comes back as a string, whichever call stored it.
func TestAnyHits(t *testing.T) {
	c := open(t, Options{URL: startRedis(t).url()})
	load := func(context.Context, string) (any, error) { return "text", nil }
	for _, want := range []Source{FromDatabase, FromCache} {
		if v, from, err := Fetch(t.Context(), c, "fetch", time.Hour, load); v != "text" || from != want || err != nil {
			t.Errorf("%v from %v, %v; want it from %v", v, from, err, want)
		}
		m, err := FetchMany(t.Context(), c, []string{"many"}, time.Hour, func(context.Context, []string) (map[string]any, error) {
			return map[string]any{"many": "text"}, nil
		})
		if m.Values["many"] != "text" || m.From["many"] != want || err != nil {
			t.Errorf("%v, %v; want it from %v", m, err, want)
		}
	}
	if err := Set[any](t.Context(), c, "set", "text", time.Hour); err != nil {
		t.Fatal(err)
	}
	if v, _, err := Get[any](t.Context(), c, "set"); v != "text" || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func FuzzParseEntry(f *testing.F) {
	enc := encoding{max: 1 << 16, compress: 10}
	for _, v := range []any{"x", strings.Repeat("y", 100), map[string]int{"a": 1}} {
		b, _ := enc.encode(pointerTo(v), v, time.Now(), time.Second)
		f.Add(b)
	}
	f.Add(leaseMark(newToken(), time.Now()))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := parseEntry(b)
		if !ok {
			return
		}
		var v any
		_ = enc.decode(e, &v)
		var raw []byte
		_ = enc.decode(e, &raw)
		if len(raw) > enc.max && e.flags&flagDeflate != 0 {
			t.Errorf("%d bytes", len(raw))
		}
	})
}

// A value of another codec, or of no codec of ours, is a miss, and is replaced.
func TestAlienValuesAreReplaced(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url()})
	for _, foreign := range []string{"{}", `"\xfa\x10` + strings.Repeat(`\xff`, 6) + strings.Repeat(`\x00`, 18) + `msgpack"`, `"\xf9\x00` + strings.Repeat(`\xff`, 6) + strings.Repeat(`\x00`, 18) + `not JSON"`} {
		s.ask("SET k " + foreign)
		fetchProduct(t, c, product{"1", "a"}, FromDatabase)
		fetchProduct(t, c, product{"1", "a"}, FromCache)
	}
}

func fetchProduct(t *testing.T, c *Client, want product, from Source) {
	t.Helper()
	n := 0
	got, f, err := Fetch(t.Context(), c, "k", time.Hour, loads(&n, want))
	if err != nil || got != want || f != from {
		t.Fatalf("%+v from %v, %v; want from %v", got, f, err, from)
	}
}

// Lua compares strings by the server's locale; a lease must not depend on it.
func TestLeaseInALocale(t *testing.T) {
	localedef, err := exec.LookPath("localedef")
	if err != nil {
		t.Skip("localedef is not installed")
	}
	dir := t.TempDir()
	if out, err := exec.Command(localedef, "-i", "en_US", "-f", "UTF-8", dir+"/en_US.UTF-8").CombinedOutput(); err != nil {
		t.Skipf("no locale was made: %v: %s", err, out)
	}
	t.Setenv("LOCPATH", dir)
	t.Setenv("LC_ALL", "en_US.UTF-8")
	c := ensured(t, Options{URL: startRedis(t).url(), OperationTimeout: 5 * time.Second})
	first, second := token{1}, token{2}
	now := time.UnixMilli(1_795_455_262_836)
	for i := range 200 {
		now = now.Add(7919 * time.Millisecond)
		key := fmt.Sprint("k", i)
		for _, tt := range []struct {
			t    token
			at   time.Time
			want claim
		}{{first, now, claimGranted}, {second, now.Add(900 * time.Millisecond), claimBusy}, {second, now.Add(1100 * time.Millisecond), claimGranted}} {
			err := c.server(t.Context(), c.opts.OperationTimeout, func(call *callContext) error {
				got, err := c.store.claim(call, key, tt.t, tt.at, time.Second, false)
				if got != tt.want {
					t.Errorf("%v after %v: %v, want %v", tt.at.Sub(now), now.UnixMilli(), got, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Without scripts the same steps are done with plain commands.
func TestLeaseWithoutScripts(t *testing.T) {
	s := startRedis(t, "--user", "default", "on", "nopass", "~*", "+@all", "-@scripting")
	c := open(t, Options{URL: s.url()})
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
	if err := c.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	_, _, err := Fetch(t.Context(), c, "k", time.Hour, func(ctx context.Context, _ string) (string, error) { return "old", c.Invalidate(ctx, "k") })
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := Get[string](t.Context(), c, "k"); !errors.Is(err, ErrMiss) {
		t.Errorf("%q, %v", v, err)
	}
}

// Without scripts too a stale value is refreshed, under a lease, and one of another
// program is replaced.
func TestRefreshWithoutScripts(t *testing.T) {
	s := startRedis(t, "--user", "default", "on", "nopass", "~*", "+@all", "-@scripting")
	c := open(t, Options{URL: s.url(), Jitter: -1, EarlyRefresh: -1})
	other := open(t, Options{URL: s.url() + "?name=other", Jitter: -1, EarlyRefresh: -1})
	const ttl = 50 * time.Millisecond
	fetch := func(c *Client, want string, wantFrom Source, load Loader[string]) {
		t.Helper()
		if v, from, err := Fetch(t.Context(), c, "k", ttl, load); err != nil || v != want || from != wantFrom {
			t.Errorf("%q from %v, %v; want %q from %v", v, from, err, want, wantFrom)
		}
	}
	failing := func(context.Context, string) (string, error) { return "", errOrigin }
	fetch(c, "v", FromDatabase, text("v"))
	time.Sleep(ttl)
	fetch(c, "v", FromStale, failing)
	fetch(c, "w", FromDatabase, func(ctx context.Context, _ string) (string, error) { // the lease was given back
		fetch(other, "v", FromStale, text("not to be loaded"))
		return "w", nil
	})
	time.Sleep(ttl)
	fetch(c, "old", FromDatabase, func(ctx context.Context, _ string) (string, error) { return "old", other.Invalidate(ctx, "k") })
	if v, _, err := Get[string](t.Context(), c, "k"); !errors.Is(err, ErrMiss) {
		t.Errorf("%q, %v", v, err)
	}
	s.ask("SET k {}")
	fetchText(t, c, "x", FromDatabase)
	fetchText(t, c, "x", FromCache)
}

// FetchMany stores nothing over an invalidation either, and leaves no lease.
func TestFetchManyRacesAnInvalidation(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url()})
	m, err := FetchMany(t.Context(), c, []string{"a", "b", "none"}, time.Hour, func(ctx context.Context, _ []string) (map[string]string, error) {
		return map[string]string{"a": "old", "b": "v"}, c.Invalidate(ctx, "a")
	})
	if err != nil || len(m.Values) != 2 {
		t.Fatal(m, err)
	}
	for k, want := range map[string]error{"a": ErrMiss, "b": nil, "none": ErrNotFound} {
		if _, _, err := Get[string](t.Context(), c, k); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", k, err, want)
		}
	}
	if _, err := FetchMany(t.Context(), c, []string{"c", "d"}, time.Hour, func(context.Context, []string) (map[string]string, error) { return nil, errOrigin }); !errors.Is(err, errOrigin) {
		t.Error(err)
	}
	if got := s.ask("EXISTS c d"); !strings.HasPrefix(got, ":0") {
		t.Errorf("leases were left behind: %s", got)
	}
}

// However many leases a failed load leaves, giving them back takes one call's time.
func TestFetchManyGivesBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		var keys []string
		for i := range 50 {
			keys = append(keys, itoa(i))
		}
		var failed time.Time
		_, err := FetchMany(t.Context(), c, keys, time.Hour, func(context.Context, []string) (map[string]string, error) {
			n.set(func(n *fakeNode) { n.delay = c.opts.OperationTimeout / 2 })
			failed = time.Now()
			return nil, errOrigin
		})
		if took := time.Since(failed); !errors.Is(err, errOrigin) || took > c.opts.OperationTimeout {
			t.Errorf("%v, %v after the load failed", err, took)
		}
		c.Close()
		time.Sleep(10 * time.Second)
	})
}

// Ten attempts in a row, each after a backoff, then the breaker answers.
func TestTenDialsThenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{BreakerCooldown: time.Hour})
		dials := 0
		c.store.(*valkeyStore).links[0].dialer.connect = func(context.Context, string) (netConn, error) {
			dials++
			return nil, syscall.ECONNREFUSED
		}
		worst := time.Duration(0)
		for range 20000 {
			began := time.Now()
			fetchText(t, c, "v", FromDatabase)
			worst = max(worst, time.Since(began))
			time.Sleep(5 * time.Millisecond)
		}
		if dials != 10 || c.Stats().Breaker != guard.Open || worst > 0 {
			t.Errorf("%d dials, breaker %v, the slowest caller waited %v", dials, c.Stats().Breaker, worst)
		}
		c.Close()
	})
}

// Whatever fails, the password is in no error, log line or metric.
func TestSecretsStaySecret(t *testing.T) {
	s := startRedis(t, "--requirepass", "other")
	var log bytes.Buffer
	c := open(t, Options{URL: "redis://user:s3cr3t@" + s.addr, Logger: slog.New(slog.NewTextHandler(&log, nil)), LocalSize: 1 << 20, LocalTracking: true,
		Observer: func(_ context.Context, e Event) {
			if e.Err != nil && strings.Contains(e.Err.Error(), "s3cr3t") {
				t.Errorf("%v", e.Err)
			}
		}})
	err := c.Ensure(t.Context())
	_, _, miss := Get[string](t.Context(), c, "k")
	c.WriteEMF(t.Context(), &log)
	var connect *ConnectError
	if !errors.As(err, &connect) || connect.Cause != CauseWrongPass {
		t.Error(err)
	}
	if all := fmt.Sprint(err, miss, log.String()); strings.Contains(all, "s3cr3t") {
		t.Error(all)
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	s := startRedis(t)
	for connections, want := range map[int]uint64{0: 1, 3: 3} {
		c := ensured(t, Options{URL: fmt.Sprintf("%s?name=c%d", s.url(), connections), Connections: connections, OperationTimeout: 2 * time.Second})
		var wg sync.WaitGroup
		for w := range 40 {
			wg.Go(func() {
				for i := range 20 {
					if _, _, err := Fetch(t.Context(), c, fmt.Sprint(w, i%7), time.Hour, text("v")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := c.Stats().Dials; got != want {
			t.Errorf("Connections %d: %d sockets, want %d", connections, got, want)
		}
	}
}

// A retry that the connection's end asks for reaches the server: the caller sees
// nothing of it.
func TestBrokenConnectionIsRetriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		for range 5 {
			n.cut()
			synctest.Wait()
			fetchText(t, c, "v", FromCache)
		}
		if s := c.Stats(); s.Broken > 0 || n.dials != 6 {
			t.Errorf("%d dials: %+v", n.dials, s)
		}
		c.Close()
	})
}

// A connection that is lost while it is being opened is replaced. (What is left to see
// is seen by the race detector.)
func TestConnectionLostWhileOpening(t *testing.T) {
	for i := range 200 {
		n := newFakeNode()
		c := faked(t, n, Options{URL: fmt.Sprint("redis://fake?name=opening", i), LocalSize: 1 << 20, LocalTracking: true})
		go func() {
			for n.count("CLUSTER") == 0 {
				time.Sleep(10 * time.Microsecond)
			}
			time.Sleep(time.Duration(i) * time.Microsecond)
			n.cut()
		}()
		_ = c.Ensure(t.Context()) // well or not
		eventually(t, "the cache answers", func() bool {
			_, from, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
			return err == nil && (from == FromCache || from == FromLocal)
		})
		c.Close()
	}
}

// A leader whose context ends, or whose loader panics, does not take its followers
// down: one of them takes over. A leader whose loader fails shares its failure.
func TestFlightSurvivesItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{URL: "local://"})
		ctx, cancel := context.WithCancel(t.Context())
		go Fetch(ctx, c, "k", time.Hour, func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() })
		synctest.Wait()
		done := make(chan error)
		go func() {
			v, _, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
			if v != "v" {
				t.Errorf("%q", v)
			}
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		loads := 0
		for range 5 {
			go func() {
				_, _, err := Fetch(t.Context(), c, "slow", time.Hour, func(context.Context, string) (string, error) {
					loads++
					time.Sleep(time.Second)
					return "", fmt.Errorf("the database: %w", context.DeadlineExceeded)
				})
				done <- err
			}()
		}
		for range 5 {
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if loads != 1 {
			t.Errorf("%d loads of a database that times out", loads)
		}
	})
}
