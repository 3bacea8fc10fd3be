package engine

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// portableRead is the buffer of each connection of the portable engine.
	portableRead = 8 << 10
	// portableWrite bounds what its writing goroutine holds.
	portableWrite = 256 << 10
)

// portable is a poller made of goroutines. For each connection one reads and
// waits until the loop has taken what it read; another, which exists only while
// the connection has something to write, writes.
type portable struct {
	loop    *Loop
	woken   chan struct{}
	timer   *time.Timer
	running sync.WaitGroup
	filled  atomic.Bool // events is not empty

	mu     sync.Mutex
	events []portableEvent // filled by the goroutines
	taken  []portableEvent // the slice it is swapped with
}

type portableEvent struct {
	c     *Conn
	err   error // of the write
	wrote bool  // the write has ended, else there is something to read
}

// portableConn is the side of a connection that its goroutines see. The fields
// in and err belong to the reader until it has reported them, and to the loop
// until that sends on taken.
type portableConn struct {
	nc    net.Conn
	in    []byte
	err   error
	taken chan struct{}
	done  chan struct{}
	// full and writing are the loop's.
	full    bool
	writing bool
}

func newPortable(l *Loop) *portable {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &portable{loop: l, woken: make(chan struct{}, 1), timer: t}
}

func (p *portable) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *portable) wait(timeout time.Duration) {
	if timeout != 0 && p.loop.sleep() {
		if !p.filled.Load() { // looked at after sleep, so that no event is missed
			p.block(timeout)
		}
		p.loop.awake()
	}
	p.filled.Store(false)
	p.mu.Lock()
	p.events, p.taken = p.taken[:0], p.events
	p.mu.Unlock()
	for i, ev := range p.taken {
		p.taken[i] = portableEvent{}
		p.report(ev)
	}
}

func (p *portable) block(timeout time.Duration) {
	var due <-chan time.Time
	if timeout > 0 {
		p.timer.Reset(timeout)
		defer p.timer.Stop()
		due = p.timer.C
	}
	select {
	case <-p.woken:
	case <-due:
	}
}

func (p *portable) report(ev portableEvent) {
	c := ev.c
	switch {
	case c.state == gone:
	case !ev.wrote:
		c.socket.portable.full = true
		p.loop.canRead(c, c.socket.portable.err != nil)
	case ev.err != nil:
		c.failed(ev.err)
	default:
		c.socket.portable.writing = false
		c.inflight = 0
		p.loop.canWrite(c)
	}
}

func (p *portable) post(ev portableEvent) {
	p.mu.Lock()
	p.events = append(p.events, ev)
	p.mu.Unlock()
	p.filled.Store(true)
	p.loop.rouse()
}

func (p *portable) take(nc net.Conn) (socket, error) {
	return socket{
		remote:   addrPort(nc.RemoteAddr()),
		portable: &portableConn{nc: nc, taken: make(chan struct{}, 1), done: make(chan struct{})},
	}, nil
}

func (p *portable) add(c *Conn) error {
	p.running.Go(func() { p.reader(c, c.socket.portable) })
	return nil
}

func (p *portable) reader(c *Conn, pc *portableConn) {
	buf := make([]byte, portableRead)
	for {
		var n int
		n, pc.err = pc.nc.Read(buf)
		pc.in = buf[:n]
		failed := pc.err != nil
		p.post(portableEvent{c: c})
		if failed {
			return
		}
		select {
		case <-pc.taken:
		case <-pc.done:
			return
		}
	}
}

func (p *portable) read(c *Conn, b []byte) (int, error) {
	pc := c.socket.portable
	if !pc.full {
		return 0, errWouldBlock
	}
	n := copy(b, pc.in)
	pc.in = pc.in[n:]
	switch {
	case n > 0 && len(pc.in) > 0:
	case n == 0 && pc.err == io.EOF:
		return 0, nil
	case n == 0 && pc.err != nil:
		return 0, pc.err
	case pc.err == nil:
		pc.full = false
		pc.taken <- struct{}{}
		if n == 0 { // a Read that returned nothing: not the end
			return 0, errWouldBlock
		}
	}
	return n, nil
}

func (p *portable) write(c *Conn, b []byte) (int, error) {
	pc := c.socket.portable
	if pc.writing {
		return 0, errWouldBlock
	}
	pc.writing = true
	held := append([]byte(nil), b[:min(len(b), portableWrite)]...)
	c.inflight = len(held)
	p.running.Go(func() {
		_, err := pc.nc.Write(held)
		p.post(portableEvent{c: c, err: err, wrote: true})
	})
	return len(held), nil
}

func (p *portable) local(c *Conn) netip.AddrPort { return addrPort(c.socket.portable.nc.LocalAddr()) }

func (p *portable) shutdown(c *Conn) {
	if half, ok := c.socket.portable.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

func (p *portable) remove(c *Conn) {
	pc := c.socket.portable
	close(pc.done)
	pc.nc.Close()
}

func (p *portable) close() { p.running.Wait() }
