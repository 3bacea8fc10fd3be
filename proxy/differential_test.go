package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scripts are run directly and through the proxy; the answers must be the same,
// byte for byte.
var scripts = map[string]string{
	"plain": `
		a SET k v
		a GET k
		a GET nothing
		a INCR k
		a LPUSH l 1 2 3
		a LRANGE l 0 -1
		a ZADD z 1 a 2 b
		a ZRANGE z 0 -1 WITHSCORES
		a HSET h f v
		a HGETALL h
		a EVAL return{1,2,{3,'x'}} 0
		a EVAL return{err='MY_ERROR'} 0
		a OBJECT ENCODING k
		a MGET k nothing k
		a SETEX k 100 v
		a TYPE l
		a XADD s 1-1 f v
		a XRANGE s - +
		a XREAD COUNT 1 STREAMS s 0
		a SCAN 0
		a SORT l
		a DBSIZE
		a FLUSHALL
		a DBSIZE
	`,
	"errors": `
		a GET
		a GET a b
		a NOSUCHCOMMAND
		a NOSUCHCOMMAND with some arguments
		a SET
		a OBJECT NOSUCH
		a CLIENT NOSUCH
		a CLIENT
		a CLIENT ID x
		a HELLO 4
		a HELLO x
		a HELLO 3 NOSUCH
		a SELECT x
		a SELECT 99999
		a SELECT -1
		a SELECT
		a PING a b
		a ECHO
		a ECHO x
		a CLIENT REPLY x
		a CLIENT SETNAME a\nb
		a AUTH
		a AUTH x
		a AUTH a b c
		a AUTH nobody x
		a AUTH default x
		a CLIENT KILL 1.2.3.4:5
		a CLIENT KILL ID 0
		a CLIENT KILL ID x
		a CLIENT KILL TYPE x
		a CLIENT KILL NOSUCH x
		a CLIENT KILL USER nobody
		a CLIENT LIST TYPE x
		a CLIENT LIST x
		a CLIENT UNBLOCK x
		a CLIENT UNBLOCK 1 x
		a CLIENT UNBLOCK 999999
		a CLIENT NO-EVICT x
		a CLIENT CACHING YES
		a CLIENT GETREDIR
		a CLIENT TRACKINGINFO
		a CLIENT TRACKING x
		a CLIENT TRACKING OFF
		a READONLY
		a READWRITE
		a ASKING
		a SUBSCRIBE
		a WATCH
		a EXEC
		a DISCARD
		a UNWATCH
		a GET ok
	`,
	"inline": `
		a !PING\r\n
		a !SET k v\r\n
		a !GET k\r\n
		a !  GET   "k"  \r\n
		a !\r\nGET k\r\n
		a !*1\r\n$4\r\nPING\r\n
		a !GET "unbalanced\r\n
	`,
	"protocol 1": "a !*x\\r\\n\na ?",
	"protocol 2": "a !*1\\r\\n$x\\r\\n\na ?",
	"protocol 3": "a !*1\\r\\n:4\\r\\n\na ?",
	"protocol 4": "a !2SET a b\\r\\n*2\\r\\n$3\\r\\nGET\\r\\n$9999999999\\r\\n\na ?",
	"multi": `
		a MULTI
		a SET k 1
		a INCR k
		a EXEC
		a MULTI
		a DISCARD
		a MULTI
		a GET k
		a DISCARD
		a GET k
		a MULTI
		a GET
		a SET k 2
		a EXEC
		a MULTI
		a LPUSH k x
		a GET k
		a EXEC
		a MULTI
		a EXEC
		a MULTI
		a NOSUCH
		a GET k
		a EXEC
		a MULTI
		a GET k
		a DISCARD now
		a SET k 9
		a EXEC
		a MULTI
		a SELECT 1
		a DISCARD now
		a SET k 9
		a EXEC
		a MULTI
		a CONFIG NOSUCH
		a OBJECT NOSUCH k
		a GET k
		a EXEC
		a GET k
		a MULTI
		a MULTI
		a GET k
		a EXEC
		a MULTI
		a WATCH k
		a GET k
		a EXEC
		a DISCARD
		a MULTI
		a UNWATCH
		a PING
		a ECHO x
		a BLPOP nolist 0
		a XREAD BLOCK 0 STREAMS nostream $
		a EXEC
		a MULTI
		a SELECT 3
		a SET in3 1
		a EXEC
		a GET in3
		a SELECT 0
		a GET in3
		a MULTI
		a SELECT 99999
		a EXEC
		a GET k
		a MULTI
		a OBJECT ENCODING k
		a EVAL return{1,2} 0
		a EXEC
		a MULTI
		a CLIENT
		a EXEC
		a GET k
	`,
	"multi in one piece": `
		a !4MULTI\r\nSET k 1\r\nINCR k\r\nEXEC\r\n
		a !5MULTI\r\nGET\r\nGET k\r\nEXEC\r\nGET k\r\n
		a !4GET k\r\nMULTI\r\nINCR k\r\nEXEC\r\n
		a !3MULTI\r\nNOSUCH\r\nEXEC\r\n
		a !4MULTI\r\nSELECT 5\r\nSET x 5\r\nEXEC\r\n
		a GET x
		a !3MULTI\r\nINCR k\r\nDISCARD\r\n
		a !4EXEC\r\nMULTI\r\nMULTI\r\nDISCARD\r\n
		a !6MULTI\r\nCLIENT SETNAME me\r\nEXEC\r\nMULTI\r\nGET k\r\nEXEC\r\n
	`,
	"watch": `
		a SET k 1
		a WATCH k
		a MULTI
		a INCR k
		a EXEC
		a WATCH k
		b SET k 10
		a MULTI
		a INCR k
		a EXEC
		a GET k
		a WATCH k
		b SET k 11
		a UNWATCH
		a MULTI
		a INCR k
		a EXEC
		a WATCH k
		a GET k
		a SELECT 1
		a SET other 1
		a MULTI
		a GET other
		a DISCARD
		a GET other
		a SELECT 0
		a GET k
		a WATCH k
		a MULTI
		a GET
		a EXEC
		a WATCH
		a GET k
		a WATCH k
		a RESET
		b SET k 12
		a MULTI
		a GET k
		a EXEC
	`,
	"blocking": `
		a BLPOP l 0 &
		b LPUSH l x
		a ?
		a GET after
		a BLPOP l 0.05
		a LPUSH l y
		a BRPOP l 1
		a BLPOP l
		a BLPOP l notanumber
		a BLPOP l -1
		a BZPOPMIN z 0 &
		b ZADD z 5 m
		a ?
		a BLMOVE l l2 LEFT RIGHT 0 &
		b RPUSH l q
		a ?
		a XREAD BLOCK 0 STREAMS s $ &
		b XADD s 5-1 f v
		a ?
		a XREAD BLOCK 10 STREAMS nostream $
		a BLMPOP 0 1 l3 LEFT &
		b RPUSH l3 one two
		a ?
		a !2BLPOP l4 0.05\r\nSET after 1\r\n
		`,
	"blocked pipeline": `
		a !0BLPOP l4 0\r\nGET k\r\n
		b SET k before
		b LPUSH l4 z
		a ?
		a ?
	`,
	"pubsub": `
		a SUBSCRIBE c1 c2
		a ?
		b PUBLISH c1 hello
		a ?
		b PUBLISH c2 there
		a ?
		b PUBLISH c3 nobody
		a GET k
		a GET
		a CLIENT GETNAME
		a EXEC
		a PING
		a PING x
		a SUBSCRIBE c1
		a PSUBSCRIBE c*
		b PUBLISH c9 pattern
		a ?
		a UNSUBSCRIBE c1
		a UNSUBSCRIBE nosuch
		a PUNSUBSCRIBE
		a UNSUBSCRIBE
		a GET k
		a UNSUBSCRIBE
		a PUNSUBSCRIBE
		a UNSUBSCRIBE x y
		a ?
		a SSUBSCRIBE sh
		b SPUBLISH sh x
		a ?
		a SUNSUBSCRIBE
		a GET k
		a SUBSCRIBE c1
		a RESET
		a GET k
	`,
	"client": `
		a CLIENT SETNAME me
		a CLIENT GETNAME
		b CLIENT GETNAME
		a CLIENT SETNAME ''
		a CLIENT GETNAME
		a CLIENT NO-EVICT ON
		a CLIENT NO-EVICT OFF
		a CLIENT REPLY ON
		a CLIENT TRACKINGINFO
		a CLIENT GETREDIR
		a SELECT 2
		a SET k in2
		a SELECT 0
		a GET k
		a SELECT 2
		a GET k
		a ACL WHOAMI
		a RESET
		a GET k
		a !1CLIENT REPLY SKIP\r\nSET k 5\r\nGET k\r\n
		a !3CLIENT REPLY SKIP\r\nMULTI\r\nGET k\r\nEXEC\r\nECHO next\r\n
		a !2CLIENT REPLY SKIP\r\nUNSUBSCRIBE\r\nECHO next\r\n
		b !2CLIENT REPLY SKIP\r\nSUBSCRIBE c\r\nPING\r\n
		c !2CLIENT REPLY OFF\r\nSUBSCRIBE c\r\nPING\r\nUNSUBSCRIBE c\r\n
		a !1CLIENT REPLY OFF\r\nGET k\r\nPING\r\nCLIENT REPLY ON\r\n
		a MULTI
		a CLIENT SETNAME me
		a EXEC
		a CLIENT GETNAME
		a !1CLIENT REPLY SKIP\r\nRESET\r\nECHO next\r\n
		a GET k
		a QUIT
		a ?
	`,
	"tracking": `
		a CLIENT TRACKING ON
		a CLIENT TRACKINGINFO
		a GET k
		a CLIENT TRACKING OFF
		a CLIENT TRACKINGINFO
		a CLIENT TRACKING ON OPTIN
		a CLIENT CACHING YES
		a GET k
		a CLIENT TRACKING ON OPTOUT
		a CLIENT TRACKING OFF
		a GET k
	`,
	"scripts": `
		a SCRIPT LOAD return(1)
		a EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
		a SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
		a SCRIPT FLUSH
		a EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
		a EVAL return(redis.call('incr',KEYS[1])) 1 k
		a EVAL local(a)={};local(b)={a};a[1]=b;return(a) 0
		a GET k
	`,
	"wait": `
		a SET k v
		a WAIT 0 0
		a WAIT 1 20
		a GET k
		a SELECT 1
		a WAIT 0 0
		a RESET
		a WAIT 0 0
		a WAIT
	`,
}

