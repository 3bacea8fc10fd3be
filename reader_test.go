package thaw

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// calls returns how often s has answered GET and MGET.
func (s *server) calls() int {
	n := 0
	for line := range strings.Lines(s.ask("INFO commandstats")) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_get:calls="); ok {
			count, _, _ := strings.Cut(rest, ",")
			n += atoi(count)
		} else if rest, ok := strings.CutPrefix(line, "cmdstat_mget:calls="); ok {
			count, _, _ := strings.Cut(rest, ",")
			n += atoi(count)
		}
	}
	return n
}

// follow makes s a replica of primary and waits until it has caught up.
func (s *server) follow(primary *server) {
	s.t.Helper()
	primary.ask("CONFIG SET repl-diskless-sync-delay 0")
	s.ask("REPLICAOF " + strings.ReplaceAll(primary.addr, ":", " "))
	eventually(s.t, "the replica follows", func() bool { return s.info("master_link_status") == "up" })
}

// Hits come from the replica, misses are decided at the primary.
func TestReaderOfAReplicationGroup(t *testing.T) {
	primary, replica := startRedis(t), startRedis(t)
	replica.follow(primary)
	c := ensured(t, Options{URL: primary.url() + "?reader=" + replica.addr})
	fetchText(t, c, "v", FromDatabase)
	eventually(t, "the value reaches the replica", func() bool { return !strings.Contains(replica.ask("EXISTS k"), ":0") })
	before := primary.calls()
	for range 10 {
		fetchText(t, c, "v", FromCache)
	}
	m, err := FetchMany(t.Context(), c, []string{"k"}, time.Hour, func(context.Context, []string) (map[string]string, error) {
		return nil, errors.New("not to be loaded")
	})
	if err != nil || m.From["k"] != FromCache {
		t.Errorf("%v, %v", m.From, err)
	}
	if n := primary.calls() - before; n != 0 || replica.calls() < 11 {
		t.Errorf("the primary answered %d reads, the replica %d", n, replica.calls())
	}
	if d := c.Stats().Dials; d != 2 {
		t.Errorf("%d connections", d)
	}
}

