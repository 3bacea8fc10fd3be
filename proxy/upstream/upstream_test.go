package upstream

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/proxy/wire"
)

// TestSlots guards the order of the queue against a plain slice.
func TestSlots(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var q slots
	var plain []uint32
	for n := uint32(0); n < 20_000; n++ {
		if random.IntN(5) < 3 {
			q.put().tag = n
			plain = append(plain, n)
		} else if len(plain) > 0 {
			if got := q.first().tag; got != plain[0] {
				t.Fatalf("first is %d, want %d", got, plain[0])
			}
			q.drop()
			plain = plain[1:]
		}
		if q.len() != len(plain) {
			t.Fatalf("length %d, want %d", q.len(), len(plain))
		}
		if len(plain) > 0 {
			if i := random.IntN(len(plain)); q.at(i).tag != plain[i] {
				t.Fatalf("at %d: %d, want %d", i, q.at(i).tag, plain[i])
			}
		}
	}
}

// TestBudget guards that the cap holds, and that those who wait are served in
// their order and before newcomers.
func TestBudget(t *testing.T) {
	b := &Budget{limit: 3}
	pressed := 0
	b.pressed = func() { pressed++ }
	for range 3 {
		if !b.take() {
			t.Fatal("refused below the limit")
		}
	}
	if b.take() || b.takeSpare(0) {
		t.Fatal("given above the limit")
	}
	var order []int
	for i := range 2 {
		b.wait(func() { order = append(order, i) })
	}
	if pressed != 2 || b.waiting() != 2 {
		t.Errorf("pressed %d times, %d wait", pressed, b.waiting())
	}
	b.give()
	if b.take() {
		t.Error("a newcomer went before one who waits")
	}
	b.give()
	if diff := cmp.Diff([]int{0, 1}, order); diff != "" {
		t.Errorf("order: %s", diff)
	}
	for range 3 {
		b.give()
	}
	if b.Used() != 0 {
		t.Errorf("%d used at the end", b.Used())
	}
	if !b.takeSpare(2) || b.takeSpare(2) {
		t.Error("a spare unit must leave the reserve alone")
	}
	now := false
	b.wait(func() { now = true })
	if !now {
		t.Error("a claim on a free budget is granted at once")
	}
}

// TestParseURL guards the forms of a URL, and that an error never shows one.
func TestParseURL(t *testing.T) {
	for in, want := range map[string]Target{
		"redis://h:1":                 {Network: "tcp", Address: "h:1"},
		"h:1":                         {Network: "tcp", Address: "h:1"},
		"redis://h":                   {Network: "tcp", Address: "h:6379"},
		"redis://h/3":                 {Network: "tcp", Address: "h:6379", DB: 3},
		"valkey://u:p%40w@[::1]:7":    {Network: "tcp", Address: "[::1]:7", User: "u", Password: "p@w"},
		"redis://:pw@h":               {Network: "tcp", Address: "h:6379", Password: "pw"},
		"unix:///tmp/redis.sock?db=2": {Network: "unix", Address: "/tmp/redis.sock", DB: 2},
	} {
		got, err := ParseURL(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
	if got, err := ParseURL("rediss://h"); err != nil || got.TLS == nil {
		t.Errorf("rediss: %+v, %v", got, err)
	}
	for _, bad := range []string{"http://u:secret@h", "redis://u:secret@", "redis://u:secret@h/x", "redis://u:sec%ret@h", "redis://u:secret@h/-1"} {
		if _, err := ParseURL(bad); err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("rediss://u:p@h:1/2")
	f.Add("unix:///x?db=1")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ParseURL(s); err == nil && (got.DB < 0 || got.Network == "tcp" && got.Address == "") {
			t.Errorf("%q: %+v", s, got)
		}
	})
}

// TestLoginSteps guards what a fresh connection is told, and in which order.
func TestLoginSteps(t *testing.T) {
	for _, c := range []struct {
		key            Key
		user, password string
		name           string
		want           string
	}{
		{Key{RESP: 2}, "", "", "", "HELLO 2?"},
		{Key{RESP: 2, DB: 3}, "", "pw", "n", "AUTH pw, HELLO 2?, SELECT 3, CLIENT SETNAME n?"},
		{Key{RESP: 2}, "u", "pw", "", "AUTH u pw, HELLO 2?"},
		{Key{RESP: 3}, "", "", "", "HELLO 3"},
		{Key{RESP: 3, DB: 1}, "", "pw", "", "HELLO 3 AUTH default pw, SELECT 1"},
		{Key{RESP: 3}, "u", "pw", "n", "HELLO 3 AUTH u pw, CLIENT SETNAME n?"},
	} {
		var got []string
		for _, s := range loginSteps(c.key, c.user, c.password, c.name) {
			var p wire.CommandParser
			cmd, _, err := p.Next(s.raw)
			if err != nil || cmd == nil {
				t.Fatalf("%q is no command", s.raw)
			}
			var words []string
			for _, a := range cmd.Args {
				words = append(words, string(a))
			}
			text := strings.Join(words, " ")
			if s.tag == mayFail {
				text += "?"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("got %s, want %s", text, c.want)
		}
	}
}

// TestHistogram guards the bounds of the buckets.
func TestHistogram(t *testing.T) {
	var h, sum Histogram
	for _, d := range []time.Duration{-1, 0, time.Microsecond - 1, time.Microsecond, 3 * time.Microsecond, time.Second, time.Hour} {
		h.Observe(d)
	}
	sum.Add(&h)
	sum.Add(&h)
	if sum.Count != 14 || sum.Buckets[0] != 6 || sum.Buckets[1] != 2 || sum.Buckets[2] != 2 || sum.Buckets[27] != 2 {
		t.Errorf("%+v", sum)
	}
	for i := range h.Buckets[:27] {
		var one Histogram
		one.Observe(h.Bound(i) - 1)
		if one.Buckets[i] != 1 {
			t.Errorf("just below the bound of bucket %d: %v", i, one.Buckets)
		}
	}
}

// TestReaders guards the choice among replicas that come and go.
func TestReaders(t *testing.T) {
	primary := newNode("p:1", 0)
	r := newReplicated(primary, nil, 0)
	if r.Reader(7) != primary {
		t.Error("without replicas the primary reads")
	}
	r.set([]string{"a:1", "b:1"})
	first, second := r.Reader(0), r.Reader(1)
	if first == second || first.Address != "a:1" || second.Address != "b:1" {
		t.Errorf("readers %v and %v", first.Address, second.Address)
	}
	r.set(nil)
	r.set([]string{"b:1"})
	if r.Reader(0) != second {
		t.Error("a replica that returns is the same node, with its breaker")
	}
	if len(r.Nodes()) != 2 {
		t.Errorf("%d nodes", len(r.Nodes()))
	}
}

// FuzzAnswers guards the login against a server that says anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("%1\r\n+server\r\n+redis\r\n"))
	f.Add([]byte("-ERR unknown command 'HELLO'\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n, err := wire.ParseValue(b, wire.ReplyLimits{Bulk: maxLoginReply})
		if err != nil || n == 0 {
			return
		}
		helloOf(v, v.IsError())
	})
}
