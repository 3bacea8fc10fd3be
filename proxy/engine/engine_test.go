package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limit is how long a test waits for what must happen.
const limit = 20 * time.Second

// both runs a test over each engine that the system has.
func both(t *testing.T, f func(t *testing.T, o Options)) {
	for _, portable := range []bool{false, true} {
		name := "native"
		if portable {
			name = "portable"
		}
		t.Run(name, func(t *testing.T) { f(t, Options{Loops: 2, Portable: portable}) })
	}
}

// calls is a handler made of functions; nil ones do nothing.
type calls struct {
	data    func(c *Conn, b []byte) int
	closed  func(c *Conn, err error)
	drained func(c *Conn)
}

func (h *calls) Data(c *Conn, b []byte) int {
	if h.data == nil {
		return len(b)
	}
	return h.data(c, b)
}

func (h *calls) Closed(c *Conn, err error) {
	if h.closed != nil {
		h.closed(c, err)
	}
}

func (h *calls) Drained(c *Conn) {
	if h.drained != nil {
		h.drained(c)
	}
}

// start makes an engine that is closed with the test.
func start(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// listen serves on a free port and returns the address.
func listen(t testing.TB, e *Engine, tlsOptions *TLSOptions, open func(l *Loop, c *Conn) Handler) net.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, e, ln, tlsOptions, open)
}

func serve(t testing.TB, e *Engine, ln net.Listener, tlsOptions *TLSOptions, open func(l *Loop, c *Conn) Handler) net.Addr {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln, tlsOptions, open) }()
	t.Cleanup(func() {
		e.Close()
		if err := <-served; err != nil && err != ErrClosed {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr()
}

func dial(t testing.TB, a net.Addr) net.Conn {
	t.Helper()
	nc, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(limit))
	return nc
}

// within fails when nothing comes from ch in time.
func within[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(limit):
		buf := make([]byte, 1<<20)
		t.Fatalf("waited in vain for %s\n%s", what, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// groups consumes and echoes whole groups of seven bytes, so that there is
// almost always a rest to be kept and offered again.
func groups(c *Conn, b []byte) int {
	n := len(b) / 7 * 7
	c.Write(b[:n])
	return n
}

// echoed sends data in random pieces and compares what comes back.
func echoed(t testing.TB, nc io.ReadWriter, r *rand.Rand, data []byte) {
	t.Helper()
	sent := make(chan error, 1)
	cuts := rand.New(rand.NewPCG(r.Uint64(), 1))
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+cuts.IntN(1+cuts.IntN(20_000)))
			if _, err := nc.Write(rest[:n]); err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- nil
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(nc, got); err != nil {
		t.Error(err)
	}
	if err := within(t, sent, "the writer"); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got, data) {
		t.Error("the echo differs from what was sent")
	}
}

// Bytes arrive whole and in order however they are cut, also when the handler
// leaves rests behind, over TCP and Unix sockets.
func TestEchoSplits(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		r := seeded(t)
		e := start(t, o)
		open := func(*Loop, *Conn) Handler { return &calls{data: groups} }
		local, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []net.Addr{listen(t, e, nil, open), serve(t, e, local, nil, open)} {
			var wg sync.WaitGroup
			for range 8 {
				nc, data, r := dial(t, a), randomBytes(r, 7*(1+r.IntN(100_000))), rand.New(rand.NewPCG(r.Uint64(), 2))
				wg.Go(func() { echoed(t, nc, r, data) })
			}
			wg.Wait()
		}
	})
}

