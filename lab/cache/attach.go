package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// attach observes the running server of a URL and changes nothing there.
func attach(ctx context.Context, sp *spec, raw string, logf func(string, ...any)) (*Server, error) {
	target, err := parseTarget(raw)
	if err != nil {
		return nil, err
	}
	if err := matches(raw, sp.engine); err != nil {
		return nil, err
	}
	var config *tls.Config
	if target.scheme == "rediss" {
		config = &tls.Config{ServerName: target.host, MinVersion: tls.VersionTLS12}
	}
	sp.notes = nil // they tell about a local server
	s := &Server{spec: sp, where: target.location, name: target.scheme, logf: logf}
	dial := dialTo(target.location, config)
	if target.scheme == "memcached" {
		s.obs = &memcachedObserver{dial: dial}
	} else {
		s.obs = &redisObserver{dial: dial, user: target.user, password: target.password}
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	// One try: a server that runs answers, and one that refuses will go on.
	err = s.obs.ready(ctx)
	if err == nil {
		_, err = s.obs.sample(ctx)
	}
	if err != nil {
		s.obs.close()
		return nil, fmt.Errorf("the server at %s does not answer: %w\ncheck the scheme (rediss:// for TLS) and the password, or let the lab start a server: --cache auto", target.location, err)
	}
	engine, version := s.obs.product()
	sp.compare(engine, version)
	s.name = fmt.Sprintf("%s %s at %s", engine, version, target.location)
	sp.note("%s runs by itself: its limits and its other clients are not the template's, and faults cannot be injected", target.location)
	if sp.tls && target.scheme != "rediss" {
		sp.note("the template encrypts in transit, the server of the URL does not")
	}
	return s, nil
}

// target is a parsed URL.
type target struct {
	location
	scheme, user, password string
}

// parseTarget reads a URL. Errors never repeat it: it may hold a password.
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, errors.New("the URL of --cache cannot be read: want redis://user:password@host:port with %-escapes in the password")
	}
	t := target{scheme: u.Scheme, user: u.User.Username()}
	t.password, _ = u.User.Password()
	t.host, t.port = u.Hostname(), 6379
	switch t.scheme {
	case "redis", "rediss":
	case "memcached":
		t.port = 11211
	default:
		return target{}, fmt.Errorf("--cache does not know %s:// URLs: want redis://, rediss:// or memcached://", t.scheme)
	}
	if t.host == "" {
		return target{}, errors.New("the URL of --cache names no host")
	}
	if p := u.Port(); p != "" {
		if t.port, err = strconv.Atoi(p); err != nil || t.port < 1 || t.port > 65535 {
			return target{}, fmt.Errorf("--cache: %q is no port", p)
		}
	}
	return t, nil
}
