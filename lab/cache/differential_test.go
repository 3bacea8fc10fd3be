package cache

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/thawdev/thaw/stack"
)

// script is run against the embedded and the real server; the figures must be
// the same. It holds one command of each kind that counts hits and misses.
const script = `
CLIENT SETNAME env-1
SET a 1
GET a
GET nothing
MGET a nothing a
EXISTS a nothing
STRLEN a
GETRANGE a 0 0
GETSET a 2
GETDEL nothing
SETEX short 100 x
TTL short
PTTL nothing
TYPE a
INCR a
HSET h f 1
HGET h f
HGET h nothing
HGET nothing f
HGETALL h
HMGET h f g
HEXISTS h f
HLEN nothing
RPUSH l 1 2
LRANGE l 0 -1
LLEN nothing
LINDEX l 0
LPOP l
SADD s 1
SMEMBERS s
SISMEMBER nothing 1
SCARD s
SUNION s nothing
SINTER s s
ZADD z 1 m
ZRANGE z 0 -1
ZSCORE z m
ZCARD nothing
ZRANK z m
XADD x 1-1 f v
XLEN x
XRANGE nothing - +
BITCOUNT a
GETBIT a 0
SELECT 1
GET a
SELECT 0
DEL a
GET a
nonsense a
PING
`

func TestDifferentialFigures(t *testing.T) {
	mode := real(t)
	for _, c := range []struct {
		name   string
		change func(*stack.Cache)
	}{
		{"plain", nil},
		{"password", func(c *stack.Cache) {
			token := stack.Literal("s3cret-\"quoted\" \\")
			c.AuthToken = &token
		}},
		{"tls", func(c *stack.Cache) { c.TransitEncryption = stack.Known(true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			embedded, embeddedAnswers := figures(t, "embedded", described(stack.Redis, c.change))
			server, serverAnswers := figures(t, mode, described(stack.Redis, c.change))
			if diff := cmp.Diff(serverAnswers, embeddedAnswers); diff != "" {
				t.Errorf("answers: real (-) and embedded (+) differ:\n%s", diff)
			}
			ignore := cmpopts.IgnoreFields(Sample{}, "At", "Limit", "MemoryBytes", "MaxMemoryBytes")
			client := cmpopts.IgnoreFields(Client{}, "ID", "Addr", "LibName", "Age", "Idle", "server")
			if diff := cmp.Diff(server, embedded, ignore, client); diff != "" {
				t.Errorf("figures: real (-) and embedded (+) differ:\n%s", diff)
			}
		})
	}
}

// figures runs the script over one connection of three and returns the last
// sample. Errors are compared by their first word only.
func figures(t *testing.T, mode string, c *stack.Cache) (Sample, []string) {
	t.Helper()
	s := begin(t, mode, c)
	h := connect(t, s)
	var answers []string
	if c.AuthToken != nil {
		word, _, _ := strings.Cut(h.run("GET a"), " ")
		answers = append(answers, word) // refused, and neither hit nor miss
		if _, err := h.do([]string{"AUTH", c.AuthToken.Resolve(nil).Or("")}); err != nil {
			t.Fatalf("%s: AUTH: %v", mode, err)
		}
	}
	for command := range strings.Lines(strings.TrimSpace(script)) {
		answer := h.run(command)
		if strings.HasPrefix(answer, "ERR") {
			answer = "ERR"
		}
		answers = append(answers, strings.TrimSpace(command)+": "+answer)
	}
	left := connect(t, s)
	left.run("PING")
	left.Close()
	got := sampleUntil(t, s, "one connection left", func(x Sample) bool { return x.Connections == 1 })
	if got.Hits == 0 || got.Misses == 0 || got.BytesIn == 0 || got.BytesOut == 0 {
		t.Errorf("%s: no hits, misses or bytes: %+v", mode, got)
	}
	// Texts of errors differ between the two servers.
	got.BytesOut = 0
	return got, answers
}

// TestDifferentialLimit reaches the limit: the next client gets the engine's
// error, is counted as rejected and as nothing else.
func TestDifferentialLimit(t *testing.T) {
	modes := []string{"embedded", real(t)}
	var got []Sample
	for _, mode := range modes {
		s, err := startLimited(t, mode, 3)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if answer := connect(t, s).run("PING"); answer != "PONG" {
				t.Fatalf("%s: under the limit: %q", mode, answer)
			}
		}
		extra := connect(t, s)
		if line, err := extra.r.ReadString('\n'); !strings.HasPrefix(line, "-ERR max number of clients reached") {
			t.Errorf("%s: over the limit: %q, %v", mode, line, err)
		}
		x := sampleUntil(t, s, "rejected", func(x Sample) bool { return x.RejectedTotal == 1 })
		if x.Limit != 3 || x.Connections != 3 || x.NewTotal != 3 {
			t.Errorf("%s: %+v", mode, x)
		}
		got = append(got, x)
	}
	ignore := cmpopts.IgnoreFields(Sample{}, "At", "MemoryBytes", "MaxMemoryBytes", "Clients")
	if diff := cmp.Diff(got[1], got[0], ignore); diff != "" {
		t.Errorf("real (-) and embedded (+) differ:\n%s", diff)
	}
}

// startLimited starts a server with a limit that no node type has.
func startLimited(t *testing.T, mode string, limit int) (*Server, error) {
	t.Helper()
	sp := newSpec(described(stack.Redis, nil))
	sp.connections = limit
	chosen, err := choose(mode, sp, lookPath)
	if err != nil {
		return nil, err
	}
	s := &Server{spec: sp, dir: t.TempDir(), logf: t.Logf}
	if err := s.begin(t.Context(), chosen); err != nil {
		return nil, err
	}
	t.Cleanup(func() { s.Close() })
	return s, nil
}
