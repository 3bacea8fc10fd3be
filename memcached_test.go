package thaw

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/guard"
)

func startMemcached(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, bin: requireReal(t, "memcached")}
	p := freePort(t)
	s.addr = "127.0.0.1:" + p
	s.args = []string{"-l", "127.0.0.1", "-p", p, "-U", "0", "-m", "16", "-u", "nobody"}
	s.cmd = exec.Command(s.bin, s.args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitPort()
	t.Cleanup(s.stop)
	return s
}

func TestMemcached(t *testing.T) {
	s := startMemcached(t)
	c := open(t, Options{URL: "memcached://" + s.addr})
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
	if err := c.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	fetchText(t, c, "w", FromDatabase)
	if err := Set(t.Context(), c, "k", "x", time.Hour); err != nil {
		t.Fatal(err)
	}
	if v, _, err := Get[string](t.Context(), c, "k"); v != "x" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, _, err := Get[string](t.Context(), c, "k with spaces"); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	m, err := FetchMany(t.Context(), c, []string{"k", "other"}, time.Hour, func(_ context.Context, missing []string) (map[string]string, error) {
		return map[string]string{"other": "o"}, nil
	})
	if diff := cmp.Diff(map[string]Source{"k": FromCache, "other": FromDatabase}, m.From); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if n := c.Stats().Dials; n != 1 {
		t.Errorf("%d connections", n)
	}
	c.store.(*memcachedStore).contact.Add(-int64(time.Hour)) // frozen for an hour
	fetchText(t, c, "x", FromCache)
	if n := c.Stats(); n.Replaced != 1 || n.Dials != 2 {
		t.Errorf("%+v", n)
	}
}

// 15, on Memcached: gets and cas do what the script does.
func TestMemcachedDeleteRacesSlowReader(t *testing.T) {
	s := startMemcached(t)
	c := open(t, Options{URL: "memcached://" + s.addr})
	writer := open(t, Options{URL: "memcached://" + s.addr + "?name=writer"})
	_, _, err := Fetch(t.Context(), c, "k", time.Hour, func(ctx context.Context, _ string) (string, error) {
		return "old", writer.Invalidate(ctx, "k")
	})
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := Get[string](t.Context(), c, "k"); !errors.Is(err, ErrMiss) {
		t.Errorf("the old value came back: %q, %v", v, err)
	}
}

func TestMemcachedPaused(t *testing.T) {
	s := startMemcached(t)
	c := open(t, Options{URL: "memcached://" + s.addr})
	fetchText(t, c, "v", FromDatabase)
	s.pause()
	for range 100 {
		fetchText(t, c, "v", FromDatabase)
	}
	if n := c.Stats().Timeouts; n != 1 {
		t.Errorf("%d callers waited for the paused server", n)
	}
	s.resume()
	eventually(t, "the cache answers again", func() bool {
		_, from, _ := Fetch(t.Context(), c, "k", time.Hour, text("v"))
		return from == FromCache
	})
}

func TestMemcachedAutoDiscovery(t *testing.T) {
	real := startMemcached(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			body := "12\nlocalhost|127.0.0.1|" + port(real.addr) + "\n"
			conn.Write([]byte("CONFIG cluster 0 " + itoa(len(body)) + "\r\n" + body + "\r\nEND\r\n"))
			conn.Close()
		}
	}()
	c := open(t, Options{URL: "memcached://name.cfg.example:" + port(l.Addr().String())})
	c.store.(*memcachedStore).dialer.resolve = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
}

// A list of nodes that cannot be renewed is kept, and the nodes go on answering.
func TestMemcachedConfigurationEndpointGone(t *testing.T) {
	real := startMemcached(t)
	c := open(t, Options{URL: "memcached://name.cfg.example:" + freePort(t)})
	m := c.store.(*memcachedStore)
	m.dialer.resolve = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	m.nodes.set([]string{real.addr})
	m.nodes.seen(time.Now().Add(-2 * discoverEvery))
	fetchText(t, c, "v", FromDatabase)
	for range 20 {
		fetchText(t, c, "v", FromCache)
	}
	eventually(t, "the endpoint is asked", func() bool { return c.Stats().Failed > 0 })
	if s := c.Stats(); s.Failed != 1 {
		t.Errorf("the endpoint was asked for %d times: %+v", s.Failed, s)
	}
}

