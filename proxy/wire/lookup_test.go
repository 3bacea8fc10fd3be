package wire

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every name is found in every case of letters, and nothing that only looks like it.
func TestLookup(t *testing.T) {
	if n := len(Commands()); n < 240 {
		t.Fatalf("%d commands", n)
	}
	for _, s := range Commands() {
		for _, name := range []string{s.Name, strings.ToUpper(s.Name), strings.ToUpper(s.Name[:1]) + s.Name[1:]} {
			if Lookup([]byte(name)) != s {
				t.Errorf("%q is not found", name)
			}
		}
		for i := range s.Name {
			for _, flip := range []byte{0x20, 0x40, 0x80, 1} {
				b := []byte(s.Name)
				b[i] ^= flip
				if got := Lookup(b); got != nil && !strings.EqualFold(got.Name, string(b)) {
					t.Errorf("%q is taken for %s", b, got.Name)
				}
			}
		}
		for _, sub := range s.Subs() {
			_, short, _ := strings.Cut(sub.Name, "|")
			if s.Sub([]byte(strings.ToUpper(short))) != sub {
				t.Errorf("%s is not found", sub.Name)
			}
		}
	}
	for _, name := range []string{"", "g", "nosuch", strings.Repeat("x", 1000), "client|id", "GET\x00"} {
		if s := Lookup([]byte(name)); s != nil {
			t.Errorf("%q is taken for %s", name, s.Name)
		}
	}
}

// A search of the hash table meets few other names.
func TestHashSpreads(t *testing.T) {
	longest, sum := 0, 0
	for _, s := range Commands() {
		probes := 1
		for at := hash([]byte(s.Name)); commands.hash[at] != s; at = (at + 1) % slots {
			probes++
		}
		longest, sum = max(longest, probes), sum+probes
	}
	if longest > 6 || sum > len(Commands())*3/2 {
		t.Errorf("longest search %d, %d for %d names", longest, sum, len(Commands()))
	}
}

// An unknown subcommand is unknown, not the command it stands behind: a newer server
// may give it a meaning that no table here tells.
func TestResolve(t *testing.T) {
	for command, want := range map[string]string{
		"GET k": "get", "client ID": "client|id", "CLIENT": "client", "CLIENT NEW-THING": "", "nosuch": "",
		"COMMAND": "command", "COMMAND count": "command|count",
	} {
		name := ""
		if s := Resolve(bytes.Fields([]byte(command))); s != nil {
			name = s.Name
		}
		if name != want {
			t.Errorf("%s is %q, want %q", command, name, want)
		}
	}
	if Resolve(nil) != nil {
		t.Error("nothing is a command")
	}
}

// The table of effects is written by hand: each line names a command that exists,
// and what the server's flags say of connections is in it.
func TestEffects(t *testing.T) {
	for _, e := range effects {
		s := Resolve(bytes.Split([]byte(e.name), []byte("|")))
		if s == nil || s.Name != e.name || s.Effect != e.effect {
			t.Errorf("%s: %+v", e.name, s)
		}
	}
	var specs []*Spec
	for _, s := range Commands() {
		specs = append(append(specs, s), s.Subs()...)
	}
	for _, s := range specs {
		if s.Flags.Has(Blocking) && s.Effect != EffectBlock && s.Effect != EffectWait {
			t.Errorf("%s may block and has the effect %s", s.Name, s.Effect)
		}
		// What pub/sub commands other than these do is over with their answer.
		harmless := []string{"publish", "spublish", "pubsub"}
		if name, _, _ := strings.Cut(s.Name, "|"); s.Flags.Has(PubSub) && s.Effect == EffectNone && !slices.Contains(harmless, name) {
			t.Errorf("%s is a pub/sub command without an effect", s.Name)
		}
		if s.Categories&catTransaction != 0 && s.Effect == EffectNone {
			t.Errorf("%s is of a transaction and has no effect", s.Name)
		}
		// Commands of the connection: an effect, or on the list of those looked at.
		if s.Categories&catConnection != 0 && s.Effect == EffectNone && !slices.Contains(stateless, s.Name) {
			t.Errorf("%s is a command of the connection: give it an effect or call it stateless", s.Name)
		}
	}
	if len(effectNames) != int(EffectScriptDebug)+1 || EffectScriptDebug.String() != "script_debug" {
		t.Error("the names of the effects are not in step with the constants")
	}
}

