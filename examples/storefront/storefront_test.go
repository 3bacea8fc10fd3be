// Package storefront_test runs the handlers of the example that use a cache server
// for real, each against a cache that works, dies and goes silent.
package storefront_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/thawdev/thaw/lab/runtimes"
)

// answerLimit is what the example promises while the cache is away.
const answerLimit = time.Second

// builds holds the Go handlers, compiled once for all tests; set by TestMain.
var builds string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "storefront")
	if err != nil {
		panic(err)
	}
	builds = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a left-over in the system's temporary folder
	os.Exit(code)
}

type form struct {
	language, name, runtime, root, handler string
	careful                                bool
}

func forms() []form {
	var all []form
	for _, name := range []string{"careful", "naive"} {
		careful := name == "careful"
		all = append(all,
			form{"go", name, "provided.al2023", "go/" + name, "bootstrap", careful},
			form{"node", name, "nodejs22.x", "node", name + "/index.handler", careful},
			form{"python", name, "python3.13", "python", name + ".app.handler", careful})
	}
	return append(all, form{"go", "goredis", "provided.al2023", "go/goredis", "bootstrap", false})
}

// key is where the form keeps a product: package thaw writes a header before it.
func (f form) key(id string) string {
	if f.language == "go" && f.careful {
		return "thaw:product:" + id
	}
	return "product:" + id
}

func (f form) String() string { return f.language + " " + f.name }

// launch prepares the handler, or skips: without what it needs a test proves
// nothing. THAW_REQUIRE_REAL=1 makes that a failure.
func (f form) launch(t *testing.T) runtimes.Launch {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("THAW_REQUIRE_REAL") == "1" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	root, dir := f.root, t.TempDir()
	switch f.language {
	case "go":
		root = filepath.Join(builds, filepath.Base(f.root))
		out := filepath.Join(root, "bootstrap")
		if _, err := os.Stat(out); err == nil {
			break // built by an earlier test
		}
		if err := runtimes.BuildGo(t.Context(), f.root, out); err != nil {
			t.Fatal(err)
		}
	case "node":
		if _, err := exec.LookPath("node"); err != nil {
			missing("no node on PATH")
		}
		if _, err := os.Stat("node/node_modules/redis"); err != nil {
			missing("run npm ci --prefix examples/storefront/node first")
		}
	case "python":
		if _, err := exec.LookPath("python3"); err != nil {
			missing("no python3 on PATH")
		}
	}
	if err := runtimes.Materialize(dir); err != nil {
		t.Fatal(err)
	}
	launch, err := runtimes.Command(f.runtime, root, f.handler, dir)
	if err != nil {
		t.Fatal(err)
	}
	if f.language == "python" {
		if err := exec.Command(launch.Command[0], "-c", "import redis; assert int(redis.__version__.split('.')[0]) >= 8").Run(); err != nil {
			missing("run pip install -r examples/storefront/python/requirements.txt first")
		}
	}
	return launch
}

// scene is a handler, its cache behind a link, and its database.
type scene struct {
	*environment
	link    *link
	cache   *miniredis.Miniredis
	queries *atomic.Int64
}

func newScene(t *testing.T, f form) *scene {
	t.Helper()
	return newSceneWith(t, f, miniredis.RunT(t))
}

func newSceneWith(t *testing.T, f form, cache *miniredis.Miniredis, env ...string) *scene {
	t.Helper()
	launch := f.launch(t)
	s := &scene{cache: cache, queries: new(atomic.Int64)}
	// miniredis says of itself that it is a cluster, and its own address; a client
	// that asks would then go past the link. A single node answers so.
	s.cache.Server().SetPreHook(func(p *server.Peer, command string, _ ...string) bool {
		if command == "CLUSTER" {
			p.WriteError("ERR This instance has cluster support disabled")
		}
		return command == "CLUSTER"
	})
	s.link = newLink(t, s.cache.Addr())
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.queries.Add(1)
		switch id := r.URL.Path[1:]; id {
		case "none":
			http.NotFound(w, r)
		case "busy":
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			fmt.Fprintf(w, `{"id":%q,"name":"Cup","price":2.5}`, id)
		}
	}))
	t.Cleanup(origin.Close)
	host, port := s.link.hostPort()
	env = append(env, "CACHE_HOST="+host, "CACHE_PORT="+port, "CACHE_TTL_SECONDS=30", "ORIGIN_URL="+origin.URL)
	s.environment = start(t, launch, env...)
	return s
}

// expect looks a product up and compares the source.
func (s *scene) expect(id, source string, limit time.Duration) {
	s.t.Helper()
	began := time.Now()
	rep, ok := s.look(id, patience)
	took := time.Since(began)
	var value struct{ ID string }
	_ = json.Unmarshal(rep.Value, &value) // compared below
	if !ok || rep.failed || rep.Source != source || value.ID != id {
		s.t.Fatalf("%q: answered=%v failed=%v %s, want it from the %s\n%s", id, ok, rep.failed, rep.text, source, &s.output)
	}
	if took > limit {
		s.t.Errorf("%q took %s, want at most %s\n%s", id, took, limit, &s.output)
	}
}

