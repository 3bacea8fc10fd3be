package proxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// TestMixUp guards the worst thing a proxy can do: hand one session's answer to
// another. Many sessions send random pipelines in which every value names its
// session and its number, while the connections to the server are cut, delayed
// and split at random. Every command must have exactly one answer, its own or an
// error that says that there is none, until the proxy closes the session.
//
// THAW_MIXUP_COMMANDS sets how many commands are sent (default 600,000; the long
// form is 10,000,000), THAW_MIXUP_SEED repeats a run.
func TestMixUp(t *testing.T) {
	commands := envInt("THAW_MIXUP_COMMANDS", 600_000)
	if testing.Short() {
		commands = min(commands, 20_000)
	}
	seed := uint64(envInt("THAW_MIXUP_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("THAW_MIXUP_SEED=%d", seed)
	server := realServer(t)
	for _, mode := range []PoolMode{CommandMode, TransactionMode} {
		for _, portable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/portable=%v", mode, portable), func(t *testing.T) {
				mixUp(t, server, seed, commands/4, Options{PoolMode: mode, Portable: portable})
			})
		}
	}
}

// TestPinKeepsOrder guards that what a session with a connection of its own sends
// goes there, also where only the server knows the answer to a command that else is
// answered here: from two connections the answers would come in any order.
func TestPinKeepsOrder(t *testing.T) {
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch args[0] {
		case "ECHO", "READONLY", "READWRITE", "ASKING", "CLIENT", "PING":
			return wire.AppendInt(nil, int64(c.number))
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	shared := c.do("ECHO", "x")
	c.expect("+OK\r\n", "WATCH", "k")
	own := c.do("ECHO", "x")
	if own == shared {
		t.Fatal("WATCH has no connection of its own")
	}
	for _, name := range []string{"READONLY", "READWRITE", "ASKING", "PING", "CLIENT HELP"} {
		c.expect(own, strings.Fields(name)...)
	}
}

// TestHoldsPipeline guards that what came together with a command that others wait
// for waits too: for a WAIT, and for HELLO on a connection of the session's own.
func TestHoldsPipeline(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1})
	c := dial(t, address)
	for _, db := range []string{"1", "0"} {
		c.expect("+OK\r\n", "SET", "k", "v")
		c.expect("+OK\r\n", "SELECT", db)
	}
	c.expect("+OK\r\n", "SELECT", "1")
	c.raw("WAIT 0 0\r\nSET k v\r\nGET k\r\n")
	for _, want := range []string{":0\r\n", "+OK\r\n", "$1\r\nv\r\n"} {
		if got := c.read(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.expect("+OK\r\n", "WATCH", "k")
	c.raw("HELLO 3\r\nCLIENT GETNAME\r\n")
	c.read()
	if got := c.read(); got != "_\r\n" {
		t.Errorf("got %q, want a null of RESP3", got)
	}
}

func envInt(name string, byDefault int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return byDefault
}

func mixUp(t *testing.T, server string, seed uint64, commands int, o Options) {
	r := newRelay(t, server, seed, &relay{cutAfter: 60_000, delayOne: 50, delay: 3 * time.Millisecond, split: true})
	o.Upstream = upstream.Options{
		Address: r.address(), MaxShared: 6, MaxOwned: 24, MaxPerPool: 2, GrowDepth: 16,
		WaitTimeout: 5 * time.Second, SentinelEvery: 500, Seed: seed,
	}
	o.Loops = 2
	p, address := start(t, o)
	var left atomic.Int64
	left.Store(int64(commands))
	var tally mixTally
	var wait sync.WaitGroup
	begin := time.Now()
	for i := range 32 {
		wait.Go(func() {
			m := &mixer{t: t, id: i, address: address, random: rand.New(rand.NewPCG(seed, uint64(i))), tally: &tally}
			for left.Add(-int64(m.pipeline())) > 0 && !t.Failed() {
			}
		})
	}
	wait.Wait()
	st := p.Stats()
	took := time.Since(begin)
	t.Logf("%v, answers %d, proxy errors %d, sessions closed %d, torn %d, connections cut %d, pieces delayed %d, split %d, connections opened %d, abandoned replies %d",
		took.Round(time.Millisecond), tally.right.Load(), tally.failed.Load(), tally.closed.Load(), tally.torn.Load(),
		r.cutCount(), r.delayed.Load(), r.splits.Load(), st.Upstream.Opened, st.Upstream.Abandoned)
	if tally.right.Load() < int64(commands)/2 {
		t.Errorf("only %d of %d commands had an answer of the server: this test shows nothing", tally.right.Load(), commands)
	}
	for what, n := range map[string]int64{
		"connections cut": int64(r.cutCount()), "pieces delayed": r.delayed.Load(), "pieces split": r.splits.Load(),
		"clients that left in the middle": tally.torn.Load(), "sessions that lost something": tally.failed.Load() + tally.closed.Load(),
		"replies that nobody waited for": int64(st.Upstream.Abandoned),
	} {
		if n == 0 && commands >= 100_000 {
			t.Errorf("no %s: this test shows nothing", what)
		}
	}
	for k := range tally.kinds {
		if tally.kinds[k].Load() == 0 && commands >= 1000 {
			t.Errorf("no right answer to %s: this test shows nothing", mixNames[k])
		}
	}
	if st.Upstream.Desyncs > 0 {
		t.Errorf("%d connections were dropped because of answers without a request; cutting must not cause that", st.Upstream.Desyncs)
	}
}

// mixTally counts what became of the commands: a right answer, an error of the
// proxy, a session that was closed, and one that its client closed in the middle
// of a command or with answers unread.
type mixTally struct {
	right, failed, closed, torn atomic.Int64
	kinds                       [mixKinds]atomic.Int64 // right answers
}

// mixer is one client.
type mixer struct {
	t       *testing.T
	id      int
	address string
	random  *rand.Rand
	tally   *mixTally
	c       *client
	resp    int
	n       int
	stored  map[string]bool // values that key k may have
}

// want checks an answer of the server; the text of a wrong one is returned.
type want struct {
	kind  int
	what  string
	check func(got string) bool
}

func exactly(s string) func(string) bool { return func(got string) bool { return got == s } }

func (m *mixer) bulk(v string) string { return string(wire.AppendBulk(nil, v)) }

// value names the session and the command.
func (m *mixer) value() string {
	m.n++
	v := fmt.Sprintf("s%d-%d-", m.id, m.n)
	if m.random.IntN(1000) == 0 {
		return v + strings.Repeat("x", m.random.IntN(100_000))
	}
	return v + strings.Repeat("y", m.random.IntN(60))
}

// pipeline sends some commands at once, sometimes in pieces, and reads all
// answers. It returns how many there were.
func (m *mixer) pipeline() int {
	if m.c == nil || m.random.IntN(300) == 0 {
		m.reconnect()
	}
	var out []byte
	var wants []want
	most := 12
	if m.random.IntN(4) == 0 {
		most = 150
	}
	for range 1 + m.random.IntN(most) {
		m.step(&out, &wants)
	}
	text := string(out)
	if m.random.IntN(4) == 0 {
		k := m.random.IntN(len(text))
		m.c.nc.Write([]byte(text[:k]))
		if m.random.IntN(20) == 0 {
			m.tally.torn.Add(1)
			m.reconnect() // closes in the middle of a command, answers unread
			return len(wants)
		}
		text = text[k:]
	}
	if _, err := m.c.nc.Write([]byte(text)); err != nil {
		m.lost()
		return len(wants)
	}
	if m.random.IntN(50) == 0 {
		m.tally.torn.Add(1)
		m.vanish() // all of the answers unread
		return len(wants)
	}
	for i, w := range wants {
		got := m.c.readFor(60 * time.Second)
		switch {
		case strings.HasPrefix(got, "<closed"):
			m.lost()
			return len(wants)
		case w.check(got):
			m.tally.right.Add(1)
			m.tally.kinds[w.kind].Add(1)
		case strings.HasPrefix(got, "-ERR proxy: "):
			m.tally.failed.Add(1)
		default:
			m.t.Errorf("session %d, answer %d of %d to %s: %q … %q (%d bytes)", m.id, i+1, len(wants), w.what, clipped(got), got[max(0, len(got)-100):], len(got))
			m.reconnect()
			return len(wants)
		}
	}
	return len(wants)
}

// vanish ends the connection without a goodbye, perhaps while the proxy waits for
// answers.
func (m *mixer) vanish() {
	time.Sleep(time.Duration(m.random.IntN(int(500 * time.Microsecond))))
	m.c.nc.(*net.TCPConn).SetLinger(0)
	m.reconnect()
}

func (m *mixer) lost() {
	m.tally.closed.Add(1)
	m.reconnect()
}

func (m *mixer) reconnect() {
	if m.c != nil {
		m.c.nc.Close()
	}
	m.c = dial(m.t, m.address)
	m.resp = 2
	m.stored = nil
	if m.random.IntN(2) == 0 {
		if got := m.c.do("HELLO", "3"); strings.HasPrefix(got, "%7") {
			m.resp = 3
		}
	}
}

func (m *mixer) null() string      { return string(wire.AppendNull(nil, m.resp)) }
func (m *mixer) nullArray() string { return string(wire.AppendNullArray(nil, m.resp)) }

// step adds one command, or a few that belong together.
func (m *mixer) step(out *[]byte, wants *[]want) {
	add := func(check func(string) bool, args ...string) {
		*out = wire.AppendCommand(*out, args...)
		*wants = append(*wants, want{what: clipped(strings.Join(args, " ")), check: check})
	}
	mine := "s" + strconv.Itoa(m.id)
	v := m.value()
	k := m.pick()
	before := len(*wants)
	switch k {
	case mixEcho:
		add(exactly(m.bulk(v)), "ECHO", v)
	case mixSet:
		add(exactly("+OK\r\n"), "SET", mine, v)
	case mixGet:
		add(func(got string) bool { return got == m.null() || strings.Contains(got, mine+"-") }, "GET", mine)
	case mixEval:
		add(exactly(m.bulk(v)), "EVAL", "return ARGV[1]", "0", v)
	case mixUnknown: // the server's own error names the command
		name := "nosuch" + strconv.Itoa(m.id) + "x" + strconv.Itoa(m.n)
		add(func(got string) bool { return strings.Contains(got, "'"+name+"'") }, name)
	case mixArity:
		add(func(got string) bool { return strings.HasPrefix(got, "-ERR wrong number of arguments for 'get'") }, "GET")
	case mixMulti:
		m.multi(add, v)
	case mixBlock: // blocks for a moment and then says that there is nothing
		add(exactly(m.nullArray()), "BLPOP", mine+"-nothing", "0.002")
	case mixPop: // an element that is there, named after the session
		list, pushed := v+"-list", false
		add(func(got string) bool { pushed = strings.HasPrefix(got, ":"); return pushed }, "LPUSH", list, v)
		add(func(got string) bool { return strings.Contains(got, v+"-list") || !pushed && got == m.nullArray() }, "BLPOP", list, "0.01")
	case mixWatch:
		add(exactly("+OK\r\n"), "WATCH", mine)
		m.multi(add, v)
	}
	for i := range (*wants)[before:] {
		(*wants)[before+i].kind = k
	}
}

// The kinds of commands, and how many of a hundred each is. Those for which the
// server itself takes a while are rare, for they would be all the test waits for.
const (
	mixEcho = iota
	mixSet
	mixGet
	mixEval
	mixUnknown
	mixArity
	mixMulti
	mixBlock
	mixPop
	mixWatch
	mixKinds
)

var mixShares = [mixKinds]int{mixEcho: 36, mixSet: 16, mixGet: 16, mixEval: 8, mixUnknown: 2, mixArity: 5, mixMulti: 11, mixBlock: 1, mixPop: 2, mixWatch: 3}

var mixNames = [mixKinds]string{"ECHO", "SET", "GET", "EVAL", "unknown", "wrong arity", "MULTI", "BLPOP of nothing", "BLPOP of something", "WATCH"}

func (m *mixer) pick() int {
	n := m.random.IntN(100)
	for k, share := range mixShares {
		if n -= share; n < 0 {
			return k
		}
	}
	return mixEcho
}

// multi adds a transaction. Its answers are all or nothing.
func (m *mixer) multi(add func(func(string) bool, ...string), v string) {
	queued := exactly("+QUEUED\r\n")
	// When the connection is lost in the middle the server knows of no MULTI; the
	// session is closed then, or every command has its error.
	add(exactly("+OK\r\n"), "MULTI")
	n := 1 + m.random.IntN(3)
	for i := range n {
		add(queued, "ECHO", v+"-"+strconv.Itoa(i))
	}
	var expect []byte
	expect = wire.AppendArray(expect, n)
	for i := range n {
		expect = wire.AppendBulk(expect, v+"-"+strconv.Itoa(i))
	}
	add(func(got string) bool { return got == string(expect) || got == m.nullArray() }, "EXEC")
}
