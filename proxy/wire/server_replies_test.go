package wire

import (
	"fmt"
	"strings"
	"testing"
)

// What a real server sends of each type of RESP3 is understood, and in RESP2 too. The
// scanner and the parser are compared by conn.reply.
func TestRepliesOfServer(t *testing.T) {
	c := dial(t, realServer(t, "--enable-debug-command", "yes"))
	for _, resp := range []struct {
		version string
		want    map[string]string
	}{
		{"2", map[string]string{
			"string": "$Hello World", "integer": ":12345", "double": "$3.141", "null": "$null", "array": "*[:0 :1 :2]",
			"set": "*[:0 :1 :2]", "map": "*[:0 :0 :1 :1 :2 :0]", "bignum": "$1234567999999999999999999999999999999",
			"verbatim": "$This is a verbatim\nstring", "true": ":1", "false": ":0",
		}},
		{"3", map[string]string{
			"string": "$Hello World", "integer": ":12345", "double": ",3.141", "null": "_null", "array": "*[:0 :1 :2]",
			"set": "~[:0 :1 :2]", "map": "%[:0 #0 :1 #1 :2 #0]", "bignum": "(1234567999999999999999999999999999999",
			"attrib": "$Some real reply following the attribute|[$key-popularity *[$key:123 :90]]",
			"push":   ">[$server-cpu-usage :42]", "verbatim": "=txt:This is a verbatim\nstring", "true": "#1", "false": "#0",
		}},
	} {
		c.do("HELLO", resp.version)
		for kind, want := range resp.want {
			if got := describe(c.do("DEBUG", "PROTOCOL", kind)); got != want {
				t.Errorf("RESP%s %s: %s, want %s", resp.version, kind, got, want)
			}
			if kind == "push" {
				c.reply() // the reply of DEBUG itself, after the message
			}
		}
		if v := c.do("COMMAND", "DOCS"); len(v.Elems) < 200 {
			t.Errorf("RESP%s: COMMAND DOCS has %d elements", resp.version, len(v.Elems))
		}
	}
}

// A script can answer with lists in lists, deeper than anything else of a server: it
// is passed on or refused, and never holds up the connection.
func TestDeepReplyOfServer(t *testing.T) {
	c := dial(t, realServer(t))
	for _, depth := range []int{10, 100} {
		script := fmt.Sprintf("local t = {1} for i = 1, %d do t = {t} end return t", depth)
		v, levels := c.do("EVAL", script, "0"), 0
		for ; len(v.Elems) == 1; v = v.Elems[0] {
			levels++
		}
		if levels != depth+1 {
			t.Errorf("%d levels, want %d: %s", levels, depth+1, strings.TrimSpace(string(v.Str)))
		}
	}
}
