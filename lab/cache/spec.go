package cache

import (
	"fmt"

	"github.com/thawdev/thaw/stack"
)

const (
	// defaultMaxClients is the limit of serverless caches, of Memcached nodes
	// and of every node type that the documentation does not name. Source:
	// ElastiCache User Guide, "Redis parameters", 2026.
	defaultMaxClients = 65_000

	// memcachedOverhead is memcached_connections_overhead, the memory that a
	// Memcached node keeps for connections: 100 MB by default. Source:
	// ElastiCache User Guide, "Memcached parameters", 2026.
	memcachedOverhead = 100 << 20

	// machineShare is the part of this machine's memory that the cache may
	// fill; the handlers need the rest.
	machineShare = 0.5

	// assumedMachine stands for a machine that does not tell its memory.
	assumedMachine = 4 << 30
)

// spec is what of the template a local server must honour.
type spec struct {
	engine      stack.Engine
	version     string // "" is unknown
	port        int
	tls         bool
	plain       bool   // takes plain clients: no TLS, or transit mode preferred
	password    string // "" takes everybody
	cluster     bool
	connections int   // limit for clients that are not the lab's
	memory      int64 // bytes for data, 0 is no limit
	notes       []string
}

func (s *spec) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func newSpec(c *stack.Cache) *spec {
	serverless := c.Kind == stack.Serverless
	s := &spec{
		engine:  c.Engine.Or(stack.Redis),
		version: c.Version.Or(""),
		port:    c.Port.Or(0),
		tls:     c.TransitEncryption.Or(false) || serverless,
		cluster: c.ClusterMode.Or(false) || serverless,
	}
	if s.engine == "" {
		s.engine = stack.Redis
	}
	if s.port <= 0 || s.port > 65535 {
		s.port = 6379
		if s.engine == stack.Memcached {
			s.port = 11211
		}
	}
	if s.engine == stack.Memcached {
		s.cluster = false
	}
	s.plain = !s.tls || c.TransitMode.Or("") == "preferred"
	s.unknowns(c)
	s.access(c)
	s.limits(c)
	return s
}

// unknowns says what was assumed for values that only AWS decides.
func (s *spec) unknowns(c *stack.Cache) {
	if !c.Engine.IsKnown() {
		s.note("engine depends on %s: taken as %s", c.Engine.Why(), s.engine)
	}
	if !c.Port.IsKnown() {
		s.note("port depends on %s: taken as %d", c.Port.Why(), s.port)
	}
	if !c.TransitEncryption.IsKnown() {
		s.note("encryption in transit depends on %s: taken as %t", c.TransitEncryption.Why(), s.tls)
	}
	if !c.ClusterMode.IsKnown() {
		s.note("cluster mode depends on %s: taken as %t", c.ClusterMode.Why(), s.cluster)
	}
	if shards := c.Shards.Or(1); s.cluster && shards > 1 {
		s.note("%d shards: one local node holds all 16,384 slots", shards)
	}
	if s.engine == stack.Memcached {
		if n := c.Nodes.Or(1); n > 1 {
			s.note("%d Memcached nodes: one local node holds all keys", n)
		}
		s.note("memcached answers no auto discovery (config get cluster): AWS adds it to the engine")
	}
}

// access settles who may connect.
func (s *spec) access(c *stack.Cache) {
	if c.AuthToken != nil {
		token := c.AuthToken.Resolve(nil)
		if s.password = token.Or(""); s.password == "" {
			s.note("the auth token depends on %s: the local server takes clients without one", token.Why())
		}
	}
	if len(c.UserGroups) > 0 {
		s.note("user groups are not modelled: the local server has only the default user")
	}
}

// limits takes maxclients and maxmemory from the node type.
func (s *spec) limits(c *stack.Cache) {
	s.connections = defaultMaxClients
	name := c.NodeType.Or("")
	n, known := stack.NodeTypeByName(name)
	switch {
	case known && s.engine == stack.Memcached:
		s.memory = n.MaxMemoryBytes - memcachedOverhead
	case known:
		s.connections, s.memory = n.MaxClients, n.UsableMemoryBytes()
	case !c.NodeType.IsKnown():
		s.note("node type depends on %s: maxclients taken as %d", c.NodeType.Why(), s.connections)
	case name != "":
		s.note("node type %s is not in Thaw's table: maxclients taken as %d", name, s.connections)
	}
	machine := machineMemory()
	if machine <= 0 {
		machine = assumedMachine
	}
	share := int64(float64(machine) * machineShare)
	if s.memory == 0 || s.memory > share {
		if s.memory > 0 {
			s.note("maxmemory limited to %d MiB, %.0f %% of this machine's memory; the node has %d MiB",
				share>>20, 100*machineShare, s.memory>>20)
		}
		s.memory = share
	}
}

// limitOpenFiles lowers the limit on connections to what the process that
// holds them may open, less what it needs for itself.
func (s *spec) limitOpenFiles(own int) {
	if hard := openFilesLimit(); hard > 0 && hard-own < s.connections {
		s.connections = max(1, hard-own)
		s.note("maxclients limited to %d by the open-files limit", s.connections)
	}
}
