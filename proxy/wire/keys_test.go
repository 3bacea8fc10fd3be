package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// words are what commands are made of beside keys: every word that moves keys, and
// numbers that count them or do not.
var words = []string{
	"STORE", "store", "STOREDIST", "LIMIT", "GET", "BY", "KEYS", "AUTH", "AUTH2", "COPY", "REPLACE", "STREAMS",
	"streams", "GROUP", "COUNT", "BLOCK", "NOACK", "WEIGHTS", "AGGREGATE", "LEFT", "MAX", "", "0", "1", "2", "3", "-1", "100",
}

// Keys finds the keys that a real server finds, in random commands of every kind.
func TestKeysAgainstServer(t *testing.T) {
	const seed, each = 7, 150
	t.Logf("seed %d, %d commands of each kind", seed, each)
	r := rand.New(rand.NewPCG(seed, 0))
	c := dial(t, realServer(t))
	compared, withKeys := 0, 0
	for _, name := range serverNames(c) {
		for range each {
			args := randomCommand(r, name)
			request := append([]string{"COMMAND", "GETKEYS"}, args...)
			reply := c.do(request...)
			var want []string
			for _, e := range reply.Elems {
				want = append(want, string(e.Str))
			}
			got := keysOf(args)
			if strings.HasPrefix(exceptions[Resolve(bytesOf(args)).Name].differs, "arity") {
				continue // the server accepts fewer arguments than the table
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: keys %q, the server finds %q %s", args, got, want, reply.Str)
			}
			compared++
			if len(want) > 0 {
				withKeys++
			}
		}
	}
	t.Logf("%d commands, %d of them with keys", compared, withKeys)
	if withKeys < compared/3 {
		t.Errorf("only %d of %d commands had keys: the generator is broken", withKeys, compared)
	}
}

// serverNames lists the commands and subcommands of the server, without containers.
func serverNames(c *conn) (names [][]string) {
	for _, v := range c.do("COMMAND").Elems {
		s := Lookup(v.Elems[0].Str)
		if s == nil {
			continue
		}
		if len(s.Subs()) == 0 {
			names = append(names, []string{s.Name})
		}
		for _, sub := range v.Elems[9].Elems {
			_, short, _ := strings.Cut(string(sub.Elems[0].Str), "|")
			names = append(names, []string{s.Name, short})
		}
	}
	return names
}

// randomCommand makes a command of about the right number of arguments, each a key
// or a word. Where an argument counts keys it is mostly a fitting number.
func randomCommand(r *rand.Rand, name []string) []string {
	args := slices.Clone(name)
	s := Resolve(bytesOf(args))
	least := max(s.Arity, -s.Arity)
	total := least
	if s.Arity < 0 {
		total += r.IntN(8)
	}
	total = max(total, 3) // GETKEYS of 7.0 wants an argument
	for i := len(args); i < total; i++ {
		word := fmt.Sprint("key", i)
		if r.IntN(3) == 0 {
			word = words[r.IntN(len(words))]
		}
		args = append(args, word)
	}
	for _, k := range s.KeySpecs {
		if at := k.Begin + k.NumAt; k.Counted && at < len(args) && r.IntN(5) > 0 {
			args[at] = fmt.Sprint(r.IntN(max(len(args)-at, 1)))
		}
	}
	switch s.Name {
	case "xreadgroup":
		args[1] = "GROUP" // elsewhere it is no such command, and the server guesses
	case "migrate":
		if r.IntN(2) == 0 {
			args[3] = ""
		}
	}
	return args
}

func keysOf(args []string) (keys []string) {
	raw := bytesOf(args)
	for _, at := range Resolve(raw).Keys(raw, nil) {
		keys = append(keys, args[at])
	}
	return keys
}

func bytesOf(args []string) (b [][]byte) {
	for _, a := range args {
		b = append(b, []byte(a))
	}
	return b
}

// The forms that people write, as text.
func TestKeys(t *testing.T) {
	for _, test := range []struct {
		command string
		want    string
	}{
		{"GET k", "[k]"},
		{"MSET a 1 b 2", "[a b]"},
		{"EVAL return 2 a b c", "[a b]"},
		{"EVAL return 0 c", "[]"},
		{"EVAL return 3 a b", "[]"},
		{"FCALL f 1 a b", "[a]"},
		{"XREAD COUNT 5 BLOCK 0 STREAMS a b 0 0", "[a b]"},
		{"XREADGROUP GROUP streams c STREAMS a >", "[a]"},
		{"SORT a BY w_* GET # STORE dst", "[a dst]"},
		{"SORT a BY STORE", "[a]"},
		{"ZUNIONSTORE dst 2 a b WEIGHTS 1 2", "[dst a b]"},
		{"MIGRATE h 1 k 0 5", "[k]"},
		{"MIGRATE h 1 '' 0 5 AUTH keys KEYS a b", "[a b]"},
		{"GEORADIUS k 1 2 3 m STORE dst", "[k dst]"},
		{"LMPOP 2 a b LEFT", "[a b]"},
		{"BLMPOP 0 1 a LEFT", "[a]"},
		{"OBJECT ENCODING k", "[k]"},
		{"MEMORY USAGE k SAMPLES 5", "[k]"},
		{"XINFO STREAM k FULL", "[k]"},
		{"PING", "[]"},
		{"SPUBLISH ch m", "[]"},
		{"GET", "[]"},
	} {
		var p CommandParser
		cmd, _, err := p.Next([]byte(test.command + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, at := range Resolve(cmd.Args).Keys(cmd.Args, nil) {
			got = append(got, string(cmd.Args[at]))
		}
		if s := fmt.Sprint(got); s != test.want {
			t.Errorf("%s: keys %s, want %s", test.command, s, test.want)
		}
	}
}
