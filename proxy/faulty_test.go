package proxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay stands between the proxy and a server and treats the bytes badly:
//
//	proxy ──▶ split ──▶ delay ──▶ cut at some byte ──▶ server
//	      ◀──  the same, with dice of its own      ◀──
//
// The zero value of its rates does nothing.
type relay struct {
	ln     net.Listener
	server string
	// cutAfter is the mean number of bytes after which a connection is cut in one
	// direction or both; 0 never.
	cutAfter int
	// delayOne is how many pieces pass for each that is delayed; 0 none is.
	delayOne int
	delay    time.Duration
	// split makes pieces of random sizes, down to a byte.
	split bool

	mu     sync.Mutex
	random *rand.Rand
	conns  map[net.Conn]struct{}
	cuts   int

	delayed, splits atomic.Int64 // pieces
}

// newRelay starts the relay r before a server; its rates must not change after.
func newRelay(t testing.TB, server string, seed uint64, r *relay) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.ln, r.server = ln, server
	r.random, r.conns = rand.New(rand.NewPCG(seed, 1)), map[net.Conn]struct{}{}
	go r.serve()
	t.Cleanup(func() {
		ln.Close()
		r.cutAll()
	})
	return r
}

func (r *relay) address() string { return r.ln.Addr().String() }

func (r *relay) serve() {
	for {
		a, err := r.ln.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", r.server)
		if err != nil {
			a.Close()
			continue
		}
		r.mu.Lock()
		r.conns[a], r.conns[b] = struct{}{}, struct{}{}
		r.mu.Unlock()
		go r.pump(a, b, r.fork())
		go r.pump(b, a, r.fork())
	}
}

func (r *relay) fork() *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rand.New(rand.NewPCG(r.random.Uint64(), r.random.Uint64()))
}

func (r *relay) cutCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cuts
}

// cutAll ends every connection.
func (r *relay) cutAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

func (r *relay) pump(from, to net.Conn, random *rand.Rand) {
	defer from.Close()
	defer to.Close()
	left := -1
	if r.cutAfter > 0 {
		left = 1 + random.IntN(2*r.cutAfter)
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		for piece := buf[:n]; len(piece) > 0; {
			k := len(piece)
			if r.split && random.IntN(3) == 0 {
				k = 1 + random.IntN(min(k, 40))
				r.splits.Add(1)
			}
			if left >= 0 && k >= left {
				to.Write(piece[:left-1])
				r.mu.Lock()
				r.cuts++
				r.mu.Unlock()
				return
			}
			if left > 0 {
				left -= k
			}
			if r.delayOne > 0 && random.IntN(r.delayOne) == 0 {
				r.delayed.Add(1)
				time.Sleep(time.Duration(random.Int64N(int64(r.delay))))
			}
			if _, err := to.Write(piece[:k]); err != nil {
				return
			}
			piece = piece[k:]
		}
		if err != nil {
			return
		}
	}
}
