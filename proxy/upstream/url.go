package upstream

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Target is what a URL says about an upstream.
type Target struct {
	Network  string // "tcp" or "unix"
	Address  string
	TLS      *tls.Config // nil for redis:// and unix://
	User     string
	Password string
	DB       int
}

// ParseURL reads redis://[user:password@]host[:port][/db], rediss:// for TLS,
// valkey:// and valkeys:// for the same, and unix:///path?db=n. Its errors never
// repeat the URL, for it may hold a password.
func ParseURL(s string) (Target, error) {
	if !strings.Contains(s, "://") {
		s = "redis://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return Target{}, fmt.Errorf("upstream: the URL cannot be read; write redis://host:port, with %%-escapes in a password")
	}
	t := Target{Network: "tcp", User: u.User.Username()}
	t.Password, _ = u.User.Password()
	db := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "redis", "valkey":
	case "rediss", "valkeys":
		t.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	case "unix":
		t.Network, t.Address, db = "unix", u.Path, u.Query().Get("db")
	default:
		return Target{}, fmt.Errorf("upstream: unknown scheme %q; use redis://, rediss:// or unix://", u.Scheme)
	}
	if t.Network == "tcp" {
		if u.Hostname() == "" {
			return Target{}, fmt.Errorf("upstream: the URL has no host; write redis://host:port")
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		t.Address = net.JoinHostPort(u.Hostname(), port)
	}
	if db != "" {
		if t.DB, err = strconv.Atoi(db); err != nil || t.DB < 0 {
			return Target{}, fmt.Errorf("upstream: database %q is not a number", db)
		}
	}
	return t, nil
}
