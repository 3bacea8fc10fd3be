package proxy

import (
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
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		if args[0] != "subscribe" {
			return nil
		}
		return append(confirmation(args[1], 1), message(args[1])...)
	})
	for _, test := range []struct {
		name    string
		command []string
		want    []byte
	}{
		{"one channel", []string{"SUBSCRIBE", "a"}, append(confirmation("a", 1), message("a")...)},
		{"two channels", []string{"SUBSCRIBE", "b", "c"}, join(confirmation("b", 1), confirmation("c", 2), message("b"), message("c"))},
		{"a channel twice", []string{"SUBSCRIBE", "d", "d"}, join(confirmation("d", 1), confirmation("d", 1), message("d"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, address := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 1})
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

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