// stateless are the commands of category @connection that change and tell nothing of
// their connection.
var stateless = []string{"ping", "echo", "command", "client", "client|help", "command|count", "command|docs",
	"command|getkeys", "command|getkeysandflags", "command|help", "command|info", "command|list"}

func TestFlags(t *testing.T) {
	if len(flagNames) == 0 || Flags(1)<<(len(flagNames)-1) != System {
		t.Error("the names of the flags are not in step with the constants")
	}
	s := Lookup([]byte("flushall"))
	if !s.Flags.Has(Write|Dangerous|Slow) || s.Flags.Has(ReadOnly) {
		t.Errorf("flushall: %s", s.Flags)
	}
	for name, want := range map[string]Categories{"read": catRead, "scripting": catScripting, "dangerous": catDangerous, "nosuch": 0} {
		if got := Category(name); got != want {
			t.Errorf("category %s is %b, want %b", name, got, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	const forever = 0
	for _, test := range []struct {
		command string
		limit   time.Duration
		blocks  bool
	}{
		{"BLPOP a b 1.5", 1500 * time.Millisecond, true},
		{"BLPOP a 0", forever, true},
		{"BRPOPLPUSH a b 2", 2 * time.Second, true},
		{"BLMPOP 3 1 a LEFT", 3 * time.Second, true},
		{"BZMPOP 0.0000000001 1 a MIN", 1, true},
		{"XREAD STREAMS block 0", 0, false},
		{"XREAD COUNT 1 BLOCK 250 STREAMS a 0", 250 * time.Millisecond, true},
		{"XREADGROUP GROUP block c STREAMS a >", 0, false},
		{"XREADGROUP GROUP g c BLOCK 0 STREAMS a >", forever, true},
		{"WAIT 1 100", 100 * time.Millisecond, true},
		{"WAITAOF 1 1 100", 100 * time.Millisecond, true},
		{"BLPOP a 1e300", forever, true},
		{"BLPOP a nan", forever, true},
		{"BLPOP a", 0, false},
		{"GET a", 0, false},
	} {
		args := bytes.Fields([]byte(test.command))
		limit, blocks := Resolve(args).Blocks(args)
		if limit != test.limit || blocks != test.blocks {
			t.Errorf("%s: %v %v, want %v %v", test.command, limit, blocks, test.limit, test.blocks)
		}
	}
}

// Key specs become the three numbers of COMMAND by the server's rules: adjoining
// ranges are one, and what does not fit makes the keys movable.
func TestRangeOfKeys(t *testing.T) {
	at := func(begin, last, step int) KeySpec { return keysAt(KeyRead, begin, last, step) }
	for _, test := range []struct {
		name    string
		keys    []KeySpec
		want    [3]int
		movable bool
	}{
		{"none", nil, [3]int{0, 0, 0}, false},
		{"one", []KeySpec{at(1, 0, 1)}, [3]int{1, 1, 1}, false},
		{"pairs", []KeySpec{at(1, -1, 2)}, [3]int{1, -1, 2}, false},
		{"adjoining", []KeySpec{at(1, 0, 1), at(2, -1, 1)}, [3]int{1, -1, 1}, false},
		{"apart", []KeySpec{at(1, 0, 1), at(3, 0, 1)}, [3]int{1, 1, 1}, true},
		{"pairs after one", []KeySpec{at(1, 0, 1), at(2, -1, 2)}, [3]int{1, 1, 1}, true},
		{"incomplete", []KeySpec{keysAt(KeyRead|KeysIncomplete, 1, 0, 1)}, [3]int{1, 1, 1}, true},
		{"counted", []KeySpec{keysCounted(KeyRead, 1, 0, 1, 1)}, [3]int{0, 0, 0}, true},
	} {
		s := Spec{KeySpecs: test.keys}
		s.setRange()
		if got := [3]int{s.FirstKey, s.LastKey, s.Step}; got != test.want || s.Flags.Has(MovableKeys) != test.movable {
			t.Errorf("%s: %v, movable %v", test.name, got, s.Flags.Has(MovableKeys))
		}
	}
}
