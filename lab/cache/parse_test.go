package cache

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
)

const infoText = "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.1\r\nrun_id:abc\r\n\r\n# Clients\r\nconnected_clients:3\r\nmaxclients:20001\r\n" +
	"# Memory\r\nused_memory:1580960\r\nmaxmemory:402653184\r\n# Stats\r\ntotal_connections_received:7\r\ntotal_commands_processed:8\r\n" +
	"total_net_input_bytes:9\r\ntotal_net_output_bytes:10\r\nrejected_connections:1\r\nevicted_keys:2\r\nkeyspace_hits:3\r\nkeyspace_misses:4\r\ncluster_enabled:1\r\nunknown:x:y\r\n"

const clientText = "id=3 addr=127.0.0.1:5001 laddr=127.0.0.1:6379 fd=8 name=env-1 age=2 idle=1 flags=N db=0 lib-name=redis-py lib-ver=5\n" +
	"id=4 addr=[::1]:5002 name= age=0 idle=0 flags=N\n" +
	"id=5 addr=/tmp/redis.sock:0 name=a=b age=0 idle=0 flags=U\n" +
	"id=6 addr=10.0.0.1:5003 name= age=0 idle=0 flags=S\n" + // a replica
	"id=7 addr=127.0.0.1:5004 name=thaw-lab age=0 idle=0 flags=N\n"

