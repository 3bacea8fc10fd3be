package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a listener whose Accept fails a number of times first.
type failing struct {
	net.Listener
	left  atomic.Int64
	calls atomic.Int64
}

func (f *failing) Accept() (net.Conn, error) {
	f.calls.Add(1)
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

// Running out of descriptors neither ends Serve nor makes it spin.
func TestOutOfDescriptors(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f := &failing{Listener: ln}
		f.left.Store(5) // 5+10+20+40+80 ms
		begin := time.Now()
		a := serve(t, e, f, nil, func(*Loop, *Conn) Handler { return echo{} })
		nc := dial(t, a)
		nc.Write(make([]byte, messageSize))
		if _, err := io.ReadFull(nc, make([]byte, messageSize)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 155*time.Millisecond {
			t.Errorf("five failures took only %v", d)
		}
		if n := f.calls.Load(); n > 7 {
			t.Errorf("Accept was called %d times", n)
		}
	})
}

// Any other error of the listener is returned by Serve.
func TestServeReportsErrors(t *testing.T) {
	e := start(t, Options{Loops: 1})
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	broken := errors.New("broken")
	if err := e.Serve(brokenListener{broken}, nil, nil); !errors.Is(err, broken) {
		t.Errorf("Serve returned %v", err)
	}
	if err := e.Serve(brokenListener{broken}, &TLSOptions{}, nil); err == nil || !strings.Contains(err.Error(), "Config") {
		t.Errorf("Serve without a TLS configuration returned %v", err)
	}
	if runtime.GOOS == "linux" {
		if err := e.Loops()[0].Adopt(a, nil); err == nil || !strings.Contains(err.Error(), "Portable") {
			t.Errorf("Adopt of a pipe returned %v", err)
		}
	}
}

type brokenListener struct{ err error }

func (b brokenListener) Accept() (net.Conn, error) { return nil, b.err }
func (b brokenListener) Close() error              { return nil }
func (b brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }

// The portable engine runs in virtual time, over net.Pipe: what is built on the
// engine can be tested without sleeping.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Options{Loops: 1, Portable: true})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		ours, theirs := net.Pipe()
		begin := time.Now()
		err = e.Loops()[0].Adopt(ours, func(c *Conn) Handler {
			return &calls{data: func(c *Conn, b []byte) int {
				c.Loop().AfterFunc(time.Hour, func() { c.Write([]byte("later")); c.CloseAfterFlush() })
				return len(b)
			}}
		})
		if err != nil {
			t.Fatal(err)
		}
		theirs.Write([]byte("now"))
		if got, err := io.ReadAll(theirs); string(got) != "later" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if d := time.Since(begin); d < time.Hour || d > time.Hour+2*time.Second {
			t.Errorf("%v passed", d)
		}
	})
}

// A heap of timers fires in the same order as a sorted list, whatever is stopped
// and set again.
func TestTimersAgainstSortedList(t *testing.T) {
	r := seeded(t)
	base := time.Now()
	for range 200 {
		l := &Loop{base: base, now: base}
		want := map[int]time.Duration{}
		fired := map[int]time.Duration{}
		var order []time.Duration
		var all []*Timer
		for i := range 50 {
			d := time.Duration(r.IntN(1000))
			want[i] = d
			all = append(all, l.AfterFunc(d, func() { fired[i] = want[i]; order = append(order, want[i]) }))
		}
		for range 100 {
			i := r.IntN(len(all))
			if r.IntN(3) == 0 {
				if _, active := want[i]; all[i].Stop() != active {
					t.Fatal("Stop told the wrong thing")
				}
				delete(want, i)
				continue
			}
			want[i] = time.Duration(r.IntN(1000))
			all[i].Reset(want[i])
		}
		for now := time.Duration(0); now <= 1000; now += 100 {
			if next := l.timers.next(now); next > 0 && slices.ContainsFunc(order, func(d time.Duration) bool { return d > now }) {
				t.Fatal("a timer fired early")
			}
			l.now = base.Add(now)
			l.timers.run(now)
			for i, d := range want {
				if _, ok := fired[i]; ok != (d <= now) {
					t.Fatalf("at %d: timer %d for %d fired: %v", now, i, d, ok)
				}
			}
		}
		if len(order) != len(want) || !slices.IsSorted(order) {
			t.Fatalf("%d of %d fired, sorted: %v", len(order), len(want), slices.IsSorted(order))
		}
		if l.timers.next(0) >= 0 {
			t.Fatal("timers are left")
		}
	}
}

