package main

import (
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/workload"
)

// openResult is the latency of GETs that are sent on a schedule, whether or
// not the earlier ones were answered, measured from the intended send time.
type openResult struct {
	Rate float64       `json:"requests_per_s"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
	// LagP99 is how late the generator itself sent: a floor under the other
	// figures, and a warning when it is not small beside them.
	LagP99 time.Duration `json:"lag_p99_ns"`
}

const (
	openClients = 50
	// What is warm-up is not recorded.
	openWarmUp = 500 * time.Millisecond
)

// openLoop measures every contender at one rate, o.rounds times in turns.
func (b *bed) openLoop(o options, rate float64, log io.Writer) (map[string][]openResult, error) {
	results := map[string][]openResult{}
	for round := range o.rounds {
		for i := range b.all {
			c := b.all[(i+round)%len(b.all)]
			if c.missing != "" || c.port == 0 {
				continue
			}
			r, err := runOpenLoop(c.port, rate, o.openTime, o.seed+uint64(round))
			if err != nil {
				return nil, fmt.Errorf("bench: open loop through %s: %w", c.name, err)
			}
			results[c.name] = append(results[c.name], r)
			fmt.Fprintf(log, "round %d/%d  open loop %.0f/s  %-16s p50 %v  p99 %v  p99.9 %v  (sent late, p99: %v)\n",
				round+1, o.rounds, rate, c.name, r.P50, r.P99, r.P999, r.LagP99)
		}
	}
	return results, nil
}

// openConn is one connection: the intended times of what is under way, oldest
// first, and how much of the next reply has arrived.
type openConn struct {
	fd    int
	sent  []time.Duration
	head  int
	bytes int
	out   []byte
}

// replySize is the length of a GET's reply: every value has valueSize bytes.
var replySize = len(fmt.Sprintf("$%d\r\n", valueSize)) + valueSize + 2

// generator is one thread that sends and receives by epoll. It is written with
// system calls so that it takes little of the machine that it measures on.
type generator struct {
	epoll   int
	conns   []*openConn
	begin   time.Time
	latency metrics.Histogram
	lag     metrics.Histogram
	dirty   []*openConn // with something to write in this turn
	pending int
	done    int
}

// runOpenLoop runs the generator on a thread of its own, which ends with it:
// its timer slack is changed.
func runOpenLoop(port int, rate float64, d time.Duration, seed uint64) (r openResult, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		precise()
		r, err = generate(port, rate, d, seed)
	}()
	<-done
	return r, err
}

// precise asks the kernel not to delay this thread's timers by its usual 50 µs.
func precise() {
	const setTimerSlack = 29 // PR_SET_TIMERSLACK
	_, _, _ = syscall.Syscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
}

func generate(port int, rate float64, d time.Duration, seed uint64) (openResult, error) {
	g := &generator{}
	defer g.close()
	if err := g.connect(port); err != nil {
		return openResult{}, err
	}
	stream, err := workload.New(workload.Options{
		Arrivals: workload.Spec{Shape: workload.Constant, Rate: rate, Poisson: true},
		Keys:     workload.Keys{N: keyCount}, Duration: openWarmUp + d, Seed: seed,
	})
	if err != nil {
		return openResult{}, err
	}
	defer stream.Close()
	if err := g.run(workload.NewPacer(stream)); err != nil {
		return openResult{}, err
	}
	return openResult{
		Rate: float64(g.done) / d.Seconds(), P50: g.latency.Quantile(.5), P99: g.latency.Quantile(.99), P999: g.latency.Quantile(.999),
		Max: g.latency.Quantile(1), LagP99: g.lag.Quantile(.99),
	}, nil
}

// connect opens the connections as bare descriptors: package net would have
// its own poller woken by each reply as well.
func (g *generator) connect(port int) (err error) {
	if g.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i := range openClients {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		g.conns = append(g.conns, &openConn{fd: fd})
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return err
		}
		if err := syscall.SetNonblock(fd, true); err != nil {
			return err
		}
		if err := syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) close() {
	for _, c := range g.conns {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(g.epoll)
}

// drain is how long after the last request its reply may take.
const drain = 5 * time.Second

// run sends what is due, reads what has arrived, and waits for the earlier of
// the next request and the next reply.
func (g *generator) run(pacer *workload.Pacer) error {
	events := make([]syscall.EpollEvent, openClients)
	buf := make([]byte, 64<<10)
	g.begin = time.Now()
	var over time.Time
	for {
		wait, more, err := g.send(pacer)
		if err != nil {
			return err
		}
		if !more {
			if g.pending == 0 {
				return nil
			}
			if over.IsZero() {
				over = time.Now()
			} else if time.Since(over) > drain {
				return fmt.Errorf("%d requests were not answered within %v", g.pending, drain)
			}
			wait = time.Millisecond
		}
		n, err := epollWait(g.epoll, events, wait)
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if err := g.receive(g.conns[e.Fd], buf); err != nil {
				return err
			}
		}
	}
}

// send writes all requests that are due, those of one connection together.
func (g *generator) send(pacer *workload.Pacer) (wait time.Duration, more bool, err error) {
	now := time.Since(g.begin)
	g.dirty = g.dirty[:0]
	for {
		r, w, ok := pacer.Next(now)
		wait, more = w, ok
		if !ok || w > 0 {
			break
		}
		c := g.conns[r.Seq%openClients]
		if len(c.out) == 0 {
			g.dirty = append(g.dirty, c)
		}
		c.out = appendCommand(c.out, "GET", keyName(int(r.Rank-1)))
		c.sent = append(c.sent, r.At)
		g.pending++
		if r.At >= openWarmUp {
			g.lag.Record(now - r.At)
		}
	}
	for _, c := range g.dirty {
		n, err := syscall.Write(c.fd, c.out)
		if err != nil || n < len(c.out) {
			return 0, false, fmt.Errorf("write of %d bytes took %d: %w", len(c.out), n, err)
		}
		c.out = c.out[:0]
	}
	return wait, more, nil
}

// receive reads what a connection has and records the replies that are whole.
func (g *generator) receive(c *openConn, buf []byte) error {
	n, err := syscall.Read(c.fd, buf)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return io.ErrUnexpectedEOF
	}
	if c.bytes == 0 && buf[0] != '$' {
		return fmt.Errorf("GET answers %q", buf[:min(n, 100)])
	}
	now := time.Since(g.begin)
	for c.bytes += n; c.bytes >= replySize; c.bytes -= replySize {
		at := c.sent[c.head]
		c.head++
		g.pending--
		if at >= openWarmUp {
			g.done++
			g.latency.Record(now - at)
		}
	}
	if c.head == len(c.sent) {
		c.sent, c.head = c.sent[:0], 0
	}
	return nil
}

// epollWait is epoll_pwait2(2), which has nanoseconds; epoll_wait has
// milliseconds, too coarse for requests that come every 30 µs.
func epollWait(epoll int, events []syscall.EpollEvent, d time.Duration) (int, error) {
	const sysEpollPwait2 = 441 // the same on every architecture
	t := syscall.NsecToTimespec(int64(d))
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&t)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("epoll_pwait2 (Linux 5.11 or later): %w", errno)
}
