// Package clients runs real client libraries through thaw proxy. It holds
// tests only: see TestClients.
package clients

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Time for a server or proxy to start.
const startLimit = 20 * time.Second

// missing skips the test when something is not installed, and fails it where
// everything must be.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("THAW_REQUIRE_REAL") == "1" {
		t.Fatalf(format+" (THAW_REQUIRE_REAL=1)", args...)
	}
	t.Skipf(format, args...)
}

// startServer starts a real server and returns its address.
func startServer(t *testing.T) string {
	t.Helper()
	var binary string
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil && binary == "" {
			binary = path
		}
	}
	if binary == "" {
		missing(t, "neither redis-server nor valkey-server is installed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
	}
	t.Fatalf("%s does not listen on %s", binary, addr)
	return ""
}

var listening = regexp.MustCompile(`listening on ([0-9a-fA-F.:\[\]]+:\d+)`)

// startProxy starts the binary's proxy before a server and returns its address.
// Its log is shown when the test fails.
func startProxy(t *testing.T, binary, mode, upstream string) string {
	t.Helper()
	cmd := exec.Command(binary, "proxy", "--listen", "127.0.0.1:0", "--upstream", "redis://"+upstream, "--pool-mode", mode, "--metrics", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	var log lockedLog
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			log.add(lines.Text())
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", log.text())
		}
	})
	select {
	case addr := <-found:
		return addr
	case <-read:
		t.Fatal("thaw proxy ended at once")
	case <-time.After(startLimit):
		t.Fatal("thaw proxy does not say that it is listening")
	}
	return ""
}

// lockedLog keeps what the proxy said.
type lockedLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *lockedLog) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, s)
}

func (l *lockedLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// buildThaw builds the command under test into the test's folder.
func buildThaw(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "thaw")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/thaw").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/thaw: %v\n%s", err, out)
	}
	return binary
}

// relay stands in a connection's way and cuts it when told.
type relay struct {
	ln net.Listener
	to string

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{ln: ln, to: to, open: map[net.Conn]bool{}}
	go r.serve()
	t.Cleanup(func() {
		ln.Close()
		r.cut()
	})
	return r
}

func (r *relay) addr() string { return r.ln.Addr().String() }

func (r *relay) serve() {
	for {
		down, err := r.ln.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", r.to)
		if err != nil {
			down.Close()
			continue
		}
		r.mu.Lock()
		r.open[down], r.open[up] = true, true
		r.mu.Unlock()
		go r.forward(down, up)
		go r.forward(up, down)
	}
}

func (r *relay) forward(dst, src net.Conn) {
	_, _ = io.Copy(dst, src)
	src.Close()
	dst.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, src)
}

// cut closes every connection at once and returns how many there were.
func (r *relay) cut() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.open) / 2
	for c := range r.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as when a machine is gone
		}
		c.Close()
	}
	clear(r.open)
	return n
}

// route is a way from a client to a server with a place to cut on each side of
// what stands between:
//
//	client ── front relay ── proxy ── back relay ── server
type route struct {
	front, back *relay
	control     string // URL of the page that cuts
}

// newRoute builds the way; mode "direct" leaves the proxy out, and the relays
// are then in a row.
func newRoute(t *testing.T, binary, mode string) *route {
	t.Helper()
	r := &route{back: newRelay(t, startServer(t))}
	next := r.back.addr()
	if mode != "direct" {
		next = startProxy(t, binary, mode, next)
	}
	r.front = newRelay(t, next)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/cut/client":
			fmt.Fprintln(w, r.front.cut())
		case "/cut/upstream":
			fmt.Fprintln(w, r.back.cut())
		default:
			http.NotFound(w, req)
		}
	}))
	t.Cleanup(control.Close)
	r.control = control.URL
	return r
}

// env tells a script where to connect.
func (r *route) env() []string {
	host, port, _ := net.SplitHostPort(r.front.addr())
	return []string{"THAW_SMOKE_HOST=" + host, "THAW_SMOKE_PORT=" + port, "THAW_SMOKE_CONTROL=" + r.control}
}

// externalRoute uses a proxy that runs already, at THAW_PROXY_TARGET=host:port.
func externalRoute(t *testing.T, target string) *route {
	t.Helper()
	if _, port, err := net.SplitHostPort(target); err != nil || portNumber(port) == 0 {
		t.Fatalf("THAW_PROXY_TARGET=%q, wanted host:port", target)
	}
	return &route{front: newRelay(t, target)}
}

func portNumber(s string) int {
	n, _ := strconv.ParseUint(s, 10, 16)
	return int(n)
}
