package experiment

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/stack"
)

// relayed is a relay before an embedded cache.
func relayed(t *testing.T) *relay {
	t.Helper()
	server, err := cache.Start(t.Context(), &stack.Cache{}, cache.Options{Mode: "embedded", TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	r, err := newRelay()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	r.connectTo(server)
	return r
}

func dial(t *testing.T, r *relay) *probe {
	t.Helper()
	p, err := dialProbe(t.Context(), r.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestRelayDelays(t *testing.T) {
	r := relayed(t)
	p := dial(t, r)
	if got, err := p.do("SET", "a", "b"); err != nil || got != "OK" {
		t.Fatalf("%q %v", got, err)
	}
	r.setDelay(30 * time.Millisecond)
	began := time.Now()
	got, err := p.do("GET", "a")
	if took := time.Since(began); err != nil || got != "b" || took < 30*time.Millisecond {
		t.Errorf("%q %v after %v, want it after the round trip of 30 ms", got, err, took)
	}
	if got, err := p.do("GET", "nothing"); got != "" || err != nil {
		t.Errorf("%q %v, want no value", got, err)
	}
	if _, err := p.do("NONSENSE"); err == nil {
		t.Error("an error of the cache is none here")
	}
}

func TestRelayVanishes(t *testing.T) {
	r := relayed(t)
	old := dial(t, r)
	if _, err := old.do("PING"); err != nil {
		t.Fatal(err)
	}
	r.vanish()
	if _, err := io.WriteString(old.conn, "PING\r\n"); err != nil {
		t.Errorf("the client was told: %v", err)
	}
	old.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := old.conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from a vanished peer: %v, want silence", err)
	}
	if _, err := dial(t, r).do("PING"); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

// A relay with nobody behind it hangs up, and Close cuts what is open.
func TestRelayEnds(t *testing.T) {
	r, err := newRelay()
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.target = "127.0.0.1:1"
	r.mu.Unlock()
	if _, err := dial(t, r).do("PING"); err == nil {
		t.Error("nobody answered, and yet there is an answer")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r = relayed(t)
	p := dial(t, r)
	if _, err := p.do("PING"); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := p.do("PING"); err == nil {
		t.Error("a closed relay answers")
	}
}

// What a broken cache may send costs an error, never a crash or a wait.
func TestProbeRefusesNonsense(t *testing.T) {
	for _, reply := range []string{"\r\n", "$x\r\n", "$99999999999\r\n", "$5\r\nab", "-ERR no\r\n", ""} {
		near, far := net.Pipe()
		go func() {
			far.Read(make([]byte, 100))
			io.WriteString(far, reply)
			far.Close()
		}()
		p := &probe{conn: near, in: bufio.NewReader(near)}
		if got, err := p.do("GET", "a"); err == nil {
			t.Errorf("%q was taken as %q", reply, got)
		}
		p.Close()
	}
}
