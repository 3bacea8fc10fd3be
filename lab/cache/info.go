package cache

import (
	"bytes"
	"math"
	"net/netip"
	"time"
)

// info is what the lab reads of the answer to INFO. Source of the names: the
// INFO command's reference of Redis 7.0 and Valkey 8.
type info struct {
	runID          string
	redis, valkey  string // versions; a Valkey server tells both
	connected      int64
	maxClients     int64
	accepted       int64
	rejected       int64
	in, out        int64
	hits, misses   int64
	evicted        int64
	commands       int64
	used, maximum  int64
	clusterEnabled int64
}

// parseInfo reads the lines that it knows and skips the others.
func parseInfo(b []byte) info {
	var in info
	for line := range bytes.Lines(b) {
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{':'})
		if !found {
			continue
		}
		// The compiler makes no string for a switch over a converted slice.
		switch string(name) {
		case "run_id":
			in.runID = string(value)
		case "redis_version":
			in.redis = string(value)
		case "valkey_version":
			in.valkey = string(value)
		case "connected_clients":
			in.connected = number(value)
		case "maxclients":
			in.maxClients = number(value)
		case "total_connections_received":
			in.accepted = number(value)
		case "rejected_connections":
			in.rejected = number(value)
		case "total_net_input_bytes":
			in.in = number(value)
		case "total_net_output_bytes":
			in.out = number(value)
		case "keyspace_hits":
			in.hits = number(value)
		case "keyspace_misses":
			in.misses = number(value)
		case "evicted_keys":
			in.evicted = number(value)
		case "total_commands_processed":
			in.commands = number(value)
		case "used_memory":
			in.used = number(value)
		case "maxmemory":
			in.maximum = number(value)
		case "cluster_enabled":
			in.clusterEnabled = number(value)
		}
	}
	return in
}

// number reads a non-negative decimal number; anything else is 0.
func number(b []byte) int64 {
	var n int64
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0
		}
		n = n*10 + d
	}
	return n
}

// names gives equal bytes one string, so that samples that are kept do not
// hold the answers they were read from. The zero names is ready.
type names map[string]string

// maxNames bounds the table against clients that set a new name each time.
const maxNames = 10_000

func (t *names) of(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := (*t)[string(b)]; ok {
		return s
	}
	if *t == nil || len(*t) >= maxNames {
		*t = names{}
	}
	s := string(b)
	(*t)[s] = s
	return s
}

// parseClients reads the answer to CLIENT LIST. It leaves out connections for
// which skip is true and links of replication, which AWS does not count as
// connections either.
func parseClients(b []byte, table *names, skip func(id int64, name []byte) bool) []Client {
	clients := make([]Client, 0, bytes.Count(b, []byte{'\n'}))
	for line := range bytes.Lines(b) {
		var c Client
		var name []byte
		replication := false
		for field := range bytes.FieldsSeq(line) {
			key, value, _ := bytes.Cut(field, []byte{'='})
			switch string(key) {
			case "id":
				c.ID = number(value)
			case "addr":
				c.Addr = address(value)
			case "laddr": // Redis 6.2
				c.server = address(value)
			case "name":
				name = value
			case "lib-name":
				c.LibName = table.of(value)
			case "age":
				c.Age = seconds(value)
			case "idle":
				c.Idle = seconds(value)
			case "flags":
				replication = bytes.ContainsAny(value, "MS")
			}
		}
		if c.ID == 0 || replication || skip(c.ID, name) {
			continue
		}
		c.Name = table.of(name)
		clients = append(clients, c)
	}
	return clients
}

func seconds(b []byte) time.Duration {
	return time.Duration(min(number(b), int64(math.MaxInt64/time.Second))) * time.Second
}

// address reads ip:port. A Unix socket gives the zero AddrPort.
func address(b []byte) netip.AddrPort {
	a, err := netip.ParseAddrPort(string(b))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
