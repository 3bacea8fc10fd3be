package thaw

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// 3. A thousand environments start at once with TLS: one connection each, none
// refused, no call beyond its budget; and the engine pays for them what it pays for
// as many bare TLS connections that send the same commands, no more. Both sides
// share this machine's cores, so how long it takes is logged and not judged.
func TestScenario03StartTogetherWithTLS(t *testing.T) {
	const environments = 1000
	s, config := startTLS(t)
	clients := make([]*Client, environments)
	for i := range clients {
		clients[i] = open(t, Options{URL: fmt.Sprintf("rediss://%s?name=e%d", s.name(), i), TLS: config, DialTimeout: 30 * time.Second, TLSTimeout: 30 * time.Second, AuthTimeout: 30 * time.Second, OperationTimeout: 30 * time.Second})
	}
	if err := Set(t.Context(), clients[0], "k", "v", time.Hour); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var took []time.Duration
	began, before := time.Now(), s.engineCPU(config)
	together(environments, func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		if err := clients[i].Ensure(ctx); err != nil {
			t.Error(err)
		}
		for range 3 {
			call := time.Now()
			if _, from, err := Fetch(ctx, clients[i], "k", time.Hour, text("v")); err != nil || from != FromCache {
				t.Errorf("from %v, %v", from, err)
			}
			mu.Lock()
			took = append(took, time.Since(call))
			mu.Unlock()
		}
	})
	elapsed, ours := time.Since(began), s.engineCPU(config)-before
	slices.Sort(took)
	worst := took[len(took)-1]
	t.Logf("%d environments connected in %v; Fetch p50 %v, p99 %v, longest %v", environments, elapsed, took[len(took)/2], took[len(took)*99/100], worst)
	if budget := clients[0].opts.OperationTimeout; worst > budget+time.Second {
		t.Errorf("a call took %v, its budget was %v", worst, budget)
	}
	var dials uint64
	for _, c := range clients {
		dials += c.Stats().Dials
	}
	if dials != environments {
		t.Errorf("%d connections for %d environments", dials, environments)
	}

	bare, config := startTLS(t)
	before = bare.engineCPU(config)
	together(environments, func(int) {
		if err := bareTLS(bare.name(), config); err != nil {
			t.Error(err)
		}
	})
	theirs := bare.engineCPU(config) - before
	t.Logf("engine CPU: %v for these clients, %v for bare TLS connections with the same commands", ours, theirs)
	if ours > theirs*3/2 {
		t.Errorf("the engine spent %v on these clients and %v on bare connections: more than half as much again", ours, theirs)
	}
}

// together runs fn(0) to fn(n-1) at the same time.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// bareTLS does what an environment of scenario 3 does, without a client library.
func bareTLS(addr string, config *tls.Config) error {
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, command := range []string{"HELLO 3 SETNAME bare", "CLIENT SETINFO LIB-NAME bare", "GET k", "GET k", "GET k"} {
		if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
			return err
		}
		if _, err := c.Read(make([]byte, 1024)); err != nil {
			return err
		}
	}
	return nil
}

// engineCPU is the CPU time that the server has spent, as it says itself.
func (s *server) engineCPU(config *tls.Config) time.Duration {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.name(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "INFO cpu\r\nQUIT\r\n")
	info, _ := io.ReadAll(c)
	var sum float64
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			n, _ := strconv.ParseFloat(value, 64)
			sum += n
		}
	}
	if sum == 0 {
		s.t.Fatalf("no CPU time in %q", info)
	}
	return time.Duration(sum * float64(time.Second))
}

