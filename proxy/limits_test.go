package proxy

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

// TestMaxClients guards the server's own answer to one client too many.
func TestMaxClients(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), MaxClients: 2})
	a, b := dial(t, address), dial(t, address)
	a.do("PING")
	b.do("PING")
	c := dial(t, address)
	if got := c.read(); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("got %q", got)
	}
	if got := c.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q, want the end", got)
	}
	a.nc.Close()
	eventually(t, "room for another", func() bool { return p.Stats().Clients == 1 })
	dial(t, address).expect("+PONG\r\n", "PING")
}

// TestSlowReader guards that a client which does not read its replies costs the
// others nothing, and is cut at its bound.
func TestSlowReader(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 1, SlowClient: 64 << 10, MaxUnread: 8 << 20})
	slow, other := dial(t, address), dial(t, address)
	other.expect("+OK\r\n", "SET", "k", strings.Repeat("x", 1<<20))
	go func() {
		for range 100 {
			if _, err := slow.nc.Write([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")); err != nil {
				return
			}
		}
	}()
	for range 50 {
		begin := time.Now()
		other.expect("$5\r\nhello\r\n", "ECHO", "hello")
		if d := time.Since(begin); d > 2*time.Second {
			t.Fatalf("the other client waited %v", d)
		}
	}
	eventually(t, "the slow client to be paused or cut", func() bool {
		return p.Stats().Shed.SlowClients == 1 || p.Stats().Upstream.Busy == 0
	})
	other.expect("$5\r\nhello\r\n", "ECHO", "hello")
}

// TestSlowSubscriber guards the bound of messages that a subscriber does not
// read.
func TestSlowSubscriber(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1, MaxMessages: 4 << 20})
	slow, publisher := dial(t, address), dial(t, address)
	slow.do("SUBSCRIBE", "c")
	message := strings.Repeat("m", 1<<20)
	for range 40 {
		publisher.do("PUBLISH", "c", message)
	}
	eventually(t, "the subscriber to be cut", func() bool { return p.Stats().Shed.SlowClients == 1 })
	eventually(t, "the channel to be left", func() bool { return publisher.do("PUBLISH", "c", "x") == ":0\r\n" })
}

// TestPartialCommand guards against clients that never end a command.
func TestPartialCommand(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), PartialTimeout: 300 * time.Millisecond})
	c := dial(t, address)
	c.raw("*2\r\n$3\r\nGET\r\n$100\r\n")
	done := make(chan string)
	go func() { done <- c.read() }()
	for range 100 {
		select {
		case got := <-done:
			if !strings.HasPrefix(got, "-ERR proxy: command not complete within partial_timeout") {
				t.Errorf("got %q", got)
			}
			if p.Stats().Shed.Partial != 1 {
				t.Error("not counted")
			}
			return
		case <-time.After(50 * time.Millisecond):
			c.nc.Write([]byte("x")) // a byte now and then
		}
	}
	t.Error("the client was not cut")
}

// TestCommandAfterCommand guards that a client whose commands do get complete is
// not cut because it has always begun the next one.
func TestCommandAfterCommand(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), PartialTimeout: 100 * time.Millisecond})
	c := dial(t, address)
	head, tail := "*2\r\n$4\r\nECHO\r\n$1", "\r\nx\r\n"
	c.raw(head)
	for begin := time.Now(); time.Since(begin) < 2500*time.Millisecond; { // two sweeps
		c.raw(tail + head)
		if got := c.read(); got != "$1\r\nx\r\n" {
			t.Fatalf("got %q", got)
		}
	}
}

// TestIdleTimeout guards that idle clients are cut and busy ones are not.
func TestIdleTimeout(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), IdleTimeout: 2 * time.Second})
	idle, busy, blocked := dial(t, address), dial(t, address), dial(t, address)
	idle.do("PING")
	blocked.send("BLPOP", "l", "5")
	end := time.Now().Add(4 * time.Second)
	for time.Now().Before(end) {
		busy.expect("+PONG\r\n", "PING")
		time.Sleep(100 * time.Millisecond)
	}
	if got := idle.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("idle client: %q", got)
	}
	if got := blocked.read(); got != "*-1\r\n" {
		t.Errorf("blocked client: %q", got)
	}
}

