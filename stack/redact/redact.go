// Package redact keeps of a function's environment what a checker needs and
// nothing that could be a password.
//
// A variable that names a cache keeps its structure: scheme, host, port,
// database number, and whether there are credentials. So does one that names an
// AWS service. Words such as "true" and "cluster" and port numbers stay. All
// else becomes Mark: what is not known to be harmless is taken for a secret.
package redact

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Mark stands where a value or a part of one was left out.
const Mark = "(redacted)"

// Variable returns what may be kept of an environment variable. endpoints holds
// host names and addresses of caches, in lower case; it may be nil. The result
// of a value that was redacted before is that value.
func Variable(name, value string, endpoints map[string]bool) string {
	r := redactor{endpoints}
	switch {
	case value == "", value == Mark, isWord(value), isPort(name, value):
		return value
	case strings.HasPrefix(value, "arn:"):
		return arn(value)
	}
	if strings.Count(value, "://") > 1 {
		return r.urls(value)
	}
	if strings.Contains(value, "://") {
		if kept, ok := r.url(value); ok {
			return kept
		}
		return Mark
	}
	return r.addresses(value)
}

type redactor struct{ endpoints map[string]bool }

func separator(c rune) bool { return c == ',' || c == ';' || c == ' ' }

// urls redacts each of several URLs. One that cannot be read may be the middle
// of a password, so that nothing is kept then.
func (r redactor) urls(value string) string {
	items := strings.FieldsFunc(value, separator)
	for i, s := range items {
		kept, ok := r.url(s)
		if !ok {
			return Mark
		}
		items[i] = kept
	}
	return strings.Join(items, ",")
}

// addresses redacts a list of hosts, with the settings of a connection string
// between them. It keeps nothing unless there is a host, because a list without
// one says nothing about a cache.
func (r redactor) addresses(value string) string {
	items := strings.FieldsFunc(value, separator)
	found := false
	for i, s := range items {
		ok := r.address(s)
		found = found || ok
		switch {
		case ok:
		case i > 0:
			items[i] = setting(s)
		default:
			items[i] = Mark
		}
	}
	if !found {
		return Mark
	}
	return strings.Join(items, ",")
}

// setting keeps "ssl=true" of a connection string; of "password=…" the name.
func setting(s string) string {
	name, value, ok := strings.Cut(s, "=")
	switch {
	case !ok || !plainName.MatchString(name):
		return Mark
	case isWord(value) || isNumber(value) && !secretName(name):
		return s
	}
	return name + "=" + Mark
}

// address reports whether an item is a host that may be kept, with or without a
// port.
func (r redactor) address(s string) bool {
	host := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && isNumber(s[i+1:]) && strings.Count(s, ":") == 1 {
		host = s[:i]
	}
	return r.harmless(host)
}

// harmless reports whether a host says nothing but where a cache or an AWS
// service is.
func (r redactor) harmless(host string) bool {
	host = strings.ToLower(strings.Trim(host, "[]"))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return r.endpoints[host] || awsHost.MatchString(host)
}

// url keeps scheme, host, port and database number of a URL, and tells with
// Mark whether it holds a user name and a password. The credentials end at the
// last @, because passwords are often written without escaping.
func (r redactor) url(s string) (string, bool) {
	scheme, rest, _ := strings.Cut(s, "://")
	if !plainName.MatchString(scheme) {
		return "", false
	}
	login := ""
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		login, rest = credentials(rest[:i])+"@", rest[i+1:]
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts := rest[:end]
	for host := range strings.SplitSeq(hosts, ",") {
		if !r.address(host) && !(cacheScheme(scheme) && hostName.MatchString(host)) {
			return "", false
		}
	}
	return scheme + "://" + login + hosts + tail(rest[end:]), true
}

func credentials(s string) string {
	user, password, both := strings.Cut(s, ":")
	if user != "" && user != "default" {
		user = Mark
	}
	switch {
	case !both:
		return user
	case password == "":
		return user + ":"
	}
	return user + ":" + Mark
}

// tail keeps the database number and the settings that are plain words.
func tail(s string) string {
	path, query, _ := strings.Cut(s, "?")
	path, _, _ = strings.Cut(path, "#")
	if path != "" && path != "/" && !isNumber(path[1:]) {
		path = "/" + Mark
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		if err == nil && plainName.MatchString(name) && !secretName(name) && (isWord(value) || isNumber(value)) {
			kept = append(kept, name+"="+value)
		}
	}
	if len(kept) == 0 {
		return path
	}
	return path + "?" + strings.Join(kept, "&")
}

// arn keeps partition, service, region and account.
func arn(s string) string {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 {
		return Mark
	}
	for _, p := range parts[:5] {
		if p != "" && !plainName.MatchString(p) {
			return Mark
		}
	}
	return strings.Join(parts[:5], ":") + ":" + Mark
}

var (
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]{1,5})?$`)
	awsHost   = regexp.MustCompile(`^([a-z0-9-]+\.)+(amazonaws\.com(\.cn)?|api\.aws)$`)
	digits    = regexp.MustCompile(`^[0-9]{1,5}$`)
	secret    = regexp.MustCompile(`(?i)pass|secret|token|auth|key|pin|cred|salt`)
	port      = regexp.MustCompile(`(?i)port`)
)

func isNumber(s string) bool { return digits.MatchString(s) }

func secretName(s string) bool { return secret.MatchString(s) }

// isPort reports whether a variable holds a port: by its name, or because it is
// one of ElastiCache's own ports.
func isPort(name, value string) bool {
	n, err := strconv.Atoi(value)
	if err != nil || !isNumber(value) || n < 1 || n > 65535 || secretName(name) {
		return false
	}
	return port.MatchString(name) || n == 6379 || n == 6380 || n == 11211
}

// cacheScheme reports whether a URL of that scheme names a cache, wherever its
// host is.
func cacheScheme(s string) bool {
	switch strings.ToLower(s) {
	case "redis", "rediss", "valkey", "valkeys", "memcached", "memcacheds", "memcache":
		return true
	}
	return false
}

// isWord reports whether a value is a switch or a mode, which no password is.
func isWord(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "enabled", "disabled", "0", "1",
		"cluster", "standalone", "single", "sentinel", "replica", "primary",
		"tls", "ssl", "none", "required", "preferred", "iam",
		"redis", "rediss", "valkey", "valkeys", "memcached":
		return true
	}
	return false
}