// A thousand connections are spread evenly and all served.
func TestThousandConnections(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		a := listen(t, e, nil, func(*Loop, *Conn) Handler { return echo{} })
		conns := make([]net.Conn, 1000)
		for i := range conns {
			conns[i] = dial(t, a)
		}
		eventually(t, "all are accepted", func() bool { return e.Conns() == len(conns) })
		for _, l := range e.Loops() {
			if n := l.Conns(); n < 480 || n > 520 {
				t.Errorf("a loop has %d of %d connections", n, len(conns))
			}
		}
		for range 3 {
			message := make([]byte, messageSize)
			for i, nc := range conns {
				copy(message, fmt.Sprint(i))
				if _, err := nc.Write(message); err != nil {
					t.Fatal(err)
				}
			}
			for i, nc := range conns {
				got := make([]byte, messageSize)
				if _, err := io.ReadFull(nc, got); err != nil || !bytes.HasPrefix(got, []byte(fmt.Sprint(i))) {
					t.Fatalf("connection %d got %q, %v", i, got[:8], err)
				}
			}
		}
		for _, nc := range conns {
			nc.Close()
		}
		eventually(t, "all are closed", func() bool { return e.Conns() == 0 })
	})
}

// Clients that vanish at any moment, cleanly or with a reset, are told to their
// handlers exactly once and disturb nobody.
func TestCutConnections(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		r := seeded(t)
		e := start(t, o)
		var opened, closed, twice atomic.Int64
		a := listen(t, e, nil, func(*Loop, *Conn) Handler {
			opened.Add(1)
			var once bool
			return &calls{data: groups, closed: func(*Conn, error) {
				if once {
					twice.Add(1)
				}
				once = true
				closed.Add(1)
			}}
		})
		steady, data := dial(t, a), randomBytes(r, 7*200_000)
		var wg sync.WaitGroup
		steadyRand := rand.New(rand.NewPCG(r.Uint64(), 3))
		wg.Go(func() { echoed(t, steady, steadyRand, data) })
		for range 300 {
			nc := dial(t, a)
			nc.Write(randomBytes(r, r.IntN(100_000)))
			if r.IntN(2) == 0 {
				nc.(*net.TCPConn).SetLinger(0)
			}
			nc.Close()
		}
		wg.Wait()
		steady.Close()
		eventually(t, "all are closed", func() bool { return e.Conns() == 0 })
		if opened.Load() != closed.Load() || twice.Load() > 0 {
			t.Errorf("%d opened, %d closed, %d closed twice", opened.Load(), closed.Load(), twice.Load())
		}
	})
}

// A handler that pauses while its output does not leave holds little, however
// much the client sends without reading, and everything arrives in the end.
func TestBackpressure(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		const high = 64 << 10
		var worst, pauses atomic.Int64
		a := listen(t, e, nil, func(*Loop, *Conn) Handler {
			return &calls{
				data: func(c *Conn, b []byte) int {
					c.Write(b)
					worst.Store(max(worst.Load(), int64(c.Unsent())))
					if c.Unsent() > high {
						pauses.Add(1)
						c.Pause()
					}
					return len(b)
				},
				drained: func(c *Conn) { c.Resume() },
			}
		})
		nc := dial(t, a)
		const total = 32 << 20
		go func() {
			piece := bytes.Repeat([]byte("0123456789abcdef"), 4096)
			for range total / len(piece) {
				nc.Write(piece)
			}
		}()
		eventually(t, "the handler pauses", func() bool { return pauses.Load() > 0 })
		time.Sleep(50 * time.Millisecond) // the client goes on writing, and reads nothing
		got, err := io.ReadAll(io.LimitReader(nc, total))
		if err != nil || len(got) != total {
			t.Fatalf("read %d of %d: %v", len(got), total, err)
		}
		for i := 0; i < total; i += 16 {
			if string(got[i:i+16]) != "0123456789abcdef" {
				t.Fatalf("wrong bytes at %d: %q", i, got[i:i+16])
			}
		}
		if w := worst.Load(); w > high+128<<10 {
			t.Errorf("%d bytes were held for a client that does not read", w)
		}
	})
}

