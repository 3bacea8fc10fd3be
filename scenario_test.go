package thaw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thawdev/thaw/guard"
)

// The scenarios of handbook/user-pains.md, section 8, that concern a client, by
// number. Those where waiting is the point run in virtual time.

// 1. Idle 7 and 10 minutes frozen, then a burst: no error, the added latency
// stated.
func TestScenario01FrozenSevenAndTenMinutes(t *testing.T) {
	for _, minutes := range []time.Duration{7, 10} {
		for _, how := range []string{"alive", "reset", "vanished"} {
			t.Run(how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newFakeNode()
					c := faked(t, n, Options{})
					fetchText(t, c, "v", FromDatabase)
					fetchText(t, c, "v", FromCache)
					time.Sleep(minutes * time.Minute)
					switch how {
					case "reset":
						n.cut()
					case "vanished":
						n.vanish()
					}
					began := time.Now()
					fetchText(t, c, "v", FromCache)
					took := time.Since(began)
					if limit := map[string]time.Duration{"alive": 0, "reset": 0, "vanished": 100 * time.Millisecond}[how]; took > limit {
						t.Errorf("the first call after %v min took %v more than the network", minutes, took)
					}
					for range 10 {
						fetchText(t, c, "v", FromCache)
					}
					if s := c.Stats(); s.Broken+s.Timeouts > 0 {
						t.Errorf("callers met the dead connection: %+v", s)
					}
					c.Close()
				})
			})
		}
	}
}

func fetchText(t *testing.T, c *Client, want string, from Source) {
	t.Helper()
	v, f, err := Fetch(t.Context(), c, "k", time.Hour, text(want))
	if err != nil || v != want || f != from {
		t.Fatalf("Fetch = %q from %v, %v; want %q from %v", v, f, err, want, from)
	}
}

// 2. The peer vanishes without FIN or RST while the process runs: recovery within
// a second or two, not 15 minutes; one caller pays, and at most the operation
// timeout.
func TestScenario02PeerVanishesSilently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		n.vanish()
		began := time.Now()
		fetchText(t, c, "v", FromDatabase)
		if took := time.Since(began); took > c.opts.OperationTimeout {
			t.Fatalf("the caller waited %v", took)
		}
		for time.Since(began) < 5*time.Second {
			call := time.Now()
			_, from, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(call); waited > 0 && from == FromDatabase {
				t.Fatalf("a later caller waited %v", waited)
			}
			if from == FromCache {
				t.Logf("recovered after %v", time.Since(began))
				c.Close()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("did not recover")
	})
}

// 4. The server is paused with its sockets open: the operation timeout once, then
// the loader at once; when it goes on, so does the cache.
func TestScenario04ServerPaused(t *testing.T) {
	s := startRedis(t)
	c := ensured(t, Options{URL: s.url()})
	fetchText(t, c, "v", FromDatabase)
	fetchText(t, c, "v", FromCache)
	s.pause()
	began := time.Now()
	fetchText(t, c, "v", FromDatabase)
	first := time.Since(began)
	if first < 200*time.Millisecond || first > time.Second {
		t.Errorf("the first caller waited %v", first)
	}
	worst := time.Duration(0)
	for range 1000 {
		began := time.Now()
		fetchText(t, c, "v", FromDatabase)
		worst = max(worst, time.Since(began))
	}
	t.Logf("first %v, worst of the next 1000: %v", first, worst)
	if n := c.Stats().Timeouts; n != 1 { // counted, for a busy machine cannot be timed
		t.Errorf("%d callers waited for the paused server", n)
	}
	s.resume()
	eventually(t, "the cache answers again", func() bool {
		_, from, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
		if err != nil {
			t.Fatal(err)
		}
		return from == FromCache
	})
	if got := s.info("connected_clients"); got != "2" { // ours and the one that asks
		t.Errorf("connected_clients = %s", got)
	}
}

// 4, the breaker: timeouts in a row open it whatever the PINGs say.
func TestScenario04BreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		n.set(func(n *fakeNode) { n.delay = 300 * time.Millisecond })
		for range 20 {
			fetchText(t, c, "v", FromDatabase)
			time.Sleep(400 * time.Millisecond) // the late reply arrives, the link recovers
		}
		if s := c.Stats(); s.Timeouts < 5 || s.Timeouts > 12 || s.Guarded == 0 {
			t.Errorf("20 calls: %d timeouts, %d guarded, breaker %v", s.Timeouts, s.Guarded, s.Breaker)
		}
		n.set(func(n *fakeNode) { n.delay = 0 })
		time.Sleep(time.Minute)
		fetchText(t, c, "v", FromCache)
		if b := c.Stats().Breaker; b != guard.Closed {
			t.Errorf("breaker %v", b)
		}
		c.Close()
	})
}

