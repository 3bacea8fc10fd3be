package cache

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// choice is the server that stands in for the cache.
type choice struct {
	program string // valkey-server, redis-server, memcached; "" is the embedded server
	path    string
}

func (c choice) embedded() bool { return c.program == "" }

// wayOut tells what to do when the chosen server does not work.
func (c choice) wayOut() string {
	switch c.program {
	case "":
		return "try --cache redis or --cache valkey with a server installed"
	case "memcached":
		return "install another memcached, or give a running one: --cache memcached://host:port"
	}
	return "or use --cache embedded, which needs no server"
}

// programs are the servers of a mode in the order of preference.
func programs(mode string, engine stack.Engine) []string {
	switch {
	case mode == "auto" && engine == stack.Memcached, mode == "memcached":
		return []string{"memcached"}
	case mode == "auto":
		return []string{"valkey-server", "redis-server"}
	case mode == "valkey", mode == "redis":
		return []string{mode + "-server"}
	}
	return nil
}

// choose finds the server of a mode that is not a URL.
func choose(mode string, sp *spec, look func(string) (string, error)) (choice, error) {
	switch mode {
	case "auto", "valkey", "redis", "memcached", "embedded":
	default:
		return choice{}, fmt.Errorf("unknown --cache %q: want auto, valkey, redis, memcached, embedded, or a URL such as redis://host:6379", mode)
	}
	if err := matches(mode, sp.engine); err != nil {
		return choice{}, err
	}
	for _, program := range programs(mode, sp.engine) {
		if path, err := look(program); err == nil {
			return choice{program: program, path: path}, nil
		}
	}
	switch {
	case sp.engine == stack.Memcached:
		return choice{}, fmt.Errorf("memcached is not in PATH and there is no embedded one: install it (apt-get install memcached, brew install memcached), or give a running one: --cache memcached://host:port")
	case mode == "valkey" || mode == "redis":
		return choice{}, fmt.Errorf("%s-server is not in PATH: install it, or use --cache embedded, which needs no server", mode)
	}
	return choice{}, nil
}

// matches reports a mode or a URL scheme whose protocol is not the engine's.
func matches(mode string, engine stack.Engine) error {
	scheme, _, _ := strings.Cut(mode, "://")
	memcached := scheme == "memcached"
	switch {
	case mode == "auto":
		return nil
	case engine == stack.Memcached && mode == "embedded":
		return fmt.Errorf("the template says memcached and there is no embedded memcached: install it (apt-get install memcached, brew install memcached) and use --cache auto")
	case engine == stack.Memcached && !memcached:
		return fmt.Errorf("the template says memcached, but --cache says %s: use --cache memcached, or a memcached:// URL", scheme)
	case engine != stack.Memcached && memcached:
		return fmt.Errorf("the template says %s, but --cache says memcached: use --cache auto, valkey, redis or embedded", engine)
	}
	return nil
}

// compare notes where the program is not the engine of the template.
func (s *spec) compare(program, version string) {
	engine := strings.TrimSuffix(program, "-server")
	wanted := string(s.engine)
	if s.version != "" {
		wanted += " " + s.version
	}
	theirs, _, _ := strings.Cut(s.version, ".")
	ours, _, _ := strings.Cut(version, ".")
	if engine != string(s.engine) || (theirs != "" && theirs != ours) {
		s.note("the template says %s: %s stands in", wanted, strings.TrimSpace(program+" "+version))
	}
}

// lookPath is exec.LookPath, which also refuses a program of the current
// folder.
func lookPath(program string) (string, error) { return exec.LookPath(program) }
