package cache

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// expireEvery is how often the embedded server ages its keys. It has to walk
// all of them, so not at each command.
const expireEvery = 100 * time.Millisecond

// embedded is miniredis behind a front of our own, which does what miniredis
// leaves out: the limit on connections, TLS and plain on one port, and counting.
// It is node and observer in one.
//
//	client ─▶ listener ─▶ guest: gate, bytes, TLS ─▶ miniredis ─▶ hook: commands, hits
//	             └ at the limit: an error, close
type embedded struct {
	spec  *spec
	where location
	tls   *tls.Config // nil: plain
	gate  gate

	in, out                atomic.Int64
	hits, misses, commands atomic.Int64

	mu       sync.Mutex
	accepted int64
	rejected int64
	guests   map[int64]*guest
	peers    map[*server.Peer]*guest
	redis    *miniredis.Miniredis // nil while it does not run
	serving  *server.Server       // of redis
	listener net.Listener
	ended    chan struct{} // closed to end the goroutines of one run
	running  sync.WaitGroup
}

func newEmbedded(s *spec, at location, id *identity) *embedded {
	e := &embedded{spec: s, where: at, guests: map[int64]*guest{}, peers: map[*server.Peer]*guest{}}
	if id != nil {
		e.tls = &tls.Config{Certificates: []tls.Certificate{id.cert}, MinVersion: tls.VersionTLS12}
	}
	s.noteOnce("the embedded server has no memory limit, so it never evicts, and knows fewer commands than the engine")
	if s.cluster {
		s.noteOnce("cluster mode of the embedded server is minimal: one node with all slots, no redirects")
	}
	return e
}

func (e *embedded) start() error {
	listener, err := net.Listen("tcp", e.where.String())
	if err != nil {
		return err
	}
	// Dial makes miniredis serve without a listener of its own; the connection
	// itself is not needed.
	redis := miniredis.NewMiniRedis()
	first, err := redis.Dial()
	if err != nil {
		listener.Close()
		return err
	}
	first.Close()
	if e.spec.password != "" {
		redis.RequireAuth(e.spec.password)
	}
	serving := redis.Server()
	serving.SetPreHook(e.hook)

	e.mu.Lock()
	e.redis, e.serving, e.listener, e.ended = redis, serving, listener, make(chan struct{})
	ended := e.ended
	e.mu.Unlock()
	e.running.Go(func() { e.accept(serving, listener, ended) })
	e.running.Go(func() { expire(redis, ended) })
	return nil
}

// expire ages the keys, whose time to live miniredis does not count by itself.
func expire(redis *miniredis.Miniredis, ended <-chan struct{}) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ended:
			return
		case now := <-tick.C:
			redis.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (e *embedded) accept(serving *server.Server, listener net.Listener, ended <-chan struct{}) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			select {
			case <-ended:
				return
			case <-time.After(10 * time.Millisecond): // out of files: others may close some
				continue
			}
		}
		e.gate.wait(ended)
		if g := e.admit(conn); g != nil {
			serving.ServeConn(g)
		}
	}
}

// admit makes a guest of a connection, or refuses it at the limit as the real
// server does: with an error that is best effort, and without one before a TLS
// handshake.
func (e *embedded) admit(conn net.Conn) *guest {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.guests) >= e.spec.connections {
		e.rejected++
		if e.spec.plain {
			conn.SetWriteDeadline(time.Now().Add(time.Second))
			conn.Write([]byte("-ERR max number of clients reached\r\n"))
		}
		conn.Close()
		return nil
	}
	e.accepted++
	g := newGuest(e, conn, e.accepted)
	e.guests[g.id] = g
	return g
}

func (e *embedded) leave(g *guest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.guests, g.id)
}

// kill closes everything at once; the data is gone.
func (e *embedded) kill() error {
	if !e.halt() {
		return ErrDown
	}
	return nil
}

func (e *embedded) stop() error {
	e.halt()
	return nil
}

// halt ends a run and reports whether there was one.
func (e *embedded) halt() bool {
	e.mu.Lock()
	redis := e.redis
	e.redis = nil
	if redis == nil {
		e.mu.Unlock()
		return false
	}
	e.listener.Close()
	close(e.ended)
	e.mu.Unlock()
	e.gate.open()
	e.running.Wait() // nobody adds guests from here on

	e.mu.Lock()
	guests := make([]*guest, 0, len(e.guests))
	for _, g := range e.guests {
		guests = append(guests, g)
	}
	e.mu.Unlock()
	for _, g := range guests {
		g.Close()
	}
	redis.Close()
	return true
}

func (e *embedded) pause() error {
	if e.stopped() {
		return ErrDown
	}
	e.gate.shut()
	return nil
}

func (e *embedded) resume() error {
	if e.stopped() {
		return ErrDown
	}
	e.gate.open()
	return nil
}

// stopped reports whether the server does not run.
func (e *embedded) stopped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.redis == nil
}

func (e *embedded) pid() int { return 0 }

func (e *embedded) down() error {
	switch {
	case e.stopped():
		return fmt.Errorf("%w: not running", ErrDown)
	case e.gate.isShut():
		return fmt.Errorf("%w: paused", ErrDown)
	}
	return nil
}

func (e *embedded) ready(context.Context) error { return nil }

func (e *embedded) product() (engine, version string) { return "miniredis", "" }

func (e *embedded) close() {}

func (e *embedded) sample(context.Context) (Sample, error) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Sample{
		At: now, Connections: len(e.guests), Limit: e.spec.connections,
		NewTotal: e.accepted, RejectedTotal: e.rejected,
		BytesIn: e.in.Load(), BytesOut: e.out.Load(),
		Hits: e.hits.Load(), Misses: e.misses.Load(), Commands: e.commands.Load(),
		Clients: make([]Client, 0, len(e.guests)),
	}
	for _, g := range e.guests {
		s.Clients = append(s.Clients, g.client(now))
	}
	return s, nil
}

// clusterNode is the node's name in answers to CLUSTER: 40 hexadecimal digits,
// as clients expect.
func (e *embedded) clusterNode() string { return fmt.Sprintf("%040x", e.where.port) }
