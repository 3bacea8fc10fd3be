package cache

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/thawdev/thaw/stack"
)

// TestFaults does to each kind of server what an experiment does.
func TestFaults(t *testing.T) {
	const pingRESP = "*1\r\n$4\r\nPING" // miniredis takes no inline commands
	for _, c := range []struct {
		mode   string
		engine stack.Engine
		ping   string
	}{
		{"embedded", stack.Valkey, pingRESP},
		{"auto", stack.Redis, pingRESP},
		{"auto", stack.Memcached, "version"},
	} {
		t.Run(c.mode+" "+string(c.engine), func(t *testing.T) {
			switch {
			case c.engine == stack.Memcached:
				need(t, "memcached")
			case c.mode == "auto":
				real(t)
			}
			faults(t, begin(t, c.mode, described(c.engine, nil)), c.ping)
		})
	}
}

// faults pauses, resumes, kills and restarts s, whose engine answers ping with
// one line.
func faults(t *testing.T, s *Server, ping string) {
	ask := func(h *handler) (string, error) {
		h.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if err := h.send([]byte(ping+"\r\n"), 1); err != nil {
			return "", err
		}
		return h.r.ReadString('\n')
	}
	h := connect(t, s)
	if answer, err := ask(h); err != nil {
		t.Fatalf("before any fault: %q, %v", answer, err)
	}
	before := sample(t, s)
	if before.Connections != 1 || before.NewTotal != 1 || len(before.Clients) != 1 {
		t.Errorf("one client, but %+v", before)
	}
	if want := h.LocalAddr().String(); before.Clients[0].Addr.String() != want {
		t.Errorf("client's address %v, want %s", before.Clients[0].Addr, want)
	}

	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(h); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("paused: %q, %v; want no answer", answer, err)
	}
	if _, err := s.Sample(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("Sample of a paused server: %v", err)
	}
	if _, err := dialTo(s.where, nil)(t.Context()); err != nil {
		t.Errorf("a paused server's kernel still accepts: %v", err)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	h.SetDeadline(time.Now().Add(3 * time.Second))
	if answer, err := h.r.ReadString('\n'); err != nil {
		t.Errorf("resumed: %q, %v; want the answer that was held back", answer, err)
	}

	pid := s.PID()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(h); err == nil {
		t.Errorf("killed: %q", answer)
	}
	if _, err := dialTo(s.where, nil)(t.Context()); err == nil {
		t.Error("killed: the port still accepts")
	}
	if _, err := s.Sample(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("Sample of a killed server: %v", err)
	}
	if err := s.Kill(); !errors.Is(err, ErrDown) {
		t.Errorf("second Kill: %v", err)
	}
	if pid != 0 && !gone(pid) {
		t.Errorf("process %d is alive after Kill", pid)
	}

	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	again := connect(t, s)
	if answer, err := ask(again); err != nil {
		t.Errorf("restarted: %q, %v", answer, err)
	}
	after := sample(t, s)
	if after.Connections != 1 || after.NewTotal < before.NewTotal+1 || after.BytesIn <= before.BytesIn {
		t.Errorf("totals go on across a restart: before %+v, after %+v", before, after)
	}
	if err := s.Restart(); err != nil {
		t.Errorf("Restart of a running server: %v", err)
	}
}

// TestClose leaves no process and no folder, also when the server is paused or
// dead, and does nothing the second time.
func TestClose(t *testing.T) {
	mode := real(t)
	for _, c := range []struct {
		name   string
		before func(*Server) error
	}{
		{"running", func(*Server) error { return nil }},
		{"paused", (*Server).Pause},
		{"killed", (*Server).Kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Start(t.Context(), described(stack.Redis, nil), Options{Mode: mode, TempDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			pid := s.PID()
			if err := c.before(s); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if !gone(pid) {
				t.Errorf("process %d is alive", pid)
			}
			if err := s.Restart(); !errors.Is(err, ErrDown) {
				t.Errorf("Restart after Close: %v", err)
			}
		})
	}
}

// TestHardCodedPort: two caches of one template port, next to a program that
// holds the port on 127.0.0.1.
func TestHardCodedPort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address")
	}
	if l, err := net.Listen("tcp", "127.0.0.1:6379"); err == nil {
		defer l.Close()
	}
	a := begin(t, "embedded", described(stack.Redis, nil))
	b := begin(t, "embedded", described(stack.Redis, nil))
	if a.Port() != 6379 || b.Port() != 6379 || a.Address() == b.Address() {
		t.Errorf("%s:%d and %s:%d", a.Address(), a.Port(), b.Address(), b.Port())
	}
	for attribute, want := range map[string]string{
		stack.EndpointAddress: a.Address(), stack.ReaderAddress: a.Address(),
		stack.EndpointPort: "6379", stack.ReaderPort: "6379",
	} {
		if got, ok := a.Attribute(attribute); !ok || got != want {
			t.Errorf("Attribute(%s) = %q, %v", attribute, got, ok)
		}
	}
	if got, ok := a.Attribute("arn"); ok {
		t.Errorf("Attribute(arn) = %q", got)
	}
}

