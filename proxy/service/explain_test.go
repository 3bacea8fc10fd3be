package service

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// What Explain says of every command and subcommand of the table is what a
// running proxy does: whether the server sees the command, whether the client
// gets a connection for itself and why, and what is refused.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		mode  proxy.PoolMode
		admin bool
	}{{proxy.CommandMode, false}, {proxy.CommandMode, true}, {proxy.TransactionMode, false}, {proxy.SessionMode, false}} {
		t.Run(fmt.Sprintf("%s, admin %v", test.mode, test.admin), func(t *testing.T) {
			b := newBench(t, test.mode, test.admin)
			o := proxy.Options{PoolMode: test.mode, AllowAdmin: test.admin}
			all := proxy.ExplainAll(o)
			if len(all) < 300 {
				t.Fatalf("only %d commands", len(all))
			}
			for _, v := range all {
				b.compare(t, v, arguments(v.Command))
			}
			for _, extra := range []string{"XREAD STREAMS s 0", "XREAD COUNT 1 BLOCK 5 STREAMS s 0", "CLIENT TRACKING OFF", "CLIENT NO-TOUCH OFF",
				"SUBSCRIBE __redis__:invalidate", "CLIENT BOGUS", "OBJECT BOGUS", "MODULE.COMMAND a", "CONFIG GET maxmemory"} {
				args := wordsOf(extra)
				b.compare(t, proxy.Explain(args, o), args)
			}
		})
	}
}

// arguments makes a command out of a name: with as many arguments as it must
// have, that make it do what it is for.
func arguments(name string) [][]byte {
	args := wordsOf(strings.ReplaceAll(name, "|", " "))
	switch name {
	case "xread":
		return wordsOf("XREAD BLOCK 5 STREAMS s 0")
	case "xreadgroup":
		return wordsOf("XREADGROUP GROUP g c BLOCK 5 STREAMS s >")
	case "client|tracking", "client|no-touch", "client|import-source", "client|reply", "client|no-evict":
		return append(args, []byte("ON"))
	}
	spec := wire.Resolve(args)
	for need := max(spec.Arity, -spec.Arity); len(args) < need; {
		args = append(args, []byte("1"))
	}
	return args
}

// explainBench is a proxy before a server that notes what it is sent.
type explainBench struct {
	proxy   *proxy.Proxy
	address string
	server  *recorder
}