// resp3Scripts begin with HELLO 3, whose answer differs by the id.
var resp3Scripts = map[string]string{
	"tracking pushes": `
		a CLIENT TRACKING ON
		a GET k
		b SET k 1
		a ?
		a GET k
		a SET k 2
		a ?
	`,
	"subscribed and working": `
		a SUBSCRIBE c
		a GET k
		b PUBLISH c x
		a ?
		a PING
		a MULTI
		a GET k
		a EXEC
		a UNSUBSCRIBE
	`,
}

// TestSameAnswers guards that no client notices the proxy.
func TestSameAnswers(t *testing.T) {
	server := realServer(t)
	modes := map[string]Options{
		"command":        {},
		"portable":       {Portable: true},
		"transaction":    {PoolMode: TransactionMode},
		"session":        {PoolMode: SessionMode, AllowAdmin: true},
		"session-parsed": {PoolMode: SessionMode},
	}
	for mode, o := range modes {
		o.Upstream = before(server)
		_, address := start(t, o)
		for name, lines := range scripts {
			t.Run(mode+"/resp2/"+name, func(t *testing.T) { compare(t, server, address, "", lines) })
			if !strings.HasPrefix(name, "protocol") {
				t.Run(mode+"/resp3/"+name, func(t *testing.T) { compare(t, server, address, "3", lines) })
			}
		}
		for name, lines := range resp3Scripts {
			t.Run(mode+"/resp3/"+name, func(t *testing.T) { compare(t, server, address, "3", lines) })
		}
	}
}

