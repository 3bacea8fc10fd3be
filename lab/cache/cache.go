// Package cache starts the cache of a stack on this machine and observes it.
//
//	stack.Cache ─▶ spec ─▶ node: valkey-server, redis-server, memcached │ embedded
//	                                 ▲                                  │ a URL: no node
//	                                 │ INFO, CLIENT LIST; stats
//	                              observer ─▶ Sample ─▶ Attributor: which environment
//
// The server is real and gets the limits of the stack's node type. It listens
// on a loopback address of its own with the port of the template, so that a
// handler that hard-codes 6379 works next to a developer's own server.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/thawdev/thaw/stack"
)

// ErrDown tells that the server does not answer because it was killed, paused
// or closed, or because its process ended.
var ErrDown = errors.New("cache: the server is down")

// Options says which server stands in for the cache. The zero Options picks the
// best that is installed.
type Options struct {
	// Mode is auto, valkey, redis, memcached, embedded, or the URL of a running
	// server: redis://, rediss:// or memcached://, with user and password if it
	// wants them. "" is auto: valkey-server, then redis-server from PATH, else
	// the embedded server; for a Memcached cache, memcached from PATH.
	Mode string

	// MaxClients is the limit on connections; 0 is that of the node type. A
	// small one makes a storm that fits a laptop.
	MaxClients int

	// TempDir is where the server's folder is made; "" is os.TempDir().
	TempDir string

	// Logf receives progress; nil discards it. It never receives a secret.
	Logf func(format string, args ...any)
}

// Server is a running cache. Its methods may be called from many goroutines.
type Server struct {
	spec  *spec
	name  string
	where location
	env   []string
	dir   string // temporary folder, "" for a URL
	node  node   // nil for a URL
	obs   observer
	logf  func(string, ...any)

	mu     sync.Mutex // one fault at a time
	closed bool
}

// Start starts the server for c and returns when it answers. ctx bounds the
// start only; the server runs until Close, or until this process ends. An
// error names the place in the template and the way out, and leaves no process
// and no folder behind.
func Start(ctx context.Context, c *stack.Cache, o Options) (*Server, error) {
	if c == nil {
		return nil, errors.New("cache: no cache in the stack to start")
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	s, err := start(ctx, c, o)
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", place(c), err)
	}
	o.Logf("cache: %s on %s", s.Name(), s.where)
	return s, nil
}

// place names the cache in a message: where it was declared, else its ID.
func place(c *stack.Cache) string {
	if at := c.Origin.String(); at != "" {
		return at
	}
	return c.ID
}

// Address is the host that clients connect to: an IP address, or the host of
// the URL.
func (s *Server) Address() string { return s.where.host }

// Port is the port that clients connect to.
func (s *Server) Port() int { return s.where.port }

// Attribute answers a reference of the template to the cache. The one local
// server is primary and reader; attributes that have no meaning here, such as
// an ARN, report false.
func (s *Server) Attribute(name string) (string, bool) {
	switch name {
	case stack.EndpointAddress, stack.ReaderAddress:
		return s.where.host, true
	case stack.EndpointPort, stack.ReaderPort:
		return strconv.Itoa(s.where.port), true
	}
	return "", false
}

// Name is the program and its version, such as "redis-server 7.0.15" or
// "embedded (miniredis)".
func (s *Server) Name() string { return s.name }

// Notes lists in what the local server differs from the cache of the template.
func (s *Server) Notes() []string { return slices.Clone(s.spec.notes) }

// PID is the server's process, or 0: not running, embedded, or not ours.
func (s *Server) PID() int {
	if s.node == nil {
		return 0
	}
	return s.node.pid()
}

// Env lists environment variables, as name=value, that make a handler trust the
// server's certificate. It is empty without TLS. OpenSSL, Go (not on macOS),
// Node.js and Python read them; a JVM has its own trust store and does not.
func (s *Server) Env() []string { return slices.Clone(s.env) }

// Sample reads the server once. Figures count from Start and exclude the lab's
// own connection. Totals go on across a Restart, less what happened between
// the last Sample and the end of the old process. The error wraps ErrDown if
// the server cannot answer. It waits one second at most.
func (s *Server) Sample(ctx context.Context) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleWithin)
	defer cancel()
	if s.node != nil {
		if err := s.node.down(); err != nil {
			return Sample{}, err
		}
	}
	out, err := s.obs.sample(ctx)
	if err != nil && s.node != nil {
		if down := s.node.down(); down != nil {
			err = down
		}
	}
	return out, err
}

// Kill ends the server as SIGKILL does: data and connections are lost, and the
// port refuses connections until Restart.
func (s *Server) Kill() error { return s.fault("kill", node.kill) }

// Pause stops the server as SIGSTOP does: the kernel still accepts connections
// and bytes, and nothing answers.
func (s *Server) Pause() error { return s.fault("pause", node.pause) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.fault("resume", node.resume) }

// Restart stops the server if it runs and starts it, empty, on the same
// address with the same certificate. It returns when the server answers.
func (s *Server) Restart() error {
	return s.fault("restart", func(n node) error {
		if err := n.stop(); err != nil {
			return err
		}
		return s.launch(context.Background())
	})
}

func (s *Server) fault(verb string, do func(node) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("cache: cannot %s: %w", verb, ErrDown)
	case s.node == nil:
		return fmt.Errorf("cache: cannot %s %s: the lab did not start it and only observes it; use a --cache that the lab starts", verb, s.name)
	}
	s.logf("cache: %s %s", verb, s.name)
	if err := do(s.node); err != nil {
		return fmt.Errorf("cache: %s %s: %w", verb, s.name, err)
	}
	return nil
}

// Close stops the server, first politely, and removes its folder. Only the
// first call does something.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.obs.close()
	var errs []error
	if s.node != nil {
		errs = append(errs, s.node.stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cache: close %s: %w", s.name, err)
	}
	return nil
}
