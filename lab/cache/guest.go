package cache

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// guest is a connection to the embedded server. It is the net.Conn that
// miniredis serves.
//
// miniredis does not tell its hook which connection a command came from. So the
// first bytes that it reads from a guest are a command of ours that names the
// guest; see hook.
type guest struct {
	net.Conn
	e        *embedded
	id       int64
	addr     netip.AddrPort
	local    netip.AddrPort // our end
	since    time.Time
	greeting []byte // what of our command miniredis has not read yet
	closed   chan struct{}
	once     sync.Once
	last     atomic.Int64 // time of the last command, nanoseconds after since

	mu        sync.Mutex
	name, lib string

	// Of the hook only, which runs one command of a guest at a time.
	db     int
	authed bool
}

// newGuest wraps an accepted connection; id is unique in this server.
func newGuest(e *embedded, raw net.Conn, id int64) *guest {
	g := &guest{Conn: raw, e: e, id: id, since: time.Now(), closed: make(chan struct{})}
	g.addr = address([]byte(raw.RemoteAddr().String()))
	g.local = address([]byte(raw.LocalAddr().String()))
	g.authed = e.spec.password == ""
	switch {
	case e.tls != nil && e.spec.plain:
		g.Conn = &eitherConn{Conn: raw, config: e.tls}
	case e.tls != nil:
		g.Conn = tls.Server(raw, e.tls)
	}
	g.greeting = appendCommand(nil, attachCommand, fmt.Sprint(id))
	return g
}

func (g *guest) Read(p []byte) (int, error) {
	if len(g.greeting) > 0 {
		n := copy(p, g.greeting)
		g.greeting = g.greeting[n:]
		return n, nil
	}
	n, err := g.Conn.Read(p)
	g.e.in.Add(int64(n))
	g.e.gate.wait(g.closed)
	return n, err
}

func (g *guest) Write(p []byte) (int, error) {
	g.e.gate.wait(g.closed)
	// Counted first: a client that has its answer must find it in the figures.
	g.e.out.Add(int64(len(p)))
	n, err := g.Conn.Write(p)
	g.e.out.Add(int64(n - len(p)))
	return n, err
}

func (g *guest) Close() error {
	var err error
	g.once.Do(func() {
		close(g.closed)
		g.e.leave(g)
		err = g.Conn.Close()
	})
	return err
}

func (g *guest) client(now time.Time) Client {
	g.mu.Lock()
	defer g.mu.Unlock()
	age := now.Sub(g.since)
	return Client{
		ID: g.id, Addr: g.addr, Name: g.name, LibName: g.lib, server: g.local,
		Age: age, Idle: age - time.Duration(g.last.Load()),
	}
}

// eitherConn takes plain and TLS clients on one port, as ElastiCache does with
// transit mode preferred. The first byte of a TLS connection is the type of a
// handshake record (RFC 8446, section 5.1), with which no command begins.
//
// Only Read and Write use settled: miniredis writes only after it has read a
// command, and hands commands from the reader to the writer over a channel.
type eitherConn struct {
	net.Conn
	config  *tls.Config
	settled net.Conn
}

func (c *eitherConn) Read(p []byte) (int, error) {
	if c.settled == nil {
		const handshake = 22
		var first [1]byte
		if _, err := c.Conn.Read(first[:]); err != nil {
			return 0, err
		}
		c.settled = &unreadConn{Conn: c.Conn, first: first[:]}
		if first[0] == handshake {
			c.settled = tls.Server(c.settled, c.config)
		}
	}
	return c.settled.Read(p)
}

func (c *eitherConn) Write(p []byte) (int, error) { return c.settled.Write(p) }

// unreadConn gives back what was read too early.
type unreadConn struct {
	net.Conn
	first []byte
}

func (c *unreadConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// gate stops whoever waits at it while it is shut. The zero gate is open.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // nil while open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened != nil
}

// wait returns when the gate is open or stop is closed.
func (g *gate) wait(stop <-chan struct{}) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return
	}
	select {
	case <-opened:
	case <-stop:
	}
}
