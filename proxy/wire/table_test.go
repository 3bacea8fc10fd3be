package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// facts are what a server says of a command, in words.
type facts struct {
	Arity, First, Last, Step int
	Flags, Categories        []string
	Keys                     []KeySpec
}

// The table agrees with a real server in everything that the server tells, for
// every command that the server knows.
func TestTableAgainstServer(t *testing.T) {
	c := dial(t, realServer(t))
	if v := c.do("HELLO", "3"); v.Kind != KindMap {
		t.Fatalf("HELLO 3: %+v", v)
	}
	reply := c.do("COMMAND")
	if len(reply.Elems) < 200 {
		t.Fatalf("COMMAND lists %d commands", len(reply.Elems))
	}
	if v := c.do("INFO", "server"); !strings.Contains(string(v.Str), "redis_version:7.0.") {
		t.Skip("the list of exceptions is for Redis 7.0")
	}
	used := map[string]bool{}
	for _, v := range reply.Elems {
		checkCommand(t, v, Lookup(v.Elems[0].Str), used)
	}
	for name := range exceptions {
		if !used[name] {
			t.Errorf("the exception for %s is not needed", name)
		}
	}
}

func checkCommand(t *testing.T, v Value, s *Spec, used map[string]bool) {
	t.Helper()
	name := string(v.Elems[0].Str)
	differs := "not in the table"
	if s != nil {
		differs = difference(factsOf(v), s.facts())
	}
	if want := exceptions[name]; differs != want.differs {
		t.Errorf("%s: the table has %q, the listed exception is %q (%s)", name, differs, want.differs, want.why)
	}
	used[name] = true
	if s == nil {
		return
	}
	for _, sub := range v.Elems[9].Elems {
		_, short, _ := strings.Cut(string(sub.Elems[0].Str), "|")
		checkCommand(t, sub, s.Sub([]byte(strings.ToUpper(short))), used)
	}
}

// difference says what the table has otherwise than the server, empty if nothing.
func difference(server, table facts) string {
	var d []string
	if server.Arity != table.Arity {
		d = append(d, fmt.Sprintf("arity %d not %d", table.Arity, server.Arity))
	}
	if a, b := [3]int{server.First, server.Last, server.Step}, [3]int{table.First, table.Last, table.Step}; a != b {
		d = append(d, fmt.Sprintf("range %d not %d", b, a))
	}
	d = append(d, changes(server.Flags, table.Flags, "")...)
	d = append(d, changes(server.Categories, table.Categories, "@")...)
	if !slices.Equal(server.Keys, table.Keys) {
		d = append(d, "keys otherwise")
	}
	return strings.Join(d, " ")
}

func changes(old, now []string, prefix string) (d []string) {
	for _, s := range old {
		if !slices.Contains(now, s) {
			d = append(d, "-"+prefix+s)
		}
	}
	for _, s := range now {
		if !slices.Contains(old, s) {
			d = append(d, "+"+prefix+s)
		}
	}
	return d
}

func (s *Spec) facts() facts {
	return facts{
		Arity: s.Arity, First: s.FirstKey, Last: s.LastKey, Step: s.Step,
		Flags: publicFlags(s.Flags), Categories: sorted(s.Categories.Names()), Keys: s.KeySpecs,
	}
}

// publicFlags are those that COMMAND tells.
func publicFlags(f Flags) []string {
	f &= AllowBusy<<1 - 1
	if f == 0 {
		return nil
	}
	return sorted(strings.Split(f.String(), ","))
}

func sorted(s []string) []string { slices.Sort(s); return s }

