package thaw

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"
)

// The table of docs/client.md in one run, each figure beside its limit:
//
//	THAW_FIGURES=1 go test -run Figures -v .
//
// The three clients take turns, 200 calls each, so that whatever else the machine
// does falls on all of them alike; figures are medians of 150 turns.
func TestFigures(t *testing.T) {
	if os.Getenv("THAW_FIGURES") == "" {
		t.Skip("set THAW_FIGURES=1: this measures, on a machine with nothing else to do")
	}
	s := startRedis(t)
	figureHit(t, s, 100)
	figureHit(t, s, 1000)
	figureHit(t, s, 10000)
	figureParallel(t, s)
	figureLocal(t, s)
	figureFreeze(t, s)
	figurePaused(t)
	figureMemory(t, s)
	figureBinary(t)
}

func median(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }

func figureHit(t *testing.T, s *server, size int) {
	const blocks, block = 150, 200
	value := bytes.Repeat([]byte("x"), size)
	c := ensured(t, Options{URL: s.url()})
	key := fmt.Sprint("k", size)
	load := func(context.Context, string) ([]byte, error) { return value, nil }
	bare, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	plain := redis.NewClient(&redis.Options{Addr: s.addr})
	defer plain.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	plain.Set(ctx, "bare", value, 0)
	Fetch(ctx, c, key, time.Hour, load)
	calls := []func(){
		func() { bare.Do(ctx, bare.B().Get().Key("bare").Build()).AsBytes() },
		func() { Fetch(ctx, c, key, time.Hour, load) },
		func() { plain.Get(ctx, "bare").Bytes() },
	}
	took := make([][]time.Duration, len(calls))
	for range blocks {
		for i, f := range calls {
			began := time.Now()
			for range block {
				f()
			}
			took[i] = append(took[i], time.Since(began)/block)
		}
	}
	v, th, g := median(took[0]), median(took[1]), median(took[2])
	allocs := func(f func()) float64 { return testing.AllocsPerRun(1000, f) }
	t.Logf("hit of %5d bytes: valkey-go %v, thaw %v (%+.1f %%), go-redis %v (%+.1f %%); allocations %v, %v (%+v), %v", size,
		v, th, 100*(float64(th)/float64(v)-1), g, 100*(float64(g)/float64(v)-1),
		allocs(calls[0]), allocs(calls[1]), allocs(calls[1])-allocs(calls[0]), allocs(calls[2]))
}

// figureParallel is a long-lived service: many requests at once on one client.
func figureParallel(t *testing.T, s *server) {
	const workers, calls = 64, 500
	value := bytes.Repeat([]byte("x"), 1000)
	c := ensured(t, Options{URL: s.url() + "?name=parallel"})
	load := func(context.Context, string) ([]byte, error) { return value, nil }
	Fetch(t.Context(), c, "k1000", time.Hour, load)
	bare, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true, DisableCache: true, PipelineMultiplex: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	plain := redis.NewClient(&redis.Options{Addr: s.addr})
	defer plain.Close()
	run := func(f func()) time.Duration {
		var wg sync.WaitGroup
		began := time.Now()
		for range workers {
			wg.Go(func() {
				for range calls {
					f()
				}
			})
		}
		wg.Wait()
		return time.Since(began)
	}
	ctx := t.Context()
	var took [3][]time.Duration
	for range 9 {
		took[0] = append(took[0], run(func() { bare.Do(ctx, bare.B().Get().Key("bare").Build()).AsBytes() }))
		took[1] = append(took[1], run(func() { Fetch(ctx, c, "k1000", time.Hour, load) }))
		took[2] = append(took[2], run(func() { plain.Get(ctx, "bare").Bytes() }))
	}
	rate := func(d []time.Duration) string { return fmt.Sprintf("%.0f/s", workers*calls/median(d).Seconds()) }
	t.Logf("64 callers at once, 1000 bytes: valkey-go %s, thaw %s, go-redis %s (its pool has %d connections)", rate(took[0]), rate(took[1]), rate(took[2]), plain.PoolStats().TotalConns)
}

