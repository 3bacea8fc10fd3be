package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/thawdev/thaw/stack"
)

const (
	readyWithin  = 10 * time.Second // for a server to answer PING
	readyPoll    = 20 * time.Millisecond
	sampleWithin = time.Second
	attempts     = 3 // addresses tried when another program takes ours first
)

// location is where the server listens.
type location struct {
	host string
	port int
}

func (l location) String() string { return net.JoinHostPort(l.host, strconv.Itoa(l.port)) }

// node is a server that the lab runs: a process, or the embedded one. All
// methods but pid and down are called by one goroutine at a time.
type node interface {
	start() error
	stop() error // politely, then by force; nil if it does not run
	kill() error
	pause() error
	resume() error
	pid() int
	down() error // nil while it runs; wraps ErrDown
}

// observer reads a server.
type observer interface {
	ready(ctx context.Context) error // nil when the server takes commands
	sample(ctx context.Context) (Sample, error)
	product() (engine, version string) // known after the first sample
	close()
}

func start(ctx context.Context, c *stack.Cache, o Options) (*Server, error) {
	mode := o.Mode
	if mode == "" {
		mode = "auto"
	}
	sp := newSpec(c)
	if o.MaxClients > 0 {
		sp.connections = o.MaxClients
	}
	if strings.Contains(mode, "://") {
		return attach(ctx, sp, mode, o.Logf)
	}
	chosen, err := choose(mode, sp, lookPath)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.TempDir, "thaw-cache-")
	if err != nil {
		return nil, fmt.Errorf("no folder for the server, choose another temporary folder: %w", err)
	}
	// Absolute, since the server's working directory is another.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s := &Server{spec: sp, dir: dir, logf: o.Logf}
	if err := s.begin(ctx, chosen); err != nil {
		if s.obs != nil {
			s.obs.close()
		}
		if s.node != nil {
			err = errors.Join(err, s.node.stop())
		}
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// begin starts the chosen server, on another address if the first was taken in
// the moment between choosing and binding it.
func (s *Server) begin(ctx context.Context, chosen choice) (err error) {
	if chosen.embedded() || chosen.program == "memcached" {
		s.spec.limitOpenFiles(1024)
	}
	for range attempts {
		if s.where, err = pickLocation(s.spec); err != nil {
			return err
		}
		if err = s.build(chosen); err != nil {
			return err
		}
		if err = s.launch(ctx); err == nil || !strings.Contains(err.Error(), "in use") {
			break
		}
		s.obs.close()
	}
	if err != nil {
		return fmt.Errorf("%s did not start: %w\n%s", s.name, err, chosen.wayOut())
	}
	if s.where.port != s.spec.port {
		s.spec.note("port %d is taken: the cache listens on %d", s.spec.port, s.where.port)
	}
	first, err := s.obs.sample(ctx)
	if err != nil {
		return fmt.Errorf("%s does not tell its state: %w\n%s", s.name, err, chosen.wayOut())
	}
	if !chosen.embedded() {
		_, version := s.obs.product()
		s.name = chosen.program + " " + version
		s.spec.compare(chosen.program, version)
		if first.Limit > 0 && first.Limit < s.spec.connections {
			s.spec.note("maxclients limited to %d by the open-files limit", first.Limit)
		}
	}
	return nil
}

// build makes the node and its observer for the address in s.where.
func (s *Server) build(chosen choice) error {
	var identity *identity
	if s.spec.tls {
		var err error
		if identity, err = newIdentity(s.dir, s.where.host); err != nil {
			return fmt.Errorf("no certificate for the server: %w", err)
		}
		s.env = identity.env()
	}
	s.name = chosen.program
	switch chosen.program {
	case "":
		s.name = "embedded (miniredis)"
		e := newEmbedded(s.spec, s.where, identity)
		s.node, s.obs = e, e
	case "memcached":
		args, encrypted := memcachedArgs(chosen.path, s.spec, s.where, identity)
		s.node = newProcess(chosen.path, args, s.dir, "")
		s.obs = &memcachedObserver{dial: s.dialer(identity, encrypted)}
		if s.spec.tls && !encrypted {
			s.env = nil
		}
	default:
		conf := filepath.Join(s.dir, "server.conf")
		if err := os.WriteFile(conf, redisConf(s.spec, s.where, s.dir, identity), 0o600); err != nil {
			return err
		}
		s.node = newProcess(chosen.path, []string{conf}, s.dir, s.spec.password)
		s.obs = &redisObserver{dial: s.dialer(identity, s.spec.tls), password: s.spec.password, cluster: s.spec.cluster, reserved: 1}
	}
	return nil
}

func (s *Server) dialer(id *identity, encrypted bool) dialFunc {
	if !encrypted {
		return dialTo(s.where, nil)
	}
	return dialTo(s.where, &tls.Config{RootCAs: id.roots(), ServerName: s.where.host, MinVersion: tls.VersionTLS12})
}

// dialFunc opens a connection to the server.
type dialFunc func(context.Context) (net.Conn, error)

func dialTo(where location, config *tls.Config) dialFunc {
	if config == nil {
		var d net.Dialer
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", where.String()) }
	}
	d := tls.Dialer{Config: config}
	return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", where.String()) }
}

// launch starts the node and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	if err := s.node.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return await(ctx, s.obs, s.node.down)
}

// await polls an observer until its server answers, ctx ends, or down tells
// that it never will.
func await(ctx context.Context, obs observer, down func() error) error {
	for {
		err := obs.ready(ctx)
		if err == nil {
			return nil
		}
		if gone := down(); gone != nil {
			return gone
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w (last: %w)", context.Cause(ctx), err)
		case <-time.After(readyPoll):
		}
	}
}