func TestDatabaseThenCache(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.String(), func(t *testing.T) {
			s := newScene(t, f)
			s.expect("a b/ä", "database", patience) // the key is escaped on its way to the database
			s.expect("a b/ä", "cache", patience)
			s.expect("7", "database", patience)
			if n := s.queries.Load(); n != 2 {
				t.Errorf("%d database queries for 2 products", n)
			}
			if ttl := s.cache.TTL(f.key("7")); ttl < 25*time.Second || ttl > 30*time.Second {
				t.Errorf("TTL %s, want 30s, or up to a tenth less", ttl)
			}
			want := 1
			if f.name == "naive" {
				want = 3
			}
			if n := s.link.opened(); n != want {
				t.Errorf("%d connections for 3 invocations, want %d", n, want)
			}
			if rep, ok := s.look("none", patience); !ok || rep.failed || rep.Source != "database" || string(rep.Value) != "null" {
				t.Errorf("unknown product: %+v", rep)
			}
			if rep, ok := s.look("", patience); !ok || !rep.failed {
				t.Errorf("event without an id: %+v", rep)
			}
			if rep, ok := s.look("busy", patience); !ok || !rep.failed {
				t.Errorf("database busy: %+v", rep)
			}
		})
	}
}

// TestCacheAway guards the promise of the careful form: it says database, within
// a second, at each invocation, while the cache is dead or silent, whether it
// went before or after the connection was made. The other forms fail or hang.
func TestCacheAway(t *testing.T) {
	away := map[string]func(*link){"killed": (*link).kill, "paused": (*link).pause}
	for _, f := range forms() {
		for name, strike := range away {
			for _, connected := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s connected=%v", f, name, connected), func(t *testing.T) {
					s := newScene(t, f)
					if connected {
						s.expect("1", "database", patience)
						s.expect("1", "cache", patience)
					}
					strike(s.link)
					if !f.careful {
						if rep, ok := s.look("1", answerLimit); ok && !rep.failed {
							t.Errorf("the %s form answered %s", f.name, rep.text)
						}
						return
					}
					limit := answerLimit
					if !connected {
						limit = patience // the first invocation also starts the process
					}
					s.expect("1", "database", limit)
					for range 3 {
						s.expect("1", "database", answerLimit)
					}
				})
			}
		}
	}
}

// TestCarefulComesBack guards that a failure is not remembered for longer than
// the cool-down, and that a connection which the server closed is replaced.
func TestCarefulComesBack(t *testing.T) {
	for _, f := range forms() {
		if !f.careful {
			continue
		}
		t.Run(f.String(), func(t *testing.T) {
			s := newScene(t, f)
			s.expect("1", "database", patience)
			s.link.mu.Lock()
			for _, c := range s.link.conns {
				c.Close()
			}
			s.link.mu.Unlock()
			deadline := time.Now().Add(patience)
			for {
				rep, ok := s.look("1", patience)
				if !ok || rep.failed {
					t.Fatalf("%+v\n%s", rep, &s.output)
				}
				if rep.Source == "cache" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("still says %s\n%s", rep.Source, &s.output)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

// TestSignsIn guards TLS with a verified name and the password, which is never in
// the log, right or wrong.
func TestSignsIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Go takes SSL_CERT_FILE on Linux and not everywhere")
	}
	const secret = "p@ss/w:rd#?"
	authority := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate of 127.0.0.1
	t.Cleanup(authority.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range forms() {
		if f.language != "go" || f.name == "naive" {
			continue
		}
		for password, works := range map[string]bool{secret: true, "wrong-" + secret: false} {
			t.Run(fmt.Sprintf("%s/%v", f, works), func(t *testing.T) {
				cache := miniredis.NewMiniRedis()
				if err := cache.StartTLS(&tls.Config{Certificates: authority.TLS.Certificates}); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(cache.Close)
				cache.RequireAuth(secret)
				s := newSceneWith(t, f, cache, "CACHE_TLS=1", "CACHE_PASSWORD="+password, "SSL_CERT_FILE="+roots, "CACHE_TIMEOUT_MS=5000")
				rep, ok := s.look("1", patience)
				if !ok || rep.failed == (f.careful || works) {
					t.Errorf("answered=%v failed=%v %s", ok, rep.failed, rep.text)
				}
				if works {
					s.expect("1", "cache", patience)
				}
				if said := s.output.String() + rep.text; strings.Contains(said, password) {
					t.Errorf("the password is in the output: %s", said)
				}
			})
		}
	}
}
