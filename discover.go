package thaw

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// nodeList is the nodes of a Memcached cluster, sorted, so that all environments
// map a key to the same one. A node is kept by name and resolved at each dial.
type nodeList struct {
	mu    sync.RWMutex
	addrs []nodeAddr
	at    time.Time // wall time of the last discovery; zero: never
}

// nodeAddr is host:port as a net.Addr.
type nodeAddr string

func (nodeAddr) Network() string  { return "tcp" }
func (a nodeAddr) String() string { return string(a) }

// set replaces the nodes and reports whether that changed anything.
func (n *nodeList) set(hosts []string) bool {
	addrs := make([]nodeAddr, len(hosts))
	for i, h := range hosts {
		addrs[i] = nodeAddr(h)
	}
	slices.Sort(addrs)
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := !slices.Equal(n.addrs, addrs)
	n.addrs = addrs
	return changed
}

func (n *nodeList) seen(now time.Time) {
	n.mu.Lock()
	n.at = now
	n.mu.Unlock()
}

func (n *nodeList) due(now time.Time) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.at.IsZero() || now.Sub(n.at) >= discoverEvery || now.Before(n.at)
}

func (n *nodeList) known() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return !n.at.IsZero()
}

// PickServer implements memcache.ServerSelector with rendezvous hashing: when a
// node is added or lost, only its own keys move.
func (n *nodeList) PickServer(key string) (net.Addr, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var best nodeAddr
	var most uint32
	for _, a := range n.addrs {
		score := crc32.Update(crc32.ChecksumIEEE([]byte(a)), crc32.IEEETable, []byte(key))
		score ^= score >> 15 // CRC is linear: without this two nodes differ by a constant
		score *= 0x2c1b3c6d
		score ^= score >> 12
		if best == "" || score > most {
			best, most = a, score
		}
	}
	if best == "" {
		return nil, errors.New("thaw: no cache node is known")
	}
	return best, nil
}

// Each implements memcache.ServerSelector.
func (n *nodeList) Each(f func(net.Addr) error) error {
	n.mu.RLock()
	addrs := slices.Clone(n.addrs)
	n.mu.RUnlock()
	for _, a := range addrs {
		if err := f(a); err != nil {
			return err
		}
	}
	return nil
}

// maxConfig bounds the answer to config get cluster, in bytes: 60 nodes, the limit
// of a cluster, take about 8 KB.
const maxConfig = 64 << 10

// configGetCluster asks an ElastiCache configuration endpoint for its nodes.
//
//	CONFIG cluster 0 <bytes>\r\n
//	<version>\n
//	host|ip|port host|ip|port …\n
//	\r\nEND\r\n
func configGetCluster(c io.ReadWriter) ([]string, error) {
	if _, err := io.WriteString(c, "config get cluster\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(io.LimitReader(c, maxConfig))
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("thaw: reading the answer to config get cluster: %w", err)
	}
	fields := strings.Fields(head)
	if len(fields) != 4 || fields[0] != "CONFIG" {
		return nil, fmt.Errorf("thaw: %q is no answer to config get cluster: use a configuration endpoint (.cfg.), or the address of a node without .cfg.", strings.TrimSpace(head))
	}
	size, err := strconv.Atoi(fields[3])
	if err != nil || size < 0 || size > maxConfig {
		return nil, fmt.Errorf("thaw: config get cluster announces %q bytes", fields[3])
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("thaw: reading the answer to config get cluster: %w", err)
	}
	return parseNodes(string(body))
}

func parseNodes(body string) ([]string, error) {
	_, list, _ := strings.Cut(body, "\n")
	var nodes []string
	for _, n := range strings.Fields(list) {
		parts := strings.Split(n, "|")
		if len(parts) != 3 {
			return nil, fmt.Errorf("thaw: %q is not host|ip|port", n)
		}
		host := parts[0]
		if host == "" {
			host = parts[1]
		}
		if p, err := strconv.Atoi(parts[2]); host == "" || err != nil || p < 1 || p > 65535 {
			return nil, fmt.Errorf("thaw: %q is not host|ip|port", n)
		}
		nodes = append(nodes, net.JoinHostPort(host, parts[2]))
	}
	if len(nodes) == 0 {
		return nil, errors.New("thaw: the configuration endpoint names no node")
	}
	return nodes, nil
}