func newBench(t *testing.T, mode proxy.PoolMode, admin bool) *explainBench {
	t.Helper()
	rec := newRecorder(t)
	p, err := proxy.New(proxy.Options{
		Upstream: upstream.Options{Address: rec.address, MaxOwned: 16, WaitTimeout: 10 * time.Second},
		PoolMode: mode, AllowAdmin: admin, Loops: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	ln, err := p.Listen(proxy.Listener{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	go p.Serve(ln, nil)
	b := &explainBench{p, ln.Addr().String(), rec}
	b.send(t, wordsOf("GET warm")) // PING is answered only while a connection is there
	return b
}

// send sends one command on a connection of its own and returns what is answered.
func (b *explainBench) send(t *testing.T, args [][]byte) string {
	t.Helper()
	nc, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
	}
	if _, err := nc.Write(wire.AppendCommand(nil, words...)); err != nil {
		t.Fatal(err)
	}
	if strings.EqualFold(words[0], "multi") {
		return "" // what is held is answered with EXEC
	}
	line, err := bufio.NewReader(nc).ReadString('\n')
	if err != nil {
		t.Errorf("%q: no answer: %v", words, err)
	}
	return line
}

func (b *explainBench) pins() (total uint64, byReason []uint64) {
	st := b.proxy.Stats()
	for _, n := range st.Pins {
		total += n
	}
	return total, st.Pins[:]
}

func (b *explainBench) compare(t *testing.T, v proxy.Verdict, args [][]byte) {
	t.Helper()
	b.server.take()
	before, reasons := b.pins()
	answer := b.send(t, args)
	after, now := b.pins()
	name := strings.ToLower(string(args[0]))
	seen := b.server.take()
	if v.Command == "multi" && v.Treatment == proxy.Pinned { // it has not answered yet
		for end := time.Now().Add(5 * time.Second); after == before && time.Now().Before(end); time.Sleep(time.Millisecond) {
			after, now = b.pins()
		}
	}
	if v.Treatment == proxy.Pinned {
		i := slices.Index(proxy.Reasons(), v.Reason)
		if after != before+1 || i < 0 || now[i] != reasons[i]+1 {
			t.Errorf("%q: said to pin because of %q, pins went from %v to %v; answered %q", args, v.Reason, reasons, now, answer)
		}
		return
	}
	if after != before {
		t.Errorf("%q: said to be %s, but it pinned: %v to %v", args, v.Treatment, reasons, now)
	}
	sent := slices.Contains(seen, name)
	switch v.Treatment {
	case proxy.Shared:
		if !sent {
			t.Errorf("%q: said to be shared, but the server saw %q; answered %q", args, seen, answer)
		}
	case proxy.Refused:
		if sent || !strings.HasPrefix(answer, "-") {
			t.Errorf("%q: said to be refused, but answered %q, the server saw %q", args, answer, seen)
		}
	case proxy.Answered, proxy.Block:
		if sent {
			t.Errorf("%q: said to be %s, but the server saw it", args, v.Treatment)
		}
	}
}

// recorder is a server that says OK to everything and notes it.
type recorder struct {
	address string

	mu   sync.Mutex
	seen []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	r := &recorder{address: ln.Addr().String()}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go r.serve(nc)
		}
	}()
	return r
}

// serve answers the handshake of the proxy apart: it is not the client's.
func (r *recorder) serve(nc net.Conn) {
	defer nc.Close()
	var p wire.CommandParser
	var in []byte
	piece := make([]byte, 4096)
	for handshake := true; ; {
		n, err := nc.Read(piece)
		if err != nil {
			return
		}
		in = append(in, piece[:n]...)
		for {
			c, n, err := p.Next(in)
			if err != nil || n == 0 {
				break
			}
			name := strings.ToLower(string(c.Args[0]))
			handshake = handshake && (name == "hello" || name == "client" || name == "select")
			if !handshake {
				r.mu.Lock()
				r.seen = append(r.seen, name)
				r.mu.Unlock()
			}
			nc.Write(reply(name, c.Args))
			in = in[n:]
		}
	}
}

func reply(name string, args [][]byte) []byte {
	switch name {
	case "hello":
		return []byte("-ERR unknown command 'HELLO'\r\n")
	case "ping":
		return []byte("+PONG\r\n")
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		if len(args) == 1 {
			args = append(args, nil)
		}
		var b []byte
		for i, ch := range args[1:] {
			b = wire.AppendInt(wire.AppendBulk(wire.AppendBulk(wire.AppendArray(b, 3), name), ch), int64(i+1))
		}
		return b
	}
	return []byte("+OK\r\n")
}

// take returns what was seen since it was last called.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// MONITOR's output is followed client by client: what each said of itself goes
// with its pins, and a block counts as a block.
func TestReadCommands(t *testing.T) {
	u, err := ReadCommands(strings.NewReader(`OK
1700000000.000001 [0 10.0.0.1:5000] "CLIENT" "SETINFO" "LIB-NAME" "valkey"
1700000000.000002 [0 10.0.0.1:5000] "hello" "3" "SETNAME" "orders-fn"
1700000000.000003 [0 10.0.0.2:5000] "multi"
1700000000.000004 [0 10.0.0.1:5000] "CLIENT" "TRACKING" "ON" "OPTIN"
1700000000.000005 [0 10.0.0.2:5000] "set" "k\xff" "a \"b\""
1700000000.000006 [0 10.0.0.2:5000] "blpop" "k" "0"
1700000000.000007 [0 10.0.0.2:5000] "select" "3"
1700000000.000008 [0 10.0.0.2:5000] "exec"
1700000000.000009 [0 lua] "watch" "k"
# a comment
GET k
blpop "k" 0
"unbalanced
shutdown nosave
`), proxy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Usage{
		Commands: 11, Skipped: 4,
		Treatments: map[proxy.Treatment]int{proxy.Answered: 2, proxy.Block: 4, proxy.Shared: 1, proxy.Pinned: 3, proxy.Refused: 1},
	}
	got := u
	got.Uses = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var lines []string
	for _, use := range u.Uses {
		lines = append(lines, fmt.Sprint(use.Command, " ", use.Treatment, " ", use.Reason, " ", use.Library, " ", use.Client, " ", use.Count))
	}
	if diff := cmp.Diff([]string{"blpop pinned blocking   1", "client|tracking pinned tracking valkey orders-fn 1", "select pinned multi   1", "shutdown refused    1"}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A value too long to be kept costs its own line, and not what else MONITOR tells.
func TestReadCommandsOverLongLine(t *testing.T) {
	u, err := ReadCommands(strings.NewReader("get k\nset k "+strings.Repeat("x", 2*maxLine)+"\nwatch k"), proxy.Options{})
	if err != nil || u.Commands != 2 || u.Skipped != 1 || len(u.Uses) != 1 || u.Uses[0].Command != "watch" {
		t.Errorf("%+v, error %v", u, err)
	}
}

// A client with an IPv6 address, which MONITOR shows in brackets, is a client like
// others.
func TestReadCommandsOfIPv6(t *testing.T) {
	u, err := ReadCommands(strings.NewReader(`1700000000.000001 [0 [2001:db8::1]:5000] "client" "setname" "orders-fn"
1700000000.000002 [0 [2001:db8::1]:5000] "watch" "[0 k] \"x\""
1700000000.000003 [0 unix:/run/cache.sock] "get" "k"
`), proxy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Uses) != 1 || u.Uses[0].Command != "watch" || u.Uses[0].Client != "orders-fn" || u.Treatments[proxy.Shared] != 1 {
		t.Errorf("%+v", u)
	}
}

// Every reason for a pin has advice, and the libraries that track by default have
// their own.
func TestAdvice(t *testing.T) {
	for _, reason := range proxy.Reasons() {
		if len(adviceFor(reason, "")) == 0 {
			t.Errorf("no advice on %s", reason)
		}
	}
	for library, want := range map[string]string{"rueidis": "DisableCache", "valkey": "DisableCache", "redis-py(tag_v1)": "cache_config"} {
		all := adviceFor("tracking", library)
		if len(all) != 2 || !strings.Contains(all[0].Text, want) {
			t.Errorf("%s: %v", library, all)
		}
	}
	if all := adviceFor("tracking", "valkey-py"); len(all) != 1 {
		t.Errorf("another library gets the advice for valkey-go: %v", all)
	}
}

// No input crashes the reader or makes it count wrong.
func FuzzReadCommands(f *testing.F) {
	f.Add([]byte("1700000000.1 [0 10.0.0.1:5000] \"multi\"\nGET \"\\xff\"\n*1\r\n$4\r\nPING\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ReadCommands(strings.NewReader(string(data)), proxy.Options{})
		if err != nil {
			return
		}
		sum := 0
		for _, n := range u.Treatments {
			sum += n
		}
		if sum != u.Commands {
			t.Errorf("%d commands, %d treatments", u.Commands, sum)
		}
	})
}

func wordsOf(s string) [][]byte {
	var args [][]byte
	for w := range strings.FieldsSeq(s) {
		args = append(args, []byte(w))
	}
	return args
}