// A configuration endpoint whose packets vanish holds up nobody while a list of nodes
// is known.
func TestMemcachedConfigurationEndpointSilent(t *testing.T) {
	real := startMemcached(t)
	c := open(t, Options{URL: "memcached://name.cfg.example:1", OperationTimeout: 5 * time.Second, DialTimeout: 10 * time.Second})
	m := c.store.(*memcachedStore)
	m.dialer.resolve = func(ctx context.Context, host string) ([]string, error) {
		if host == "name.cfg.example" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return []string{host}, nil
	}
	m.nodes.set([]string{real.addr})
	m.nodes.seen(time.Now().Add(-2 * discoverEvery))
	began := time.Now()
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
	if took := time.Since(began); took > c.opts.OperationTimeout || c.Stats().Timeouts > 0 {
		t.Errorf("the calls took %v, %d timeouts", took, c.Stats().Timeouts)
	}
}

// One of two nodes is paused: the other's keys are answered, stored and removed as
// ever, alone and together with those of the silent one.
func TestMemcachedOneOfTwoNodesPaused(t *testing.T) {
	a, b := startMemcached(t), startMemcached(t)
	c := open(t, Options{URL: "memcached://" + a.addr, BreakerFailures: 1000})
	m := c.store.(*memcachedStore)
	m.nodes.set([]string{a.addr, b.addr})
	var keys, well []string
	for i := range 20 {
		node, _ := m.nodes.PickServer(itoa(i))
		if keys = append(keys, itoa(i)); node.String() == a.addr {
			well = append(well, itoa(i))
		}
	}
	var asked []string
	many := func() {
		t.Helper()
		r, err := FetchMany(t.Context(), c, keys, time.Hour, func(_ context.Context, missing []string) (map[string]string, error) {
			asked = missing
			out := map[string]string{}
			for _, k := range missing {
				out[k] = "v"
			}
			return out, nil
		})
		if err != nil || len(r.Values) != len(keys) {
			t.Fatal(err, r)
		}
	}
	eventually(t, "all is stored", func() bool { asked = nil; many(); return len(asked) == 0 })
	b.pause()
	defer b.resume()
	for range 3 {
		many()
		if len(asked) != len(keys)-len(well) {
			t.Fatalf("loaded %v; the node of %v is well", asked, well)
		}
		for _, k := range well {
			if _, from, err := Fetch(t.Context(), c, k, time.Hour, text("w")); err != nil || from != FromCache {
				t.Fatalf("%s: from %v, %v: %+v", k, from, err, c.Stats())
			}
		}
	}
	if err := c.Invalidate(t.Context(), keys...); err == nil {
		t.Error("half of the keys were not removed, and nothing says so")
	}
	for _, k := range well {
		if _, _, err := Get[string](t.Context(), c, k); !errors.Is(err, ErrMiss) {
			t.Errorf("%s was not removed: %v", k, err)
		}
	}
}

// Ensure tries at once, however long the backoff of the calls has become.
func TestMemcachedEnsureAfterAnOutage(t *testing.T) {
	s := startMemcached(t)
	s.stop()
	c := open(t, Options{URL: "memcached://" + s.addr})
	if err := c.Ensure(t.Context()); err == nil {
		t.Fatal("there is no server")
	}
	m := c.store.(*memcachedStore)
	m.mu.Lock()
	last := m.redials[s.addr]
	last.next = time.Now().Round(0).Add(maxBackoff)
	m.redials[s.addr] = last
	m.mu.Unlock()
	s.start()
	if err := c.Ensure(t.Context()); err != nil {
		t.Error(err)
	}
}

