package check

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/thawdev/thaw/stack"
)

// variable is an environment variable of a function that is about one cache.
type variable struct {
	name  string
	words []string // REDIS, PRIMARY, HOST: the name taken apart
	text  stack.Text
	alike bool // its subject is that of a variable that mentions the cache
}

// cacheWords are what people call a cache in names of variables.
func cacheWords() []string {
	return []string{"REDIS", "VALKEY", "MEMCACHED", "MEMCACHE", "ELASTICACHE", "CACHE"}
}

// roleWords say what a variable holds; the rest of the name says about what.
func roleWords() []string {
	return []string{"HOST", "HOSTNAME", "ENDPOINT", "ENDPOINTS", "ADDRESS", "ADDR", "URL", "URI", "DSN", "SERVER", "SERVERS", "NODE", "NODES", "PORT",
		"TLS", "SSL", "USE", "ENABLE", "ENABLED", "CLUSTER", "MODE", "IS", "PASSWORD", "PASS", "AUTH", "TOKEN", "SECRET", "USER", "USERNAME", "ARN", "NAME", "ID",
		"PRIMARY", "WRITER", "WRITE", "MASTER", "READER", "READ", "REPLICA", "READONLY", "RO", "CONFIGURATION", "CONFIG", "CONNECTION", "STRING", "DB"}
}

// variables lists the variables of a client that are about its cache: those
// that mention it, those that share their subject with one that does, and,
// if the function uses only this cache, those with the word for a cache.
func (p *Pass) variables(c client) []variable {
	var subjects [][]string
	only := !slices.ContainsFunc(p.clients, func(o client) bool { return o.function == c.function && o.cache != c.cache })
	for name, text := range c.function.Environment {
		if mentions(text, c.cache) {
			subjects = append(subjects, subject(splitName(name)))
		}
	}
	var out []variable
	for _, name := range slices.Sorted(maps.Keys(c.function.Environment)) {
		v := variable{name: name, words: splitName(name), text: c.function.Environment[name]}
		mine := mentions(v.text, c.cache)
		if !mine && p.mentionsOther(v.text, c.cache) {
			continue
		}
		v.alike = slices.ContainsFunc(subjects, func(s []string) bool { return len(s) > 0 && slices.Equal(s, subject(v.words)) })
		called := only && slices.ContainsFunc(v.words, func(w string) bool { return slices.Contains(cacheWords(), w) })
		if mine || v.alike || called {
			out = append(out, v)
		}
	}
	return out
}

func (p *Pass) mentionsOther(t stack.Text, c *stack.Cache) bool {
	return slices.ContainsFunc(p.stack.Caches, func(o *stack.Cache) bool { return o != c && mentions(t, o) })
}

// splitName takes a name apart: redisPrimaryHost and REDIS_PRIMARY_HOST are
// REDIS, PRIMARY, HOST.
func splitName(name string) []string {
	var words []string
	word := ""
	flush := func() {
		if word != "" {
			words = append(words, strings.ToUpper(word))
		}
		word = ""
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			flush()
		}
		word += string(r)
		lower = unicode.IsLower(r)
	}
	flush()
	return words
}

// subject returns the words that are not roles.
func subject(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(roleWords(), w) })
}

// names reports whether the name is that of the cache and of nothing beside it:
// REDIS_PORT, and ORDERS_REDIS_PORT beside ORDERS_REDIS_HOST, but not
// REDIS_METRICS_PORT.
func (v variable) names() bool {
	return v.alike || !slices.ContainsFunc(subject(v.words), func(w string) bool { return !slices.Contains(cacheWords(), w) })
}

// has reports whether the name holds one of the words.
func (v variable) has(words ...string) bool {
	return slices.ContainsFunc(v.words, func(w string) bool { return slices.Contains(words, w) })
}

// literal returns the value if it is known in full and no secret.
func (v variable) literal() (string, bool) {
	if secret(v.text) {
		return "", false
	}
	return v.text.Resolve(nil).Get()
}

// truth returns the value as a truth value.
func (v variable) truth() (value, ok bool) {
	s, known := v.literal()
	if !known {
		return false, false
	}
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1", "yes", "on", "enabled", "required":
		return true, true
	case "false", "0", "no", "off", "disabled", "none":
		return false, true
	}
	return false, false
}

