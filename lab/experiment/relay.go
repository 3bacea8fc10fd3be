package experiment

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/lab/cache"
)

// relay stands between handlers and the cache and is the network that loopback
// is not. The zero delay forwards at once.
//
//	handler ──▶ accept ──▶ chunk, waits delay/2 ──▶ cache
//	handler ◀── chunk, waits delay/2 ◀───────────── cache
//
// A chunk waits from when it was read, so chunks in a row do not add up. The
// handshake of TCP is the kernel's and is not delayed.
type relay struct {
	listener net.Listener
	delay    atomic.Int64 // round trip, ns

	mu     sync.Mutex
	target string
	links  map[*link]bool
	closed bool
	copies sync.WaitGroup
}

// link is one connection of a handler and ours to the cache.
type link struct {
	near, far net.Conn
	vanished  atomic.Bool
}

// chunk is bytes on their way.
type chunk struct {
	bytes []byte
	due   time.Time
}

const (
	relayChunk = 32 << 10 // bytes
	longNap    = 5 * time.Millisecond
	inFlight   = 64 // chunks; a full line makes the sender wait, as a full socket does
)

// newRelay listens on the loopback address. Close ends it.
func newRelay() (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, links: map[*link]bool{}}
	r.copies.Go(r.accept)
	return r, nil
}

// variables point the example's handlers at the relay.
func (r *relay) variables() map[string]string {
	at := r.listener.Addr().(*net.TCPAddr)
	return map[string]string{"CACHE_HOST": at.IP.String(), "CACHE_PORT": strconv.Itoa(at.Port)}
}

// connectTo says where the cache is.
func (r *relay) connectTo(c *cache.Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = net.JoinHostPort(c.Address(), strconv.Itoa(c.Port()))
}

// setDelay changes the round trip, also of connections that are open.
func (r *relay) setDelay(roundTrip time.Duration) { r.delay.Store(int64(roundTrip)) }

// vanish lets the peer of every open connection disappear: bytes go nowhere, and
// nobody is told. New connections work.
func (r *relay) vanish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.links {
		l.vanished.Store(true)
	}
}

// Close cuts all connections and waits for its goroutines.
func (r *relay) Close() error {
	r.mu.Lock()
	r.closed = true
	err := r.listener.Close()
	for l := range r.links {
		l.cut()
	}
	r.mu.Unlock()
	r.copies.Wait()
	return err
}

func (l *link) cut() {
	_ = l.near.Close() // a second close is no news
	_ = l.far.Close()
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.copies.Go(func() { r.serve(near) })
	}
}

func (r *relay) serve(near net.Conn) {
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	far, err := net.Dial("tcp", target)
	if err != nil {
		_ = near.Close() // the handler sees that nobody is there
		return
	}
	l := &link{near: near, far: far}
	r.mu.Lock()
	r.links[l] = true
	closed := r.closed
	r.mu.Unlock()
	if closed {
		l.cut()
	}
	var both sync.WaitGroup
	both.Go(func() { r.forward(l, far, near) })
	both.Go(func() { r.forward(l, near, far) })
	both.Wait()
	r.mu.Lock()
	delete(r.links, l)
	r.mu.Unlock()
}

// forward carries bytes one way until one end closes, and then closes the other:
// a half-closed connection is of no use to a client of a cache.
func (r *relay) forward(l *link, to, from net.Conn) {
	line := make(chan chunk, inFlight)
	var writer sync.WaitGroup
	writer.Go(func() {
		for c := range line {
			wait(c.due)
			if l.vanished.Load() {
				continue
			}
			if _, err := to.Write(c.bytes); err != nil {
				l.cut() // ends the reader; what is left in the line goes nowhere
			}
		}
	})
	for {
		buffer := make([]byte, relayChunk)
		n, err := from.Read(buffer)
		if n > 0 {
			line <- chunk{buffer[:n], time.Now().Add(time.Duration(r.delay.Load() / 2))}
		}
		if err != nil {
			break
		}
	}
	close(line)
	writer.Wait()
	if !l.vanished.Load() || from == l.near {
		l.cut()
	}
}

// wait returns at the moment, or a little after it, but never before. Long waits
// leave their thread to others.
func wait(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		if left > longNap {
			time.Sleep(left - longNap)
		} else {
			nap(left)
		}
	}
}
