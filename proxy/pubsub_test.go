package proxy

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// TestMessageRightBehindConfirmation guards that a session hears what is
// published once the server counts it as a subscriber, although the message comes
// in one piece with the confirmation, or between two of them.
func TestMessageRightBehindConfirmation(t *testing.T) {
	message := func(channel string) []byte {
		return wire.AppendCommand(nil, "message", channel, "hello")
	}
	confirmation := func(channel string, count int) []byte {
		b := wire.AppendBulk(wire.AppendBulk(wire.AppendArray(nil, 3), "subscribe"), channel)
		return wire.AppendInt(b, int64(count))
	}
	for _, test := range []struct {
		name    string
		command []string
		want    []byte
	}{
		{"one channel", []string{"SUBSCRIBE", "a"}, append(confirmation("a", 1), message("a")...)},
		{"two channels", []string{"SUBSCRIBE", "b", "c"}, slices.Concat(confirmation("b", 1), confirmation("c", 2), message("b"), message("c"))},
		{"a channel twice", []string{"SUBSCRIBE", "d", "d"}, slices.Concat(confirmation("d", 1), confirmation("d", 1), message("d"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]bool{} // of the one connection that subscribes
			f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
				switch {
				case args[0] != "subscribe":
					return nil
				case seen[args[1]]:
					return confirmation(args[1], 1)
				}
				seen[args[1]] = true
				return append(confirmation(args[1], 1), message(args[1])...)
			})
			_, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
			dial(t, address).do("SUBSCRIBE", "warm") // the connection is there
			c := dial(t, address)
			got := c.do(test.command...)
			for len(got) < len(test.want) {
				got += c.read()
			}
			if got != string(test.want) {
				t.Errorf("heard %q, want %q", got, test.want)
			}
			c.expect("*2\r\n$4\r\npong\r\n$0\r\n\r\n", "PING")
		})
	}
}

// TestPublishToOneself guards that a RESP3 client that publishes on its own channel
// has the answer before the message, as from the server, although they come on
// different connections, and that a blocked client has its messages at once.
func TestPublishToOneself(t *testing.T) {
	const message = "$7\r\nmessage\r\n$2\r\nme\r\n$1\r\nx\r\n"
	var hub atomic.Pointer[fakeConn]
	heard := make(chan bool) // another subscriber has the message, so the proxy had it
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch strings.ToLower(args[0]) {
		case "subscribe":
			hub.Store(c)
			return []byte("*3\r\n$9\r\nsubscribe\r\n$2\r\nme\r\n:1\r\n")
		case "publish":
			hub.Load().Write([]byte("*3\r\n" + message))
			<-heard
			return []byte(":1\r\n")
		case "blpop":
			hub.Load().Write([]byte("*3\r\n" + message))
			<-heard
			return []byte("_\r\n")
		}
		return nil
	})
	_, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
	c := dial(t, address)
	c.do("HELLO", "3")
	c.do("SUBSCRIBE", "me")
	other := dial(t, address)
	other.do("SUBSCRIBE", "me")
	for _, test := range []struct{ command, want string }{
		{"PUBLISH me x\r\nPUBLISH me x\r\n", ":2\r\n:2\r\n>3\r\n" + message + ">3\r\n" + message},
		{"BLPOP nothing 20\r\n", ">3\r\n" + message + "_\r\n"},
	} {
		c.raw(test.command)
		for range strings.Count(test.want, message) {
			if got := other.read(); got != "*3\r\n"+message {
				t.Fatalf("the other hears %q", got)
			}
			heard <- true
		}
		got := ""
		for len(got) < len(test.want) {
			got += c.read()
		}
		if got != test.want {
			t.Errorf("%q: heard %q, want %q", test.command, got, test.want)
		}
	}
}

// TestRefusedResubscription guards that the log tells when a user's subscriptions cannot
// be restored because the server knows its password no more: its sessions hear nothing.
func TestRefusedResubscription(t *testing.T) {
	var changed atomic.Bool
	told := make(chan string, 100)
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch args[0] {
		case "AUTH":
			if changed.Load() {
				return []byte("-WRONGPASS no\r\n")
			}
		case "subscribe":
			changed.Store(true)
			return []byte("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), PassAuth: true, Loops: 1, Log: slog.New(slog.NewTextHandler(lines(told), nil))})
	c := dial(t, address)
	c.expect("+OK\r\n", "AUTH", "a", "x")
	c.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", "SUBSCRIBE", "c")
	f.mu.Lock()
	for _, one := range f.conns {
		one.Close()
	}
	f.mu.Unlock()
	eventually(t, "the log to tell", func() bool { return strings.Contains(<-told, "subscriptions cannot be restored") })
}

// lines is a log of which each line is sent.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}