// TestWatchTimeout guards that a client cannot sit on a connection.
func TestWatchTimeout(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), WatchTimeout: 300 * time.Millisecond})
	c := dial(t, address)
	c.expect("+OK\r\n", "WATCH", "k")
	if got := c.read(); got != "-ERR proxy: WATCH held longer than pin_timeout (300ms)\r\n" {
		t.Errorf("got %q", got)
	}
	if got := c.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q, want the end", got)
	}
	eventually(t, "the pin to end", func() bool { return p.Stats().Pinned[becauseWatch] == 0 })
}

// TestRefusedWatch guards that a WATCH which the server refuses pins nothing: the
// client would be cut for sitting on it.
func TestRefusedWatch(t *testing.T) {
	server := realServer(t)
	dial(t, server).expect("+OK\r\n", "ACL", "SETUSER", "some", "on", ">pw", "~mine", "+@all")
	p, address := start(t, Options{Upstream: before(server), Login: upstream.Login{User: "some", Password: "pw"}})
	c := dial(t, address)
	c.expect("+OK\r\n", "WATCH", "mine")
	if got := c.do("WATCH", "other"); !strings.HasPrefix(got, "-NOPERM") {
		t.Errorf("got %q", got)
	}
	if n := p.Stats().Pinned[becauseWatch]; n != 1 {
		t.Errorf("%d pins: the first WATCH holds", n)
	}
	c.expect("+OK\r\n", "UNWATCH")
	if got := c.do("WATCH", "other", "another"); !strings.HasPrefix(got, "-NOPERM") {
		t.Errorf("got %q", got)
	}
	if n := p.Stats().Pinned[becauseWatch]; n != 0 {
		t.Errorf("%d pins", n)
	}
}

// TestBlockedDoNotStarve guards that blocking calls have a budget of their own:
// plain commands go on while all of it is taken.
func TestBlockedDoNotStarve(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: upstream.Options{Address: server, MaxOwned: 3, WaitTimeout: 200 * time.Millisecond}})
	for range 3 {
		dial(t, address).send("BLPOP", "l", "0")
	}
	eventually(t, "all to block", func() bool { return p.Stats().Pinned[becauseBlocking] == 3 })
	c := dial(t, address)
	c.expect("-ERR proxy: no upstream connection within borrow_timeout (200ms); command was not sent\r\n", "BLPOP", "l", "0")
	c.expect("+OK\r\n", "SET", "k", "v")
	if st := p.Stats(); st.OwnedUsed != 3 || st.Shed.Upstream != 1 {
		t.Errorf("%d connections owned, %d shed", st.OwnedUsed, st.Shed.Upstream)
	}
}

// TestTransactionsOpenNothing guards that MULTI without WATCH costs no connection.
func TestTransactionsOpenNothing(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 1})
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			c := dial(t, address)
			for range 20 {
				c.expect("+OK\r\n", "MULTI")
				c.expect("+QUEUED\r\n", "SET", fmt.Sprint("k", i), "v")
				c.expect("*1\r\n+OK\r\n", "EXEC")
				c.raw("MULTI\r\nGET k" + fmt.Sprint(i) + "\r\nEXEC\r\n")
				for _, want := range []string{"+OK\r\n", "+QUEUED\r\n", "*1\r\n$1\r\nv\r\n"} {
					if got := c.read(); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
			}
		})
	}
	wait.Wait()
	if st := p.Stats(); st.Upstream.Opened != 1 || st.Pins[becauseMulti] != 0 {
		t.Errorf("%d connections opened, %d pins", st.Upstream.Opened, st.Pins[becauseMulti])
	}
}

