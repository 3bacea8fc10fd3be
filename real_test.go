package thaw

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// server is a real server of a test, on loopback, with its own directory.
type server struct {
	t    testing.TB
	cmd  *exec.Cmd
	addr string
	args []string
	bin  string
	dir  string
}

// requireReal is what a missing server is: a skip on a laptop, a failure in CI.
func requireReal(t testing.TB, names ...string) string {
	t.Helper()
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	if os.Getenv("THAW_REQUIRE_REAL") == "1" {
		t.Fatalf("none of %v is installed, and THAW_REQUIRE_REAL=1", names)
	}
	t.Skipf("none of %v is installed", names)
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// startRedis starts redis-server or valkey-server with the extra arguments.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{t: t, bin: requireReal(t, "valkey-server", "redis-server"), dir: t.TempDir(), args: args}
	port := freePort(t)
	s.addr = "127.0.0.1:" + port
	for i, a := range args {
		if a == "--tls-port" {
			port = args[i+1]
			s.addr = "127.0.0.1:" + port
		}
	}
	if !slices.Contains(args, "--port") {
		s.args = append([]string{"--port", port}, args...)
	}
	s.args = append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir}, s.args...)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.bin, s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.awaitPort()
}

func (s *server) awaitPort() {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
			return
		}
	}
	s.t.Fatalf("%s does not listen on %s", s.bin, s.addr)
}

// stop ends the process that start began, by its id.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill() // also ends a stopped one
	s.cmd.Wait()
	s.cmd = nil
}

func (s *server) url() string { return "redis://" + s.addr }

// ask sends one inline command over a connection of its own and returns the reply
// as it came.
func (s *server) ask(command string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "%s\r\nQUIT\r\n", command)
	var b bytes.Buffer
	b.ReadFrom(c)
	return b.String()
}

// info returns one field of INFO.
func (s *server) info(field string) string {
	s.t.Helper()
	for line := range strings.Lines(s.ask("INFO")) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// open opens a client that is closed with the test and logs nowhere.
func open(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func ensured(t testing.TB, o Options) *Client {
	t.Helper()
	c := open(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// freeze makes the client believe that its last contact was d ago, as a frozen
// environment finds it: the sockets are as they were, only the wall clock moved.
func (c *Client) freeze(d time.Duration) {
	for _, l := range c.store.(*valkeyStore).links {
		if s := l.current.Load(); s != nil {
			s.contact.Add(-int64(d))
			s.asked.Add(-int64(d))
			s.authAt.Add(-int64(d))
		}
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

type netConn = net.Conn

func port(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }

func itoa(n int) string { return strconv.Itoa(n) }
