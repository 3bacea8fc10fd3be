package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

// TestPublishCountsSessions guards that the answer to PUBLISH is how many clients
// have the message, on whichever loop they are and however few connections carry
// it, also right after one of them has left.
func TestPublishCountsSessions(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server), Loops: 2})
	publisher, outsider := dial(t, address), dial(t, server)
	publisher.expect(":0\r\n", "PUBLISH", "news", "x")
	var listeners []*client
	for i := range 5 {
		c := dial(t, address)
		c.do("SUBSCRIBE", "news")
		c.do("PSUBSCRIBE", "n?ws")
		listeners = append(listeners, c)
		publisher.expect(fmt.Sprintf(":%d\r\n", 2*(i+1)), "PUBLISH", "news", "x")
	}
	outsider.do("SUBSCRIBE", "news")
	publisher.expect(":11\r\n", "PUBLISH", "news", "x")
	publisher.expect("*4\r\n$4\r\nnews\r\n:6\r\n$5\r\nother\r\n:0\r\n", "PUBSUB", "NUMSUB", "news", "other")
	publisher.expect(":1\r\n", "PUBSUB", "NUMPAT")
	for i, c := range listeners {
		c.raw("UNSUBSCRIBE\r\n")
		for got := ""; !strings.Contains(got, "unsubscribe"); got = c.read() {
		}
		publisher.expect(fmt.Sprintf(":%d\r\n", 5-i+5), "PUBLISH", "news", "x")
	}
	publisher.expect("+OK\r\n", "WATCH", "k")
	publisher.expect(":6\r\n", "PUBLISH", "news", "x")
	publisher.expect("*2\r\n$4\r\nnews\r\n:1\r\n", "PUBSUB", "NUMSUB", "news")
	if got := publisher.do("INFO"); !strings.Contains(got, "# Proxy") {
		t.Error("INFO of a pinned session says nothing about the proxy")
	}
	publisher.expect("+OK\r\n", "UNWATCH")
	publisher.raw(strings.Repeat("PUBLISH news x\r\nECHO a\r\n", 50))
	for range 50 {
		if got := publisher.read() + publisher.read(); got != ":6\r\n$1\r\na\r\n" {
			t.Fatalf("in a pipeline: %q", got)
		}
	}
	for _, c := range listeners {
		c.nc.Close()
	}
	eventually(t, "nobody but the outsider to listen", func() bool { return publisher.do("PUBLISH", "news", "x") == ":1\r\n" })
	eventually(t, "no topic to be remembered after the last one has left", func() bool { return p.census.uneven.Load() == 0 })
}

// TestUnsubscribeOfLostConnection guards that UNSUBSCRIBE does not wait for a
// connection that ends meanwhile.
func TestUnsubscribeOfLostConnection(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch args[0] {
		case "subscribe":
			return []byte("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
		case "unsubscribe":
			c.Close()
			return []byte{}
		}
		return nil
	})
	p, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
	c := dial(t, address)
	c.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", "SUBSCRIBE", "c")
	c.expect("*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", "UNSUBSCRIBE", "c")
	if n := p.census.uneven.Load(); n != 0 {
		t.Errorf("%d topics are remembered", n)
	}
}

// TestGlobMatch compares the proxy's idea of patterns with the server's.
func TestGlobMatch(t *testing.T) {
	c := dial(t, realServer(t))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	letters := func(from string, most int) string {
		b := make([]byte, 1+random.IntN(most))
		for i := range b {
			b[i] = from[random.IntN(len(from))]
		}
		return string(b)
	}
	var keys []string
	for range 200 {
		key := letters("abc-]^*", 5)
		c.expect("+OK\r\n", "SET", key, "")
		keys = append(keys, key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for range 3000 {
		pattern := letters(`abc**??[[]]^-\`, 7)
		reply := c.do("KEYS", pattern)
		for _, key := range keys {
			want := strings.Contains(reply, fmt.Sprintf("\r\n$%d\r\n%s\r\n", len(key), key)) || strings.HasPrefix(reply, fmt.Sprintf("*1\r\n$%d\r\n%s\r\n", len(key), key))
			if got := globMatch(pattern, key); got != want {
				t.Fatalf("%q matches %q: %v, the server says %v", pattern, key, got, want)
			}
		}
	}
}

func FuzzGlobMatch(f *testing.F) {
	for _, p := range []string{"*", "a*b?c", "[a-z]*", "[^a]", `\*`, "[", "[a", `[\`, "***a"} {
		f.Add(p, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if pattern == s && !strings.ContainsAny(pattern, `*?[\`) && !globMatch(pattern, s) {
			t.Errorf("%q does not match itself", s)
		}
		if !globMatch("*", s) || !globMatch(pattern+"*", s) && globMatch(pattern, s) && !strings.ContainsAny(pattern, `[\`) {
			t.Errorf("a star matches less than nothing: %q, %q", pattern, s)
		}
	})
}