// TestCapIsShared guards that the cap holds whatever clients use, and that pools
// take turns when there are more of them than connections.
func TestCapIsShared(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: upstream.Options{Address: server, MaxShared: 3, WaitTimeout: 10 * time.Second}})
	var wait sync.WaitGroup
	for db := range 12 {
		wait.Go(func() {
			c := dial(t, address)
			c.expect("+OK\r\n", "SELECT", fmt.Sprint(db))
			for range 10 {
				c.expect("+OK\r\n", "SET", "k", fmt.Sprint(db))
				c.expect(fmt.Sprintf("$%d\r\n%d\r\n", len(fmt.Sprint(db)), db), "GET", "k")
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	for {
		if st := p.Stats(); st.SharedUsed > 3 || st.Upstream.Idle+st.Upstream.Busy > 3 {
			t.Errorf("%d connections used, %d open: the cap is 3", st.SharedUsed, st.Upstream.Idle+st.Upstream.Busy)
		}
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestDrain guards that a stop loses no answer: what is in flight ends, idle
// clients are closed, and blocked ones are cut after the drain time.
func TestDrain(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), DrainTimeout: 8 * time.Second})
	idle, busy := dial(t, address), dial(t, address)
	idle.do("PING")
	busy.send("BLPOP", "l", "0")
	eventually(t, "the call to block", func() bool { return p.Stats().Pinned[becauseBlocking] == 1 })
	done := make(chan error)
	go func() { done <- p.Shutdown(context.Background()) }()
	if got := idle.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("idle client: %q", got)
	}
	dial(t, server).do("LPUSH", "l", "x")
	if got := busy.read(); got != "*2\r\n$1\r\nl\r\n$1\r\nx\r\n" {
		t.Errorf("blocked client: %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestHalfClose guards that a client which has sent its last byte gets all its
// answers, as with printf … | nc.
func TestHalfClose(t *testing.T) {
	server := realServer(t)
	for _, o := range []Options{{}, {PoolMode: SessionMode}, {PoolMode: SessionMode, AllowAdmin: true}, {Portable: true}} {
		o.Upstream = before(server)
		_, address := start(t, o)
		halfClose(t, address)
	}
}

func halfClose(t *testing.T, address string) {
	t.Helper()
	c := dial(t, address)
	c.raw("SET k v\r\nGET k\r\nGET k\r\n")
	c.nc.(interface{ CloseWrite() error }).CloseWrite()
	for _, want := range []string{"+OK\r\n", "$1\r\nv\r\n", "$1\r\nv\r\n"} {
		if got := c.read(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := c.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q, want the end", got)
	}
}

// TestHalfCloseInFlight guards that such a client is let go also when its end comes
// between a command and its answer, or in the middle of a command.
func TestHalfCloseInFlight(t *testing.T) {
	release := make(chan struct{})
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		if args[0] == "GET" {
			<-release
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c, half := dial(t, address), dial(t, address)
	c.send("GET", "k")
	eventually(t, "the command to be under way", func() bool { return f.count("GET") == 1 })
	c.nc.(*net.TCPConn).CloseWrite()
	eventually(t, "the end to be seen", func() (seen bool) {
		p.everyWorker(func(w *worker) { seen = w.first.has(halfClosed) })
		return seen
	})
	close(release)
	if got := c.read(); got != "+OK\r\n" {
		t.Errorf("got %q", got)
	}
	half.raw("*2\r\n$3\r\nGET")
	half.nc.(*net.TCPConn).CloseWrite()
	for _, c := range []*client{c, half} {
		if got := c.read(); !strings.HasPrefix(got, "<closed") {
			t.Errorf("got %q, want the end", got)
		}
	}
	eventually(t, "the sessions to be gone", func() bool { c.nc.Close(); half.nc.Close(); return p.Stats().Clients == 0 })
}

// TestSessionModeShortClients guards that in session mode a client's connection is
// given back when the client leaves: four at a time serve any number of clients
// that stay for one command.
func TestSessionModeShortClients(t *testing.T) {
	for _, admin := range []bool{false, true} {
		o := Options{Upstream: before(realServer(t)), PoolMode: SessionMode, AllowAdmin: admin, Loops: 1}
		o.Upstream.MaxOwned, o.Upstream.WaitTimeout = 4, halfCloseWait/2
		_, address := start(t, o)
		for range 100 {
			c := dial(t, address)
			c.expect("$2\r\nhi\r\n", "ECHO", "hi")
			c.nc.Close()
		}
	}
}

// TestFanIn guards that many subscribers cost one subscription.
func TestFanIn(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 1})
	var subs []*client
	for range 30 {
		c := dial(t, address)
		c.do("SUBSCRIBE", "c")
		subs = append(subs, c)
	}
	direct := dial(t, server)
	direct.expect(":1\r\n", "PUBLISH", "c", "hello")
	for _, c := range subs {
		if got := c.read(); got != "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n" {
			t.Errorf("got %q", got)
		}
		c.nc.Close()
	}
	eventually(t, "the last to leave", func() bool { return direct.do("PUBLISH", "c", "x") == ":0\r\n" })
	if st := p.Stats(); st.Subscribers != 0 || st.Channels != 0 {
		t.Errorf("%d subscribers, %d channels left", st.Subscribers, st.Channels)
	}
}

// TestClientList guards that the proxy's own clients are listed and ended, also
// across loops.
func TestClientList(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), Loops: 2})
	a, b := dial(t, address), dial(t, address)
	a.do("CLIENT", "SETNAME", "first")
	b.do("CLIENT", "SETNAME", "second")
	list := a.do("CLIENT", "LIST")
	if !strings.Contains(list, "name=first") || !strings.Contains(list, "name=second") {
		t.Errorf("CLIENT LIST: %q", list)
	}
	id := strings.Trim(b.do("CLIENT", "ID"), ":\r\n")
	if got := a.do("CLIENT", "LIST", "ID", id); strings.Contains(got, "name=first") || !strings.Contains(got, "name=second") {
		t.Errorf("CLIENT LIST ID: %q", got)
	}
	b.send("BLPOP", "l", "0")
	eventually(t, "the call to block", func() bool { return strings.Contains(a.do("CLIENT", "LIST", "ID", id), "flags=b") })
	a.expect(":1\r\n", "CLIENT", "UNBLOCK", id, "ERROR")
	if got := b.read(); !strings.HasPrefix(got, "-UNBLOCKED") {
		t.Errorf("got %q", got)
	}
	a.expect(":1\r\n", "CLIENT", "KILL", "ID", id)
	if got := b.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q", got)
	}
	a.expect(":0\r\n", "CLIENT", "KILL", "ID", id)
}