// 6. A token signed shortly before its session ends: each dial asks anew, so none
// is ever older than the dial.
func TestScenario06ExpiredCredentials(t *testing.T) {
	s := startRedis(t, "--requirepass", "p1")
	asked := 0
	c := open(t, Options{URL: s.url(), Credentials: func(context.Context) (string, string, error) {
		asked++
		return "default", fmt.Sprintf("p%d", asked), nil
	}})
	fetchText(t, c, "v", FromDatabase)
	admin(t, s, "AUTH p1\r\nCONFIG SET requirepass p2")
	c.store.(*valkeyStore).links[0].current.Load().sockets()[0].Conn.Close()
	c.freeze(time.Minute)
	fetchText(t, c, "v", FromCache)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func admin(t *testing.T, s *server, commands string) {
	t.Helper()
	if out := s.ask(commands); strings.Contains(out, "-") && !strings.Contains(out, "+OK") {
		t.Fatal(out)
	}
}

// 7. Twelve hours idle, then one call with credentials that age: it succeeds, and
// the connection has authenticated again.
func TestScenario07TwelveHoursIdleWithIAM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		tokens := 0
		c := faked(t, n, Options{Credentials: func(context.Context) (string, string, error) {
			tokens++
			return "user", fmt.Sprintf("token%d", tokens), nil
		}})
		fetchText(t, c, "v", FromDatabase)
		time.Sleep(12*time.Hour + time.Minute)
		fetchText(t, c, "v", FromDatabase) // the TTL of an hour is over, the cache was asked
		fetchText(t, c, "v", FromCache)
		if tokens != 2 || n.count("AUTH") != 1 || n.dials != 1 {
			t.Errorf("%d tokens, %d AUTH, %d dials", tokens, n.count("AUTH"), n.dials)
		}
		c.Close()
	})
}

// Credentials that never come and do not mind their context fail one attempt, not all.
func TestCredentialsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var asked atomic.Int32
		c := faked(t, newFakeNode(), Options{Credentials: func(context.Context) (string, string, error) {
			if asked.Add(1) == 1 {
				<-hang
			}
			return "user", "token", nil
		}})
		var connect *ConnectError
		if err := c.Ensure(t.Context()); !errors.As(err, &connect) || connect.Cause != CauseCredentials {
			t.Error(err)
		}
		if err := c.Ensure(t.Context()); err != nil {
			t.Error(err)
		}
		close(hang)
		c.Close()
		time.Sleep(time.Minute) // what the failed attempt began ends
	})
}

// A server that does not know HELLO quotes it and hangs up: the token is not told.
func TestQuotedCredentialsStaySecret(t *testing.T) {
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
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'app' 's3cr3t' \r\n")
			conn.Close()
		}
	}()
	c := open(t, Options{URL: "redis://" + l.Addr().String(), Credentials: func(context.Context) (string, string, error) { return "app", "s3cr3t", nil }})
	if err := c.Ensure(t.Context()); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Error(err)
	}
}

// 8. Failover with a DNS change: the old primary is alive and answers READONLY.
func TestScenario08FailoverWithDNSChange(t *testing.T) {
	old, fresh := startRedis(t), startRedis(t)
	var address atomic.Pointer[string]
	address.Store(&old.addr)
	c := open(t, Options{URL: "redis://primary.example:6379"})
	d := c.store.(*valkeyStore).links[0].dialer
	real := *d
	d.resolve = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
	d.connect = func(ctx context.Context, _ string) (netConn, error) {
		return real.tcp(ctx, *address.Load(), []string{"127.0.0.1"}, port(*address.Load()))
	}
	if err := Set(t.Context(), c, "k", "v1", time.Hour); err != nil {
		t.Fatal(err)
	}
	old.ask("REPLICAOF " + strings.ReplaceAll(fresh.addr, ":", " "))
	address.Store(&fresh.addr)
	began := time.Now()
	if err := Set(t.Context(), c, "k", "v2", time.Hour); err != nil {
		t.Fatalf("the first write after the failover: %v", err)
	}
	t.Logf("first good write after %v", time.Since(began))
	if v, _, err := Get[string](t.Context(), c, "k"); err != nil || v != "v2" {
		t.Errorf("%q, %v", v, err)
	}
}

// 8, when the name still leads to the old primary: the backoff bounds the redials.
func TestScenario08StaleDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		n.set(func(n *fakeNode) { n.reply = "-READONLY You can't write against a read only replica.\r\n" })
		for range 1000 {
			_, _, err := Fetch(t.Context(), c, "k", time.Hour, text("v"))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n.dials > 60 {
			t.Errorf("%d dials in a second", n.dials)
		}
		n.set(func(n *fakeNode) { n.reply = "" })
		time.Sleep(time.Minute)
		fetchText(t, c, "v", FromDatabase) // nobody waits for an attempt after failed ones
		synctest.Wait()
		fetchText(t, c, "v", FromCache)
		c.Close()
	})
}

