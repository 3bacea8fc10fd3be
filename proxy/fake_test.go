package proxy

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/thawdev/thaw/proxy/wire"
)

// fakeServer answers commands with what handle returns; handle may also close the
// connection and return nil. HELLO 2, AUTH and SELECT succeed by default.
type fakeServer struct {
	ln     net.Listener
	handle func(c *fakeConn, args []string) []byte

	mu    sync.Mutex
	conns []*fakeConn
	seen  []string // names of the commands
	ended int      // connections that the proxy has closed
}

type fakeConn struct {
	net.Conn
	number int // counted from 1
}

func newFakeServer(t testing.TB, handle func(c *fakeConn, args []string) []byte) *fakeServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{ln: ln, handle: handle}
	go f.serve()
	t.Cleanup(f.stop)
	return f
}

func (f *fakeServer) address() string { return f.ln.Addr().String() }

func (f *fakeServer) stop() {
	f.ln.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

func (f *fakeServer) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fakeServer) closed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// count says how often a command came.
func (f *fakeServer) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, seen := range f.seen {
		if seen == name {
			n++
		}
	}
	return n
}

func (f *fakeServer) serve() {
	for {
		nc, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		c := &fakeConn{Conn: nc, number: len(f.conns) + 1}
		f.conns = append(f.conns, c)
		f.mu.Unlock()
		go f.serveConn(c)
	}
}

func (f *fakeServer) serveConn(c *fakeConn) {
	var p wire.CommandParser
	var in []byte
	piece := make([]byte, 64<<10)
	for {
		n, err := c.Read(piece)
		if err != nil {
			f.mu.Lock()
			f.ended++
			f.mu.Unlock()
			return
		}
		in = append(in, piece[:n]...)
		for {
			cmd, n, err := p.Next(in)
			if err != nil || n == 0 {
				break
			}
			args := make([]string, len(cmd.Args))
			for i, a := range cmd.Args {
				args[i] = string(a)
			}
			in = in[n:]
			f.mu.Lock()
			f.seen = append(f.seen, args[0])
			f.mu.Unlock()
			reply := f.handle(c, args)
			if reply == nil {
				reply = byDefault(args)
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
}

// byDefault is what a friendly server answers.
func byDefault(args []string) []byte {
	switch string(bytes.ToUpper([]byte(args[0]))) {
	case "HELLO":
		b := wire.AppendArray(nil, 4)
		b = wire.AppendBulk(wire.AppendBulk(b, "server"), "redis")
		return wire.AppendBulk(wire.AppendBulk(b, "version"), "7.0.0")
	case "ECHO":
		return wire.AppendBulk(nil, args[1])
	case "PING":
		return []byte("+PONG\r\n")
	}
	return []byte("+OK\r\n")
}