// What is kept back by Pause is offered again on Resume without anything new.
func TestPauseKeepsBack(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		a := listen(t, e, nil, func(l *Loop, _ *Conn) Handler {
			return &calls{data: func(c *Conn, b []byte) int {
				// One byte at a time, each a little later, as a session does
				// that waits for a reply before its next command.
				c.Write(b[:1])
				c.Pause()
				l.AfterFunc(time.Millisecond/4, c.Resume)
				return 1
			}}
		})
		nc := dial(t, a)
		nc.Write([]byte("one by one"))
		nc.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(nc)
		if string(got) != "one by one" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// Handlers may close themselves and each other at any time, also while events of
// the closed ones wait in the same batch, and new connections reuse their
// descriptors at once.
func TestCloseInsideData(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		r := seeded(t)
		o.Loops = 1
		e := start(t, o)
		var live []*Conn // of the only loop
		var wrong atomic.Int64
		pick := rand.New(rand.NewPCG(r.Uint64(), 4))
		a := listen(t, e, nil, func(_ *Loop, c *Conn) Handler {
			live = append(live, c)
			isClosed := false
			return &calls{
				data: func(c *Conn, b []byte) int {
					if isClosed || !c.Open() {
						wrong.Add(1)
					}
					c.Write(b)
					if victim := live[pick.IntN(len(live))]; pick.IntN(3) == 0 {
						victim.Close()
						victim.Write(b)
						victim.Resume()
					}
					return len(b)
				},
				closed: func(c *Conn, _ error) {
					isClosed = true
					for i := range live {
						if live[i] == c {
							live = append(live[:i], live[i+1:]...)
							return
						}
					}
					wrong.Add(1)
				},
			}
		})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 60 {
					nc, err := net.Dial("tcp", a.String())
					if err != nil {
						t.Error(err)
						return
					}
					nc.SetDeadline(time.Now().Add(limit))
					for {
						if _, err := nc.Write([]byte("x")); err != nil {
							break
						}
						if _, err := nc.Read(make([]byte, 1)); err != nil {
							break
						}
					}
					nc.Close()
				}
			})
		}
		wg.Wait()
		eventually(t, "all are closed", func() bool { return e.Conns() == 0 })
		if wrong.Load() > 0 {
			t.Errorf("%d calls for connections that were closed", wrong.Load())
		}
	})
}

// Functions posted by many goroutines all run, those of one goroutine in order.
func TestPost(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		l := e.Loops()[0]
		const goroutines, each = 16, 2000
		last := make([]int, goroutines)
		var wg sync.WaitGroup
		done := make(chan struct{})
		count := 0
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					l.Post(func() {
						if last[g] != i {
							t.Errorf("goroutine %d: function %d ran as number %d", g, i, last[g])
						}
						last[g]++
						if count++; count == goroutines*each {
							close(done)
						}
					})
				}
			})
		}
		wg.Wait()
		within(t, done, "the posted functions")
	})
}

// Timers fire in their order and not before their time; stopped ones do not.
func TestTimers(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		l := start(t, o).Loops()[0]
		var order []string
		done := make(chan struct{})
		l.Post(func() {
			begin := l.Now()
			note := func(name string, d time.Duration) func() {
				return func() {
					if since := l.Now().Sub(begin); since < d {
						t.Errorf("%s fired after %v, before %v", name, since, d)
					}
					order = append(order, name)
				}
			}
			l.AfterFunc(30*time.Millisecond, note("c", 30*time.Millisecond))
			l.AfterFunc(5*time.Millisecond, note("a", 5*time.Millisecond))
			stopped := l.AfterFunc(10*time.Millisecond, note("stopped", 0))
			later := l.AfterFunc(time.Millisecond, note("d", 40*time.Millisecond))
			later.Reset(40 * time.Millisecond)
			sooner := l.AfterFunc(time.Hour, note("b", 20*time.Millisecond))
			sooner.Reset(20 * time.Millisecond)
			if !stopped.Stop() || stopped.Stop() {
				t.Error("Stop must be true once")
			}
			l.AfterFunc(60*time.Millisecond, func() { close(done) })
		})
		within(t, done, "the last timer")
		if got := fmt.Sprint(order); got != "[a b c d]" {
			t.Errorf("timers fired as %s", got)
		}
	})
}

