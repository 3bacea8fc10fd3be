package thaw

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// faults is a network that lies: between client and server it delays, splits, cuts
// and goes silent, by the draws of one seed. The ends of a connection keep their
// own manners: deadlines are met, and a closed one says so.
type faults struct {
	mu  sync.Mutex
	r   *rand.Rand
	bad float64 // how often something happens
}

func (f *faults) draw() (x float64, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.Float64(), f.r.IntN(1000)
}

// between returns the client's end of a connection whose other end is server.
func (f *faults) between(server net.Conn) net.Conn {
	client, near := net.Pipe()
	var silent atomic.Bool
	relay := func(from, to net.Conn) {
		chunks := make(chan []byte, 1000) // the kernel's buffers
		go func() {
			defer close(chunks)
			for {
				b := make([]byte, 2048)
				n, err := from.Read(b)
				if err != nil {
					return
				}
				chunks <- b[:n]
			}
		}()
		defer from.Close()
		defer to.Close()
		for b := range chunks {
			if !f.pass(b, to, &silent) {
				return
			}
		}
	}
	go relay(near, server)
	go relay(server, near)
	return client
}

// pass sends b on, or does what the draw says; false cuts the connection.
func (f *faults) pass(b []byte, to net.Conn, silent *atomic.Bool) bool {
	x, n := f.draw()
	switch x /= f.bad; {
	case x < 0.1:
		to.Write(b[:n%len(b)])
		return false
	case x < 0.15:
		silent.Store(true)
	case x < 0.5:
		time.Sleep(time.Duration(n) * time.Millisecond / 3)
	case x < 1:
		k := n % len(b)
		if _, err := to.Write(b[:k]); err != nil {
			return false
		}
		time.Sleep(time.Duration(n) * time.Microsecond)
		b = b[k:]
	}
	if silent.Load() {
		return true // swallowed
	}
	_, err := to.Write(b)
	return err == nil
}

// The client over a connection that lies, many seeds, in virtual time. Two
// invariants: no call outlives its budget, and no caller ever receives another
// key's value.
func TestFaultyConnection(t *testing.T) {
	seeds := uint64(60)
	if s := os.Getenv("THAW_FAULT_SEEDS"); s != "" {
		seeds = uint64(atoi(s))
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runFaults(t, seed) })
		})
	}
}

func runFaults(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	n := newFakeNode()
	f := &faults{r: rand.New(rand.NewPCG(seed, 5)), bad: []float64{0.02, 0.1, 0.4}[seed%3]}
	callers := 1 + int(seed%4)*3
	o := Options{URL: fmt.Sprintf("redis://fake?name=faults%d", seed), HealthCheckInterval: time.Second}
	if seed%5 == 0 {
		o.LocalSize, o.LocalTTL = 1<<20, time.Second
	}
	c := faked(t, n, o)
	for _, l := range c.store.(*valkeyStore).links {
		l.dialer.connect = func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := n.connect(ctx, addr)
			if err != nil {
				return nil, err
			}
			return f.between(conn), nil
		}
	}
	// A Fetch spends OperationTimeout on the cache and LeaseWait on others; one that
	// finds a load of its key under way in this process joins it after its own
	// look, and waits for the cache calls of that one too.
	budget := c.opts.OperationTimeout + c.opts.LeaseWait
	if callers > 1 {
		budget += c.opts.OperationTimeout
	}
	var wg sync.WaitGroup
	for caller := range callers {
		seed := r.Uint64()
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			for range 150 {
				oneFaultyCall(t, c, r, budget)
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.Answers["cache"] == 0 && seed%3 == 0 {
		t.Errorf("the cache never answered: %+v", s)
	}
	c.Close()
	time.Sleep(10 * time.Second) // an attempt to connect that was under way ends within its budgets
}

func oneFaultyCall(t *testing.T, c *Client, r *rand.Rand, budget time.Duration) {
	key := fmt.Sprintf("key:%d", r.IntN(8))
	value := key + strings.Repeat("x", r.IntN(3000))
	ctx, limit := t.Context(), budget
	if r.IntN(4) == 0 {
		d := time.Duration(1+r.IntN(100)) * time.Millisecond
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
		limit = min(limit, d)
	}
	began := time.Now()
	var got string
	var err error
	switch r.IntN(8) {
	case 0:
		err = c.Invalidate(ctx, key)
	case 1:
		err = Set(ctx, c, key, value, time.Minute)
	case 2:
		var m Many[string]
		other := fmt.Sprintf("key:%d", r.IntN(8))
		limit += 4 * c.opts.OperationTimeout // reading, leasing, storing, giving back
		m, err = FetchMany(ctx, c, []string{key, other}, time.Minute, func(_ context.Context, missing []string) (map[string]string, error) {
			out := map[string]string{}
			for _, k := range missing {
				out[k] = k
			}
			return out, nil
		})
		for k, v := range m.Values {
			if !strings.HasPrefix(v, k) {
				t.Errorf("asked for %s, got %.10q", k, v)
			}
		}
	default:
		got, _, err = Fetch(ctx, c, key, time.Minute, func(context.Context, string) (string, error) { return value, nil })
		if err == nil && !strings.HasPrefix(got, key) {
			t.Errorf("asked for %s, got %.10q", key, got)
		}
		if err != nil && ctx.Err() == nil {
			t.Errorf("Fetch failed because of the cache: %v", err)
		}
	}
	if took := time.Since(began); took > limit {
		t.Errorf("a call took %v, its budget is %v (%v)", took, limit, err)
	}
	time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond)
	if r.IntN(50) == 0 {
		time.Sleep(2 * time.Second) // a freeze
	}
}
