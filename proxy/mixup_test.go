package proxy

import (
	"fmt"
	"math/rand/v2"
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
// THAW_MIXUP_COMMANDS sets how many commands are sent (default 150,000; the long
// form is 10,000,000), THAW_MIXUP_SEED repeats a run.
func TestMixUp(t *testing.T) {
	commands := envInt("THAW_MIXUP_COMMANDS", 150_000)
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

func envInt(name string, byDefault int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return byDefault
}

func mixUp(t *testing.T, server string, seed uint64, commands int, o Options) {
	r := newRelay(t, server, seed, &relay{cutAfter: 200_000, delayOne: 50, delay: 3 * time.Millisecond, split: true})
	o.Upstream = upstream.Options{
		Address: r.address(), MaxShared: 6, MaxOwned: 12, MaxPerPool: 2, GrowDepth: 16,
		WaitTimeout: 5 * time.Second, SentinelEvery: 500, Seed: seed,
	}
	o.Loops = 2
	p, address := start(t, o)
	var left atomic.Int64
	left.Store(int64(commands))
	var tally mixTally
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			m := &mixer{t: t, id: i, address: address, random: rand.New(rand.NewPCG(seed, uint64(i))), tally: &tally}
			for left.Add(-int64(m.pipeline())) > 0 && !t.Failed() {
			}
		})
	}
	wait.Wait()
	st := p.Stats()
	t.Logf("answers %d, proxy errors %d, sessions closed %d, connections cut %d, opened %d, abandoned replies %d",
		tally.right.Load(), tally.failed.Load(), tally.closed.Load(), r.cutCount(), st.Upstream.Opened, st.Upstream.Abandoned)
	if tally.right.Load() < int64(commands)/2 {
		t.Errorf("only %d of %d commands had an answer of the server: this test shows nothing", tally.right.Load(), commands)
	}
	if r.cutCount() == 0 {
		t.Error("no connection was cut: this test shows nothing")
	}
	if st.Upstream.Desyncs > 0 {
		t.Errorf("%d connections were dropped because of answers without a request; cutting must not cause that", st.Upstream.Desyncs)
	}
}

type mixTally struct{ right, failed, closed atomic.Int64 }

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
	what  string
	check func(got string) bool
}

func exactly(s string) func(string) bool { return func(got string) bool { return got == s } }

func (m *mixer) bulk(v string) string { return string(wire.AppendBulk(nil, v)) }

// value names the session and the command.
func (m *mixer) value() string {
	m.n++
	v := fmt.Sprintf("s%d-%d-", m.id, m.n)
	if m.random.IntN(200) == 0 {
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
	for range 1 + m.random.IntN(12) {
		m.step(&out, &wants)
	}
	text := string(out)
	if m.random.IntN(4) == 0 {
		k := m.random.IntN(len(text))
		m.c.nc.Write([]byte(text[:k]))
		if m.random.IntN(20) == 0 {
			m.reconnect() // closes in the middle of a command, answers unread
			return len(wants)
		}
		text = text[k:]
	}
	if _, err := m.c.nc.Write([]byte(text)); err != nil {
		m.lost()
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
		*wants = append(*wants, want{clipped(strings.Join(args, " ")), check})
	}
	mine := "s" + strconv.Itoa(m.id)
	v := m.value()
	switch m.random.IntN(16) {
	case 0, 1, 2, 3:
		add(exactly(m.bulk(v)), "ECHO", v)
	case 4, 5:
		add(exactly("+OK\r\n"), "SET", mine, v)
	case 6, 7:
		add(func(got string) bool { return got == m.null() || strings.Contains(got, mine+"-") }, "GET", mine)
	case 8:
		add(exactly(m.bulk(v)), "EVAL", "return ARGV[1]", "0", v)
	case 9: // the server's own error names the command
		name := "nosuch" + strconv.Itoa(m.id) + "x" + strconv.Itoa(m.n)
		add(func(got string) bool { return strings.Contains(got, "'"+name+"'") }, name)
	case 10:
		add(func(got string) bool { return strings.HasPrefix(got, "-ERR wrong number of arguments for 'get'") }, "GET")
	case 11, 12:
		m.multi(add, v)
	case 13: // blocks for a moment and then says that there is nothing
		add(exactly(m.nullArray()), "BLPOP", mine+"-nothing", "0.002")
	case 14: // an element that is there, named after the session
		list, pushed := v+"-list", false
		add(func(got string) bool { pushed = strings.HasPrefix(got, ":"); return pushed }, "LPUSH", list, v)
		add(func(got string) bool { return strings.Contains(got, v+"-list") || !pushed && got == m.nullArray() }, "BLPOP", list, "0.01")
	case 15:
		add(exactly("+OK\r\n"), "WATCH", mine)
		m.multi(add, v)
	}
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