// CloseAfterFlush delivers everything, also to a client whose unread commands
// would turn a close into a reset.
func TestCloseAfterFlush(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		reply := bytes.Repeat([]byte("-ERR max number of clients reached\r\n"), 100_000)
		closed := make(chan error, 1)
		a := listen(t, e, nil, func(_ *Loop, c *Conn) Handler {
			c.Write(reply)
			c.CloseAfterFlush()
			c.Write([]byte("never sent"))
			return &calls{closed: func(_ *Conn, err error) { closed <- err }}
		})
		nc := dial(t, a)
		nc.Write(bytes.Repeat([]byte("PING\r\n"), 10_000))
		got, err := io.ReadAll(nc)
		if err != nil || !bytes.Equal(got, reply) {
			t.Errorf("got %d of %d bytes, %v", len(got), len(reply), err)
		}
		nc.Close()
		if err := within(t, closed, "Closed"); err != nil {
			t.Errorf("Closed was told %v", err)
		}
	})
}

// A client that does not read cannot hold a connection that is being closed.
func TestFlushTimeout(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.FlushTimeout = 50 * time.Millisecond
		e := start(t, o)
		closed := make(chan error, 1)
		a := listen(t, e, nil, func(_ *Loop, c *Conn) Handler {
			c.Write(make([]byte, 64<<20))
			c.CloseAfterFlush()
			return &calls{closed: func(_ *Conn, err error) { closed <- err }}
		})
		dial(t, a)
		if err := within(t, closed, "Closed"); err != ErrFlushTimeout {
			t.Errorf("Closed was told %v", err)
		}
	})
}

// lateAnswer answers when the peer has ended its side.
type lateAnswer struct{ calls }

func (h *lateAnswer) HalfClosed(c *Conn) bool {
	c.Loop().AfterFunc(5*time.Millisecond, func() {
		c.Write([]byte("late"))
		c.CloseAfterFlush()
	})
	return true
}

// A handler may go on writing to a client that has ended its side.
func TestHalfClosed(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		a := listen(t, e, nil, func(*Loop, *Conn) Handler { return &lateAnswer{} })
		nc := dial(t, a)
		nc.Write([]byte("question"))
		nc.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(nc); string(got) != "late" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// CloseWrite sends everything, however much that is, ends this side, drops what is
// written after, and goes on reading.
func TestCloseWrite(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		both(t, func(t *testing.T, o Options) {
			e := start(t, o)
			server, client := tlsPair(t)
			big := strings.Repeat("x", 4<<20)
			heard := make(chan string, 1)
			closed := make(chan error, 1)
			var options *TLSOptions
			if encrypted {
				options = &TLSOptions{Config: server}
			}
			a := listen(t, e, options, func(*Loop, *Conn) Handler {
				return &calls{
					data: func(c *Conn, b []byte) int {
						if string(b) == "go" {
							c.Write([]byte(big))
							c.CloseWrite()
							c.Write([]byte("too late"))
							c.CloseWrite()
							return len(b)
						}
						heard <- string(b)
						return len(b)
					},
					closed: func(_ *Conn, err error) { closed <- err },
				}
			})
			var nc net.Conn
			if encrypted {
				nc = dialTLS(t, a, client)
			} else {
				nc = dial(t, a)
			}
			nc.Write([]byte("go"))
			if got, err := io.ReadAll(nc); string(got) != big || err != nil {
				t.Fatalf("got %d bytes, %v", len(got), err)
			}
			nc.Write([]byte("still here"))
			if got := within(t, heard, "input"); got != "still here" {
				t.Errorf("heard %q", got)
			}
			nc.Close()
			if err := within(t, closed, "Closed"); err != nil {
				t.Errorf("Closed was told %v", err)
			}
		})
	}
}

// A handler that consumes nothing is cut at MaxUnread.
func TestMaxUnread(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.MaxUnread = 1 << 20
		e := start(t, o)
		closed := make(chan error, 1)
		a := listen(t, e, nil, func(*Loop, *Conn) Handler {
			return &calls{
				data:   func(*Conn, []byte) int { return 0 },
				closed: func(_ *Conn, err error) { closed <- err },
			}
		})
		nc := dial(t, a)
		nc.Write(make([]byte, 1<<20)) // just enough
		go io.Copy(nc, bytes.NewReader(make([]byte, 1<<20)))
		if err := within(t, closed, "Closed"); err != ErrUnread {
			t.Errorf("Closed was told %v", err)
		}
	})
}