func factsOf(v Value) facts {
	f := facts{
		Arity: int(v.Elems[1].Int), First: int(v.Elems[3].Int), Last: int(v.Elems[4].Int), Step: int(v.Elems[5].Int),
	}
	for _, e := range v.Elems[2].Elems {
		f.Flags = append(f.Flags, string(e.Str))
	}
	for _, e := range v.Elems[6].Elems {
		f.Categories = append(f.Categories, strings.TrimPrefix(string(e.Str), "@"))
	}
	for _, e := range v.Elems[8].Elems {
		f.Keys = append(f.Keys, keySpecOf(e))
	}
	sorted(f.Flags)
	sorted(f.Categories)
	return f
}

// keySpecOf reads a key spec of COMMAND.
func keySpecOf(v Value) KeySpec {
	var k KeySpec
	words := map[string]KeyFlags{
		"RO": KeyRead, "RW": KeyReadWrite, "OW": KeyOverwrite, "RM": KeyRemove, "access": KeyAccess,
		"update": KeyUpdate, "insert": KeyInsert, "delete": KeyDelete, "not_key": NotKey,
		"incomplete": KeysIncomplete, "variable_flags": KeyVariable,
	}
	flags, _ := v.Get("flags")
	for _, f := range flags.Elems {
		k.Flags |= words[string(f.Str)]
	}
	kind, spec := part(v, "begin_search")
	switch kind {
	case "index":
		k.Begin = number(spec, "index")
	case "keyword":
		word, _ := spec.Get("keyword")
		k.Keyword, k.Begin = strings.ToLower(string(word.Str)), number(spec, "startfrom")
	default:
		k.Unknown = true
	}
	switch kind, spec := part(v, "find_keys"); kind {
	case "range":
		k.Last, k.Step, k.Limit = number(spec, "lastkey"), number(spec, "keystep"), number(spec, "limit")
	case "keynum":
		k.Counted = true
		k.NumAt, k.First, k.Step = number(spec, "keynumidx"), number(spec, "firstkey"), number(spec, "keystep")
	}
	return k
}

func part(v Value, name string) (kind string, spec Value) {
	p, _ := v.Get(name)
	k, _ := p.Get("type")
	spec, _ = p.Get("spec")
	return string(k.Str), spec
}

func number(v Value, name string) int {
	n, _ := v.Get(name)
	return int(n.Int)
}

// exceptions are where the table, which is of Valkey 8, differs from Redis 7.0, and why.
var exceptions = map[string]struct{ differs, why string }{
	"blmove":     {"-noscript", inScripts},
	"blpop":      {"-noscript", inScripts},
	"brpop":      {"-noscript", inScripts},
	"brpoplpush": {"-noscript", inScripts},
	"bzpopmax":   {"-noscript", inScripts},
	"bzpopmin":   {"-noscript", inScripts},
	"wait":       {"-noscript +blocking +@blocking", inScripts},

	"multi": {"+no_multi", "7.0 refuses it inside MULTI by its own code, without the flag"},
	"watch": {"+no_multi", "7.0 refuses it inside MULTI by its own code, without the flag"},

	"zrank":    {"arity -3 not 3", "7.2 brought WITHSCORE"},
	"zrevrank": {"arity -3 not 3", "7.2 brought WITHSCORE"},

	"command|getkeys":         {"arity -3 not -4", "7.2 takes a command without arguments"},
	"command|getkeysandflags": {"arity -3 not -4", "7.2 takes a command without arguments"},

	"cluster|info":   {"+loading", "8.0 answers while it loads"},
	"cluster|myid":   {"+loading", "8.0 answers while it loads"},
	"cluster|nodes":  {"+loading", "8.0 answers while it loads"},
	"cluster|shards": {"+loading", "8.0 answers while it loads"},
	"cluster|slots":  {"+loading", "8.0 answers while it loads"},

	"memory|malloc-stats": {"+loading", "8.1 answers while it loads"},
	"memory|purge":        {"+loading", "8.1 answers while it loads"},

	"sinterstore": {"keys otherwise", "8.0 says that it overwrites the destination, 7.0 that it updates it"},
}

const inScripts = "7.2 allows blocking commands in scripts, where they do not block"
