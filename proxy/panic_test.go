package proxy

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// stumbling panics at a reply.
type stumbling struct{}

func (stumbling) Reply(*upstream.Conn, uint32, []byte, bool)     { panic("at a reply") }
func (stumbling) Lost(*upstream.Conn, uint32, bool, bool, error) {}

// TestPanic guards that a bug which one client's command finds ends that client,
// and one that a reply finds its connection, and not the process: the others go on, with connections that it has not seen,
// and are told what was lost with the old ones.
func TestPanic(t *testing.T) {
	release := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		if args[0] == "GET" && c.number == 1 {
			<-release
		}
		return nil
	})
	t.Cleanup(func() { close(release) })
	var log bytes.Buffer
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	bad, other := dial(t, address), dial(t, address)
	bad.expect("+PONG\r\n", "PING")
	other.send("GET", "k")
	eventually(t, "the command to be under way", func() bool { return f.count("GET") == 1 })
	p.everyWorker(func(w *worker) {
		w.plan([]byte("TTL")).do = func(*session, *wire.Command, *plan) bool { panic("as ordered") }
	})
	bad.send("TTL", "secret")
	if got := bad.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q, want the end", got)
	}
	if got := other.read(); !strings.HasPrefix(got, "-ERR proxy: ") {
		t.Errorf("got %q for what was under way", got)
	}
	other.expect("+OK\r\n", "GET", "k")
	p.everyWorker(func(w *worker) { w.first.pool.Pick().Send(wire.AppendCommand(nil, "PING"), stumbling{}, 0) })
	eventually(t, "the second panic", func() bool { return p.Stats().Panics == 2 })
	if got := other.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("got %q, want the end: one answer may be missing", got)
	}
	last := dial(t, address)
	last.expect("+OK\r\n", "GET", "k")
	if st := p.Stats(); st.Panics != 2 || st.Clients != 1 || f.opened() != 3 {
		t.Errorf("%d panics, %d clients, %d connections", st.Panics, st.Clients, f.opened())
	}
	p.Close()
	if s := log.String(); !strings.Contains(s, "as ordered") || !strings.Contains(s, "panic_test.go") || strings.Contains(s, "secret") {
		t.Errorf("logged: %s", s)
	}
}
