package proxy

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// replicaOf starts a replica and waits until it is in step.
func replicaOf(t *testing.T, primary string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(primary)
	replica := realServer(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	c := dial(t, replica)
	eventually(t, "the replica to be in step", func() bool {
		return strings.Contains(c.do("INFO", "replication"), "master_link_status:up")
	})
	return replica
}

// TestReplicaReads guards that reads go to a replica when they may, writes to the
// primary, and that a replica that dies is not missed.
func TestReplicaReads(t *testing.T) {
	primary := realServer(t, "--repl-diskless-sync-delay", "0")
	replica := replicaOf(t, primary)
	_, address := start(t, Options{
		Upstream: upstream.Options{Address: primary, Readers: []string{replica}}, ReplicaReads: true, Loops: 1,
	})
	c, direct := dial(t, address), dial(t, replica)
	c.expect("+OK\r\n", "SET", "k", "v")
	reads := func() bool { return strings.Contains(direct.do("INFO", "commandstats"), "cmdstat_get:") }
	eventually(t, "the write to have arrived", func() bool { return direct.do("EXISTS", "k") == ":1\r\n" })
	eventually(t, "a read at the replica", func() bool { c.do("GET", "k"); return reads() })
	for range 50 { // a write behind reads under way keeps its order
		c.raw("GET k\r\nSET k v\r\nGET k\r\n")
		for _, want := range []string{"$1\r\nv\r\n", "+OK\r\n", "$1\r\nv\r\n"} {
			if got := c.read(); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	direct.send("SHUTDOWN", "NOSAVE")
	direct.readFor(time.Second)
	eventually(t, "reads without the replica", func() bool { return c.do("GET", "k") == "$1\r\nv\r\n" })
	for range 20 {
		c.expect("$1\r\nv\r\n", "GET", "k")
	}
}

// TestDiscoversReplicas guards that the primary is asked who they are.
func TestDiscoversReplicas(t *testing.T) {
	primary := realServer(t, "--repl-diskless-sync-delay", "0")
	replica := replicaOf(t, primary)
	u, err := upstream.New(upstream.Options{Address: primary, Discover: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { u.Run(ctx, &upstream.Login{}); close(done) }()
	eventually(t, "the replica to be found", func() bool { return u.Topology().Reader(0).Address == replica })
	cancel()
	<-done
}

// TestWaitAsksTheRightConnection guards that WAIT counts the replicas that have
// the session's own last write.
func TestWaitAsksTheRightConnection(t *testing.T) {
	primary := realServer(t, "--repl-diskless-sync-delay", "0")
	replicaOf(t, primary)
	p, address := start(t, Options{Upstream: before(primary), Loops: 1})
	c, other := dial(t, address), dial(t, address)
	for range 20 {
		c.expect("+OK\r\n", "SET", "k", "v")
		c.send("WAIT", "1", "5000")
		other.expect("+OK\r\n", "SET", "other", "v") // goes on elsewhere meanwhile
		if got := c.read(); got != ":1\r\n" {
			t.Fatalf("WAIT: %q", got)
		}
	}
	// A wait that takes its time stops nobody.
	c.expect("+OK\r\n", "SET", "k", "v")
	c.send("WAIT", "2", "400")
	begin := time.Now()
	for range 20 {
		other.expect("+OK\r\n", "SET", "other", "v")
	}
	if d := time.Since(begin); d > 300*time.Millisecond {
		t.Errorf("others waited %v", d)
	}
	if got := c.read(); got != ":1\r\n" {
		t.Errorf("WAIT for two: %q", got)
	}
	if st := p.Stats(); st.SharedUsed > 16 {
		t.Errorf("%d connections", st.SharedUsed)
	}
}

// TestWaitAfterPin guards the same for a session whose last write went, or whose
// WAIT comes, while it had a connection of its own.
func TestWaitAfterPin(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch args[0] {
		case "EXEC":
			return []byte("*1\r\n+OK\r\n")
		case "WAIT", "INCR":
			return wire.AppendInt(nil, int64(c.number))
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	for range 3 {
		shared := c.do("INCR", "k")
		c.expect("+OK\r\n", "WATCH", "k")
		c.expect(shared, "WAIT", "1", "0")
		own := c.do("INCR", "k")
		c.expect(own, "WAIT", "1", "0")
		c.expect("+OK\r\n", "UNWATCH")
		c.expect(own, "WAIT", "1", "0")
		if own == shared {
			t.Fatal("WATCH has no connection of its own")
		}
	}
	other := dial(t, address)
	c.expect("+OK\r\n", "WATCH", "k")
	c.do("INCR", "k")
	c.expect("+OK\r\n", "UNWATCH")
	eventually(t, "the connection to be as new", func() bool { return p.Stats().Upstream.Spare == 1 })
	other.expect("+OK\r\n", "WATCH", "k")
	c.expect("-ERR proxy: WAIT not possible, the connection that carried your last write is closed\r\n", "WAIT", "1", "0")
}

// TestWaitEnds guards that nobody waits behind a WAIT whose client is gone or was
// told that it takes too long, and that CLIENT REPLY and CLIENT UNBLOCK are about
// WAIT as well.
func TestWaitEnds(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 1})
	direct := dial(t, server)
	nobody := func() bool { return strings.Contains(direct.do("INFO", "clients"), "blocked_clients:0") }
	for range 3 {
		c := dial(t, address)
		c.expect("+OK\r\n", "SET", "k", "v")
		c.send("WAIT", "1", "0")
		eventually(t, "the call to block", func() bool { return !nobody() })
		c.nc.Close()
		eventually(t, "the server to see it", nobody)
		eventually(t, "the client to be gone", func() bool { return p.Stats().Clients == 0 })
		if st := p.Stats(); st.SharedUsed > 1 {
			t.Errorf("%d connections are held", st.SharedUsed)
		}
	}
	c := dial(t, address)
	c.expect("+OK\r\n", "SET", "k", "v")
	c.send("CLIENT", "REPLY", "SKIP")
	c.send("WAIT", "0", "0")
	c.expect("$1\r\nx\r\n", "ECHO", "x")
	id := strings.TrimSpace(c.do("CLIENT", "ID")[1:])
	c.expect("+OK\r\n", "SET", "k", "v")
	c.send("WAIT", "1", "0")
	eventually(t, "the call to block", func() bool { return !nobody() })
	dial(t, address).expect(":1\r\n", "CLIENT", "UNBLOCK", id)
	if got := c.read(); got != ":0\r\n" {
		t.Errorf("WAIT after CLIENT UNBLOCK: %q", got)
	}
	_, limited := start(t, Options{Upstream: before(server), Loops: 1, RequestTimeout: 100 * time.Millisecond})
	c = dial(t, limited)
	c.expect("+OK\r\n", "SET", "k", "v")
	c.expect("-ERR proxy: WAIT not possible, the connection that carried your last write is closed\r\n", "WAIT", "1", "0")
	c.expect("$1\r\nx\r\n", "ECHO", "x")
	eventually(t, "the server to see it", nobody)
}

// TestOnlyReadsAtReplicas guards that what follows a read closely does not follow it
// to a replica, unless it is one too: XGROUP CREATE and FUNCTION LOAD would be refused
// there, and a script loaded there is not known to the EVALSHA behind it. It also
// guards that subcommands which write are what WAIT asks about.
func TestOnlyReadsAtReplicas(t *testing.T) {
	where := func(answer string) *fakeServer {
		return newFakeServer(t, func(c *fakeConn, args []string) []byte {
			switch args[0] {
			case "HELLO", "CLIENT":
				return nil
			case "XGROUP", "WAIT":
				return wire.AppendInt(nil, int64(c.number))
			}
			return []byte(answer)
		})
	}
	primary, replica := where("+primary\r\n"), where("+replica\r\n")
	_, address := start(t, Options{
		Upstream: upstream.Options{Address: primary.address(), Readers: []string{replica.address()}}, ReplicaReads: true, Loops: 1,
	})
	c := dial(t, address)
	eventually(t, "a read at the replica", func() bool { return c.do("GET", "k") == "+replica\r\n" })
	for _, second := range []string{"SCRIPT LOAD x", "FUNCTION LOAD x", "PING", "ROLE", "PFCOUNT k"} {
		c.raw("GET k\r\n" + second + "\r\nGET k\r\n")
		if got := c.read() + c.read(); got != "+replica\r\n+primary\r\n" {
			t.Errorf("GET and %s: %q", second, got)
		}
		c.read()
	}
	c.expect("+primary\r\n", "EVAL", "x", "0") // the slow lane is another connection
	if wrote, asked := c.do("XGROUP", "CREATE", "s", "g", "$"), c.do("WAIT", "0", "0"); wrote != asked {
		t.Errorf("WAIT asked connection %q about the write of %q", asked, wrote)
	}
}
