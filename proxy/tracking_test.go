package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/wire"
)

// TestTrackingInPipeline guards CLIENT TRACKING behind commands whose answers are
// not there yet, in a session that had nothing out of the ordinary before.
func TestTrackingInPipeline(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1})
	dial(t, address).expect("$-1\r\n", "GET", "k") // so that the next one need not wait for a connection
	c := dial(t, address)
	c.raw("GET k\r\nCLIENT TRACKING ON\r\nGET k\r\n")
	for _, want := range []string{"$-1\r\n", "+OK\r\n", "$-1\r\n"} {
		if got := c.read(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLateInvalidation guards that an invalidation which comes behind the last command
// of who asked for it is no answer out of order: its connection can be lent again.
func TestLateInvalidation(t *testing.T) {
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		if args[0] == "RESET" {
			return []byte(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+RESET\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.do("HELLO", "3")
	c.expect("+OK\r\n", "CLIENT", "TRACKING", "ON")
	c.expect("+RESET\r\n", "RESET")
	eventually(t, "the connection to be as new, or ended", func() bool { st := p.Stats().Upstream; return st.Spare > 0 || st.Closed > 0 })
	if st := p.Stats().Upstream; st.Desyncs > 0 || st.Closed > 0 {
		t.Errorf("%d answers out of order, %d connections closed", st.Desyncs, st.Closed)
	}
}

// TestInvalidationInOnePiece guards that nothing gets into the middle of a message of
// the server that has come only in part.
func TestInvalidationInOnePiece(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if len(args) > 1 && args[1] == "TRACKING" {
			c.Write([]byte("+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\nth"))
			close(began)
			<-release
			return []byte("is\r\n")
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.do("HELLO", "3")
	c.expect("+OK\r\n", "CLIENT", "TRACKING", "ON")
	<-began
	c.send("CLIENT", "ID")
	c.send("CLIENT", "GETNAME")
	id := c.read() // does not wait for the server's message
	close(release)
	got := []string{id, c.read(), c.read()}
	want := []string{":1\r\n", "_\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\nthis\r\n"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTrackingRedirect guards client-side caching over two connections: the ids
// that clients see are the proxy's, on whichever loops they are, and each hears
// of its own keys only.
func TestTrackingRedirect(t *testing.T) {
	server := realServer(t)
	for _, admin := range []bool{false, true} {
		t.Run(fmt.Sprintf("admin=%v", admin), func(t *testing.T) {
			p, address := start(t, Options{Upstream: before(server), Loops: 2, AllowAdmin: admin})
			type pair struct {
				heard, reader *client
				id            string
			}
			var pairs []pair
			for range 4 {
				x := pair{heard: dial(t, address), reader: dial(t, address)}
				x.id = strings.TrimSpace(x.heard.do("CLIENT", "ID")[1:])
				x.heard.expect("*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n", "SUBSCRIBE", "__redis__:invalidate")
				x.reader.expect("+OK\r\n", "CLIENT", "TRACKING", "ON", "REDIRECT", x.id)
				x.reader.expect(":"+x.id+"\r\n", "CLIENT", "GETREDIR")
				if got := x.reader.do("CLIENT", "TRACKINGINFO"); !strings.Contains(got, "redirect\r\n:"+x.id+"\r\n") {
					t.Errorf("TRACKINGINFO: %q", got)
				}
				pairs = append(pairs, x)
			}
			writer := dial(t, address)
			for i, x := range pairs {
				key := fmt.Sprintf("key%d-%v", i, admin)
				x.reader.expect("$-1\r\n", "GET", key)
				writer.expect("+OK\r\n", "SET", key, "v")
				want := "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n" + string(wire.AppendBulk([]byte("*1\r\n"), key))
				if got := x.heard.read(); got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
				writer.expect("+OK\r\n", "SET", key+"x", "v")
			}
			for _, x := range pairs {
				if got := x.heard.readFor(30 * time.Millisecond); !strings.HasPrefix(got, "<") {
					t.Errorf("heard more: %q", got)
				}
				x.reader.expect("+OK\r\n", "CLIENT", "TRACKING", "OFF")
				x.reader.expect(":-1\r\n", "CLIENT", "GETREDIR")
				x.heard.nc.Close()
			}
			eventually(t, "no connection to be lent", func() bool { return p.Stats().Upstream.Owned == 0 })
		})
	}
}

// TestTrackingRedirectBroken guards that a client hears when the one it redirects
// to is gone, by the id it knows.
func TestTrackingRedirectBroken(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t))})
	heard, reader, writer := dial(t, address), dial(t, address), dial(t, address)
	id := strings.TrimSpace(heard.do("CLIENT", "ID")[1:])
	heard.do("SUBSCRIBE", "__redis__:invalidate")
	reader.expect("-ERR The client ID you want redirect to does not exist\r\n", "CLIENT", "TRACKING", "ON", "REDIRECT", "987654")
	reader.expect("+OK\r\n", "CLIENT", "TRACKING", "ON", "REDIRECT", id)
	if got := reader.do("HELLO", "3"); !strings.Contains(got, "proto\r\n:3\r\n") {
		t.Fatalf("HELLO on a pinned connection: %q", got)
	}
	reader.expect("_\r\n", "GET", "k")
	heard.expect("+OK\r\n", "QUIT")
	want := ">2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n"
	eventually(t, "the news", func() bool {
		writer.do("SET", "k", "v")
		got := reader.do("GET", "k")
		if got == want {
			reader.read()
		}
		return got == want
	})
}

// TestClientInsideMulti guards that CLIENT is queued like any other command, and
// that ids of clients, which would be another's at the server, are refused.
func TestClientInsideMulti(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), AllowAdmin: true})
	c := dial(t, address)
	c.expect("+OK\r\n", "MULTI")
	c.expect("+QUEUED\r\n", "CLIENT", "ID")
	c.expect("+QUEUED\r\n", "CLIENT", "GETNAME")
	if got := c.do("EXEC"); !strings.HasPrefix(got, "*2\r\n:") {
		t.Errorf("EXEC: %q", got)
	}
	for _, args := range [][]string{{"CLIENT", "KILL", "ID", "1"}, {"CLIENT", "UNBLOCK", "1"}, {"CLIENT", "TRACKING", "ON", "REDIRECT", "1"}} {
		c.expect("+OK\r\n", "MULTI")
		if got := c.do(args...); !strings.Contains(got, "is not allowed inside MULTI through this proxy") {
			t.Errorf("%q: %q", args, got)
		}
		if got := c.do("EXEC"); !strings.HasPrefix(got, "-EXECABORT") {
			t.Errorf("EXEC after %q: %q", args, got)
		}
	}
}

