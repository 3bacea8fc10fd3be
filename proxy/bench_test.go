package proxy

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/thawdev/thaw/proxy/wire"
)

// exchange is a request with an answer of known length, written and read without
// an allocation.
type exchange struct {
	nc       net.Conn
	out, in  []byte
	requests int
}

func newExchange(t testing.TB, address string, pipeline int) *exchange {
	t.Helper()
	c := dial(t, address)
	value := strings.Repeat("v", 64)
	c.expect("+OK\r\n", "SET", "key", value)
	e := &exchange{nc: c.nc, requests: pipeline}
	for range pipeline {
		e.out = wire.AppendCommand(e.out, "GET", "key")
		e.in = wire.AppendBulk(e.in, value)
	}
	return e
}

func (e *exchange) do() error {
	if _, err := e.nc.Write(e.out); err != nil {
		return err
	}
	_, err := io.ReadFull(e.nc, e.in)
	return err
}

// TestNoAllocations guards the steady state: no request may cost garbage, in
// any of the goroutines.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	server := realServer(t)
	for _, pipeline := range []int{1, 16} {
		_, address := start(t, Options{Upstream: before(server), Loops: 1})
		e := newExchange(t, address, pipeline)
		allocs := testing.AllocsPerRun(2000, func() {
			if err := e.do(); err != nil {
				t.Fatal(err)
			}
		})
		// Timers of the loop run a few times a second whatever the load.
		if perRequest := allocs / float64(pipeline); perRequest > 0.05 {
			t.Errorf("pipeline %d: %.3f allocations for each request", pipeline, perRequest)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	server := realServer(b)
	for _, pipeline := range []int{1, 16} {
		b.Run(fmt.Sprintf("pipeline=%d", pipeline), func(b *testing.B) {
			_, address := start(b, Options{Upstream: before(server), Loops: 1})
			e := newExchange(b, address, pipeline)
			b.ReportAllocs()
			for n := 0; n < b.N; n += pipeline {
				if err := e.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