// Lent buffers keep their bytes while they grow and move, and no two connections
// hold the same memory.
func TestBuffers(t *testing.T) {
	r := seeded(t)
	var p buffers
	type held struct {
		b    []byte
		at   int
		want []byte
	}
	hands := make([]held, 8)
	for range 5000 {
		h := &hands[r.IntN(len(hands))]
		switch r.IntN(6) {
		case 0:
			p.put(h.b)
			*h = held{}
		case 1:
			n := r.IntN(len(h.b) - h.at + 1)
			h.at += n
			h.want = h.want[n:]
		default:
			piece := randomBytes(r, r.IntN(1+r.IntN(3000)))
			if r.IntN(500) == 0 {
				piece = make([]byte, 1<<20)
			}
			h.b, h.at = p.room(h.b, h.at, len(piece))
			if cap(h.b)-len(h.b) < len(piece) {
				t.Fatal("not enough room")
			}
			h.b = append(h.b, piece...)
			h.want = append(h.want, piece...)
		}
		if got := h.b[h.at:]; string(got) != string(h.want) {
			t.Fatalf("%d bytes differ from the %d expected", len(got), len(h.want))
		}
	}
	for class, f := range p.free {
		if len(f)<<class > idleBytes {
			t.Errorf("%d buffers of %d bytes are kept", len(f), 1<<class)
		}
	}
}

// Appending to a large buffer that is consumed in small steps costs time in
// proportion to the bytes, not to their square.
func TestRoomIsAmortised(t *testing.T) {
	var p buffers
	b, at, moved := []byte(nil), 0, 0
	const total = 4 << 20
	for n := 0; n < total; n += 100 {
		before := cap(b) - len(b)
		if before < 100 {
			moved += len(b) - at
		}
		b, at = p.room(b, at, 100)
		b = b[:len(b)+100]
		if n > total/2 {
			at += 99 // what is left hardly grows
		}
	}
	if moved > 4*total {
		t.Errorf("%d bytes were moved for %d", moved, total)
	}
}

// In the steady state a request costs no allocation.
func TestNoAllocations(t *testing.T) {
	e := start(t, Options{Loops: 1})
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := rand.New(rand.NewPCG(1, 1))
	var timer *Timer
	a := listen(t, e, nil, func(l *Loop, c *Conn) Handler {
		timer = l.AfterFunc(time.Hour, func() {})
		end := func() {}
		return &calls{data: func(c *Conn, b []byte) int {
			timer.Reset(time.Hour)
			l.AtEndOfTurn(end)
			return groups(c, b)
		}}
	})
	nc := dial(t, a)
	message, got := randomBytes(r, 70), make([]byte, 70)
	n := testing.AllocsPerRun(2000, func() {
		nc.Write(message[:45]) // three bytes are kept and offered again
		io.ReadFull(nc, got[:42])
		nc.Write(message[45:])
		io.ReadFull(nc, got[42:])
	})
	if n > 0.1 {
		t.Errorf("%v allocations for each request", n)
	}
}

// idleEnv makes this test binary hold idle connections: "address count tls".
const idleEnv = "ENGINE_TEST_IDLE"

func holdIdle(spec []string) error {
	count, _ := strconv.Atoi(spec[1])
	message := make([]byte, messageSize)
	if spec[2] == "large" {
		message = make([]byte, 256*messageSize)
	}
	for range count {
		nc, err := net.Dial("tcp", spec[0])
		if err != nil {
			return err
		}
		if spec[2] != "plain" {
			nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
		}
		// One message each way, then silence.
		if _, err := nc.Write(message); err != nil {
			return err
		}
		if _, err := io.ReadFull(nc, make([]byte, len(message))); err != nil {
			return err
		}
		defer nc.Close()
	}
	fmt.Println("idle")
	_, err := io.Copy(io.Discard, os.Stdin) // until the parent is done
	return err
}

func memoryInUse() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// What an idle connection costs: heap and stacks, after a request and a GC.
// Kernel memory is not counted.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs memory of its own")
	}
	server, _ := tlsPair(t)
	for _, kind := range []struct {
		name  string
		tls   *TLSOptions
		count int
		bound int64
	}{
		{"plain", nil, 2000, 700},
		{"tls", &TLSOptions{Config: server}, 500, 16 << 10},
		{"large", &TLSOptions{Config: server}, 500, 16 << 10}, // after a record of 16 KiB
	} {
		t.Run(kind.name, func(t *testing.T) {
			e := start(t, Options{Loops: 1})
			a := listen(t, e, kind.tls, func(*Loop, *Conn) Handler { return echo{} })
			hold := func(count int) func() { return startIdle(t, e, a.String(), count, kind.name) }
			hold(20)() // what is made once is not a connection's
			before, resident := memoryInUse(), residentMemory()
			release := hold(kind.count)
			each := (memoryInUse() - before) / int64(kind.count)
			t.Logf("an idle %s connection: %d bytes of heap and stack, %d bytes resident",
				kind.name, each, (residentMemory()-resident)/int64(kind.count))
			if each > kind.bound {
				t.Errorf("an idle %s connection needs %d bytes, more than %d", kind.name, each, kind.bound)
			}
			release()
		})
	}
}
