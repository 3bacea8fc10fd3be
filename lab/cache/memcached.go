package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// memcachedArgs is the command line of memcached, and whether it encrypts.
func memcachedArgs(path string, s *spec, at location, id *identity) (args []string, encrypted bool) {
	args = []string{
		"-l", at.host, "-p", strconv.Itoa(at.port), "-U", "0",
		// One more for the lab's own connection.
		"-c", strconv.Itoa(s.connections + 1),
		"-m", strconv.FormatInt(max(1, s.memory>>20), 10),
		// ElastiCache's default lets connections over the limit wait, which
		// looks like a hang. Source: ElastiCache User Guide, "Memcached
		// parameters", maxconns_fast, 2026.
		"-o", "no_maxconns_fast",
	}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root") // it refuses to run as root unless told
	}
	if !s.tls {
		return args, false
	}
	// The option is listed only by a program that was built with TLS.
	help, _ := exec.Command(path, "-h").CombinedOutput()
	if !bytes.Contains(help, []byte("--enable-ssl")) {
		s.noteOnce("this memcached was built without TLS: the local server takes plain clients only")
		return args, false
	}
	return append(args, "-Z", "-o", "ssl_chain_cert="+id.certFile+",ssl_key="+id.keyFile), true
}

// maxStats bounds the answer to stats conns: about 200 bytes a connection.
const maxStats = 64 << 20

// memcachedObserver reads a memcached server over one connection.
type memcachedObserver struct {
	dial dialFunc

	mu      sync.Mutex
	conn    *wireConn
	totals  totals
	version string
	seen    map[memcachedKey]time.Time // first sample of each connection
}

// memcachedKey is a connection: memcached has no ids, and uses the number of a
// file again.
type memcachedKey struct {
	fd   int64
	addr netip.AddrPort
}

func (o *memcachedObserver) connect(ctx context.Context) error {
	if o.conn == nil {
		c, err := o.dial(ctx)
		if err != nil {
			return err
		}
		o.conn = newWireConn(c)
	}
	return o.conn.until(ctx)
}

func (o *memcachedObserver) drop() {
	if o.conn != nil {
		o.conn.Close()
		o.totals.left(o.conn.own)
		o.conn = nil
	}
}

func (o *memcachedObserver) ready(ctx context.Context) error {
	_, err := o.sample(ctx)
	return err
}

func (o *memcachedObserver) sample(ctx context.Context) (Sample, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.connect(ctx)
	if err == nil {
		var s Sample
		if s, err = o.read(); err == nil {
			return s, nil
		}
	}
	o.drop()
	return Sample{}, fmt.Errorf("cache: read the server: %w", err)
}

func (o *memcachedObserver) read() (Sample, error) {
	const request = "stats\r\nstats conns\r\n"
	mine := o.conn.own
	mine.sent += int64(len(request))
	if err := o.conn.send([]byte(request), 0); err != nil {
		return Sample{}, err
	}
	text, err := o.block()
	if err != nil {
		return Sample{}, err
	}
	at := time.Now()
	st := parseStats(text)
	s := Sample{At: at, Limit: max(0, int(st["max_connections"])-1), MemoryBytes: st["bytes"], MaxMemoryBytes: st["limit_maxbytes"]}
	o.version = statsVersion(text)
	run := strconv.FormatInt(st["pid"], 10)
	now := counters{
		accepted: st["total_connections"], rejected: st["rejected_connections"],
		in: st["bytes_read"], out: st["bytes_written"],
		hits: st["get_hits"], misses: st["get_misses"], evictions: st["evictions"],
		commands: commands(st),
	}
	if text, err = o.block(); err != nil {
		return Sample{}, err
	}
	self := address([]byte(o.conn.LocalAddr().String()))
	s.Clients = o.age(at, parseConns(text, self))
	s.Connections = len(s.Clients)
	o.totals.at(run, now, mine).fill(&s)
	return s, nil
}

// age sets the ages, which memcached does not tell, by when we first saw the
// connection.
func (o *memcachedObserver) age(at time.Time, clients []Client) []Client {
	seen := make(map[memcachedKey]time.Time, len(clients))
	for i := range clients {
		c := &clients[i]
		key := memcachedKey{c.ID, c.Addr}
		first, ok := o.seen[key]
		if !ok {
			first = at
		}
		seen[key] = first
		c.Age = at.Sub(first)
	}
	o.seen = seen
	return clients
}

var errStats = errors.New("not an answer of memcached")

// block reads lines up to END into the connection's buffer.
func (o *memcachedObserver) block() ([]byte, error) {
	w := o.conn
	w.buf = w.buf[:0]
	for {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		switch line = bytes.TrimRight(line, "\r\n"); {
		case string(line) == "END":
			return w.buf, nil
		case !bytes.HasPrefix(line, []byte("STAT ")) || len(w.buf) > maxStats:
			return nil, errStats
		}
		w.buf = append(append(w.buf, line...), '\n')
	}
}

func (o *memcachedObserver) product() (engine, version string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return "memcached", o.version
}

func (o *memcachedObserver) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop()
}
