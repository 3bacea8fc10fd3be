package proxy

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

// TestSaysWhetherSent guards the text that decides whether a client may repeat a
// command.
func TestSaysWhetherSent(t *testing.T) {
	t.Run("nothing listens", func(t *testing.T) {
		_, address := start(t, Options{Upstream: before(freeAddress(t))})
		c := dial(t, address)
		for range 3 {
			if got := c.do("SET", "k", "v"); !strings.HasPrefix(got, "-ERR proxy: ") || !strings.HasSuffix(got, "command was not sent\r\n") {
				t.Errorf("got %q", got)
			}
		}
	})
	t.Run("fails fast once the breaker is open", func(t *testing.T) {
		_, address := start(t, Options{Upstream: before(freeAddress(t))})
		c := dial(t, address)
		c.do("GET", "k")
		begin := time.Now()
		for range 20 {
			c.do("GET", "k")
		}
		if d := time.Since(begin); d > 3*time.Second {
			t.Errorf("20 commands took %v", d)
		}
	})
	for name, last := range map[string]string{
		"closed before the reply":     "",
		"closed in the middle":        "$100\r\nhalf of i",
		"an answer that is not RESP":  "what?\r\n",
		"an answer that nobody asked": "+OK\r\n+OK\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
				switch {
				case args[0] == "GET" && c.number == 1 && strings.HasPrefix(last, "+OK"):
					return []byte(last)
				case args[0] == "GET" && c.number == 1:
					c.Write([]byte(last))
					time.Sleep(20 * time.Millisecond)
					c.Close()
				}
				return nil
			})
			_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
			c := dial(t, address)
			got := c.do("GET", "k")
			switch {
			case strings.HasPrefix(last, "+OK"):
				// The first is the answer; the second must not reach anyone.
				if got != "+OK\r\n" {
					t.Errorf("got %q", got)
				}
				eventually(t, "a new connection", func() bool {
					return c.do("ECHO", "mine") == "$4\r\nmine\r\n" && f.opened() > 1
				})
				return
			case strings.HasPrefix(last, "$"):
				if !strings.HasPrefix(got, "<closed") {
					t.Errorf("got %q, want the end: the client has half of an answer", got)
				}
				c = dial(t, address)
			case !strings.HasPrefix(got, "-ERR proxy: upstream connection ") || !strings.HasSuffix(got, "command was sent and may have been executed\r\n"):
				t.Errorf("got %q", got)
			}
			c.expect("$2\r\nok\r\n", "ECHO", "ok")
		})
	}
}

// TestNotAServer guards that what is behind the address is named.
func TestNotAServer(t *testing.T) {
	for name, c := range map[string]struct{ greeting, want string }{
		"memcached": {"ERROR\r\nERROR\r\n", "Memcached"},
		"web":       {"HTTP/1.1 400 Bad Request\r\n\r\n", "web server"},
		"tls":       {"\x15\x03\x01\x00\x02\x02", "rediss://"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				for {
					nc, err := ln.Accept()
					if err != nil {
						return
					}
					nc.Write([]byte(c.greeting))
					defer nc.Close()
				}
			}()
			p, address := start(t, Options{Upstream: before(ln.Addr().String())})
			cl := dial(t, address)
			if got := cl.do("GET", "k"); !strings.HasSuffix(got, "command was not sent\r\n") {
				t.Errorf("got %q", got)
			}
			if why := p.up.Topology().Primary().LastError(); !strings.Contains(why, c.want) {
				t.Errorf("the log says %q, want it to name %q", why, c.want)
			}
		})
	}
}