// A client that never stops sending does not keep others from being served.
func TestFairness(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		o.Loops = 1
		e := start(t, o)
		a := listen(t, e, nil, func(*Loop, *Conn) Handler {
			return &calls{data: func(c *Conn, b []byte) int {
				if b[0] == '?' {
					c.Write([]byte("!"))
				}
				return len(b)
			}}
		})
		flood := dial(t, a)
		go func() {
			for piece := make([]byte, 1<<20); ; {
				if _, err := flood.Write(piece); err != nil {
					return
				}
			}
		}()
		nc := dial(t, a)
		for range 200 {
			nc.Write([]byte("?"))
			if _, err := nc.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		flood.Close()
	})
}

// Functions of AtEndOfTurn run after the events and before the writes: what they
// write leaves in the same turn, in order.
func TestAtEndOfTurn(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		a := listen(t, e, nil, func(l *Loop, _ *Conn) Handler {
			return &calls{data: func(c *Conn, b []byte) int {
				l.AtEndOfTurn(func() {
					c.Write([]byte("second "))
					l.AtEndOfTurn(func() { c.Write([]byte("third")) })
				})
				c.Write([]byte("first "))
				return len(b)
			}}
		})
		nc := dial(t, a)
		nc.Write([]byte("go"))
		got := make([]byte, 18)
		if _, err := io.ReadFull(nc, got); string(got) != "first second third" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A handler sees both addresses of its connection; a Unix socket has none.
func TestAddresses(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan [2]netip.AddrPort, 1)
		open := func(_ *Loop, c *Conn) Handler {
			seen <- [2]netip.AddrPort{c.RemoteAddr(), c.LocalAddr()}
			return &calls{}
		}
		nc := dial(t, listen(t, e, nil, open))
		want := [2]netip.AddrPort{addrPort(nc.LocalAddr()), addrPort(nc.RemoteAddr())}
		if got := within(t, seen, "the connection"); got != want || !got[1].IsValid() {
			t.Errorf("got %v, want %v", got, want)
		}
		dial(t, serve(t, e, ln, nil, open))
		if got := within(t, seen, "the connection"); got[0].IsValid() || got[1].IsValid() {
			t.Errorf("a Unix socket has the addresses %v", got)
		}
	})
}

// Closing the engine closes every connection with ErrClosed and leaves neither a
// goroutine nor a descriptor behind; later calls fail.
func TestEngineCloseLeaksNothing(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		goroutines, files := runtime.NumGoroutine(), openFiles(t)
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var told atomic.Int64
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() {
			served <- e.Serve(ln, nil, func(*Loop, *Conn) Handler {
				return &calls{closed: func(_ *Conn, err error) {
					if err == ErrClosed {
						told.Add(1)
					}
				}}
			})
		}()
		var conns []net.Conn
		for range 50 {
			conns = append(conns, dial(t, ln.Addr()))
		}
		eventually(t, "all are accepted", func() bool { return e.Conns() == 50 })
		for _, nc := range conns[:10] {
			nc.Close()
		}
		eventually(t, "ten are closed", func() bool { return e.Conns() == 40 })
		e.Close()
		e.Close() // harmless
		if err := within(t, served, "Serve"); err != nil {
			t.Errorf("Serve returned %v", err)
		}
		if told.Load() != 40 {
			t.Errorf("%d of 40 were told", told.Load())
		}
		for _, nc := range conns {
			nc.Close()
		}
		a, b := net.Pipe()
		if err := e.Loops()[0].Adopt(a, nil); err == nil {
			t.Error("a closed engine adopted a connection")
		}
		a.Close()
		b.Close()
		eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
		eventually(t, "the descriptors are closed", func() bool { return openFiles(t) <= files })
	})
}

// openFiles counts the descriptors of this process; 0 where that is not known.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
