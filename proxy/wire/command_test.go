package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// parsed is what a parser made of a stream, in words.
type parsed struct {
	commands []string // "SET k v", arguments quoted
	inexact  int      // commands with Exact false
	err      string
	left     int // bytes of an unfinished command
}

// parseAll feeds a stream as a connection would: cut at the offsets, whatever is
// unfinished offered again, each time at another place in memory.
func parseAll(t testing.TB, p *CommandParser, stream string, cuts ...int) parsed {
	t.Helper()
	var out parsed
	var pending []byte
	at := 0
	for _, end := range append(cuts, len(stream)) {
		pending = append(bytes.Clone(pending), stream[at:end]...)
		at = end
		for {
			cmd, n, err := p.Next(pending)
			if err != nil {
				var pe *ProtocolError
				if !errors.As(err, &pe) || n != 0 || p.Pending() {
					t.Fatalf("error %v of type %T with n = %d", err, err, n)
				}
				out.err = err.Error()
				return out
			}
			if n == 0 {
				if need := p.Need(); len(pending) > 0 && need <= len(pending) {
					t.Fatalf("Need is %d with %q", need, pending)
				}
				break
			}
			if cmd != nil {
				out.commands = append(out.commands, fmt.Sprintf("%q", cmd.Args))
				if !cmd.Exact {
					out.inexact++
				} else if again := AppendCommand(nil, cmd.Args...); !bytes.Equal(again, cmd.Raw) {
					t.Fatalf("exact command %q would be encoded as %q", cmd.Raw, again)
				}
				if !bytes.Equal(cmd.Raw, pending[:n]) {
					t.Fatalf("Raw is %q of %q", cmd.Raw, pending[:n])
				}
			}
			pending = pending[n:]
		}
	}
	out.left = len(pending)
	if p.Pending() != (out.left > 0) {
		t.Fatalf("Pending is %v with %d bytes left", p.Pending(), out.left)
	}
	return out
}

func (p parsed) String() string {
	return fmt.Sprintf("%s inexact=%d err=%q left=%d", strings.Join(p.commands, " "), p.inexact, p.err, p.left)
}

var long = strings.Repeat("x", 65<<10)