func figureLocal(t *testing.T, s *server) {
	c := ensured(t, Options{URL: s.url() + "?name=local", LocalSize: 1 << 20, LocalTTL: time.Hour})
	load := func(context.Context, string) ([]byte, error) { return []byte("value"), nil }
	ctx := t.Context()
	Fetch(ctx, c, "k", time.Hour, load)
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Fetch(ctx, c, "k", time.Hour, load)
		}
	})
	t.Logf("local hit: %d ns, %d allocations", r.NsPerOp(), r.AllocsPerOp())
}

func figureFreeze(t *testing.T, s *server) {
	c := ensured(t, Options{URL: s.url() + "?name=freeze"})
	load := func(context.Context, string) ([]byte, error) { return []byte("value"), nil }
	Fetch(t.Context(), c, "f", time.Hour, load)
	var took []time.Duration
	for range 50 {
		s.ask("CLIENT KILL TYPE normal")
		c.freeze(10 * time.Minute)
		began := time.Now()
		_, from, err := Fetch(t.Context(), c, "f", time.Hour, load)
		took = append(took, time.Since(began))
		if err != nil || from != FromCache {
			t.Errorf("after a freeze: from %v, %v", from, err)
		}
	}
	t.Logf("first command after a freeze with a dead connection: median %v, worst of 50 %v", median(took), slices.Max(took))
}

func figurePaused(t *testing.T) {
	s := startRedis(t)
	c := ensured(t, Options{URL: s.url()})
	var reached time.Time
	load := func(context.Context, string) ([]byte, error) { reached = time.Now(); return nil, nil }
	s.pause()
	defer s.resume()
	var took []time.Duration
	for range 1001 {
		began := time.Now()
		Fetch(t.Context(), c, "p", time.Hour, load)
		took = append(took, reached.Sub(began))
	}
	first := took[0]
	c.breaker.Trip(time.Now())
	var open []time.Duration
	for range 1000 {
		began := time.Now()
		Fetch(t.Context(), c, "p", time.Hour, load)
		open = append(open, reached.Sub(began))
	}
	t.Logf("server paused: loader called after %v once, then after %v (median, link suspect), %v with the breaker open", first, median(took[1:]), median(open))
}

func figureMemory(t *testing.T, s *server) {
	heap := func() uint64 {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	c := ensured(t, Options{URL: s.url() + "?name=memory"})
	Fetch(t.Context(), c, "m", time.Hour, func(context.Context, string) (string, error) { return "v", nil })
	one := heap() - before
	before = heap()
	l := ensured(t, Options{URL: s.url() + "?name=memory2", LocalSize: 8 << 20})
	Fetch(t.Context(), l, "m", time.Hour, func(context.Context, string) (string, error) { return "v", nil })
	t.Logf("memory of an open client: %d KiB; with a local tier, nearly empty: %d KiB", one>>10, (heap()-before)>>10)
	runtime.KeepAlive(c)
	runtime.KeepAlive(l)
}

func figureBinary(t *testing.T) {
	dir, err := os.MkdirTemp(".", "_figures") // inside the module; the underscore hides it from ./...
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	size := func(name, code string) int64 {
		src := filepath.Join(dir, name)
		os.MkdirAll(src, 0o700)
		os.WriteFile(filepath.Join(src, "main.go"), []byte(code), 0o600)
		out := filepath.Join(dir, name+".bin")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./"+src)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	with := func(imports, body string) string {
		return "package main\nimport (\"context\"\n\"fmt\"\n\"os\"\n\"time\"\n" + imports + ")\nfunc main() {\nctx, cancel := context.WithTimeout(context.Background(), time.Second)\ndefer cancel()\n" + body + "\n}\n"
	}
	bare := size("bare", with(`"github.com/valkey-io/valkey-go"`, `c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{os.Args[1]}})
fmt.Println(err)
fmt.Println(c.Do(ctx, c.B().Get().Key("k").Build()).AsBytes())`))
	thaw := size("thaw", with(`"github.com/thawdev/thaw"`, `c := thaw.MustOpen(thaw.Options{URL: os.Args[1]})
fmt.Println(thaw.Fetch(ctx, c, "k", time.Hour, func(context.Context, string) ([]byte, error) { return nil, nil }))`))
	t.Logf("stripped binary: valkey-go %.2f MiB, thaw %.2f MiB: %+.2f MiB", mib(bare), mib(thaw), mib(thaw-bare))
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
