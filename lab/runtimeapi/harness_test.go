package runtimeapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// pipeListener is a listener in memory, so that tests can run in a synctest
// bubble and know when nothing moves any more.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// env is an API under test.
type env struct {
	*API
	t    *testing.T
	dial func() net.Conn

	mu  sync.Mutex
	log []string
}

// start serves an API in memory; use it in a synctest bubble.
func start(t *testing.T, opts Options) *env {
	t.Helper()
	l := newPipeListener()
	e := &env{t: t, dial: func() net.Conn {
		client, server := net.Pipe()
		l.conns <- server
		return client
	}}
	e.serve(opts, l)
	return e
}

// startTCP serves an API on the loopback.
func startTCP(t testing.TB, opts Options) (*API, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := New(opts)
	served := make(chan error, 1)
	go func() { served <- a.Serve(l) }()
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return a, l.Addr().String()
}

func (e *env) serve(opts Options, l net.Listener) {
	opts.ErrorLog = func(format string, args ...any) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.log = append(e.log, fmt.Sprintf(format, args...))
	}
	e.API = New(opts)
	go func() { _ = e.Serve(l) }()
	e.t.Cleanup(func() { e.Close() })
}

func (e *env) logged(part string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(strings.Join(e.log, "\n"), part)
}

// client is one connection of a runtime or extension.
type client struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

func (e *env) client() *client {
	nc := e.dial()
	e.t.Cleanup(func() { nc.Close() })
	return &client{e.t, nc, bufio.NewReader(nc)}
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (r reply) String() string {
	return fmt.Sprintf("%d %s %v", r.status, strings.TrimSpace(r.body), r.err)
}

// do sends a request and reads the answer.
func (c *client) do(method, path, body string, headers ...string) reply {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return c.raw(b.String())
}

// raw sends bytes and reads an answer.
func (c *client) raw(request string) reply {
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c.nc, request)
		wrote <- err
	}()
	r := c.read()
	if r.err == nil && r.status < 300 {
		r.err = <-wrote
	}
	return r
}

func (c *client) read() reply {
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b), err}
}

// async does a request whose answer comes later.
func (c *client) async(method, path, body string, headers ...string) <-chan reply {
	got := make(chan reply, 1)
	go func() { got <- c.do(method, path, body, headers...) }()
	return got
}

func (c *client) next() <-chan reply { return c.async("GET", pathNext, "") }

func (c *client) post(id, what, body string, headers ...string) reply {
	return c.do("POST", prefixInvocation+id+"/"+what, body, headers...)
}

func (c *client) register(name, events string, headers ...string) (id string, r reply) {
	r = c.do("POST", prefixExtensions+"/register", events, append(headers, "Lambda-Extension-Name", name)...)
	return r.header.Get("Lambda-Extension-Identifier"), r
}

func (c *client) eventNext(id string) <-chan reply {
	return c.async("GET", prefixExtensions+"/event/next", "", "Lambda-Extension-Identifier", id)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// want checks an answer's status and that its body has a part.
func want(t *testing.T, r reply, status int, part string) {
	t.Helper()
	if r.err != nil || r.status != status || !strings.Contains(r.body, part) {
		t.Fatalf("got %v, want %d with %q", r, status, part)
	}
}

func mustStart(t testing.TB, a *API, inv Invocation) *Call {
	t.Helper()
	c, err := a.Start(inv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dial is the other side of Accept.
func (l *pipeListener) dial(string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// serveBatches takes telemetry posts.
func serveBatches(l net.Listener, batches chan<- []map[string]any) {
	_ = http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var batch []map[string]any
		if json.NewDecoder(r.Body).Decode(&batch) == nil {
			batches <- batch
		}
	}))
}
