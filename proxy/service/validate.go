package service

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/proxy/upstream"
)

// validate looks for settings that do not go together. What is wrong with one
// alone was found when it was set.
func (l *loader) validate() {
	c := &l.cfg
	for i := range c.Listen {
		l.validateListener(i)
	}
	l.validateUpstream()
	l.validateLogin()
	if a := c.Metrics.Listen; a != "" {
		if _, _, err := splitAddress(a); err != nil {
			l.fail(l.placeOf("metrics.listen"), "%v", err)
		} else if !c.Metrics.NoAuth && !isLoopback(a) {
			l.fail(l.placeOf("metrics.listen"), "%s can be reached from other machines, and nobody has to log in there: use a loopback address, or say %s", a, l.wayTo("metrics.no_auth", "true"))
		}
	}
	if c.Timeouts.Block > 0 && c.Timeouts.Request > 0 && c.Timeouts.Request > c.Timeouts.Block {
		l.fail(l.placeOf("timeouts.block"), "block %s is shorter than timeouts.request %s: a blocking call would be cut before a plain one", shortDuration(c.Timeouts.Block), shortDuration(c.Timeouts.Request))
	}
	if c.Limits.SlowClient > c.Limits.MaxUnread {
		l.fail(l.placeOf("limits.slow_client", "limits.max_unread"), "slow_client %s is more than max_unread %s: a client would be cut before it is slowed", c.Limits.SlowClient, c.Limits.MaxUnread)
	}
	if c.Upstream.MaxPerPool > c.Upstream.MaxConnections && l.from["upstream.max_per_pool"] != "" {
		l.fail(l.placeOf("upstream.max_per_pool"), "max_per_pool %d is more than max_connections %d", c.Upstream.MaxPerPool, c.Upstream.MaxConnections)
	}
}

// placeOf is where the first of the keys that is not a default was set.
func (l *loader) placeOf(keys ...string) string {
	for _, k := range keys {
		if p := l.from[k]; p != "" {
			return p
		}
	}
	return keys[0]
}

// wayTo says how to set a key, in the words of who did not.
func (l *loader) wayTo(key, value string) string {
	s := settingAt(key)
	flag := "--" + s.flag
	if value != "true" {
		flag += " " + value
	}
	return fmt.Sprintf("%s: %s (or %s)", key, value, flag)
}

func (l *loader) validateListener(i int) {
	one := &l.cfg.Listen[i]
	place := func(keys ...string) string {
		for _, k := range keys {
			if p := l.from[listenKey(i, k)]; p != "" {
				return p
			}
		}
		return listenKey(i, keys[0])
	}
	for j := range i {
		if l.cfg.Listen[j].Address == one.Address && !strings.HasSuffix(one.Address, ":0") {
			l.fail(place("address"), "%s is listed twice", one.Address)
		}
	}
	t := one.TLS
	switch {
	case t.Cert != "" && t.Key == "":
		l.fail(place("tls.cert"), "a certificate without its key: set tls.key (--tls-key) too")
	case t.Cert == "" && t.Key != "":
		l.fail(place("tls.key"), "a key without its certificate: set tls.cert (--tls-cert) too")
	case t.Cert == "" && t.ClientCA != "":
		l.fail(place("tls.client_ca"), "client certificates need TLS: set tls.cert and tls.key (--tls-cert, --tls-key) too")
	}
	if strings.HasPrefix(one.Address, "unix:") {
		if one.Address == "unix:" {
			l.fail(place("address"), "unix: without a path; write unix:/run/thaw/proxy.sock")
		}
		return
	}
	if _, _, err := splitAddress(one.Address); err != nil {
		l.fail(place("address"), "%v", err)
		return
	}
	if !one.NoAuth && t.ClientCA == "" && l.cfg.UsersFile == "" && !isLoopback(one.Address) {
		l.fail(place("address"), "%s can be reached from other machines and nobody would have to log in: give users_file (--users), client certificates with tls.client_ca (--tls-client-ca), or say no_auth: true (--no-auth)", one.Address)
	}
}

// splitAddress checks host:port.
func splitAddress(a string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(a)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not an address; write host:port, like 127.0.0.1:6379, [::1]:6379 or :6379", a)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q: the port must be 0 to 65535", a)
	}
	return host, port, nil
}

// isLoopback reports whether only this machine reaches the address.
func isLoopback(a string) bool {
	host, _, err := net.SplitHostPort(a)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (l *loader) validateUpstream() {
	u := &l.cfg.Upstream
	for _, r := range u.Readers {
		if _, _, err := splitAddress(r); err != nil && r != "discover" {
			l.fail(l.placeOf("upstream.readers"), "%v, or discover", err)
		}
	}
	if u.ReplicaReads && len(u.Readers) == 0 {
		l.fail(l.placeOf("upstream.replica_reads"), "replica_reads without readers: set %s", l.wayTo("upstream.readers", "discover"))
	}
	if u.URL == "" {
		return // Options needs it, --print-config does not
	}
	t, err := upstream.ParseURL(u.URL)
	switch {
	case err != nil:
		l.fail(l.placeOf("upstream.url"), "%v", strings.TrimPrefix(err.Error(), "upstream: "))
	case t.TLS == nil && (u.TLS.CA != "" || u.TLS.ServerName != ""):
		l.fail(l.placeOf("upstream.tls.ca", "upstream.tls.server_name"), "upstream.tls needs an upstream.url that begins with rediss://")
	case t.TLS == nil && u.IAM.User != "":
		l.fail(l.placeOf("upstream.iam.user"), "IAM needs TLS: begin upstream.url with rediss://")
	case t.Password != "" && u.PasswordFile != "":
		l.fail(l.placeOf("upstream.password_file"), "the password is in upstream.url already; take it out there")
	case t.User != "" && u.Username != "" && t.User != u.Username:
		l.fail(l.placeOf("upstream.username"), "upstream.url names another user; take it out there")
	}
}

func (l *loader) validateLogin() {
	c := &l.cfg
	u := &c.Upstream
	if u.IAM.User == "" && (u.IAM.Cache != "" || u.IAM.Region != "" || u.IAM.Serverless) {
		l.fail(l.placeOf("upstream.iam.cache", "upstream.iam.region", "upstream.iam.serverless"), "upstream.iam without a user: set %s", l.wayTo("upstream.iam.user", "USER"))
	}
	if u.IAM.User != "" && u.IAM.Cache == "" {
		l.fail(l.placeOf("upstream.iam.user"), "upstream.iam without the name of the cache: set %s", l.wayTo("upstream.iam.cache", "NAME"))
	}
	if u.IAM.User != "" && (u.PasswordFile != "" || u.Username != "") {
		l.fail(l.placeOf("upstream.password_file", "upstream.username"), "a password login and upstream.iam exclude each other")
	}
	if u.Auth == "pass" && c.UsersFile != "" {
		l.fail(l.placeOf("upstream.auth", "users_file"), "auth pass and users_file exclude each other: either the server knows the users or the proxy does")
	}
	if u.Auth == "pass" && u.IAM.User != "" {
		l.fail(l.placeOf("upstream.auth", "upstream.iam.user"), "auth pass and upstream.iam exclude each other: clients do not have the proxy's role")
	}
}
