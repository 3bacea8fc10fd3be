package thaw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/guard"
)

// startCluster starts n nodes that share the slots evenly.
func startCluster(t *testing.T, n int) []*server {
	t.Helper()
	nodes := make([]*server, n)
	for i := range nodes {
		nodes[i] = startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		from, to := 16384*i/n, 16384*(i+1)/n-1
		if out := nodes[i].ask(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", from, to)); !strings.Contains(out, "+OK") {
			t.Fatal(out)
		}
	}
	for _, other := range nodes[1:] {
		other.ask(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", port(other.addr)[0]))
		nodes[0].ask("CLUSTER MEET " + strings.ReplaceAll(other.addr, ":", " "))
	}
	for _, s := range nodes {
		eventually(t, "the cluster is up", func() bool {
			return strings.Contains(s.ask("CLUSTER INFO"), "cluster_state:ok") && strings.Contains(s.ask("CLUSTER INFO"), fmt.Sprintf("cluster_known_nodes:%d", n))
		})
	}
	return nodes
}

// 18. MGET and DEL across slots: on one node that owns all slots, as a serverless
// cache presents itself, and on two.
func TestScenario18AcrossSlots(t *testing.T) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			nodes := startCluster(t, n)
			c := open(t, Options{URL: nodes[0].url()})
			var keys []string
			for i := range 50 {
				keys = append(keys, fmt.Sprintf("key:%d", i))
			}
			calls := 0
			load := func(_ context.Context, missing []string) (map[string]string, error) {
				calls++
				out := map[string]string{}
				for _, k := range missing {
					out[k] = "v" + k
				}
				return out, nil
			}
			warm(t, c)
			for _, want := range []Source{FromDatabase, FromCache} {
				m, err := FetchMany(t.Context(), c, keys, time.Hour, load)
				if err != nil || len(m.Values) != len(keys) {
					t.Fatal(err, len(m.Values))
				}
				for _, k := range keys {
					if m.Values[k] != "v"+k || m.From[k] != want {
						t.Fatalf("%s: %q from %v, want %v", k, m.Values[k], m.From[k], want)
					}
				}
			}
			if err := c.Invalidate(t.Context(), keys...); err != nil {
				t.Fatal(err)
			}
			if m, err := FetchMany(t.Context(), c, keys, time.Hour, load); err != nil || m.From["key:7"] != FromDatabase || calls != 2 {
				t.Errorf("after the invalidation: %v, %v, %d loads", m.From["key:7"], err, calls)
			}
			if d := c.Stats().Dials; d > uint64(n)+1 {
				t.Errorf("%d connections to %d nodes", d, n)
			}
			if n > 1 {
				wrongMode(t, nodes)
			}
			for i := range 20 { // the lease script, on keys of every node
				k := fmt.Sprintf("other:%d", i)
				if _, from, err := Fetch(t.Context(), c, k, time.Hour, text("v")); err != nil || from != FromDatabase {
					t.Errorf("%s: from %v, %v", k, from, err)
				}
				if _, from, err := Fetch(t.Context(), c, k, time.Hour, text("v")); err != nil || from != FromCache {
					t.Errorf("%s: from %v, %v", k, from, err)
				}
			}
		})
	}
}

// warm connects and reaches every node once.
func warm(t *testing.T, c *Client) {
	t.Helper()
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "every node answers", func() bool {
		for i := range 20 {
			if err := Set(t.Context(), c, fmt.Sprintf("warm:%d", i), "v", time.Second); err != nil {
				return false
			}
		}
		return true
	})
}

// 11. Many callers with different keys on one pipelined connection, some of whom
// leave early: nobody receives another's answer.
func TestScenario11NoAnswerReachesTheWrongCaller(t *testing.T) {
	s := startRedis(t)
	c := ensured(t, Options{URL: s.url(), OperationTimeout: 2 * time.Second})
	for i := range 50 {
		k := fmt.Sprintf("key:%d", i)
		if err := Set(t.Context(), c, k, k+strings.Repeat("x", i*100), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 300 {
				k := fmt.Sprintf("key:%d", (w*31+i)%50)
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if i%7 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(i%5)*50*time.Microsecond)
				}
				v, _, err := Get[string](ctx, c, k)
				cancel()
				if err == nil && !strings.HasPrefix(v, k+"x") && v != k {
					t.Errorf("asked for %s, got %.10q", k, v)
				}
			}
		})
	}
	wg.Wait()
}

