package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// realServer starts redis-server or valkey-server on a free port and returns its
// address.
func realServer(t testing.TB, args ...string) string {
	t.Helper()
	var bin string
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			bin = path
			break
		}
	}
	if bin == "" {
		if os.Getenv("THAW_REQUIRE_REAL") == "1" {
			t.Fatal("no valkey-server and no redis-server on PATH")
		}
		t.Skip("no valkey-server and no redis-server on PATH")
	}
	for range 5 {
		address := freeAddress(t)
		_, port, _ := net.SplitHostPort(address)
		cmd := exec.Command(bin, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if answers(address, 5*time.Second) {
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			return address
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	t.Fatal("the server does not start")
	return ""
}

func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// answers reports whether a server answers PING within limit.
func answers(address string, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		nc.SetDeadline(end)
		fmt.Fprintf(nc, "PING\r\n")
		line, _ := bufio.NewReader(nc).ReadString('\n')
		nc.Close()
		if strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH") {
			return true
		}
	}
	return false
}

// start runs a proxy before an upstream and returns it with its address.
func start(t testing.TB, o Options) (*Proxy, string) {
	t.Helper()
	if o.Loops == 0 {
		o.Loops = 2
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := p.Listen(Listener{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Serve(ln, nil) }()
	t.Cleanup(func() {
		p.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, w := range p.workers {
			if w.stats.Panics > 0 && t.Name() != "TestPanic" {
				t.Error("the proxy panicked, see the log")
			}
		}
	})
	return p, ln.Addr().String()
}

func before(address string) upstream.Options { return upstream.Options{Address: address} }

// client is a connection that sends what it is told and shows what comes back.
type client struct {
	t    testing.TB
	nc   net.Conn
	scan wire.ReplyScanner
	buf  []byte
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{t: t, nc: nc}
}

func (c *client) send(args ...string) {
	c.t.Helper()
	c.raw(string(wire.AppendCommand(nil, args...)))
}

func (c *client) raw(s string) {
	c.t.Helper()
	if _, err := c.nc.Write([]byte(s)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// read returns the next whole message as it came, or what ended the connection in
// angle brackets.
func (c *client) read() string { return c.readFor(10 * time.Second) }

func (c *client) readFor(limit time.Duration) string {
	c.nc.SetReadDeadline(time.Now().Add(limit))
	var message []byte
	for {
		if len(c.buf) > 0 {
			n, done, err := c.scan.Scan(c.buf)
			message = append(message, c.buf[:n]...)
			c.buf = c.buf[n:]
			if err != nil {
				return fmt.Sprintf("<not RESP: %v: %q>", err, message)
			}
			if done {
				return string(message)
			}
		}
		piece := make([]byte, 64<<10)
		n, err := c.nc.Read(piece)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return fmt.Sprintf("<silence after %q>", message)
			}
			return fmt.Sprintf("<closed after %q>", message)
		}
		c.buf = append(c.buf, piece[:n]...)
	}
}

func (c *client) do(args ...string) string {
	c.t.Helper()
	c.send(args...)
	return c.read()
}

func (c *client) expect(want string, args ...string) {
	c.t.Helper()
	if got := c.do(args...); got != want {
		c.t.Errorf("%q: got %q, want %q", args, clipped(got), clipped(want))
	}
}

func clipped(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 30 s: %s", what)
}

// script runs lines "CONN ARG…" one after the other and returns the transcript.
// A line ending in " &" is sent and its answer not read; "CONN ?" reads one more
// message; "CONN !text" sends raw bytes (with \r\n escapes) and reads one message;
// "CONN !n text" reads n.
func script(t *testing.T, address, lines string) []string {
	t.Helper()
	conns := map[string]*client{}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		c := conns[name]
		if c == nil {
			c = dial(t, address)
			conns[name] = c
		}
		n := 1
		switch {
		case rest == "?":
		case rest == "close":
			c.nc.Close()
			delete(conns, name)
			n = 0
		case strings.HasPrefix(rest, "!"):
			if rest[1] >= '0' && rest[1] <= '9' {
				n = int(rest[1] - '0')
				rest = rest[1:]
			}
			c.raw(strings.NewReplacer(`\r\n`, "\r\n").Replace(rest[1:]))
		default:
			var background bool
			if rest, background = strings.CutSuffix(rest, " &"); background {
				n = 0
			}
			c.send(words(rest)...)
			if background {
				time.Sleep(60 * time.Millisecond) // let it arrive before the next line
			}
		}
		for range n {
			out = append(out, line+"  =>  "+string(bytes.ReplaceAll([]byte(c.read()), []byte("\r\n"), []byte("|"))))
		}
	}
	return out
}

// words splits at spaces; ” is an empty argument.
func words(s string) []string {
	w := strings.Fields(s)
	for i := range w {
		if w[i] == "''" {
			w[i] = ""
		}
	}
	return w
}