// TestTimeoutLeavesTombstone guards that the time limit of one session's request
// neither ends the connection others use nor moves answers.
func TestTimeoutLeavesTombstone(t *testing.T) {
	release := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "GET" {
			<-release
			return []byte("$4\r\nlate\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1, RequestTimeout: 200 * time.Millisecond})
	a := dial(t, address)
	want := "-ERR proxy: request timed out after 200ms; command was sent and may have been executed\r\n"
	a.expect(want, "GET", "k")
	b := dial(t, address)
	b.send("ECHO", "b1")
	a.send("ECHO", "a1")
	close(release)
	for c, want := range map[*client]string{a: "a1", b: "b1"} {
		if got := c.read(); got != "$2\r\n"+want+"\r\n" {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	st := p.Stats()
	if st.Upstream.Abandoned != 1 || f.opened() != 1 {
		t.Errorf("%d abandoned replies and %d connections, want 1 and 1", st.Upstream.Abandoned, f.opened())
	}
}

// TestTimeoutBehindReply guards that the time limit of a request does not put its
// error into the middle of an answer that has begun.
func TestTimeoutBehindReply(t *testing.T) {
	release := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "GET" {
			c.Write([]byte("$10\r\nhalf "))
			<-release
			return []byte("of it\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1, RequestTimeout: 100 * time.Millisecond})
	a, b := dial(t, address), dial(t, address)
	a.raw("GET k\r\nECHO x\r\n")
	eventually(t, "the answer to have begun", func() bool { return f.count("GET") == 1 })
	b.expect("-ERR proxy: request timed out after 100ms; command was sent and may have been executed\r\n", "ECHO", "b")
	close(release)
	if got := a.read(); got != "$10\r\nhalf of it\r\n" {
		t.Errorf("got %q", got)
	}
	if got := a.read(); got != "$1\r\nx\r\n" && !strings.HasPrefix(got, "-ERR proxy: request timed out") {
		t.Errorf("got %q", got)
	}
	if n := p.Stats().Upstream.Desyncs; n != 0 {
		t.Errorf("%d desyncs", n)
	}
}

// TestGoneClientLeavesTombstone guards the same for a client that leaves.
func TestGoneClientLeavesTombstone(t *testing.T) {
	release := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "GET" {
			<-release
			return []byte("$4\r\nlate\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	a := dial(t, address)
	a.send("GET", "k")
	eventually(t, "the command to be under way", func() bool { return p.Stats().Upstream.Busy == 1 })
	a.nc.(*net.TCPConn).SetLinger(0)
	a.nc.Close()
	eventually(t, "the client to be gone", func() bool { return p.Stats().Clients == 0 })
	b := dial(t, address)
	b.send("ECHO", "b1")
	close(release)
	if got := b.read(); got != "$2\r\nb1\r\n" {
		t.Errorf("got %q", got)
	}
	if st := p.Stats(); st.Upstream.Abandoned != 1 || f.opened() != 1 {
		t.Errorf("%d abandoned replies and %d connections, want 1 and 1", st.Upstream.Abandoned, f.opened())
	}
}

// TestBlockedClientGone guards that the connection of a blocked call is closed
// with its client, so that the server gives the element to somebody who is there.
func TestBlockedClientGone(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server)})
	a := dial(t, address)
	a.send("BLPOP", "l", "0")
	eventually(t, "the call to block", func() bool { return p.Stats().Pinned[becauseBlocking] == 1 })
	a.nc.Close()
	eventually(t, "the pin to end", func() bool { return p.Stats().Pinned[becauseBlocking] == 0 })
	direct := dial(t, server)
	eventually(t, "the server to see it", func() bool { return strings.Contains(direct.do("INFO", "clients"), "blocked_clients:0") })
	direct.expect(":1\r\n", "LPUSH", "l", "x")
	direct.expect(":1\r\n", "LLEN", "l")
}

// TestSentinel guards that a server whose answers come apart from the requests is
// found out.
func TestSentinel(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "ECHO" && c.number == 1 {
			return []byte("$5\r\nwrong\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: upstream.Options{Address: f.address(), SentinelEvery: 3}, Loops: 1})
	c := dial(t, address)
	for range 10 {
		if got := c.do("SET", "k", "v"); got != "+OK\r\n" && !strings.Contains(got, "proxy") {
			t.Fatalf("got %q", got)
		}
	}
	if d := p.Stats().Upstream.Desyncs; d == 0 {
		t.Error("a wrong nonce was not noticed")
	}
}

// TestReadOnlyResolvesAnew guards that a failover behind the name is followed.
func TestReadOnlyResolvesAnew(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "SET" && c.number == 1 {
			return []byte("-READONLY You can't write against a read only replica.\r\n")
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.expect("-READONLY You can't write against a read only replica.\r\n", "SET", "k", "v")
	c.expect("+OK\r\n", "SET", "k", "v")
	if f.opened() != 2 {
		t.Errorf("%d connections, want 2", f.opened())
	}
}

// TestReconnectsAfterLoss guards that a command which comes after a connection was
// lost finds a new one and no error.
func TestReconnectsAfterLoss(t *testing.T) {
	server := realServer(t)
	r := newRelay(t, server, 1, &relay{})
	p, address := start(t, Options{Upstream: before(r.address())})
	c := dial(t, address)
	c.expect("+OK\r\n", "SET", "k", "v")
	for range 20 {
		r.cutAll()
		eventually(t, "the loss to be noticed", func() bool { return p.Stats().Upstream.Idle == 0 })
		c.expect("$1\r\nv\r\n", "GET", "k")
	}
}

// TestResubscribes guards subscriptions across a loss.
func TestResubscribes(t *testing.T) {
	server := realServer(t)
	r := newRelay(t, server, 1, &relay{})
	p, address := start(t, Options{Upstream: before(r.address())})
	a, b := dial(t, address), dial(t, address)
	a.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", "SUBSCRIBE", "c")
	r.cutAll()
	eventually(t, "the subscription to be restored", func() bool { return p.Stats().Resubscribed == 1 })
	eventually(t, "the message to find a receiver", func() bool { return b.do("PUBLISH", "c", "again") == ":1\r\n" })
	if got := a.read(); got != "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nagain\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestProbe guards that a silent connection whose server has died without a word
// is found before a session needs it.
func TestProbe(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "PING" && c.number == 1 {
			return []byte{}
		}
		return nil
	})
	p, address := start(t, Options{Upstream: upstream.Options{
		Address: f.address(), ProbeEvery: 200 * time.Millisecond, DialTimeout: 500 * time.Millisecond,
	}, Loops: 1})
	c := dial(t, address)
	c.expect("$1\r\nx\r\n", "ECHO", "x")
	eventually(t, "the silent connection to be closed", func() bool { return p.Stats().Upstream.Closed == 1 })
	c.expect("$1\r\nx\r\n", "ECHO", "x")
	if f.opened() != 2 {
		t.Errorf("%d connections, want 2", f.opened())
	}
}

// TestStall guards that a connection that was cut off without a word does not
// make its clients wait for ever, and that a server busy with a script is waited
// for.
func TestStall(t *testing.T) {
	for _, busy := range []bool{false, true} {
		f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
			switch {
			case c.number == 1 && args[0] == "GET":
				return []byte{}
			case busy && args[0] == "PING":
				return []byte("-BUSY Redis is busy running a script.\r\n")
			}
			return nil
		})
		_, address := start(t, Options{Upstream: upstream.Options{Address: f.address(), StallTimeout: 200 * time.Millisecond}, Loops: 1})
		c := dial(t, address)
		c.expect("$1\r\nx\r\n", "ECHO", "x")
		c.send("GET", "k")
		if !busy {
			if got := c.read(); got != "-ERR proxy: upstream connection lost; command was sent and may have been executed\r\n" {
				t.Errorf("cut off: %q", got)
			}
			c.expect("$1\r\nx\r\n", "ECHO", "x")
			continue
		}
		eventually(t, "the server to be asked twice", func() bool { return f.opened() >= 3 })
		if got := c.readFor(50 * time.Millisecond); !strings.HasPrefix(got, "<") {
			t.Errorf("busy: %q", got)
		}
	}
}

// TestErrorInPieces guards that an error which arrives in two pieces is one: CLIENT
// TRACKING would count as on, and keep its connection, although the server refused.
func TestErrorInPieces(t *testing.T) {
	seen := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] != "CLIENT" || args[1] != "TRACKING" {
			return nil
		}
		c.Write([]byte("-ERR "))
		<-seen
		return []byte("no\r\n")
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.send("CLIENT", "TRACKING", "ON")
	first := make([]byte, 5)
	if _, err := io.ReadFull(c.nc, first); err != nil || string(first) != "-ERR " {
		t.Fatalf("%q, %v", first, err)
	}
	close(seen)
	rest := make([]byte, 4)
	if _, err := io.ReadFull(c.nc, rest); err != nil || string(rest) != "no\r\n" {
		t.Fatalf("%q, %v", rest, err)
	}
	eventually(t, "the connection to be given back", func() bool { return p.Stats().Upstream.Owned == 0 })
}

// TestTurnedAway guards that a server with too many clients is not taken for one that
// has let the proxy in: each command would be lost with its connection, and HELLO
// would know no version.
func TestTurnedAway(t *testing.T) {
	server := realServer(t, "--maxclients", "1")
	direct := dial(t, server)
	eventually(t, "the only place", func() bool { return direct.do("PING") == "+PONG\r\n" })
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "HELLO" {
			return []byte("-ERR max number of clients reached\r\n")
		}
		return nil
	})
	for _, where := range []string{server, f.address()} {
		p, address := start(t, Options{Upstream: before(where), Loops: 1})
		got := dial(t, address).do("GET", "k")
		if where == f.address() && got != "-ERR max number of clients reached\r\n" {
			t.Errorf("got %q", got)
		}
		if strings.Contains(got, "was sent and") || p.Stats().Upstream.Opened > 0 {
			t.Errorf("got %q, %d connections opened", got, p.Stats().Upstream.Opened)
		}
	}
}

// TestRefusalIsOfItsTransaction guards that what a transaction was refused for is
// shown in its own EXEC, also when it had to be promoted, and in no later one.
func TestRefusalIsOfItsTransaction(t *testing.T) {
	const aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n"
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		switch args[0] {
		case "SET":
			return []byte("-OOM no\r\n")
		case "GET":
			return []byte("+QUEUED\r\n")
		case "WATCH":
			return []byte("-ERR WATCH inside MULTI is not allowed\r\n")
		case "EXEC":
			return []byte(aborted)
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	for _, end := range []string{"EXEC", "DISCARD", "RESET"} {
		c.expect("+OK\r\n", "MULTI")
		c.expect("+QUEUED\r\n", "SET", "k", "v")
		c.expect("-ERR WATCH inside MULTI is not allowed\r\n", "WATCH", "k")
		if got := c.do(end); end == "EXEC" && got != "-EXECABORT Transaction discarded because of: OOM no\r\n" {
			t.Errorf("got %q", got)
		}
		c.expect("+OK\r\n", "MULTI")
		c.expect("+QUEUED\r\n", "GET", "k")
		c.expect(aborted, "EXEC")
	}
}

// TestReadOnlyOnPin guards that a connection to a server that takes no writes any more
// is not lent again, whoever found out: the name may lead to another server now.
func TestReadOnlyOnPin(t *testing.T) {
	const readOnly = "-READONLY You can't write against a read only replica.\r\n"
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "BLPOP" && c.number <= 2 {
			return []byte(readOnly)
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	a, b := dial(t, address), dial(t, address)
	a.expect("+OK\r\n", "WATCH", "k")
	b.expect(readOnly, "BLPOP", "l", "0")
	b.expect("+OK\r\n", "BLPOP", "l", "0") // on a third one
	a.expect("+OK\r\n", "UNWATCH")
	eventually(t, "the first two to be closed", func() bool { return f.closed() == 2 })
	for range 3 {
		a.expect("+OK\r\n", "BLPOP", "l", "0")
	}
}
