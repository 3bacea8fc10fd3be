package service

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The file that --print-config writes says exactly what is the case without it.
func TestPrintedFileGivesTheDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := Print(&b, Default()); err != nil {
		t.Fatal(err)
	}
	got, err := Load(Sources{File: write(t, "proxy.yaml", b.String())})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("the printed file is not the defaults (-default +read):\n%s", diff)
	}
	for i := range settings {
		if !strings.Contains(b.String(), settings[i].env()+")") {
			t.Errorf("the printed file does not name %s", settings[i].env())
		}
	}
}

// Print and Load are the opposite of each other also away from the defaults, for
// every setting.
func TestPrintedFileGivesWhatWasSet(t *testing.T) {
	c := Default()
	for i := range settings {
		s := &settings[i]
		switch p := s.at(&c).(type) {
		case *string:
			*p = "yes" // a word that YAML reads as a boolean
			if s.choices != nil {
				*p = s.choices[len(s.choices)-1]
			}
		case *bool:
			*p = !*p
		case *int:
			*p = int(s.min) + 3
		case *Size:
			*p = Size(s.min) + 3<<20
		case *[]string:
			*p = []string{"replica:6379", "discover"}
		default:
			n, _ := amount(s.at(&c))
			if err := parse(p, shortDuration(1500e6+90e9+3600e9)); err != nil || n < 0 {
				t.Fatal(err)
			}
		}
	}
	c.Listen = append(c.Listen, Listener{Address: "unix:/run/a: b #c", NoAuth: true, TLS: ListenerTLS{Cert: "a'b\"", Key: "tab\t", ClientCA: "~"}})
	var b bytes.Buffer
	if err := Print(&b, c); err != nil {
		t.Fatal(err)
	}
	l := loader{cfg: Default(), from: map[string]string{}}
	l.file("printed", b.Bytes())
	if l.errs != nil {
		t.Fatal(l.errs, "\n", b.String())
	}
	if diff := cmp.Diff(c, l.cfg); diff != "" {
		t.Errorf("(-set +read):\n%s", diff)
	}
}

// A password in the URL is not printed.
func TestPrintHidesThePassword(t *testing.T) {
	c := Default()
	c.Upstream.URL = "rediss://app:hunter2@cache:6379"
	var b bytes.Buffer
	if err := Print(&b, c); err != nil || strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "app:xxxxx@cache") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

// A URL may come without its scheme, and its password is not printed either.
func TestPrintHidesThePasswordWithoutScheme(t *testing.T) {
	for url, want := range map[string]string{
		"app:hunter2@cache:6379": "redis://app:xxxxx@cache:6379",
		":hunter2@cache:6379":    "redis://:xxxxx@cache:6379",
		"cache:6379":             "cache:6379",
	} {
		if got := redactURL(url); got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
	}
}