// TestNodeTypeLimits: the real server has the node's limits.
func TestNodeTypeLimits(t *testing.T) {
	s := begin(t, real(t), described(stack.Redis, nil))
	x := sample(t, s)
	if x.MaxMemoryBytes != 402_653_184 {
		t.Errorf("maxmemory %d", x.MaxMemoryBytes)
	}
	limited := slices.ContainsFunc(s.Notes(), func(n string) bool { return strings.Contains(n, "open-files limit") })
	if x.Limit != 20_000 && !limited {
		t.Errorf("maxclients %d and no note: %v", x.Limit, s.Notes())
	}
	if !strings.Contains(s.Name(), "-server ") {
		t.Errorf("name %q", s.Name())
	}
	h := connect(t, s)
	for parameter, want := range map[string]string{
		"maxmemory-policy": "volatile-lru", "timeout": "0", "tcp-keepalive": "300", "save": "", "appendonly": "no", "protected-mode": "yes",
	} {
		if got := h.run("CONFIG GET " + parameter); got != parameter+" "+want {
			t.Errorf("CONFIG GET %s: %q, want %q", parameter, got, want)
		}
	}
}

// TestClusterClient: a client for clusters works against cluster mode, encrypted
// and not, real and embedded.
func TestClusterClient(t *testing.T) {
	for _, mode := range []string{"embedded", "auto"} {
		for _, encrypted := range []bool{false, true} {
			t.Run(mode+" "+map[bool]string{true: "TLS", false: "plain"}[encrypted], func(t *testing.T) {
				if mode == "auto" {
					real(t)
				}
				t.Parallel() // a real node takes two seconds to form a cluster
				s := begin(t, mode, described(stack.Redis, func(c *stack.Cache) {
					c.ClusterMode = stack.Known(true)
					c.TransitEncryption = stack.Known(encrypted)
				}))
				o := &redis.ClusterOptions{Addrs: []string{s.where.String()}}
				if encrypted {
					o.TLSConfig = s.dialerConfig(t)
				}
				client := redis.NewClusterClient(o)
				defer client.Close()
				for _, key := range []string{"a", "b", "c{1}", "d{1}"} {
					if err := client.Set(t.Context(), key, key, time.Minute).Err(); err != nil {
						t.Fatalf("SET %s: %v", key, err)
					}
					if got, err := client.Get(t.Context(), key).Result(); err != nil || got != key {
						t.Errorf("GET %s: %q, %v", key, got, err)
					}
				}
				if x := sample(t, s); x.Connections == 0 || x.Hits != 4 {
					t.Errorf("%+v", x)
				}
				if err := s.Restart(); err != nil {
					t.Fatalf("Restart: %v", err)
				}
				if err := client.Set(t.Context(), "a", "a", time.Minute).Err(); err != nil {
					t.Errorf("after a restart: %v", err)
				}
			})
		}
	}
}

// TestURL observes a running server without changing it.
func TestURL(t *testing.T) {
	token := stack.Literal("hunter2/?")
	running := begin(t, real(t), described(stack.Redis, func(c *stack.Cache) { c.AuthToken = &token }))
	h := connect(t, running)
	h.run("AUTH hunter2/?")
	h.run("SET a 1")

	url := "redis://:hunter2%2F%3F@" + running.where.String()
	var log []string
	s, err := Start(t.Context(), described(stack.Redis, nil), Options{Mode: url, Logf: func(f string, _ ...any) { log = append(log, f) }})
	if err != nil {
		t.Fatal(err)
	}
	h.run("GET a")
	x := sample(t, s)
	if x.NewTotal != 0 || x.Hits != 1 || x.Commands != 1 || x.Connections != 1 {
		t.Errorf("want what happened since Start only, and the lab's connections left out: %+v", x)
	}
	for _, text := range append(append(log, s.Name()), s.Notes()...) {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the password is shown: %q", text)
		}
	}
	if err := s.Kill(); err == nil || s.PID() != 0 {
		t.Errorf("Kill of a server that is not ours: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := h.run("GET a"); got != "1" {
		t.Errorf("after Close: %q", got)
	}

	_, err = Start(t.Context(), described(stack.Redis, nil), Options{Mode: strings.Replace(url, "hunter2", "wrong2", 1)})
	if err == nil || strings.Contains(err.Error(), "wrong2") || !strings.Contains(err.Error(), "template.yaml:12") {
		t.Errorf("wrong password: %v", err)
	}
}