// One of two nodes is dead: its keys are loaded, those of the other are answered.
func TestMemcachedOneOfTwoNodes(t *testing.T) {
	a, b := startMemcached(t), startMemcached(t)
	c := open(t, Options{URL: "memcached://" + a.addr})
	m := c.store.(*memcachedStore)
	m.nodes.set([]string{a.addr, b.addr})
	at := map[string]string{}
	for i := 0; len(at) < 2; i++ {
		node, _ := m.nodes.PickServer(itoa(i))
		at[node.String()] = itoa(i)
	}
	fetch := func(k string) Source {
		_, from, err := Fetch(t.Context(), c, k, time.Hour, text("v"))
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	fetch(at[a.addr])
	b.stop()
	for range 2 * maxDials {
		m.mu.Lock()
		last := m.redials[b.addr]
		last.next = time.Time{} // its backoff is over
		m.redials[b.addr] = last
		m.mu.Unlock()
		if from := fetch(at[b.addr]); from != FromDatabase {
			t.Fatalf("the dead node: from %v", from)
		}
		if from := fetch(at[a.addr]); from != FromCache {
			t.Fatalf("the other: from %v, %+v", from, c.Stats())
		}
	}
	a.stop()
	for range maxDials {
		m.mu.Lock()
		clear(m.redials)
		m.redials[a.addr], m.redials[b.addr] = redial{failures: maxDials - 1}, redial{failures: 1}
		m.mu.Unlock()
		fetch(at[a.addr])
	}
	if s := c.Stats().Breaker; s != guard.Open {
		t.Errorf("no node can be reached, and the breaker is %v", s)
	}
}

func TestConfigGetClusterRefusesNonsense(t *testing.T) {
	for _, answer := range []string{"", "ERROR\r\n", "CONFIG cluster 0 x\r\n", "CONFIG cluster 0 99999999\r\n", "CONFIG cluster 0 5\r\n1\n\n\n\r\nEND\r\n", "CONFIG cluster 0 9\r\n1\na|b|c|d\r\nEND\r\n"} {
		if nodes, err := configGetCluster(struct {
			*strings.Reader
			nowhere
		}{strings.NewReader(answer), nowhere{}}); err == nil {
			t.Errorf("%q: %v", answer, nodes)
		}
	}
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

func FuzzConfigGetCluster(f *testing.F) {
	f.Add("CONFIG cluster 0 24\r\n12\nlocalhost|1.2.3.4|1\n\r\nEND\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		nodes, err := configGetCluster(struct {
			*strings.Reader
			nowhere
		}{strings.NewReader(s), nowhere{}})
		if err == nil && len(nodes) == 0 {
			t.Error("no nodes and no error")
		}
	})
}

func TestRendezvousMovesOnlyItsOwnKeys(t *testing.T) {
	var a, b nodeList
	a.set([]string{"n1:1", "n2:1", "n3:1", "n4:1"})
	b.set([]string{"n1:1", "n2:1", "n3:1", "n4:1", "n5:1"})
	counts := map[string]int{}
	for i := range 10000 {
		k := "key:" + itoa(i)
		x, _ := a.PickServer(k)
		y, _ := b.PickServer(k)
		counts[y.String()]++
		if x != y && y.String() != "n5:1" {
			t.Fatalf("%s moved from %v to %v", k, x, y)
		}
	}
	for n, c := range counts {
		if c < 1600 || c > 2400 {
			t.Errorf("%s has %d of 10000 keys", n, c)
		}
	}
}

// Two callers of one local value append to it: neither sees the other's.
func TestAppendToALocalValue(t *testing.T) {
	s := startMemcached(t)
	c := open(t, Options{URL: "memcached://" + s.addr, LocalSize: 1 << 20})
	if err := Set(t.Context(), c, "k", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	var got [3][]byte
	for i := range got {
		v, _, err := Get[[]byte](t.Context(), c, "k")
		if err != nil {
			t.Fatal(err)
		}
		got[i] = append(v, byte('0'+i))
	}
	if diff := cmp.Diff([3][]byte{[]byte("v0"), []byte("v1"), []byte("v2")}, got); diff != "" {
		t.Error(diff)
	}
}

// What is no configuration endpoint is a finding of the probe.
func TestProbeOfNoConfigurationEndpoint(t *testing.T) {
	s := startMemcached(t)
	e, err := parseURL("memcached://name.cfg.example:" + port(s.addr))
	if err != nil {
		t.Fatal(err)
	}
	o, err := Options{}.withDefaults(e)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(o, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.store.close()
	c.store.(*memcachedStore).dialer.resolve = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	steps := c.probe()
	if last := steps[len(steps)-1]; last.Err == nil || !strings.Contains(last.String(), "no answer to config get cluster") {
		t.Errorf("%v", steps)
	}
}