// TestRefusalShowsAtExec guards that a client which was told that its commands are
// queued learns at EXEC why the server refused one of them, on a shared connection
// and on one of its own, and that nothing of it is left for the next transaction.
func TestRefusalShowsAtExec(t *testing.T) {
	server := realServer(t)
	direct := dial(t, server)
	for _, o := range []Options{{}, {Portable: true}, {PoolMode: TransactionMode}} {
		o.Upstream, o.AllowAdmin = before(server), true
		_, address := start(t, o)
		c := dial(t, address)
		for _, pinned := range []bool{false, true} {
			direct.expect("+OK\r\n", "CONFIG", "SET", "maxmemory", "0")
			if pinned {
				c.expect("+OK\r\n", "WATCH", "k")
			}
			c.expect("+OK\r\n", "MULTI")
			c.expect("+QUEUED\r\n", "GET", "k")
			direct.expect("+OK\r\n", "CONFIG", "SET", "maxmemory", "1")
			queued := c.do("SET", "k", "v")
			got := c.do("EXEC")
			if queued == "+QUEUED\r\n" && !strings.HasPrefix(got, "-EXECABORT Transaction discarded because of: OOM ") {
				t.Errorf("mode %q, pinned %v: EXEC: %q", o.PoolMode, pinned, got)
			}
			if queued != "+QUEUED\r\n" && (!strings.HasPrefix(queued, "-OOM ") || got != "-EXECABORT Transaction discarded because of previous errors.\r\n") {
				t.Errorf("mode %q, pinned %v: SET: %q, EXEC: %q", o.PoolMode, pinned, queued, got)
			}
			direct.expect("+OK\r\n", "CONFIG", "SET", "maxmemory", "0")
			c.expect("+OK\r\n", "MULTI")
			c.expect("+QUEUED\r\n", "SET", "k", "v")
			c.expect("*1\r\n+OK\r\n", "EXEC")
			c.expect("+OK\r\n", "MULTI")
			c.raw("GET\r\n")
			c.read()
			c.expect("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
		}
	}
}

// TestUnpause guards that CLIENT UNPAUSE does not wait behind what is paused.
func TestUnpause(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), AllowAdmin: true, Loops: 1})
	c, paused := dial(t, address), dial(t, address)
	c.expect("+OK\r\n", "CLIENT", "PAUSE", "600000", "WRITE")
	paused.send("SET", "k", "v")
	if got := paused.readFor(50 * time.Millisecond); !strings.HasPrefix(got, "<") {
		t.Fatalf("not paused: %q", got)
	}
	c.expect("+OK\r\n", "CLIENT", "UNPAUSE")
	if got := paused.read(); got != "+OK\r\n" {
		t.Errorf("after the pause: %q", got)
	}
}

