package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scriptLimit is the longest that one client's script may take.
const scriptLimit = 2 * time.Minute

// script is one client library's smoke script.
type script struct {
	name    string
	command []string
	// ready says what is not installed, "" when all is there.
	ready func() string
}

// scripts are the clients that are not written in Go.
var scripts = []script{
	{"redis-cli", []string{"bash", "smoke_redis_cli.sh"}, needs("bash", "redis-cli", "curl")},
	{"redis-py", []string{"python3", "smoke_redis_py.py"}, func() string {
		if s := needs("python3")(); s != "" {
			return s
		}
		if exec.Command("python3", "-c", "import redis.cache").Run() != nil {
			return "redis-py: pip install -r proxy/clients/requirements.txt"
		}
		return ""
	}},
	{"node-redis", []string{"node", "smoke_node_redis.mjs"}, nodeModule("redis")},
	{"ioredis", []string{"node", "smoke_ioredis.mjs"}, nodeModule("ioredis")},
	{"jedis", []string{"java", "-cp", jars, "java/SmokeJedis.java"}, javaLibrary("jedis")},
	{"lettuce", []string{"java", "-cp", jars, "java/SmokeLettuce.java"}, javaLibrary("lettuce-core")},
}

// jars is where mvn -f proxy/clients/java/pom.xml package puts the libraries.
const jars = "java/target/jars/*"

func needs(programs ...string) func() string {
	return func() string {
		for _, p := range programs {
			if _, err := exec.LookPath(p); err != nil {
				return p
			}
		}
		return ""
	}
}

func nodeModule(name string) func() string {
	return func() string {
		if s := needs("node")(); s != "" {
			return s
		}
		if _, err := os.Stat(filepath.Join("node_modules", name)); err != nil {
			return name + ": npm ci in proxy/clients"
		}
		return ""
	}
}

func javaLibrary(name string) func() string {
	return func() string {
		if s := needs("java")(); s != "" {
			return s
		}
		if found, _ := filepath.Glob("java/target/jars/" + name + "-*.jar"); len(found) == 0 {
			return name + ": mvn -q -f proxy/clients/java/pom.xml package"
		}
		return ""
	}
}

// TestClients runs every client's smoke script directly, which shows that the
// script is right, and then through the proxy in its pool modes. With
// THAW_PROXY_TARGET=host:port it runs them against a proxy that is up already,
// without cutting connections.
func TestClients(t *testing.T) {
	if target := os.Getenv("THAW_PROXY_TARGET"); target != "" {
		runClients(t, func(t *testing.T) *route { return externalRoute(t, target) })
		return
	}
	modes := []string{"direct", "command", "transaction", "session"}
	if testing.Short() {
		modes = []string{"command"}
	}
	binary := os.Getenv("THAW_BINARY") // saves the build
	if binary == "" {
		binary = buildThaw(t)
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			runClients(t, func(t *testing.T) *route { return newRoute(t, binary, mode) })
		})
	}
}

// runClients gives each client a server and a proxy of its own: a cut
// connection of one must not disturb another.
func runClients(t *testing.T, open func(*testing.T) *route) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			if what := s.ready(); what != "" {
				missing(t, "not installed: %s", what)
			}
			s.run(t, open(t))
		})
	}
	t.Run("go-redis", func(t *testing.T) { smokeGoRedis(t, open(t)) })
	t.Run("valkey-go", func(t *testing.T) { smokeValkeyGo(t, open(t)) })
}

func (s script) run(t *testing.T, r *route) {
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Env = append(os.Environ(), r.env()...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", s.command, err, out)
	}
	if !strings.Contains(string(out), "ok ") {
		t.Fatalf("%v did nothing: %s", s.command, out)
	}
	t.Logf("%s", out)
}