func compare(t *testing.T, server, address, resp, lines string) {
	t.Helper()
	if resp == "3" {
		lines = "a HELLO 3\nb HELLO 3\n" + lines
	}
	run := func(where string) []string {
		dial(t, server).do("FLUSHALL")
		out := script(t, where, lines)
		if resp == "3" {
			out = out[2:]
		}
		return out
	}
	direct, through := run(server), run(address)
	if diff := cmp.Diff(direct, through); diff != "" {
		t.Errorf("directly (-) and through the proxy (+):\n%s", diff)
	}
}

// TestLongScript guards that a script which runs too long stops nobody else from
// hearing so, and can be ended.
func TestLongScript(t *testing.T) {
	server := realServer(t, "--lua-time-limit", "10")
	for _, db := range []string{"0", "9"} {
		_, address := start(t, Options{Upstream: before(server), Loops: 1})
		a, b, c := dial(t, address), dial(t, address), dial(t, address)
		for _, x := range []*client{a, b, c} {
			x.expect("+OK\r\n", "SELECT", db)
		}
		a.expect("+OK\r\n", "SET", "k", "1")
		a.expect("+OK\r\n", "MULTI")
		a.expect("+QUEUED\r\n", "INCR", "k")
		b.send("EVAL", "while true do end", "0")
		eventually(t, "the server to be busy", func() bool { return strings.HasPrefix(c.do("GET", "k"), "-BUSY") })
		if got := a.do("EXEC"); !strings.HasPrefix(got, "-EXECABORT") {
			t.Errorf("EXEC: %q", got)
		}
		if got := dial(t, address).do("GET", "k"); !strings.HasPrefix(got, "-BUSY") {
			t.Errorf("a new client: %q", got)
		}
		c.expect("+OK\r\n", "SCRIPT", "KILL")
		if got := b.read(); !strings.Contains(got, "Script killed") {
			t.Errorf("EVAL: %q", got)
		}
		a.expect("$1\r\n1\r\n", "GET", "k")
	}
}

// TestReplicaTunnel guards that redis-cli --replica and the like work where the
// operator allows it.
func TestReplicaTunnel(t *testing.T) {
	server := realServer(t)
	_, address := start(t, Options{Upstream: before(server), AllowAdmin: true})
	r, m, c := dial(t, address), dial(t, address), dial(t, address)
	r.send("SYNC")
	buf := make([]byte, 4096)
	r.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got []byte
	for !strings.Contains(string(got), "REDIS") {
		n, err := r.nc.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
	m.expect("+OK\r\n", "MONITOR")
	c.expect("+OK\r\n", "SET", "watched", "v")
	for range 20 { // logins of other connections come first
		if got := m.read(); strings.Contains(got, `"watched"`) || !strings.HasPrefix(got, "+") {
			if got[0] != '+' {
				t.Errorf("MONITOR: %q", got)
			}
			return
		}
	}
	t.Error("MONITOR did not show the command")
}
