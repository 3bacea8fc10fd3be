package thaw

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

type kind uint8

const (
	kindValkey kind = iota
	kindMemcached
	kindLocal
)

type mode uint8

const (
	modeAuto mode = iota
	modeSingle
	modeCluster
)

// endpoint is a URL, understood.
type endpoint struct {
	kind           kind
	tls            bool
	host, port     string
	user, password string
	db             int
	mode           mode
	name           string
	reader         string // host:port for reads, or "replicas"; "" is none
	readonly       bool   // this is the endpoint of a reader
	discover       bool   // Memcached: ask the configuration endpoint for the nodes
}

func (e endpoint) addr() string { return net.JoinHostPort(e.host, e.port) }

// id is the endpoint without its secrets: what may stand in a log or an error.
func (e endpoint) id() string {
	if e.kind == kindLocal {
		return "local://"
	}
	scheme := "redis"
	if e.kind == kindMemcached {
		scheme = "memcached"
	}
	if e.tls {
		scheme += "s"
	}
	s := scheme + "://" + e.addr()
	if e.db != 0 {
		s += "/" + strconv.Itoa(e.db)
	}
	return s
}

// parseURL never repeats the URL in an error, nor a part of it: it may hold a
// password, and one that is not percent-encoded may stand where a port or a parameter
// does.
func parseURL(raw string) (e endpoint, err error) {
	if raw == "" {
		return e, fmt.Errorf("%w: it is empty: is the environment variable set? For no server at all write local://", ErrURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return e, fmt.Errorf("%w: not of the form scheme://host:port (a password with special characters must be percent-encoded)", ErrURL)
	}
	switch strings.ToLower(u.Scheme) {
	case "redis", "valkey":
		e.kind, e.port = kindValkey, "6379"
	case "rediss", "valkeys":
		e.kind, e.port, e.tls = kindValkey, "6379", true
	case "memcached":
		e.kind, e.port = kindMemcached, "11211"
	case "memcacheds":
		e.kind, e.port, e.tls = kindMemcached, "11211", true
	case "local":
		e.kind = kindLocal
		return e, nil
	default:
		return e, fmt.Errorf("%w: unknown scheme: use redis, rediss, valkey, valkeys, memcached, memcacheds or local, followed by ://", ErrURL)
	}
	if e.host = u.Hostname(); e.host == "" {
		return e, fmt.Errorf("%w: no host: write %s://host:port", ErrURL, u.Scheme)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return e, fmt.Errorf("%w: the port is not in 1 to 65535", ErrURL)
		}
		e.port = p
	}
	if u.User != nil {
		e.user = u.User.Username()
		e.password, _ = u.User.Password()
	}
	e.discover = e.kind == kindMemcached && strings.Contains(e.host, ".cfg.")
	if path := strings.Trim(u.Path, "/"); path != "" {
		if e.db, err = strconv.Atoi(path); err != nil || e.db < 0 || e.kind != kindValkey {
			return e, fmt.Errorf("%w: the path is the number of a database, as in redis://host:6379/0", ErrURL)
		}
	}
	return e, e.parameters(u.Query())
}

func (e *endpoint) parameters(q url.Values) error {
	for name, values := range q {
		switch v := values[0]; {
		case name == "name":
			e.name = v
		case name == "reader":
			e.reader = v
		case name == "mode" && v == "auto":
		case name == "mode" && v == "single":
			e.mode = modeSingle
		case name == "mode" && v == "cluster":
			e.mode = modeCluster
		case name == "mode":
			return fmt.Errorf("%w: mode: use auto, single or cluster", ErrURL)
		default:
			return fmt.Errorf("%w: a parameter is unknown: known are mode, name and reader", ErrURL)
		}
	}
	if e.mode == modeCluster && e.db != 0 {
		return fmt.Errorf("%w: a cluster has only database 0", ErrURL)
	}
	return nil
}