var commandTests = []struct{ name, stream, want string }{
	{"multibulk", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", `["GET" "k"] inexact=0 err="" left=0`},
	{"pipeline", "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", `["PING"] ["ECHO" ""] inexact=0 err="" left=0`},
	{"binary argument", "*2\r\n$1\r\n\n\r\n$3\r\n\r\n\x00\r\n", `["\n" "\r\n\x00"] inexact=0 err="" left=0`},
	{"long argument", "*2\r\n$1\r\na\r\n$12\r\nhello, world\r\n", `["a" "hello, world"] inexact=0 err="" left=0`},
	{"unfinished", "*2\r\n$3\r\nGET\r\n$1\r\n", ` inexact=0 err="" left=17`},
	{"nothing to do", "\r\n\n*0\r\n*-1\r\n*-5\r\n   \t\r\n", ` inexact=0 err="" left=0`},
	{"other line ends", "*1\rX$1\r\na\r\n*1\r\n$1\r\nbXY", `["a"] ["b"] inexact=2 err="" left=0`},
	{"bad count", "*x\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"empty count", "*\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"count with a plus", "*+1\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"count with a zero", "*01\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"huge count", "*2147483648\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"largest count", "*2147483647\r\n", ` inexact=0 err="" left=13`},
	{"count over 64 bits", "*99999999999999999999\r\n", ` inexact=0 err="Protocol error: invalid multibulk length" left=0`},
	{"endless count", "*" + long, ` inexact=0 err="Protocol error: too big mbulk count string" left=0`},
	{"no dollar", "*1\r\nxyz\r\n", ` inexact=0 err="Protocol error: expected '$', got 'x'" left=0`},
	{"line end for a dollar", "*1\r\n\r\n", ` inexact=0 err="Protocol error: expected '$', got ' '" left=0`},
	{"line feed for a dollar", "*1\r\n\n\r\n", ` inexact=0 err="Protocol error: expected '$', got ' '" left=0`},
	{"bad length", "*1\r\n$x\r\n", ` inexact=0 err="Protocol error: invalid bulk length" left=0`},
	{"negative length", "*1\r\n$-1\r\n", ` inexact=0 err="Protocol error: invalid bulk length" left=0`},
	{"gigabyte", "*1\r\n$1073741824\r\n", ` inexact=0 err="Protocol error: invalid bulk length" left=0`},
	{"endless length", "*1\r\n$" + long, ` inexact=0 err="Protocol error: too big bulk count string" left=0`},
	{"inline", "SET k  v\r\nget k\n", `["SET" "k" "v"] ["get" "k"] inexact=2 err="" left=0`},
	{"inline, unfinished", "GET k", ` inexact=0 err="" left=5`},
	{"quotes", `SET "a b" 'c\'d' "\x41\n\q" e"f"` + "\n", `["SET" "a b" "c'd" "A\nq" "ef"] inexact=1 err="" left=0`},
	{"empty quotes", `SET "" ''` + "\n", `["SET" "" ""] inexact=1 err="" left=0`},
	{"broken escape", `SET "\x4" "\xg1"` + "\n", `["SET" "x4" "xg1"] inexact=1 err="" left=0`},
	{"open quote", "SET \"a\n", ` inexact=0 err="Protocol error: unbalanced quotes in request" left=0`},
	{"open single quote", "SET 'a\n", ` inexact=0 err="Protocol error: unbalanced quotes in request" left=0`},
	{"text behind a quote", "SET \"a\"b\n", ` inexact=0 err="Protocol error: unbalanced quotes in request" left=0`},
	{"escape at the end", "SET \"a\\\n", ` inexact=0 err="Protocol error: unbalanced quotes in request" left=0`},
	{"endless inline", long, ` inexact=0 err="Protocol error: too big inline request" left=0`},
	{"longest inline", long[:64<<10] + "\n", fmt.Sprintf("[%q] inexact=1 err=\"\" left=0", long[:64<<10])},
	{"zero byte", "GET\x00 k\nPING\n", ` inexact=0 err="" left=12`},
	{"HTTP", "POST / HTTP/1.1\r\nHost: x\r\n", ` inexact=0 err="Protocol error: possible cross-protocol attack" left=0`},
	{"HTTP GET", "GET / HTTP/1.1\r\nHost: x\r\n", `["GET" "/" "HTTP/1.1"] inexact=1 err="Protocol error: possible cross-protocol attack" left=0`},
	{"POST in RESP", "*1\r\n$4\r\npOsT\r\n", ` inexact=0 err="Protocol error: possible cross-protocol attack" left=0`},
}

func TestCommands(t *testing.T) {
	for _, test := range commandTests {
		t.Run(test.name, func(t *testing.T) {
			if got := parseAll(t, new(CommandParser), test.stream).String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// It makes no difference where the bytes of a stream are cut: at any one place, or
// at all of them.
func TestCommandsCutAnywhere(t *testing.T) {
	p := new(CommandParser) // also: nothing of one stream is left in the next
	for _, test := range commandTests {
		var all []int
		for cut := range min(len(test.stream), 300) {
			all = append(all, cut)
			if got := parseAll(t, p, test.stream, cut).String(); got != test.want {
				t.Fatalf("%s, cut at %d:\ngot  %s\nwant %s", test.name, cut, got, test.want)
			}
			p.Reset()
		}
		if got := parseAll(t, p, test.stream, all...).String(); got != test.want {
			t.Errorf("%s, byte by byte:\ngot  %s\nwant %s", test.name, got, test.want)
		}
		p.Reset()
	}
}

// What a client may send before it has authenticated is little.
func TestUnauthenticated(t *testing.T) {
	for _, test := range []struct{ stream, want string }{
		{"*11\r\n", "Protocol error: unauthenticated multibulk length"},
		{"*10\r\n", ""},
		{"*1\r\n$16385\r\n", "Protocol error: unauthenticated bulk length"},
		{"*1\r\n$16384\r\n", ""},
	} {
		p := CommandParser{Unauthenticated: true}
		if got := parseAll(t, &p, test.stream); got.err != test.want {
			t.Errorf("%q: %q, want %q", test.stream, got.err, test.want)
		}
	}
}

// A client that never ends its command is cut off at the limit, without an answer
// as servers do it.
func TestCommandTooBig(t *testing.T) {
	p := CommandParser{Limits: Limits{Command: 100}}
	_, _, err := p.Next([]byte("*2\r\n$200\r\n" + long[:90]))
	var pe *ProtocolError
	if !errors.As(err, &pe) || pe.Kind != CommandTooBig || !pe.Silent() {
		t.Errorf("error %v", err)
	}
}

// The limits are the caller's where it sets them.
func TestLimits(t *testing.T) {
	p := CommandParser{Limits: Limits{Bulk: 5, Args: 2, Line: 10}}
	for stream, want := range map[string]string{
		"*3\r\n":             "Protocol error: invalid multibulk length",
		"*1\r\n$6\r\n":       "Protocol error: invalid bulk length",
		"*1\r\n$5\r\n":       "",
		"PING 123456\r\n":    "Protocol error: too big inline request",
		"*1\r\n$00000000001": "Protocol error: too big bulk count string",
	} {
		if got := parseAll(t, &p, stream); got.err != want {
			t.Errorf("%q: %q, want %q", stream, got.err, want)
		}
		p.Reset()
	}
}

// A command that arrives byte by byte is scanned once: what a call looks at does
// not grow with what is there already.
func TestManyPiecesAreLinear(t *testing.T) {
	var p CommandParser
	args := make([]string, 20000)
	for i := range args {
		args[i] = "x"
	}
	b := AppendCommand(nil, args...)
	allocs := testing.AllocsPerRun(1, func() {
		for n := 1; n < len(b); n++ {
			before := len(p.spans)
			if _, used, err := p.Next(b[:n]); used != 0 || err != nil {
				t.Fatal(used, err)
			}
			if len(p.spans)-before > 1 {
				t.Fatalf("%d bytes: %d new arguments for one new byte", n, len(p.spans)-before)
			}
		}
		if cmd, _, _ := p.Next(b); cmd == nil || len(cmd.Args) != len(args) {
			t.Fatal("not complete")
		}
	})
	if allocs > 60 {
		t.Errorf("%v allocations", allocs)
	}
	if p.Next([]byte("PING\n")); cap(p.spans) > keepSpans {
		t.Errorf("the table of the large command is kept: %d", cap(p.spans))
	}
}

// The steady state allocates nothing, inline or not.
func TestCommandAllocations(t *testing.T) {
	var p CommandParser
	stream := []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nSET \"k\" v\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		for b := stream; len(b) > 0; {
			_, n, err := p.Next(b)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