// Names are unique, every setting says what it is for, and its default is allowed.
func TestSettingsAreSound(t *testing.T) {
	seen := map[string]bool{}
	once := func(name string) {
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
	c := Default()
	for i := range settings {
		s := &settings[i]
		once(s.key)
		once("--" + s.flag)
		if !strings.HasSuffix(s.doc, ".") {
			t.Errorf("%s: %q is no sentence", s.key, s.doc)
		}
		if s.byValue == "" {
			if kind := kindOf(s.at(&c)); kind != "text" && kind != "list" {
				t.Errorf("%s has no default", s.key)
			}
			continue
		}
		if err := s.assign(s.at(&c), s.byValue); err != nil {
			t.Errorf("%s: its default: %v", s.key, err)
		}
		if got := format(s.at(&c)); got != s.byValue {
			t.Errorf("%s: default %q is written as %q", s.key, s.byValue, got)
		}
	}
	for _, s := range listenerSettings {
		once("--" + s.flag)
	}
	flags := Flags()
	if len(flags) != len(settings)+len(listenerSettings) {
		t.Errorf("%d flags for %d settings", len(flags), len(settings)+len(listenerSettings))
	}
}

// A flag goes before a variable, a variable before the file, the file before the
// default.
func TestPrecedence(t *testing.T) {
	file := write(t, "proxy.yaml", `
listen:
  - 127.0.0.1:1
  - address: 127.0.0.1:2
    tls: {cert: c.pem, key: k.pem}
upstream: {url: "redis://file", max_connections: 1, max_pinned: 1, readers: ['a:1', 'b:2']}
limits: {max_clients: 1, max_memory: 2GiB}
timeouts:
  idle: 90s
`)
	c, err := Load(Sources{
		File:    file,
		Environ: []string{"THAW_PROXY_MAX_PINNED=2", "THAW_PROXY_MAX_CLIENTS=2", "THAW_PROXY_SERVICE_HOST=10.0.0.1", "THAW_PROXY_PORT=tcp://10.0.0.1:6379", "THAW_PROXY_TLS_KEY=env.key"},
		Flags:   map[string]string{"max-clients": "3"},
	})
	if err == nil || !strings.Contains(err.Error(), "THAW_PROXY_TLS_KEY: a key without its certificate") {
		t.Errorf("listener 1 now has a key alone, and the error is %v", err)
	}
	got := []any{c.Upstream.URL, c.Upstream.MaxConnections, c.Upstream.MaxPinned, c.Limits.MaxClients, c.Limits.MaxMemory, c.Timeouts.Idle.Seconds(), c.Upstream.MaxPerPool, c.Upstream.Readers}
	want := []any{"redis://file", 1, 2, 3, Size(2 << 30), 90.0, 4, []string{"a:1", "b:2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c, err = Load(Sources{File: file, Flags: map[string]string{"listen": "127.0.0.1:7,[::1]:8", "tls-cert": "f.pem", "tls-key": "f.key"}})
	if err != nil {
		t.Fatal(err)
	}
	both := ListenerTLS{Cert: "f.pem", Key: "f.key"}
	if diff := cmp.Diff([]Listener{{Address: "127.0.0.1:7", TLS: both}, {Address: "[::1]:8", TLS: both}}, c.Listen); diff != "" {
		t.Errorf("listeners of flags (-want +got):\n%s", diff)
	}
}

// Every mistake is told with its place, the key, and what is allowed.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name, file string
		flags      map[string]string
		want       string
	}{
		{"unknown key", "pool_mod: command", nil, "f.yaml:1:1: there is no setting pool_mod; did you mean pool_mode?"},
		{"unknown key below", "upstream:\n  tls:\n    cas: x", nil, "f.yaml:3:5: there is no setting upstream.tls.cas; did you mean upstream.tls.ca? (known here: ca, server_name)"},
		{"unknown key of a listener", "listen: [{address: ':1', tsl: 1}]", nil, "there is no setting listen[0].tsl; did you mean listen[0].tls?"},
		{"word far from all", "zzzzzzzzzz: 1", nil, "f.yaml:1:1: there is no setting zzzzzzzzzz (known here: listen, upstream, pool_mode"},
		{"key twice", "admin: deny\nadmin: allow", nil, "f.yaml:2:1: not valid YAML"},
		{"wrong type", "limits:\n  max_clients: lots", nil, `f.yaml:2:16: limits.max_clients: "lots" is not a whole number; allowed: 1 to 10000000`},
		{"no unit", "timeouts: {idle: 5}", nil, `f.yaml:1:18: timeouts.idle: "5" is not a duration; write it like 500ms`},
		{"bad size", "limits: {max_memory: 1MB}", nil, `"1MB" is not a size; write it like 512KiB`},
		{"bad boolean", "no_resp3: maybe", nil, `f.yaml:1:11: no_resp3: "maybe" is not true or false`},
		{"empty number", "limits:\n  max_clients:\n", nil, `limits.max_clients: "" is not a whole number`},
		{"out of range", "upstream: {max_connections: 0}", nil, "upstream.max_connections: 0 is out of range; allowed: 1 to 65000"},
		{"not a choice", "pool_mode: statement", nil, `f.yaml:1:12: pool_mode: "statement" is not one of command, transaction, session`},
		{"section is a value", "upstream: redis://x", nil, "f.yaml:1:11: upstream must be a mapping of keys to values, not a single value"},
		{"value is a section", "admin: {a: b}", nil, "admin must be one value, not a mapping"},
		{"listen is a value", "listen: ':6379'", nil, "f.yaml:1:9: listen must be a list"},
		{"listen is empty", "listen: []", nil, "f.yaml:1:9: listen is empty"},
		{"alias", "admin: &a deny\npool_mode: *a", nil, "an anchor or alias, which this file does not know"},
		{"two documents", "admin: deny\n---\nadmin: allow", nil, "more than one document"},
		{"not YAML", "a: [", nil, "f.yaml:1:4: not valid YAML"},
		{"flag", "", map[string]string{"max-upstream": "-1"}, "--max-upstream: -1 is out of range; allowed: 1 to 65000"},
		{"no port", "", map[string]string{"listen": "localhost"}, `--listen: "localhost" is not an address; write host:port`},
		{"port too large", "", map[string]string{"listen": "127.0.0.1:65536"}, "the port must be 0 to 65535"},
		{"all interfaces without users", "", map[string]string{"listen": ":6379"}, "--listen: :6379 can be reached from other machines and nobody would have to log in: give users_file (--users), client certificates with tls.client_ca (--tls-client-ca), or say no_auth: true (--no-auth)"},
		{"name without users", "", map[string]string{"listen": "proxy.internal:6379"}, "can be reached from other machines"},
		{"metrics for all", "", map[string]string{"metrics": ":9121"}, "--metrics: :9121 can be reached from other machines, and nobody has to log in there: use a loopback address, or say metrics.no_auth: true (or --metrics-no-auth)"},
		{"certificate without key", "listen: [{address: '127.0.0.1:1', tls: {cert: a}}]", nil, "f.yaml:1:47: a certificate without its key"},
		{"client CA without certificate", "", map[string]string{"tls-client-ca": "a"}, "--tls-client-ca: client certificates need TLS"},
		{"two users' files", "users_file: u\nupstream: {auth: pass}", nil, "f.yaml:2:18: auth pass and users_file exclude each other"},
		{"IAM without TLS", "upstream: {url: 'redis://h', iam: {user: u, cache: c}}", nil, "IAM needs TLS: begin upstream.url with rediss://"},
		{"IAM without cache", "upstream: {iam: {user: u}}", nil, "upstream.iam without the name of the cache"},
		{"CA without TLS", "", map[string]string{"upstream": "redis://h", "upstream-ca": "x"}, "--upstream-ca: upstream.tls needs an upstream.url that begins with rediss://"},
		{"replicas unknown", "upstream: {replica_reads: true}", nil, "replica_reads without readers: set upstream.readers: discover (or --reader discover)"},
		{"URL", "upstream: {url: 'http://h'}", nil, `f.yaml:1:17: unknown scheme "http"`},
		{"listener twice", "listen: ['127.0.0.1:5', '127.0.0.1:5']", nil, "127.0.0.1:5 is listed twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := loader{cfg: Default(), from: map[string]string{}}
			l.file("f.yaml", []byte(test.file))
			l.flags(test.flags)
			l.validate()
			text := ""
			for _, err := range l.errs {
				text += err.Error() + "\n"
			}
			if !strings.Contains(text, test.want) {
				t.Errorf("got:\n%swant: %s", text, test.want)
			}
		})
	}
}