// A replica that is behind misses what the primary has: the primary's value is
// served and nothing is loaded.
func TestReaderBehind(t *testing.T) {
	primary, behind := startRedis(t), startRedis(t) // follows nobody: behind for ever
	c := ensured(t, Options{URL: primary.url(), Reader: behind.addr})
	fetchText(t, c, "v", FromDatabase)
	for range 3 {
		fetchText(t, c, "v", FromCache)
	}
	// An old value there is served, but never stored again at the primary.
	stale := open(t, Options{URL: behind.url()})
	if err := Set(t.Context(), stale, "k", "old", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := c.Invalidate(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	fetchText(t, c, "old", FromCache)
	if out := primary.ask("EXISTS k"); !strings.Contains(out, ":0") {
		t.Errorf("the primary has the old value again: %q", out)
	}
}

// The reader is paused, or gone: no caller sees it, one at most waits, and it is
// used again afterwards.
func TestReaderOutage(t *testing.T) {
	primary, replica := startRedis(t), startRedis(t)
	replica.follow(primary)
	c := ensured(t, Options{URL: primary.url(), Reader: replica.addr, OperationTimeout: 100 * time.Millisecond})
	fetchText(t, c, "v", FromDatabase)
	eventually(t, "the value reaches the replica", func() bool { return !strings.Contains(replica.ask("EXISTS k"), ":0") })
	fetchText(t, c, "v", FromCache)
	replica.pause()
	slow := 0
	for range 100 {
		began := time.Now()
		fetchText(t, c, "v", FromCache)
		if time.Since(began) > 40*time.Millisecond {
			slow++
		}
	}
	if slow > 6 || c.Stats().Timeouts > 0 {
		t.Errorf("%d callers waited for the reader, %d timeouts", slow, c.Stats().Timeouts)
	}
	replica.resume()
	eventually(t, "the reader answers again", func() bool {
		before := replica.calls()
		fetchText(t, c, "v", FromCache)
		return replica.calls() > before
	})
	replica.stop()
	for range 20 {
		fetchText(t, c, "v", FromCache)
	}
	if c.Stats().ReaderFailed == 0 {
		t.Error("nothing says that the reader failed")
	}
}

// A cluster names its replicas; a single server cannot.
func TestReaderOfACluster(t *testing.T) {
	nodes := startCluster(t, 2)
	var followers []*server
	for _, primary := range nodes {
		follower := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		follower.ask("CLUSTER MEET " + strings.ReplaceAll(nodes[0].addr, ":", " "))
		id := strings.Fields(primary.ask("CLUSTER MYID"))[1]
		primary.ask("CONFIG SET repl-diskless-sync-delay 0")
		eventually(t, "the replica joins", func() bool {
			return strings.HasPrefix(follower.ask("CLUSTER REPLICATE "+id), "+OK")
		})
		eventually(t, "the replica follows", func() bool { return follower.info("master_link_status") == "up" })
		followers = append(followers, follower)
	}
	// A node names a replica once something has been replicated to it.
	seed := open(t, Options{URL: nodes[0].url() + "?name=seed", OperationTimeout: time.Second})
	warm(t, seed)
	for _, s := range nodes {
		for _, f := range followers {
			eventually(t, "all name the replicas", func() bool { return strings.Contains(s.ask("CLUSTER SLOTS"), ":"+port(f.addr)) })
		}
	}
	c := ensured(t, Options{URL: nodes[0].url() + "?reader=replicas", OperationTimeout: time.Second})
	warm(t, c)
	for i := range 20 {
		if err := Set(t.Context(), c, fmt.Sprint("key:", i), "v", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the replicas answer, and the primaries nothing", func() bool {
		before, at := nodes[0].calls()+nodes[1].calls(), [2]int{followers[0].calls(), followers[1].calls()}
		for i := range 20 {
			if _, _, err := Get[string](t.Context(), c, fmt.Sprint("key:", i)); err != nil {
				return false
			}
		}
		return nodes[0].calls()+nodes[1].calls() == before && followers[0].calls() > at[0] && followers[1].calls() > at[1]
	})

	c = open(t, Options{URL: startRedis(t).url() + "?reader=replicas"})
	var connect *ConnectError
	if err := c.Ensure(t.Context()); !errors.As(err, &connect) || connect.Cause != CauseNoCluster {
		t.Errorf("replicas of a single server: %v", err)
	}
	fetchText(t, c, "v", FromDatabase) // the primary serves
	fetchText(t, c, "v", FromCache)
}

func TestReaderBadInput(t *testing.T) {
	for _, url := range []string{
		"memcached://h?reader=r", "redis://h?reader=r:0", "redis://h?reader=r:99999", "redis://h?reader=redis://r:6379",
		"redis://h?reader=user@r:6379", "redis://h?mode=single&reader=replicas", "redis://h?reader=:6380",
	} {
		if _, err := Open(Options{URL: url}); !errors.Is(err, ErrURL) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// In cluster mode the nodes announce changes: what is older than LocalTTL is still
// answered while all of them are heard, and a change arrives.
func TestTrackingInACluster(t *testing.T) {
	nodes := startCluster(t, 2)
	writer := open(t, Options{URL: nodes[0].url() + "?name=writer", OperationTimeout: time.Second})
	warm(t, writer)
	c := ensured(t, Options{URL: nodes[1].url(), LocalSize: 1 << 20, LocalTTL: 200 * time.Millisecond, LocalTracking: true, OperationTimeout: time.Second})
	warm(t, c)
	keys := []string{"a", "b", "c", "d"} // slots of both nodes
	for _, k := range keys {
		if err := Set(t.Context(), writer, k, "old", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	read := func(k string) (string, Source) {
		v, from, err := Get[string](t.Context(), c, k)
		if err != nil && !errors.Is(err, ErrMiss) {
			t.Fatal(err)
		}
		return v, from
	}
	// Older than LocalTTL, with calls that keep the nodes heard.
	eventually(t, "what is older than LocalTTL is answered", func() bool {
		read("missing")
		for _, k := range keys {
			now := time.Now().UnixNano()
			if e, ok := c.local.get(k, now); !ok || now-e.since < 2*int64(c.opts.LocalTTL) {
				read(k)
				return false
			}
			if v, _ := read(k); v != "old" {
				t.Fatalf("%s: %q", k, v)
			}
		}
		return true
	})
	for _, k := range keys {
		if err := Set(t.Context(), writer, k, "new", time.Hour); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the change of "+k+" arrives", func() bool { v, _ := read(k); return v == "new" })
	}
	// One node falls silent: nothing is answered on the word of the other.
	for _, k := range keys {
		read(k)
	}
	nodes[0].pause()
	defer nodes[0].resume()
	time.Sleep(300 * time.Millisecond)
	for _, k := range keys {
		if _, ok := c.local.get(k, time.Now().UnixNano()); ok {
			t.Errorf("%s is answered although a node has been silent for longer than LocalTTL", k)
		}
	}
}

// A connection to one node is lost: all that its server would have announced is
// forgotten at once.
func TestTrackingInAClusterConnectionLost(t *testing.T) {
	nodes := startCluster(t, 2)
	c := ensured(t, Options{URL: nodes[1].url(), LocalSize: 1 << 20, LocalTTL: time.Minute, LocalTracking: true, OperationTimeout: time.Second})
	warm(t, c)
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromLocal)
	for _, s := range nodes {
		s.ask("CLIENT KILL TYPE normal")
	}
	eventually(t, "the local value is dropped", func() bool {
		_, ok := c.local.get("k", time.Now().UnixNano())
		return !ok
	})
}

// The server does not announce our own writes, and no longer watches a key that they
// have touched: a lease that was taken and given back must not leave an answer that
// counts as watched.
func TestTrackingAndOurOwnLease(t *testing.T) {
	s := startRedis(t)
	writer := open(t, Options{URL: s.url() + "?name=writer", OperationTimeout: time.Second})
	c := ensured(t, Options{URL: s.url(), LocalSize: 1 << 20, LocalTTL: 200 * time.Millisecond, LocalTracking: true, EarlyRefresh: 1e9, OperationTimeout: time.Second})
	warm(t, c)
	slow := func(context.Context, string) (string, error) { time.Sleep(time.Millisecond); return "old", nil } // a value with a cost
	if _, _, err := Fetch(t.Context(), writer, "k", time.Hour, slow); err != nil {
		t.Fatal(err)
	}
	v, from, err := Fetch(t.Context(), c, "k", time.Hour, func(context.Context, string) (string, error) { return "", errOrigin })
	if v != "old" || from != FromCache || err != nil || c.Stats().LeasesGranted == 0 {
		t.Fatalf("%q from %v, %v", v, from, err)
	}
	if err := Set(t.Context(), writer, "k", "new", time.Hour); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		Get[string](t.Context(), c, "missing") // hears the server
	}
	if v, from, err := Get[string](t.Context(), c, "k"); v != "new" || err != nil {
		t.Errorf("%q from %v, %v", v, from, err)
	}
}

// What the server has told is known up to the time at which it was asked, and not up
// to that at which its reply was noted: between the two lie announcements that wait,
// and perhaps a freeze.
func TestHeardWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{LocalSize: 1 << 20, LocalTracking: true})
		fetchText(t, c, "v", FromDatabase)
		s := c.store.(*valkeyStore).links[0].current.Load()
		n.set(func(n *fakeNode) { n.delay = 100 * time.Millisecond })
		asked := time.Now().UnixNano()
		if _, _, err := Get[string](t.Context(), c, "other"); !errors.Is(err, ErrMiss) {
			t.Fatal(err)
		}
		if late := time.Duration(s.heard() - asked); late != 0 {
			t.Errorf("heard %v after it was asked", late)
		}
		c.Close()
	})
}