// TestStartErrors: one message with the place and the way out; nothing is left.
func TestStartErrors(t *testing.T) {
	bin := t.TempDir()
	for name, body := range map[string]string{
		"redis-server":  "#!/bin/sh\necho first line\necho the disk is made of cheese\nexit 3\n",
		"valkey-server": "#!/bin/sh\nexec sleep 60\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	redis, memcached := described(stack.Redis, nil), described(stack.Memcached, nil)
	for _, c := range []struct {
		name  string
		cache *stack.Cache
		mode  string
		path  string
		wants []string
	}{
		{"the process ends", redis, "redis", "", []string{"exit status 3", "the disk is made of cheese", "--cache embedded"}},
		{"no answer", redis, "valkey", "", []string{"no answer", "--cache embedded"}},
		{"not installed", redis, "redis", "/nonexistent", []string{"redis-server is not in PATH", "--cache embedded"}},
		{"memcached not installed", memcached, "", "/nonexistent", []string{"memcached is not in PATH", "install", "memcached://"}},
		{"no embedded memcached", memcached, "embedded", "", []string{"no embedded memcached", "install"}},
		{"engine is memcached", memcached, "redis", "", []string{"says memcached", "--cache says redis"}},
		{"engine is not memcached", redis, "memcached", "", []string{"says redis", "--cache says memcached"}},
		{"URL of another engine", redis, "memcached://localhost:11211", "", []string{"says redis"}},
		{"unknown mode", redis, "dragonfly", "", []string{`unknown --cache "dragonfly"`}},
		{"unknown scheme", redis, "http://localhost", "", []string{"http://", "rediss://"}},
		{"no server at the URL", redis, "redis://127.0.0.1:1", "", []string{"127.0.0.1:1", "--cache auto"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			s, err := Start(ctx, c.cache, Options{Mode: c.mode, TempDir: dir})
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			for _, want := range append(c.wants, "cache: template.yaml:12 (Cache): ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestAutoFallsBack to the embedded server when none is installed.
func TestAutoFallsBack(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if s := begin(t, "", described(stack.Valkey, nil)); s.Name() != "embedded (miniredis)" {
		t.Errorf("%s", s.Name())
	}
}

// TestEmbeddedTakesBoth: transit mode preferred has plain and TLS clients on
// one port.
func TestEmbeddedTakesBoth(t *testing.T) {
	s := begin(t, "embedded", described(stack.Redis, func(c *stack.Cache) {
		c.TransitEncryption, c.TransitMode = stack.Known(true), stack.Known("preferred")
	}))
	if got := connect(t, s).run("SET a 1"); got != "OK" {
		t.Errorf("TLS: %s", got)
	}
	c, err := dialTo(s.where, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	plain := &handler{newWireConn(c), t}
	if got := plain.run("GET a"); got != "1" {
		t.Errorf("plain: %s", got)
	}
	if x := sample(t, s); x.Connections != 2 {
		t.Errorf("%+v", x)
	}
}

// TestEmbeddedExpires: keys expire by themselves.
func TestEmbeddedExpires(t *testing.T) {
	h := connect(t, begin(t, "embedded", described(stack.Redis, nil)))
	h.run("SET a 1 PX 150")
	for deadline := time.Now().Add(3 * time.Second); h.run("GET a") != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the key never expires")
		}
	}
}

// TestMemcached counts what a memcached client does, encrypted and not.
func TestMemcached(t *testing.T) {
	need(t, "memcached")
	for _, encrypted := range []bool{false, true} {
		s := begin(t, "auto", described(stack.Memcached, func(c *stack.Cache) { c.TransitEncryption = stack.Known(encrypted) }))
		if encrypted && len(s.Env()) == 0 {
			t.Log("this memcached has no TLS:", s.Notes())
			continue
		}
		h := connect(t, s)
		h.send([]byte("set a 0 0 1\r\n1\r\nget a\r\nget nothing\r\nversion\r\n"), 1)
		for line := ""; !strings.HasPrefix(line, "VERSION"); {
			var err error
			if line, err = h.r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		x := sample(t, s)
		if x.Connections != 1 || x.NewTotal != 1 || x.Hits != 1 || x.Misses != 1 || x.Commands != 3 || x.BytesIn == 0 || x.Limit < 1000 {
			t.Errorf("encrypted %t: %+v", encrypted, x)
		}
		h.Close()
		sampleUntil(t, s, "no client", func(x Sample) bool { return x.Connections == 0 && x.NewTotal == 1 })
	}
}
