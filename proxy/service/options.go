package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/upstream"
)

// options turns a configuration that Load has checked into the proxy's own, and
// reads the files and variables that it names. getenv is os.Getenv.
func (c *Config) options(getenv func(string) string) (proxy.Options, error) {
	if c.Upstream.URL == "" {
		return proxy.Options{}, errors.New("service: no upstream: give --upstream redis://host:port, upstream.url in the file, or THAW_PROXY_UPSTREAM")
	}
	target, err := upstream.ParseURL(c.Upstream.URL)
	if err != nil {
		return proxy.Options{}, fmt.Errorf("service: upstream.url: %w", err)
	}
	o := proxy.Options{
		Upstream:       c.upstreamOptions(target),
		DB:             target.DB,
		PoolMode:       proxy.PoolMode(c.PoolMode),
		ReplicaReads:   c.Upstream.ReplicaReads,
		AllowAdmin:     c.Admin == "allow",
		NoRESP3:        c.NoRESP3,
		Loops:          c.Engine.Loops,
		Portable:       c.Engine.Portable,
		MaxClients:     c.Limits.MaxClients,
		MaxInFlight:    c.Limits.MaxInFlight,
		MaxQueued:      int(c.Limits.MaxQueued),
		SlowClient:     int(c.Limits.SlowClient),
		MaxUnread:      int(c.Limits.MaxUnread),
		MaxMessages:    int(c.Limits.MaxMessages),
		MaxMemory:      int(c.Limits.MaxMemory),
		IdleTimeout:    c.Timeouts.Idle,
		PartialTimeout: c.Timeouts.Partial,
		RequestTimeout: c.Timeouts.Request,
		WatchTimeout:   c.Timeouts.Pin,
		BlockTimeout:   c.Timeouts.Block,
		DrainTimeout:   c.Timeouts.Drain,
	}
	if err := c.upstreamTLS(o.Upstream.TLS); err != nil {
		return o, err
	}
	if o.Users, err = c.users(); err != nil {
		return o, err
	}
	if o.Login, err = c.login(target, getenv); err != nil {
		return o, err
	}
	o.PassAuth = c.Upstream.Auth == "pass" ||
		c.Upstream.Auth == "auto" && o.Users == nil && o.Login.Password == "" && o.Login.Token == nil
	return o, nil
}

func (c *Config) upstreamOptions(target upstream.Target) upstream.Options {
	u := &c.Upstream
	o := upstream.Options{
		Network: target.Network, Address: target.Address, TLS: target.TLS,
		MaxShared:     u.MaxConnections,
		MaxOwned:      u.MaxPinned,
		MaxPerPool:    u.MaxPerPool,
		GrowDepth:     u.GrowDepth,
		GrowBytes:     int(u.GrowBytes),
		DialTimeout:   u.ConnectTimeout,
		WaitTimeout:   c.Timeouts.Borrow,
		IdleTimeout:   u.IdleTimeout,
		ProbeEvery:    u.ProbeEvery,
		StallTimeout:  u.StallTimeout,
		MaxAge:        u.MaxAge,
		SentinelEvery: u.SentinelEvery,
	}
	for _, r := range u.Readers {
		if r == "discover" {
			o.Discover = true
		} else {
			o.Readers = append(o.Readers, r)
		}
	}
	return o
}

// upstreamTLS completes the TLS configuration of the server's connections; cfg is
// nil when there is none.
func (c *Config) upstreamTLS(cfg *tls.Config) error {
	if cfg == nil {
		return nil
	}
	cfg.ServerName = c.Upstream.TLS.ServerName
	if c.Upstream.TLS.CA == "" {
		return nil
	}
	pool, err := readCAs(c.Upstream.TLS.CA)
	if err != nil {
		return fmt.Errorf("service: upstream.tls.ca: %w", err)
	}
	cfg.RootCAs = pool
	return nil
}

// users reads the users file; nil without one.
func (c *Config) users() (*proxy.Users, error) {
	if c.UsersFile == "" {
		return nil, nil
	}
	f, err := os.Open(c.UsersFile)
	if err != nil {
		return nil, fmt.Errorf("service: users_file: %w", err)
	}
	defer f.Close()
	u, err := proxy.ReadUsers(f)
	if err != nil {
		return nil, fmt.Errorf("service: users_file %s: %w", c.UsersFile, err)
	}
	return u, nil
}

// login is how the proxy logs in to the server.
func (c *Config) login(target upstream.Target, getenv func(string) string) (upstream.Login, error) {
	u := &c.Upstream
	if u.IAM.User != "" {
		return iamLogin(context.Background(), u.IAM)
	}
	l := upstream.Login{User: target.User, Password: target.Password}
	if u.Username != "" {
		l.User = u.Username
	}
	switch {
	case u.PasswordFile != "":
		b, err := os.ReadFile(u.PasswordFile)
		if err != nil {
			return l, fmt.Errorf("service: upstream.password_file: %w", err)
		}
		l.Password = strings.TrimRight(string(b), "\r\n")
		if l.Password == "" {
			return l, fmt.Errorf("service: upstream.password_file: %s is empty", u.PasswordFile)
		}
	case l.Password == "" && u.PasswordEnv != "":
		l.Password = getenv(u.PasswordEnv)
	}
	if l.User != "" && l.Password == "" {
		return l, fmt.Errorf("service: upstream user %q has no password: give upstream.password_file, or the variable %s", l.User, orDefault(u.PasswordEnv, "of upstream.password_env"))
	}
	return l, nil
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}

func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// Check does everything that New does short of opening an address: it reads the
// certificates, users and passwords that the configuration names.
func Check(c Config, o Options) error {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if _, err := c.options(o.Getenv); err != nil {
		return err
	}
	for _, l := range c.Listen {
		if _, err := newCertificates(l.TLS); err != nil {
			return err
		}
	}
	return nil
}
