package storefront_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thawdev/thaw/lab/runtimes"
)

// patience bounds waits for a real process on a busy machine.
const patience = 60 * time.Second

// environment is one handler process behind a small Runtime API.
type environment struct {
	t       *testing.T
	events  chan string
	answers chan reply
	output  output
}

// reply is what the handler answered; failed says that it was an error report.
type reply struct {
	Source string
	Value  json.RawMessage
	failed bool
	text   string
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func start(t *testing.T, launch runtimes.Launch, env ...string) *environment {
	t.Helper()
	e := &environment{t: t, events: make(chan string, 1), answers: make(chan reply, 1)}
	api := httptest.NewServer(http.HandlerFunc(e.serve))
	cmd := exec.Command(launch.Command[0], launch.Command[1:]...)
	cmd.Stdout, cmd.Stderr = &e.output, &e.output
	cmd.Env = append(os.Environ(), launch.Env...)
	cmd.Env = append(cmd.Env, "AWS_LAMBDA_FUNCTION_NAME=storefront", "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	cmd.Env = append(cmd.Env, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended by itself
		_ = cmd.Wait()         // was killed
		api.CloseClientConnections()
		api.Close()
	})
	return e
}

func (e *environment) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/next") {
		select {
		case event := <-e.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "r-1")
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:storefront")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(patience).UnixMilli()))
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, event)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body) // a broken body fails the test by its content
	rep := reply{failed: strings.HasSuffix(r.URL.Path, "/error"), text: string(body)}
	if !rep.failed {
		_ = json.Unmarshal(body, &rep) // shows as an empty Source
	}
	w.WriteHeader(http.StatusAccepted)
	e.answers <- rep
}

// look invokes the handler for a product and waits at most limit; ok is false
// when there was no answer.
func (e *environment) look(id string, limit time.Duration) (rep reply, ok bool) {
	e.t.Helper()
	e.events <- fmt.Sprintf(`{"id":%q}`, id)
	select {
	case rep = <-e.answers:
		return rep, true
	case <-time.After(limit):
		return reply{}, false
	}
}

// link stands between the handler and the cache, like a network.
type link struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	paused   bool
	conns    []net.Conn
	accepted int
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{listener: l, target: target}
	go k.serve()
	t.Cleanup(k.kill)
	return k
}

func (k *link) serve() {
	for {
		near, err := k.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", k.target)
		if err != nil {
			near.Close()
			continue
		}
		k.mu.Lock()
		k.conns = append(k.conns, near, far)
		k.accepted++
		k.mu.Unlock()
		go k.carry(far, near)
		go k.carry(near, far)
	}
}

// carry drops what it reads while the link is paused: the socket stays open and
// nobody answers.
func (k *link) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			to.Close()
			return
		}
		k.mu.Lock()
		paused := k.paused
		k.mu.Unlock()
		if !paused {
			_, _ = to.Write(buf[:n]) // a closed peer shows at the next Read
		}
	}
}

func (k *link) pause() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paused = true
}

func (k *link) kill() {
	k.listener.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		c.Close()
	}
}

func (k *link) opened() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.accepted
}

func (k *link) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(k.listener.Addr().String())
	return host, port
}
