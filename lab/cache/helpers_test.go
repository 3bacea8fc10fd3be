package cache

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/stack"
)

// need skips a test whose server is not installed, unless THAW_REQUIRE_REAL=1
// says that it must be.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			return
		}
	}
	if os.Getenv("THAW_REQUIRE_REAL") == "1" {
		t.Fatalf("none of %v is in PATH and THAW_REQUIRE_REAL=1", programs)
	}
	t.Skipf("none of %v is in PATH", programs)
}

// real is the mode of whichever real server of the Redis protocol is installed.
func real(t testing.TB) string {
	t.Helper()
	need(t, "valkey-server", "redis-server")
	return "auto"
}

// described is a cache as a template would declare it.
func described(engine stack.Engine, change func(*stack.Cache)) *stack.Cache {
	c := &stack.Cache{Engine: stack.Known(engine), NodeType: stack.Known("cache.t4g.micro")}
	c.ID = "Cache"
	c.Origin = stack.Origin{File: "template.yaml", Line: 12, Address: "Cache"}
	if change != nil {
		change(c)
	}
	return c
}

func begin(t testing.TB, mode string, c *stack.Cache) *Server {
	t.Helper()
	s, err := Start(t.Context(), c, Options{Mode: mode, TempDir: t.TempDir()})
	if err != nil {
		t.Fatalf("Start %s: %v", mode, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// handler is a client as a Lambda handler would have one.
type handler struct {
	*wireConn
	t testing.TB
}

func connect(t testing.TB, s *Server) *handler {
	t.Helper()
	var config *tls.Config
	if s.spec.tls {
		config = &tls.Config{RootCAs: poolOf(t, s), ServerName: s.Address()}
	}
	c, err := dialTo(s.where, config)(t.Context())
	if err != nil {
		t.Fatalf("connect to %s: %v", s.where, err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return &handler{newWireConn(c), t}
}

// run sends a command given as words and returns its answer as text, the
// elements of an array divided by spaces.
func (h *handler) run(words string) string {
	h.t.Helper()
	if err := h.send(appendCommand(nil, strings.Fields(words)...), 1); err != nil {
		return "broken: " + err.Error()
	}
	return answerText(h.r)
}

func answerText(r *bufio.Reader) string {
	peek, err := r.Peek(1)
	if err != nil {
		return "broken: " + err.Error()
	}
	if peek[0] == '*' {
		line, _ := r.ReadBytes('\n')
		var all []string
		for range number(bytes.TrimSpace(line[1:])) {
			all = append(all, answerText(r))
		}
		return strings.Join(all, " ")
	}
	b, err := readReply(r, nil)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// sampleUntil reads until ok, since a server notices a closed connection a
// moment later.
func sampleUntil(t testing.TB, s *Server, what string, ok func(Sample) bool) Sample {
	t.Helper()
	var last string
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		got, err := s.Sample(context.Background())
		if err == nil && ok(got) {
			return got
		}
		last = fmt.Sprintf("%+v, %v", got, err)
	}
	t.Fatalf("%s: never; last sample %s", what, last)
	return Sample{}
}

func sample(t testing.TB, s *Server) Sample {
	t.Helper()
	got, err := s.Sample(t.Context())
	if err != nil {
		t.Fatalf("Sample: %v", err)
	}
	return got
}

func envOf(t testing.TB, s *Server, name string) string {
	t.Helper()
	for _, kv := range s.Env() {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	t.Fatalf("%s is not in Env %v", name, s.Env())
	return ""
}

// gone reports whether a process has ended.
func gone(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(state, []byte(") Z "))
}

// poolOf trusts what Env tells a handler to trust.
func poolOf(t testing.TB, s *Server) *x509.CertPool {
	t.Helper()
	bundle, err := os.ReadFile(envOf(t, s, "SSL_CERT_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("no certificate in SSL_CERT_FILE")
	}
	return pool
}

func (s *Server) dialerConfig(t testing.TB) *tls.Config {
	return &tls.Config{RootCAs: poolOf(t, s), ServerName: s.Address()}
}
