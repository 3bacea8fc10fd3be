package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// newFakeValkey is a server that calls itself Valkey of a version, in a zone, and
// knows CLIENT IMPORT-SOURCE.
func newFakeValkey(t *testing.T, version string) *fakeServer {
	var zone atomic.Value
	zone.Store("euw1-az2")
	return newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		switch {
		case strings.EqualFold(args[0], "CONFIG"):
			zone.Store(args[3])
		case strings.EqualFold(args[0], "HELLO"):
			words := []string{"server", "valkey", "version", version, "mode", "standalone", "role", "master"}
			if z := zone.Load().(string); z != "" {
				words = append(words, "availability_zone", z)
			}
			b := wire.AppendArray(nil, len(words)+2)
			for _, s := range append(words, "modules") {
				b = wire.AppendBulk(b, s)
			}
			return wire.AppendArray(b, 0)
		}
		return nil
	})
}

// TestZoneOfHello guards that clients that prefer a node of their own zone hear
// which zone the server is in, also after it was changed.
func TestZoneOfHello(t *testing.T) {
	f := newFakeValkey(t, "8.1.1")
	_, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1, AllowAdmin: true})
	c := dial(t, address)
	got := c.do("HELLO")
	if !strings.HasPrefix(got, "*16\r\n") || !strings.Contains(got, "$17\r\navailability_zone\r\n$8\r\neuw1-az2\r\n$7\r\nmodules\r\n*0\r\n") {
		t.Errorf("HELLO answers %q", got)
	}
	c.expect("+OK\r\n", "CONFIG", "SET", "availability-zone", "euw1-az3")
	for _, version := range []string{"2", "3"} {
		if got := c.do("HELLO", version); !strings.Contains(got, "euw1-az3") {
			t.Errorf("HELLO %s after CONFIG SET: %q", version, got)
		}
	}
	c.expect("+OK\r\n", "CONFIG", "SET", "availability-zone", "")
	if got := c.do("HELLO", "2"); strings.Contains(got, "zone") {
		t.Errorf("HELLO without a zone: %q", got)
	}
}

// TestFieldsOfClientList guards that CLIENT INFO has the fields of the server's
// version: tools parse them.
func TestFieldsOfClientList(t *testing.T) {
	for version, newer := range map[string]bool{"8.0.2": false, "8.1.1": true, "9.0.0": true} {
		f := newFakeValkey(t, version)
		_, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
		c := dial(t, address)
		c.expect("+OK\r\n", "GET", "k")                   // 20 bytes
		first := c.do("CLIENT", "INFO")                   // 26 bytes
		list := c.do("CLIENT", "LIST")                    // 26 bytes
		c.expect("+OK\r\n", "CLIENT", "CAPA", "redirect") // 40 bytes
		second := c.do("CLIENT", "INFO")
		for _, field := range []string{" capa= ", " watch=0 ", " qbuf=0 ", " tot-net-in=46 tot-net-out=5 tot-cmds=1\n"} {
			if strings.Contains(first, field) != newer {
				t.Errorf("%s: %q in %q: want %v", version, field, first, newer)
			}
		}
		if strings.Contains(list, " qbuf=0 ") != newer {
			t.Errorf("%s: %q", version, list)
		}
		want := fmt.Sprintf(" tot-net-in=%d tot-net-out=%d tot-cmds=4\n", 20+26+26+40+26, len("+OK\r\n")+len(first)+len(list)+len("+OK\r\n"))
		if newer && !(strings.Contains(second, want) && strings.Contains(second, " capa=r ")) {
			t.Errorf("%s: %q, want %q", version, second, want)
		}
	}
}

// TestImportSource guards that a client that fills a server has a connection of
// its own, and that nobody gets that connection after RESET, which leaves the mode on.
func TestImportSource(t *testing.T) {
	f := newFakeValkey(t, "8.1.1")
	p, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
	owned := func() int { return int(p.Stats().Upstream.Owned) }
	c := dial(t, address)
	c.expect("+OK\r\n", "CLIENT", "IMPORT-SOURCE", "OFF")
	c.expect("-ERR syntax error\r\n", "CLIENT", "IMPORT-SOURCE", "maybe")
	if owned() != 0 {
		t.Error("a connection was taken for nothing")
	}
	c.expect("+OK\r\n", "CLIENT", "IMPORT-SOURCE", "ON")
	if info := c.do("CLIENT", "INFO"); owned() != 1 || !strings.Contains(info, " flags=I ") {
		t.Errorf("%d connections, %q", owned(), info)
	}
	c.expect("+OK\r\n", "CLIENT", "IMPORT-SOURCE", "OFF")
	if info := c.do("CLIENT", "INFO"); !strings.Contains(info, " flags=N ") {
		t.Errorf("after OFF: %q", info)
	}
	eventually(t, "the connection to be as new", func() bool { return p.Stats().Upstream.Spare == 1 })
	opened := f.opened()
	c.expect("+OK\r\n", "CLIENT", "IMPORT-SOURCE", "ON")
	if f.opened() != opened {
		t.Error("the connection that was given back was not used again")
	}
	c.do("RESET")
	eventually(t, "the connection to be closed, and not washed", func() bool { return f.closed() == 1 })
	if n := f.count("RESET"); n != 1 { // after OFF
		t.Errorf("%d connections were washed to be lent again", n)
	}
	dial(t, address).expect("+OK\r\n", "CLIENT", "IMPORT-SOURCE", "ON")
	if f.opened() != opened+1 {
		t.Error("a connection that imports was lent again")
	}
}
