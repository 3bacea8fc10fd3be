package proxy

import (
	"strings"
	"testing"

	"github.com/thawdev/thaw/proxy/upstream"
)

// TestClientFilters guards that CLIENT LIST and CLIENT KILL take what the server
// takes that the client believes to talk to: Valkey 8.1 has more filters, and other
// errors.
func TestClientFilters(t *testing.T) {
	f := newFakeValkey(t, "8.1.1")
	_, valkey := start(t, Options{Upstream: upstream.Options{Address: f.address()}, Loops: 2})
	_, redis := start(t, Options{Upstream: before(realServer(t)), Loops: 2})
	id := func(c *client) string { return strings.TrimSpace(c.do("CLIENT", "ID")[1:]) }
	c, other := dial(t, valkey), dial(t, valkey)
	c.expect("$1\r\nx\r\n", "ECHO", "x") // the server has said who it is
	mine, theirs := id(c), id(other)
	lines := func(args ...string) []string {
		reply := c.do(append([]string{"CLIENT", "LIST"}, args...)...)
		return strings.SplitAfter(reply, "\n")
	}
	listed := func(id string, in []string) bool {
		for _, l := range in {
			if strings.HasPrefix(l, "id="+id+" ") {
				return true
			}
		}
		return false
	}
	for _, test := range []struct {
		args         string
		mine, theirs bool
	}{
		{"", true, true}, {"ID " + mine, true, false}, {"ID " + mine + " " + theirs + " TYPE normal", true, true},
		{"SKIPME yes", false, true}, {"SKIPME no", true, true}, {"TYPE pubsub", false, false}, {"TYPE normal ID " + theirs, false, true},
		{"USER default", true, true}, {"MAXAGE 1000000", false, false}, {"ADDR " + c.nc.LocalAddr().String(), true, false}, {"LADDR " + valkey, true, true},
		{"ADDR 10.0.0.1:5", false, false},
	} {
		got := lines(strings.Fields(test.args)...)
		if listed(mine, got) != test.mine || listed(theirs, got) != test.theirs {
			t.Errorf("CLIENT LIST %s: %q", test.args, got)
		}
	}
	for args, want := range map[string]string{
		"ID 10 wrong": "-ERR syntax error", "ID str": "-ERR syntax error", "ID -1": "-ERR client-id should be greater than 0", "ID": "-ERR syntax error",
		"TYPE wrong": "-ERR Unknown client type 'wrong'", "USER nobody": "-ERR No such user 'nobody'", "SKIPME maybe": "-ERR syntax error",
		"MAXAGE str": "-ERR maxage is not an integer or out of range", "MAXAGE 9999999999999999999": "-ERR maxage is not an integer or out of range",
		"MAXAGE -1": "-ERR maxage should be greater than 0", "ADDR": "-ERR syntax error",
	} {
		for _, verb := range []string{"LIST", "KILL"} {
			if verb == "KILL" && len(strings.Fields(args)) == 1 {
				continue // the old form: an address
			}
			c.expect(want+"\r\n", append([]string{"CLIENT", verb}, strings.Fields(args)...)...)
		}
	}
	_, earlier := start(t, Options{Upstream: upstream.Options{Address: newFakeValkey(t, "8.0.2").address()}, Loops: 1})
	for _, address := range []string{redis, earlier} {
		old := dial(t, address)
		old.expect("$1\r\nx\r\n", "ECHO", "x")
		for args, want := range map[string]string{"ID 10 wrong": "-ERR Invalid client ID", "SKIPME no": "-ERR syntax error", "USER default": "-ERR syntax error"} {
			old.expect(want+"\r\n", append([]string{"CLIENT", "LIST"}, strings.Fields(args)...)...)
		}
	}
	c.expect(":1\r\n", "CLIENT", "KILL", "ID", mine, theirs, "SKIPME", "yes")
	if got := other.read(); !strings.HasPrefix(got, "<closed") {
		t.Errorf("the killed client reads %q", got)
	}
}