// 8, when reads go on beside the writes, as a replica answers them: the breaker stays
// closed, and it is the backoff alone that bounds the redials.
func TestScenario08StaleDNSAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		c := faked(t, n, Options{})
		fetchText(t, c, "v", FromDatabase)
		n.set(func(n *fakeNode) { n.demoted = true })
		for i := range 20_000 {
			for _, k := range []string{"k", "k", "k", "k", "miss" + itoa(i)} {
				if _, _, err := Fetch(t.Context(), c, k, time.Hour, text("v")); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Millisecond)
		}
		if n.dials > 30 {
			t.Errorf("%d dials in 20 s", n.dials)
		}
		n.set(func(n *fakeNode) { n.demoted = false })
		time.Sleep(maxBackoff)
		eventually(t, "the new primary is used", func() bool {
			return Set(t.Context(), c, "k", "w", time.Hour) == nil
		})
		c.Close()
	})
}

// 9. TLS server and plain client, and the reverse: a named error, no hang.
func TestScenario09TLSMismatch(t *testing.T) {
	secure, config := startTLS(t)
	plain := startRedis(t)
	for _, tt := range []struct {
		url   string
		cause Cause
	}{
		{"redis://" + secure.name(), CauseTLSServer},
		{"rediss://" + plain.name(), CausePlainServer},
		{"rediss://" + secure.addr, CauseCertificate}, // the address is not in the certificate
	} {
		c := open(t, Options{URL: tt.url, TLS: config})
		began := time.Now()
		err := c.Ensure(t.Context())
		var connect *ConnectError
		if !errors.As(err, &connect) || connect.Stage != StageTLS || connect.Cause != tt.cause {
			t.Errorf("%s: %v", tt.url, err)
		}
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("%s: after %v", tt.url, took)
		}
		fetchText(t, c, "v", FromDatabase)
	}
}

// 14. N environments miss one hot key: one load.
func TestScenario14OneOriginCall(t *testing.T) {
	s := startRedis(t)
	const environments = 20
	var loads atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range environments {
		c := ensured(t, Options{URL: fmt.Sprintf("%s?name=e%d", s.url(), i), OperationTimeout: 2 * time.Second, LeaseWait: 2 * time.Second})
		wg.Go(func() {
			<-start
			v, _, err := Fetch(t.Context(), c, "hot", time.Hour, func(context.Context, string) (string, error) {
				loads.Add(1)
				time.Sleep(20 * time.Millisecond) // a slow origin, in real time
				return "v", nil
			})
			if err != nil || v != "v" {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	close(start)
	wg.Wait()
	if loads.Load() != 1 {
		t.Errorf("%d loads", loads.Load())
	}
}

// 17. A thaw after invalidations were missed: nothing stale out of the local tier,
// with tracking and without.
func TestScenario17ThawAfterMissedInvalidations(t *testing.T) {
	s := startRedis(t)
	writer := open(t, Options{URL: s.url() + "?name=writer"})
	for _, tracking := range []bool{false, true} {
		c := ensured(t, Options{URL: fmt.Sprintf("%s?name=reader%v", s.url(), tracking), LocalSize: 1 << 20, LocalTTL: time.Minute, LocalTracking: tracking})
		if err := writer.Invalidate(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		fetchText(t, writer, "old", FromDatabase)
		fetchText(t, c, "old", FromCache)
		fetchText(t, c, "old", FromLocal)
		if tracking {
			// Not frozen: the announcement arrives.
			if err := Set(t.Context(), writer, "k", "new", time.Hour); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the invalidation arrives", func() bool {
				v, _, err := Get[string](t.Context(), c, "k")
				return err == nil && v == "new"
			})
			fetchText(t, c, "new", FromLocal)
		}
		// Frozen for ten minutes, the connection cut, the key changed meanwhile.
		if err := Set(t.Context(), writer, "k", "newer", time.Hour); err != nil {
			t.Fatal(err)
		}
		c.store.(*valkeyStore).links[0].current.Load().sockets()[0].Conn.Close()
		c.freeze(10 * time.Minute)
		c.local.age("k", 10*time.Minute)
		fetchText(t, c, "newer", FromCache)
	}
}

// age moves the time at which key was read into the past.
func (l *localTier) age(key string, d time.Duration) {
	if e, ok := l.cache.GetIfPresent(key); ok {
		old := *e
		old.since -= int64(d)
		l.cache.Set(key, &old)
	}
}