// 5. A deadline of 25 ms against a server that needs 200 ms: back within the
// deadline, and the connection is not burned.
func TestScenario05ShortDeadlineKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		n.set(func(n *fakeNode) { n.delay = 200 * time.Millisecond })
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Millisecond)
			began := time.Now()
			v, from, err := Fetch(ctx, c, "k", time.Hour, text("v"))
			if took := time.Since(began); err != nil || v != "v" || from != FromDatabase || took > 25*time.Millisecond {
				t.Errorf("%q from %v, %v after %v", v, from, err, took)
			}
			cancel()
			time.Sleep(time.Second)
		}
		n.set(func(n *fakeNode) { n.delay = 0 })
		fetchText(t, c, "v", FromCache)
		if s := c.Stats(); n.dials != 1 || s.Breaker != guard.Closed || s.Timeouts != 10 {
			t.Errorf("%d dials: a caller's short deadline was held against the server: %+v", n.dials, s)
		}
		c.Close()
	})
}

// 5, over a real socket with TLS, where a burned connection costs a handshake.
func TestScenario05OverTLS(t *testing.T) {
	s, config := startTLS(t)
	c := ensured(t, Options{URL: "rediss://" + s.name(), TLS: config})
	fetchText(t, c, "v", FromDatabase)
	for range 3 {
		s.pause()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, from, err := Fetch(ctx, c, "k", time.Hour, text("v"))
		cancel()
		if err != nil || from != FromDatabase {
			t.Errorf("from %v, %v", from, err)
		}
		s.resume()
		eventually(t, "the cache answers again", func() bool {
			_, from, _ := Fetch(t.Context(), c, "k", time.Hour, text("v"))
			return from == FromCache
		})
	}
	if s := c.Stats(); s.Dials != 1 {
		t.Errorf("%d connections for one client", s.Dials)
	}
}

// 5, beside an invalidation: the time of the one that runs out is not the other's.
func TestScenario05BesideAnInvalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		if err := Set(t.Context(), c, "k", "v", time.Hour); err != nil {
			t.Fatal(err)
		}
		n.set(func(n *fakeNode) { n.delay = 30 * time.Millisecond })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		go Get[string](ctx, c, "k")
		synctest.Wait()
		if err := c.Invalidate(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Dials != 1 || s.Retries != 1 {
			t.Errorf("%+v", s)
		}
		c.Close()
	})
}

// 15. A delete races a slow reader: the old value never returns.
func TestScenario15DeleteRacesSlowReader(t *testing.T) {
	s := startRedis(t)
	reader := open(t, Options{URL: s.url() + "?name=reader"})
	writer := open(t, Options{URL: s.url() + "?name=writer"})
	loading, written := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, _, err := Fetch(t.Context(), reader, "k", time.Hour, func(context.Context, string) (string, error) {
			close(loading)
			<-written
			return "old", nil // read before the write
		})
		done <- err
	}()
	<-loading
	if err := writer.Invalidate(t.Context(), "k"); err != nil { // the database holds "new" now
		t.Fatal(err)
	}
	close(written)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Client{writer, reader} {
		if v, from, err := Get[string](t.Context(), c, "k"); !errors.Is(err, ErrMiss) {
			t.Errorf("the old value came back: %q from %v, %v", v, from, err)
		}
	}
	if n := reader.Stats().StoresRefused; n != 1 {
		t.Errorf("%d stores refused", n)
	}
	fetchText(t, writer, "new", FromDatabase)
	fetchText(t, reader, "new", FromCache)
}

// OperationTimeout decides, also if it is longer than what connecting may take.
func TestSlowServerHasOperationTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{OperationTimeout: 5 * time.Second})
		if err := Set(t.Context(), c, "k", "v", time.Hour); err != nil {
			t.Fatal(err)
		}
		n.set(func(n *fakeNode) { n.delay = 3 * time.Second })
		if v, _, err := Get[string](t.Context(), c, "k"); v != "v" || err != nil || n.dials != 1 {
			t.Errorf("%q, %v, %d dials", v, err, n.dials)
		}
		c.Close()
	})
}

// 4, on a connection that many callers share: those in flight wait once, nobody
// after them, and the connection is kept when the server goes on.
func TestScenario04Pipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		n.set(func(n *fakeNode) { n.delay = time.Millisecond })
		together := func() {
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() { Fetch(t.Context(), c, fmt.Sprint(i), time.Hour, text("v")) })
			}
			wg.Wait()
		}
		together()
		n.set(func(n *fakeNode) { n.delay = 700 * time.Millisecond / 10 }) // the tenth reply comes after 700 ms
		together()
		before := c.Stats().Timeouts
		began := time.Now()
		together()
		if took := time.Since(began); took > 0 {
			t.Errorf("callers waited %v for a suspect connection", took)
		}
		n.set(func(n *fakeNode) { n.delay = 0 })
		time.Sleep(2 * time.Second)
		_, from, err := Fetch(t.Context(), c, "0", time.Hour, text("v"))
		if s := c.Stats(); err != nil || from != FromCache || s.Dials != 1 || before == 0 || s.Timeouts != before {
			t.Errorf("from %v, %v, %d timeouts before: %+v", from, err, before, s)
		}
		c.Close()
	})
}