// A URL that cannot be read may still hold a password, and no error repeats it.
func TestErrorsHoldNoPassword(t *testing.T) {
	for _, url := range []string{"redis://u:hunter2@", "redis://u:hunter2@h:port", "ftp://u:hunter2@h", "redis://u:hunter2%zz@h"} {
		_, err := Load(Sources{Flags: map[string]string{"upstream": url}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

// Addresses of this machine need no login.
func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.evil.example:1": false, "127.0.0.1.example:1": false,
	} {
		if got := isLoopback(address); got != want {
			t.Errorf("isLoopback(%s) = %v", address, got)
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// No file crashes the reader, and one that it accepts survives being printed.
func FuzzFile(f *testing.F) {
	var b bytes.Buffer
	if err := Print(&b, Default()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("listen: [{address: ':1', tls: {cert: a}}]\nlimits: {max_memory: 1GiB}"))
	f.Add([]byte("upstream:\n  readers: [a:1, discover]\n  url: !!str &a x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		l := loader{cfg: Default(), from: map[string]string{}}
		l.file("f", data)
		if l.errs != nil || strings.Contains(l.cfg.Upstream.URL, "@") {
			return
		}
		var b bytes.Buffer
		if err := Print(&b, l.cfg); err != nil {
			t.Fatal(err)
		}
		again := loader{cfg: Default(), from: map[string]string{}}
		again.file("f", b.Bytes())
		if again.errs != nil {
			t.Fatalf("%v\n%s", again.errs, b.String())
		}
		if diff := cmp.Diff(l.cfg, again.cfg); diff != "" {
			t.Errorf("%s", diff)
		}
	})
}
