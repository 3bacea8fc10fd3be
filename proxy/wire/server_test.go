package wire

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// realServer starts a server on a unix socket of its own and returns the path. A
// missing server is a skip on a laptop, a failure in CI.
func realServer(t *testing.T, args ...string) string {
	t.Helper()
	bin := ""
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			bin = path
			break
		}
	}
	if bin == "" {
		if os.Getenv("THAW_REQUIRE_REAL") == "1" {
			t.Fatal("neither redis-server nor valkey-server is installed, and THAW_REQUIRE_REAL=1")
		}
		t.Skip("neither redis-server nor valkey-server is installed")
	}
	dir, err := os.MkdirTemp("", "wire") // t.TempDir can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(bin, append([]string{"--port", "0", "--unixsocket", socket, "--save", "",
		"--appendonly", "no", "--dir", dir}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
	}
	t.Fatalf("%s does not listen on %s", bin, socket)
	return ""
}

// conn is a connection to a real server that speaks through this package.
type conn struct {
	t *testing.T
	net.Conn
	r   *bufio.Reader
	buf []byte
}

func dial(t *testing.T, socket string) *conn {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	return &conn{t: t, Conn: nc, r: bufio.NewReader(nc)}
}

func (c *conn) do(args ...string) Value {
	c.t.Helper()
	if _, err := c.Write(AppendCommand(nil, args...)); err != nil {
		c.t.Fatal(err)
	}
	return c.reply()
}

// reply reads one message: the scanner says where it ends, then it is parsed.
func (c *conn) reply() Value {
	c.t.Helper()
	var s ReplyScanner
	c.buf = nil // values point into it
	for {
		if _, err := c.r.Peek(1); err != nil {
			c.t.Fatalf("read: %v, after %q", err, c.buf)
		}
		b, _ := c.r.Peek(c.r.Buffered())
		n, done, err := s.Scan(b)
		if err != nil {
			c.t.Fatalf("scan: %v, after %q", err, b[:n])
		}
		c.buf = append(c.buf, b[:n]...)
		c.r.Discard(n)
		if done {
			break
		}
	}
	v, n, err := ParseValue(c.buf, ReplyLimits{})
	if err != nil || n != len(c.buf) {
		c.t.Fatalf("the scanner took %d bytes, the parser %d, %v: %q", len(c.buf), n, err, c.buf)
	}
	if v.Kind != s.Kind() {
		c.t.Fatalf("the scanner says %q, the parser %q", s.Kind(), v.Kind)
	}
	return v
}