// flipped returns the opposite of a truth value in the spelling of its variable.
func (v variable) flipped() string {
	s, _ := v.literal()
	pairs := [][2]string{{"true", "false"}, {"1", "0"}, {"yes", "no"}, {"on", "off"}, {"enabled", "disabled"}, {"True", "False"}, {"TRUE", "FALSE"}}
	for _, p := range pairs {
		switch s {
		case p[0]:
			return p[1]
		case p[1]:
			return p[0]
		}
	}
	on, _ := v.truth()
	return strconv.FormatBool(!on)
}

// isTLS reports whether the variable switches TLS on or off.
func (v variable) isTLS() bool {
	_, ok := v.truth()
	return ok && v.has("TLS", "SSL") && !v.has("VERIFY", "INSECURE", "SKIP", "CERT", "REJECT", "CHECK")
}

// url is a variable that holds a URL, or the beginning of one.
type url struct {
	scheme string
	rest   stack.Text // after ://
}

// url takes the scheme off a URL; ok is false for anything else.
func (v variable) url() (url, bool) {
	if len(v.text) == 0 || v.text[0].Literal == "" || v.text[0].Secret {
		return url{}, false
	}
	scheme, rest, ok := strings.Cut(v.text[0].Literal, "://")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool { return !unicode.IsLetter(r) && r != '+' }) {
		return url{}, false
	}
	u := url{strings.ToLower(scheme), slices.Clone(v.text)}
	u.rest[0].Literal = rest
	if rest == "" {
		u.rest = u.rest[1:]
	}
	return u, true
}

// withScheme is the text with another scheme.
func (u url) withScheme(scheme string) stack.Text {
	return append(stack.Text{{Literal: scheme + "://"}}, u.rest...)
}

// isPlain and isTLS tell the schemes that clients of Redis and Valkey know.
func (u url) isPlain() bool { return u.scheme == "redis" || u.scheme == "valkey" }
func (u url) isTLS() bool   { return u.scheme == "rediss" || u.scheme == "valkeys" }

// other returns the scheme with TLS for the one without, and the reverse.
func (u url) other() string {
	if u.isTLS() {
		return strings.TrimSuffix(u.scheme, "s")
	}
	return u.scheme + "s"
}

// hasUser reports whether the URL holds a user or a password, or may.
func (u url) hasUser() bool {
	for _, p := range u.rest {
		if strings.Contains(p.Literal, "@") || p.Unknown != "" || p.Secret {
			return true
		}
	}
	return false
}

// tail returns what follows the host of a URL, or the whole of a text without
// one, as far as it is literal: ":6379/1".
func (u url) tail() string {
	if len(u.rest) == 0 {
		return ""
	}
	last := u.rest[len(u.rest)-1].Literal
	if _, after, ok := strings.Cut(last, "@"); ok {
		last = after
	}
	return last
}

// port returns the port that a URL states as a number.
func (u url) port() (int, bool) {
	authority, _, _ := strings.Cut(u.tail(), "/")
	authority, _, _ = strings.Cut(authority, "?")
	i := strings.LastIndex(authority, ":")
	if i < 0 || strings.HasSuffix(authority, "]") {
		return 0, false
	}
	n, err := strconv.Atoi(authority[i+1:])
	return n, err == nil
}

// database returns the number of the database that a URL selects.
func (u url) database() int {
	_, path, _ := strings.Cut(u.tail(), "/")
	path, _, _ = strings.Cut(path, "?")
	n, err := strconv.Atoi(path)
	if err != nil {
		return 0
	}
	return n
}

// address returns the IP address that a variable holds in place of a name, and
// the texts before and after it.
func (v variable) address() (addr netip.Addr, before, after string, ok bool) {
	s, known := v.literal()
	if !known {
		return addr, "", "", false
	}
	start := 0
	if i := strings.Index(s, "://"); i >= 0 {
		start = i + 3
	}
	if i := strings.LastIndex(s, "@"); i >= start {
		start = i + 1
	}
	end := len(s)
	if strings.HasPrefix(s[start:], "[") {
		start++
		end = start + max(0, strings.Index(s[start:], "]"))
	} else if i := strings.IndexAny(s[start:], ":/?"); i >= 0 {
		end = start + i
	}
	addr, err := netip.ParseAddr(s[start:end])
	return addr, s[:start], s[end:], err == nil
}
