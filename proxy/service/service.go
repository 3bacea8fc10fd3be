package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/engine"
)

// Options are what a Service needs besides its configuration. The zero value is
// usable.
type Options struct {
	// Log receives what an operator should know; nil means none.
	Log *slog.Logger
	// Getenv reads the variable of a password; nil means os.Getenv.
	Getenv func(string) string
	// Version is shown in the metrics; "" means unknown.
	Version string
	// Poll is how often certificates and the server are looked at; 0 means ten
	// seconds and one.
	Poll time.Duration
	// Seed makes everything random repeatable.
	Seed uint64
}

// Service is a proxy with its listeners and its HTTP endpoint.
type Service struct {
	cfg   Config
	opts  Options
	log   *slog.Logger
	proxy *proxy.Proxy

	listeners []listener
	metrics   net.Listener // nil without
	health    health

	reloads sync.Mutex // one reload at a time
}

// listener is one open address.
type listener struct {
	net.Listener
	certificates *certificates // nil: plain
	handshake    time.Duration
}

// New starts a proxy and opens its addresses; nothing is accepted before Run,
// which must be called to release them.
func New(cfg Config, o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	po, err := cfg.options(o.Getenv)
	if err != nil {
		return nil, err
	}
	po.Log, po.Seed = o.Log, o.Seed
	s := &Service{cfg: cfg, opts: o, log: o.Log}
	if s.proxy, err = proxy.New(po); err != nil {
		return nil, err
	}
	s.health.init(s)
	if err := s.open(); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// open opens all addresses.
func (s *Service) open() error {
	for _, l := range s.cfg.Listen {
		certs, err := newCertificates(l.TLS)
		if err != nil {
			return err
		}
		var cfg *tls.Config
		if certs != nil {
			cfg = certs.serverConfig()
		}
		ln, err := s.proxy.Listen(proxy.Listener{Address: l.Address, TLS: cfg, NoAuth: l.NoAuth})
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, listener{Listener: ln, certificates: certs, handshake: s.cfg.Timeouts.Handshake})
	}
	if s.cfg.Metrics.Listen != "" {
		ln, err := net.Listen("tcp", s.cfg.Metrics.Listen)
		if err != nil {
			return fmt.Errorf("service: metrics: %w", err)
		}
		s.metrics = ln
	}
	return nil
}

func (s *Service) release() {
	for _, l := range s.listeners {
		l.Close()
	}
	if s.metrics != nil {
		s.metrics.Close()
	}
	s.proxy.Close()
}

// Addresses are those the service listens on for clients.
func (s *Service) Addresses() []net.Addr {
	all := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		all[i] = l.Addr()
	}
	return all
}

// MetricsAddress is that of the HTTP endpoint, nil without.
func (s *Service) MetricsAddress() net.Addr {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.Addr()
}

// Run serves until ctx ends, then drains: /readyz fails at once, after the drain
// delay nothing is accepted any more, and clients leave as they come to rest or
// when the drain timeout is over. The end of abort ends it at once. It returns nil
// after a drain, also one that had to cut clients.
func (s *Service) Run(ctx, abort context.Context) error {
	defer s.release()
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { s.health.watch(background) })
	running.Go(func() { s.watchFiles(background) })
	failed := make(chan error, len(s.listeners)+1)
	if s.metrics != nil {
		running.Go(func() { s.serveHTTP(background, failed) })
	}
	s.greet()
	for _, l := range s.listeners {
		go func() { failed <- s.proxy.Serve(l.Listener, l.tls()) }()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("service: %w", err)
	case <-ctx.Done():
	}
	return s.drain(abort)
}

func (l listener) tls() *engine.TLSOptions {
	if l.certificates == nil {
		return nil
	}
	return &engine.TLSOptions{Config: l.certificates.serverConfig(), HandshakeTimeout: l.handshake}
}

// greet logs where the service listens; the form of the first line is a contract
// with scripts that wait for it.
func (s *Service) greet() {
	warnOfFiles(s.log, s.cfg.Limits.MaxClients+s.cfg.Upstream.MaxConnections+s.cfg.Upstream.MaxPinned)
	if s.metrics != nil {
		s.log.Info("metrics at http://" + s.metrics.Addr().String() + "/metrics")
	}
	for _, l := range s.listeners {
		facts := []any{"upstream", redactURL(s.cfg.Upstream.URL), "pool_mode", s.cfg.PoolMode, "max_upstream", s.cfg.Upstream.MaxConnections, "tls", l.certificates != nil}
		if l.certificates != nil {
			facts = append(facts, l.certificates.leaf()...)
		}
		s.log.Info("listening on "+l.Addr().String(), facts...)
	}
}

func (s *Service) drain(abort context.Context) error {
	s.health.draining.Store(true)
	began := time.Now()
	if d := s.cfg.Timeouts.DrainDelay; d > 0 {
		s.log.Info("draining: not ready any more, still accepting", "for", d)
		select {
		case <-time.After(d):
		case <-abort.Done():
		}
	}
	s.log.Info("draining: no new clients", "clients", s.proxy.Stats().Clients, "drain_timeout", s.cfg.Timeouts.Drain)
	err := s.proxy.Shutdown(abort)
	switch {
	case abort.Err() != nil:
		s.log.Warn("stopped before the drain was over", "after", time.Since(began).Round(time.Millisecond))
		return nil
	case err != nil && !errors.Is(err, proxy.ErrDrained):
		return err
	}
	s.log.Info("drained", "after", time.Since(began).Round(time.Millisecond))
	return nil
}

// Reload reads certificates and users again. What cannot be read stays as it was
// and is logged. Other settings need a restart.
func (s *Service) Reload() {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	for _, l := range s.listeners {
		if l.certificates != nil {
			s.reloadCertificates(l.certificates)
		}
	}
	if s.cfg.UsersFile == "" {
		return
	}
	users, err := s.cfg.users()
	if err != nil {
		s.log.Error("users not reloaded, the old ones stay in use", "error", err)
		return
	}
	if err := s.proxy.SetUsers(users); err != nil {
		s.log.Error("users not reloaded, the old ones stay in use", "error", err)
		return
	}
	s.log.Info("users reloaded", "file", s.cfg.UsersFile)
}

func (s *Service) reloadCertificates(c *certificates) {
	if _, err := c.reload(); err != nil {
		s.log.Error("certificate not reloaded, the old one stays in use", "error", err)
		return
	}
	s.log.Info("certificate reloaded", c.leaf()...)
}

// certificatePoll is how often the files of certificates are looked at.
const certificatePoll = 10 * time.Second

func (s *Service) watchFiles(ctx context.Context) {
	every := s.opts.Poll
	if every == 0 {
		every = certificatePoll
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.reloads.Lock()
		for _, l := range s.listeners {
			if l.certificates != nil && l.certificates.changed() {
				s.reloadCertificates(l.certificates)
			}
		}
		s.reloads.Unlock()
	}
}