// The wrong mode is either of no consequence or named.
func TestWrongMode(t *testing.T) {
	c := open(t, Options{URL: startRedis(t).url() + "?mode=cluster"})
	fetchText(t, c, "v", FromDatabase)
	c = open(t, Options{URL: startCluster(t, 1)[0].url() + "?mode=single"})
	fetchText(t, c, "v", FromDatabase) // one node owns every slot
}

func wrongMode(t *testing.T, nodes []*server) {
	c := open(t, Options{URL: nodes[0].url() + "?mode=single"})
	causes := map[Cause]bool{}
	for i := range 20 {
		var reply *ReplyError
		if err := Set(t.Context(), c, fmt.Sprint(i), "v", time.Hour); errors.As(err, &reply) {
			causes[reply.Cause] = true
		}
	}
	if !causes[CauseClusterMode] {
		t.Errorf("a single client of a cluster: causes %v", causes)
	}
}

func TestDirectAccess(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url()})
	v, err := c.Valkey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := v.Do(t.Context(), v.B().Incr().Key("n").Build()).AsInt64(); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := open(t, Options{URL: "local://"}).Valkey(t.Context()); err == nil {
		t.Error("a local client has no server underneath")
	}
}

func TestKeySlot(t *testing.T) {
	// Values of CLUSTER KEYSLOT.
	want := map[string]uint16{"foo": 12182, "bar": 5061, "{user1000}.following": 3443, "{user1000}.followers": 3443, "foo{}{bar}": 8363, "foo{{bar}}zap": 4015, "foo{bar}{zap}": 5061, "": 0}
	got := map[string]uint16{}
	for k := range want {
		got[k] = keySlot(k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The fake's script is what a real server does with ours.
func TestFakeAgainstReal(t *testing.T) {
	s := startRedis(t)
	n := newFakeNode()
	real := open(t, Options{URL: s.url()})
	fake := faked(t, n, Options{})
	now := time.Now()
	old, t1, t2 := now.Add(-time.Hour), newToken(), newToken()
	value := func(fresh time.Time) []byte {
		return append(appendHeader(nil, entry{format: formatRaw, fresh: fresh}), "v"...)
	}
	type step struct {
		what  string
		token token
		fresh bool
		at    time.Time
	}
	steps := []step{
		{"claim", t1, false, now}, {"claim", t1, false, now}, {"claim", t2, false, now}, {"commit", t2, false, now}, {"abandon", t1, false, now},
		{"claim", t1, false, now}, {"commit", t1, false, now.Add(time.Hour)}, {"commit", t1, false, now}, {"claim", t2, false, now}, {"claim", t2, true, now},
		{"claim", t1, true, now}, {"claim", t1, true, now.Add(time.Minute)}, {"abandon", t2, false, now}, {"abandon", t1, false, now}, {"set", t1, false, old},
		{"claim", t1, false, now}, {"claim", t2, false, now}, {"commit", t1, false, now.Add(time.Hour)}, {"foreign", t1, false, now}, {"claim", t2, false, now}, {"delete", t1, false, now}, {"commit", t2, false, now},
	}
	run := func(c *Client, st step) (out string) {
		err := c.server(t.Context(), time.Second, func(call *callContext) error {
			switch st.what {
			case "claim":
				state, err := c.store.claim(call, "k", st.token, st.at, 10*time.Second, st.fresh)
				out = fmt.Sprint(state)
				return err
			case "commit":
				ok, err := c.store.commit(call, "k", st.token, value(st.at), time.Hour)
				out = fmt.Sprint(ok)
				return err
			case "abandon":
				return c.store.abandon(call, "k", st.token)
			case "set":
				return c.store.set(call, "k", value(st.at), time.Hour)
			case "foreign":
				return c.store.set(call, "k", []byte("hello, I am another program's value"), time.Hour)
			}
			return c.store.remove(call, []string{"k"})
		})
		b, found, _ := c.lookup(t.Context(), "k", time.Second, false)
		return fmt.Sprint(out, err, found, b.format, b.flags, b.fresh.UnixMilli(), string(b.payload))
	}
	for i, st := range steps {
		if a, b := run(real, st), run(fake, st); a != b {
			t.Errorf("step %d, %s:\n real %s\n fake %s", i, st.what, a, b)
		}
	}
}

// A node of a cluster is paused: callers wait until the breaker opens and no
// longer, each within its budget, and the cache is used again afterwards.
func TestClusterNodePaused(t *testing.T) {
	s := startCluster(t, 1)[0]
	c := ensured(t, Options{URL: s.url(), OperationTimeout: 50 * time.Millisecond})
	fetchText(t, c, "v", FromDatabase)
	s.pause()
	for range 100 {
		fetchText(t, c, "v", FromDatabase)
	}
	if n := c.Stats().Timeouts; n > 6 {
		t.Errorf("%d callers waited", n)
	}
	s.resume()
	eventually(t, "the cache answers again", func() bool {
		_, from, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
		return err == nil && from == FromCache
	})
}

// The connection to a node of a cluster is lost during a freeze: nobody sees it.
func TestClusterFreeze(t *testing.T) {
	s := startCluster(t, 1)[0]
	c := ensured(t, Options{URL: s.url()})
	fetchText(t, c, "v", FromDatabase)
	for range 5 {
		s.ask("CLIENT KILL TYPE normal")
		c.freeze(10 * time.Minute)
		fetchText(t, c, "v", FromCache)
	}
	if n := c.Stats(); n.Broken > 0 {
		t.Errorf("%+v", n)
	}
}

// A key that the user may not write says nothing about scripts.
func TestLeaseOfAForbiddenKey(t *testing.T) {
	s := startRedis(t, "--user", "default", "on", "nopass", "%R~ro:*", "~k", "+@all")
	c := open(t, Options{URL: s.url()})
	if _, from, err := Fetch(t.Context(), c, "ro:1", time.Hour, text("v")); from != FromDatabase || err != nil {
		t.Fatal(from, err)
	}
	if c.store.(*valkeyStore).noScript.Load() {
		t.Error("scripts are given up for all keys")
	}
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
}

// The log says that there are no scripts, and no key.
func TestNoKeyInTheLog(t *testing.T) {
	s := startRedis(t, "--rename-command", "EVALSHA", "", "--rename-command", "EVAL", "")
	var log bytes.Buffer
	c := open(t, Options{URL: s.url(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	fetchText(t, c, "v", FromDatabase)
	if _, _, err := Fetch(t.Context(), c, "customer@example.com", time.Hour, text("v")); err != nil {
		t.Fatal(err)
	}
	if out := log.String(); !strings.Contains(out, "refuses scripts") || strings.Contains(out, "claim") {
		t.Error(out)
	}
}

// One node of a cluster is away, killed or silent, while the others answer: its keys
// are loaded without a wait for it and without a dial for each call, and it is used
// again when it is back.
func TestClusterNodeAway(t *testing.T) {
	nodes := startCluster(t, 3)
	for _, n := range nodes {
		n.ask("CONFIG SET cluster-require-full-coverage no")
	}
	c := ensured(t, Options{URL: nodes[2].url()})
	warm(t, c)
	keys := make([]string, len(nodes))
	for i := range 100 {
		keys[int(keySlot(itoa(i)))*len(nodes)/16384] = itoa(i)
	}
	fetch := func(k string) (Source, time.Duration) {
		began := time.Now()
		_, from, err := Fetch(t.Context(), c, k, time.Hour, text("v"))
		if err != nil {
			t.Fatal(err)
		}
		return from, time.Since(began)
	}
	for _, k := range keys {
		fetch(k)
	}
	for _, away := range []func(){func() { nodes[0].pause() }, func() { nodes[0].stop() }} {
		away()
		before := c.Stats()
		slow, answered, n := 0, 0, 0
		for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if _, took := fetch(keys[0]); took > c.opts.OperationTimeout/2 {
				slow++
			}
			if from, _ := fetch(keys[1]); from == FromCache {
				answered++
			}
			n++
		}
		// Proving the connection takes a second, and so does the first attempt at another.
		if s := c.Stats(); slow > 14 || answered < n*9/10 || s.Dials-before.Dials > 15 {
			t.Errorf("%d of %d callers waited, %d were answered by another node, %d dials", slow, n, answered, s.Dials-before.Dials)
		}
		if nodes[0].cmd == nil {
			break
		}
		nodes[0].resume()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if from, _ := fetch(keys[0]); from == FromCache {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the node is back and not used")
			}
		}
	}
}

// FetchMany uses what the nodes that are there answer, stores at them what it loads,
// and leaves no lease behind.
func TestFetchManyNodeAway(t *testing.T) {
	nodes := startCluster(t, 3)
	for _, n := range nodes {
		n.ask("CONFIG SET cluster-require-full-coverage no")
	}
	c := ensured(t, Options{URL: nodes[2].url(), OperationTimeout: time.Second})
	warm(t, c)
	var keys, away []string
	for i := range 60 {
		keys = append(keys, itoa(i))
		if keySlot(itoa(i)) < 16384/3 {
			away = append(away, itoa(i))
		}
	}
	var asked []string
	fetch := func() map[string]Source {
		m, err := FetchMany(t.Context(), c, keys, time.Hour, func(_ context.Context, missing []string) (map[string]string, error) {
			asked = missing
			out := map[string]string{}
			for _, k := range missing {
				out[k] = "v" + k
			}
			return out, nil
		})
		if err != nil || len(m.Values) != len(keys) || m.Values["7"] != "v7" {
			t.Fatal(err, m.Values)
		}
		return m.From
	}
	fetch()
	nodes[0].stop()
	eventually(t, "the others answer", func() bool { asked = nil; fetch(); return slices.Equal(asked, away) })
	// What is missing at the nodes that are there is leased and stored, all of it.
	eventually(t, "the others store", func() bool {
		for _, n := range nodes[1:] {
			n.ask("FLUSHALL")
		}
		fetch()
		fetch()
		return slices.Equal(asked, away)
	})
	for _, k := range keys {
		if _, _, err := Get[string](t.Context(), c, k); err == nil == slices.Contains(away, k) {
			t.Errorf("%s: %v", k, err)
		}
	}
	if b := c.Stats().Breaker; b != guard.Closed {
		t.Errorf("the breaker is %v", b)
	}
}

// A node that has no connection left is not dialled for each call, and is used again
// once it has.
func TestClusterNodeFull(t *testing.T) {
	nodes := startCluster(t, 2)
	c := ensured(t, Options{URL: nodes[1].url()})
	warm(t, c)
	var keys [2]string
	for i := range 100 {
		keys[int(keySlot(itoa(i)))/8192] = itoa(i)
	}
	last, err := net.Dial("tcp", nodes[0].addr) // takes the one place that there is
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	io.WriteString(last, "CONFIG SET maxclients 1\r\n")
	last.Read(make([]byte, 5))
	for _, s := range c.store.(*valkeyStore).links[0].current.Load().sockets() {
		if s.addr == nodes[0].addr {
			s.Conn.Close()
		}
	}
	before := c.Stats().Dials
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		for _, k := range keys {
			if _, _, err := Fetch(t.Context(), c, k, time.Hour, text("v")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := c.Stats().Dials - before; n > 20 {
		t.Errorf("%d dials in a second", n)
	}
	io.WriteString(last, "CONFIG SET maxclients 100\r\n")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, from, _ := Fetch(t.Context(), c, keys[0], time.Hour, text("v")); from == FromCache {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the node has room and is not used")
		}
	}
}
