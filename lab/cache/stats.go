package cache

import (
	"bytes"
	"net/netip"
	"slices"
)

// parseStats reads the numbers of memcached's stats. Source of the names:
// doc/protocol.txt of memcached 1.6.
func parseStats(b []byte) map[string]int64 {
	stats := make(map[string]int64, 100)
	for line := range bytes.Lines(b) {
		if name, value, ok := stat(line); ok {
			stats[string(name)] = number(value)
		}
	}
	return stats
}

// stat splits "STAT name value".
func stat(line []byte) (name, value []byte, ok bool) {
	rest, found := bytes.CutPrefix(line, []byte("STAT "))
	if !found {
		return nil, nil, false
	}
	name, value, ok = bytes.Cut(bytes.TrimRight(rest, "\r\n"), []byte{' '})
	return name, value, ok
}

func statsVersion(b []byte) string {
	for line := range bytes.Lines(b) {
		if name, value, _ := stat(line); string(name) == "version" {
			return string(value)
		}
	}
	return ""
}

// commands sums up what memcached counts by command. One get of many keys is
// one command for each key.
func commands(st map[string]int64) int64 {
	var n int64
	for _, name := range []string{
		"cmd_get", "cmd_set", "cmd_touch", "cmd_flush", "cmd_meta",
		"delete_hits", "delete_misses", "incr_hits", "incr_misses", "decr_hits", "decr_misses",
	} {
		n += st[name]
	}
	return n
}

// parseConns reads memcached's stats conns: lines "STAT fd:field value" for
// each socket. It leaves out listening sockets and the connection from self.
func parseConns(b []byte, self netip.AddrPort) []Client {
	var clients []Client
	index := map[int64]int{}
	for line := range bytes.Lines(b) {
		name, value, _ := stat(line)
		fd, field, found := bytes.Cut(name, []byte{':'})
		if !found {
			continue
		}
		id := number(fd)
		i, known := index[id]
		if !known {
			i = len(clients)
			index[id] = i
			clients = append(clients, Client{ID: id})
		}
		switch string(field) {
		case "addr":
			// tcp:127.0.0.1:4711 or tcp6:[::1]:4711
			_, addr, _ := bytes.Cut(value, []byte{':'})
			clients[i].Addr = address(addr)
		case "listen_addr":
			_, addr, _ := bytes.Cut(value, []byte{':'})
			clients[i].server = address(addr)
		case "state":
			if string(value) == "conn_listening" {
				clients[i].ID = -1
			}
		case "secs_since_last_cmd":
			clients[i].Idle = seconds(value)
		}
	}
	return slices.DeleteFunc(clients, func(c Client) bool { return c.ID < 0 || c.Addr == self })
}