// clientOptions lets cmp look into clients.
var clientOptions = []cmp.Option{
	cmp.AllowUnexported(Client{}),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func skipLab(_ int64, name []byte) bool { return string(name) == labName }

func TestParseInfo(t *testing.T) {
	want := info{
		runID: "abc", redis: "7.2.4", valkey: "8.1.1", connected: 3, maxClients: 20001, accepted: 7, rejected: 1,
		in: 9, out: 10, hits: 3, misses: 4, evicted: 2, commands: 8, used: 1580960, maximum: 402653184, clusterEnabled: 1,
	}
	if diff := cmp.Diff(want, parseInfo([]byte(infoText)), cmp.AllowUnexported(info{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseClients(t *testing.T) {
	var table names
	want := []Client{
		{ID: 3, Addr: netip.MustParseAddrPort("127.0.0.1:5001"), Name: "env-1", LibName: "redis-py", server: netip.MustParseAddrPort("127.0.0.1:6379"), Age: 2 * time.Second, Idle: time.Second},
		{ID: 4, Addr: netip.MustParseAddrPort("[::1]:5002")},
		{ID: 5, Name: "a=b"},
	}
	if diff := cmp.Diff(want, parseClients([]byte(clientText), &table, skipLab), clientOptions...); diff != "" {
		t.Error(diff)
	}
}

func TestParseConns(t *testing.T) {
	text := "STAT 26:addr tcp:0.0.0.0:11211\nSTAT 26:state conn_listening\nSTAT 26:secs_since_last_cmd 9\n" +
		"STAT 27:addr tcp:127.0.0.1:5001\nSTAT 27:listen_addr tcp:127.0.0.1:11211\nSTAT 27:state conn_read\nSTAT 27:secs_since_last_cmd 3\n" +
		"STAT 28:addr tcp6:[::1]:5002\nSTAT 28:state conn_read\n" +
		"STAT 29:addr tcp:127.0.0.1:5003\nSTAT 29:state conn_parse_cmd\n"
	want := []Client{
		{ID: 27, Addr: netip.MustParseAddrPort("127.0.0.1:5001"), server: netip.MustParseAddrPort("127.0.0.1:11211"), Idle: 3 * time.Second},
		{ID: 28, Addr: netip.MustParseAddrPort("[::1]:5002")},
	}
	got := parseConns([]byte(text), netip.MustParseAddrPort("127.0.0.1:5003"))
	if diff := cmp.Diff(want, got, clientOptions...); diff != "" {
		t.Error(diff)
	}
}

func TestReadReply(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"+OK\r\n", "OK", nil},
		{":12\r\n", "12", nil},
		{"-ERR no\r\n", "", respError("ERR no")},
		{"$3\r\nabc\r\n", "abc", nil},
		{"$0\r\n\r\n", "", nil},
		{"$-1\r\n", "", nil},
		{"$3\r\nabcd\r\n", "", errReply},
		{"$99999999999\r\n", "", errReply},
		{"$-2\r\n", "", errReply},
		{"*1\r\n", "", errReply},
		{"+OK\n", "", errReply},
		{"\r\n", "", errReply},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(c.in)), nil)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

// TestTotals: what the lab adds never shows, and totals go on across runs of
// the server.
func TestTotals(t *testing.T) {
	var tot totals
	lab := own{conns: 1, commands: 2, sent: 100, received: 200}
	// The server has run for long: 50 connections, one of them ours.
	if got := tot.at("a", counters{accepted: 50, in: 1100, out: 1200, commands: 12}, lab); got != (counters{}) {
		t.Errorf("first: %+v", got)
	}
	got := tot.at("a", counters{accepted: 53, in: 1160, out: 1207, commands: 16, hits: 1}, lab.plus(own{sent: 50, commands: 1}))
	if want := (counters{accepted: 3, in: 10, out: 7, commands: 3, hits: 1}); got != want {
		t.Errorf("second: %+v, want %+v", got, want)
	}
	tot.left(lab.plus(own{sent: 50, commands: 1})) // the connection broke
	got = tot.at("b", counters{accepted: 3, in: 130, out: 200, commands: 4, hits: 5}, lab)
	if want := (counters{accepted: 5, in: 40, out: 7, commands: 5, hits: 6}); got != want {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
}

func TestSpecNotes(t *testing.T) {
	c := described(stack.Redis, func(c *stack.Cache) {
		c.NodeType = stack.Unknown[string]("parameter Size")
		token := stack.Text{{Unknown: "Secret Token"}}
		c.AuthToken = &token
		c.UserGroups = []stack.Value[string]{stack.Known("g")}
		c.ClusterMode, c.Shards = stack.Known(true), stack.Known(3)
		c.Engine = stack.Unknown[stack.Engine]("parameter Engine")
		c.Port = stack.Unknown[int]("parameter Port")
	})
	s := newSpec(c)
	all := strings.Join(s.notes, "\n")
	for _, want := range []string{"parameter Size", "Secret Token", "user groups", "3 shards", "parameter Engine", "parameter Port"} {
		if !strings.Contains(all, want) {
			t.Errorf("no note on %s in:\n%s", want, all)
		}
	}
	if s.connections != 65_000 || s.port != 6379 {
		t.Errorf("%+v", s)
	}
}

func TestSpecServerless(t *testing.T) {
	s := newSpec(described(stack.Valkey, func(c *stack.Cache) { c.Kind, c.NodeType = stack.Serverless, stack.Known("") }))
	if !s.tls || s.plain || !s.cluster || s.connections != 65_000 {
		t.Errorf("%+v", s)
	}
}

func TestLogNeverShowsTheSecret(t *testing.T) {
	log := "a\n>>> 'requirepass " + confQuote("p w") + "'\npassword is p w\n"
	if got := lastLines([]byte(log), "p w"); strings.Contains(got, "p w") || strings.Contains(got, `p\x20w`) {
		t.Error(got)
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add([]byte(infoText))
	f.Fuzz(func(t *testing.T, b []byte) {
		if in := parseInfo(b); in.connected < 0 || in.maximum < 0 {
			t.Errorf("negative: %+v", in)
		}
	})
}

func FuzzParseClients(f *testing.F) {
	f.Add([]byte(clientText))
	f.Fuzz(func(t *testing.T, b []byte) {
		var table names
		for _, c := range parseClients(b, &table, skipLab) {
			if c.ID <= 0 || c.Age < 0 || c.Idle < 0 || c.Name == labName {
				t.Errorf("%+v", c)
			}
		}
	})
}

func FuzzParseStats(f *testing.F) {
	f.Add([]byte("STAT pid 1\nSTAT 27:addr tcp:127.0.0.1:5001\nSTAT 27:state conn_read\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseStats(b)
		statsVersion(b)
		for _, c := range parseConns(b, netip.AddrPort{}) {
			if c.ID < 0 || c.Idle < 0 {
				t.Errorf("%+v", c)
			}
		}
	})
}

// FuzzReadReply: no answer makes the reader fail otherwise than with an error,
// and what was encoded is read back.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte("$3\r\nabc\r\n"))
	f.Add([]byte("-ERR\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		readReply(bufio.NewReader(bytes.NewReader(b)), nil)
		bulk := fmt.Appendf(nil, "$%d\r\n%s\r\n", len(b), b)
		if got, err := readReply(bufio.NewReader(bytes.NewReader(bulk)), nil); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%q: %q, %v", bulk, got, err)
		}
	})
}

// FuzzConfQuote: a value never leaves its line or its quotes.
func FuzzConfQuote(f *testing.F) {
	f.Add("a\"b\n\\")
	f.Fuzz(func(t *testing.T, s string) {
		q := confQuote(s)
		if strings.ContainsAny(q[1:len(q)-1], "\"\r\n' ") {
			t.Errorf("%q", q)
		}
	})
}