// TestNameOfPinned guards that an operator sees at the server who holds a
// connection, and that the name goes with the client.
func TestNameOfPinned(t *testing.T) {
	server := realServer(t)
	for _, mode := range []PoolMode{CommandMode, SessionMode} {
		_, address := start(t, Options{Upstream: before(server), PoolMode: mode})
		direct, c := dial(t, server), dial(t, address)
		named := func(name string) bool { return strings.Contains(direct.do("CLIENT", "LIST"), " name="+name+" ") }
		c.do("HELLO", "2", "SETNAME", "worker-1")
		c.expect("+OK\r\n", "WATCH", "k")
		eventually(t, "the name of the client", func() bool { return named("worker-1") })
		c.expect("+OK\r\n", "CLIENT", "SETNAME", "worker-2")
		eventually(t, "the new name", func() bool { return named("worker-2") })
		c.expect("+OK\r\n", "UNWATCH")
		if mode == CommandMode {
			eventually(t, "no name", func() bool { return !named("worker-2") })
		}
		c.expect("$8\r\nworker-2\r\n", "CLIENT", "GETNAME")
	}
}

// TestCommandList guards that clients do not learn of commands that are refused.
func TestCommandList(t *testing.T) {
	server := realServer(t)
	direct := dial(t, server)
	count := func(c *client) string { return c.do("COMMAND", "COUNT") }
	_, open := start(t, Options{Upstream: before(server), AllowAdmin: true})
	if got, want := count(dial(t, open)), count(direct); got != want {
		t.Errorf("with administration: %q commands, want %q", got, want)
	}
	_, address := start(t, Options{Upstream: before(server)})
	for _, hello := range []string{"2", "3"} {
		c := dial(t, address)
		c.do("HELLO", hello)
		for _, args := range [][]string{{"COMMAND"}, {"COMMAND", "LIST"}, {"COMMAND", "DOCS"}, {"COMMAND", "INFO"}} {
			got := c.do(args...)
			for _, name := range []string{"shutdown", "psync", "config|set"} {
				if strings.Contains(got, "\r\n"+name+"\r\n") {
					t.Errorf("RESP%s %q lists %s", hello, args, name)
				}
			}
			for _, name := range []string{"get", "xreadgroup", "config"} {
				if !strings.Contains(got, "\r\n"+name+"\r\n") {
					t.Errorf("RESP%s %q does not list %s", hello, args, name)
				}
			}
		}
		names := func(c *client) int { // without subcommands, which the server lists as well
			list := c.do("COMMAND", "LIST")
			return strings.Count(list, "$") - strings.Count(list, "|")
		}
		all, left := names(direct), names(c)
		if left >= all {
			t.Errorf("%d commands of %d are left", left, all)
		}
		if got := count(c); got != fmt.Sprintf(":%d\r\n", left) {
			t.Errorf("COUNT is %q, LIST has %d", got, left)
		}
		if got := c.do("COMMAND", "INFO", "get", "shutdown"); !strings.HasSuffix(got, "*-1\r\n") && !strings.HasSuffix(got, "_\r\n") {
			t.Errorf("INFO of a refused command: %q", got)
		}
	}
}