// TestSlowReaderOnPin guards that the connection of a pinned session that reads
// slowly waits for it, and is of use to others after.
func TestSlowReaderOnPin(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: upstream.Options{Address: server, MaxOwned: 1}, Loops: 1, SlowClient: 32 << 10, WatchTimeout: time.Minute})
	value := strings.Repeat("x", 8<<20)
	dial(t, server).expect("+OK\r\n", "SET", "big", value)
	for range 5 {
		c := dial(t, address)
		c.expect("+OK\r\n", "WATCH", "k")
		c.send("GET", "big")
		c.send("UNWATCH")
		time.Sleep(20 * time.Millisecond)
		if buffered := p.Stats().Buffered; buffered > 4<<20 {
			t.Errorf("%d bytes are held for a client whose connection could wait", buffered)
		}
		if got := c.read(); len(got) != len(value)+12 {
			t.Fatalf("%d bytes: %q", len(got), clipped(got))
		}
		if got := c.read(); got != "+OK\r\n" {
			t.Fatalf("UNWATCH: %q", got)
		}
		eventually(t, "the pin to end", func() bool { return p.Stats().Pinned[becauseWatch] == 0 })
	}
}

// TestMemoryBound guards the bound on what is queued for all clients together.
func TestMemoryBound(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 1, MaxMemory: 24 << 20})
	dial(t, server).expect("+OK\r\n", "SET", "big", strings.Repeat("x", 16<<20)) // the kernel takes 4 MiB of each answer
	for range 6 {
		dial(t, address).send("GET", "big") // and never reads
	}
	eventually(t, "somebody to be cut", func() bool { return p.Stats().Shed.Memory > 0 })
	dial(t, address).expect("$1\r\nx\r\n", "ECHO", "x")
}

// TestMemoryBoundOfTransactions guards the same for what clients queue in MULTI.
func TestMemoryBoundOfTransactions(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1, MaxMemory: 24 << 20})
	for range 4 {
		c := dial(t, address)
		c.expect("+OK\r\n", "MULTI")
		c.expect("+QUEUED\r\n", "SET", "k", strings.Repeat("x", 8<<20))
	}
	eventually(t, "somebody to be cut", func() bool { return p.Stats().Shed.Memory > 0 })
}
