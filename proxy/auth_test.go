package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

func readUsers(t *testing.T, text string) *Users {
	t.Helper()
	u, err := ReadUsers(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUsersFile guards what a users file may say, and that a mistake names its
// line.
func TestUsersFile(t *testing.T) {
	sum := sha256.Sum256([]byte("hashed"))
	u := readUsers(t, `
# comment
user app on >secret >other ~* +@all
user hash on #`+hex.EncodeToString(sum[:])+`
user off off >secret
user mapped on >x upstream=reader:pw ~app:* +@read
`)
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"app", "secret", true}, {"app", "other", true}, {"app", "wrong", false}, {"app", "", false},
		{"hash", "hashed", true}, {"hash", "x", false}, {"off", "secret", false}, {"nobody", "x", false},
	} {
		if got := u.check(c.name, c.password) != nil; got != c.ok {
			t.Errorf("%s with %q: %v", c.name, c.password, got)
		}
	}
	if l := u.byName["mapped"].login; l == nil || l.User != "reader" || l.Password != "pw" {
		t.Errorf("mapped to %+v", l)
	}
	for text, want := range map[string]string{
		"":                             "defines no user",
		"user a on":                    "line 1: user \"a\" is on and has no password",
		"\nuser a on >x\nuser a on >y": "line 3: user \"a\" is defined twice",
		"usr a on":                     "line 1: must begin with",
		"user a on #12":                "64 hexadecimal digits",
		"user a on >x ~app:*":          "not enforced by the proxy",
		"user a on >x -@all":           "not enforced by the proxy",
		"user a on >x what":            "a word is neither",
		"user a on >x upstream= -@all": "upstream= needs USER:PASSWORD",
		"user a on >x upstream=:":      "upstream= needs USER:PASSWORD",
		"user a on >" + strings.Repeat("x", maxUsersLine):               "line 1: ",
		"\nuser b off\nuser a on >" + strings.Repeat("x", maxUsersLine): "line 3: ",
	} {
		_, err := ReadUsers(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(text, ">x") && strings.Contains(err.Error(), ">x") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
}

func FuzzUsersFile(f *testing.F) {
	f.Add("user a on >x\n#\n\nuser b off nopass upstream=a:b ~* +@all")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ReadUsers(strings.NewReader(s))
		if (u == nil) == (err == nil) {
			t.Errorf("users %v, error %v", u, err)
		}
	})
}

// TestUsers guards the login to the proxy's own users.
func TestUsers(t *testing.T) {
	server := realServer(t)
	dial(t, server).expect("+OK\r\n", "ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "+@connection")
	for _, mode := range []PoolMode{CommandMode, SessionMode} {
		_, address := start(t, Options{
			Upstream: before(server), PoolMode: mode,
			Users: readUsers(t, "user app on >secret\nuser ro on >x upstream=reader:pw +@read"),
		})
		c := dial(t, address)
		c.expect("-NOAUTH Authentication required.\r\n", "GET", "k")
		c.expect("-NOAUTH Authentication required.\r\n", "PING")
		c.expect("-NOAUTH Authentication required.\r\n", "NOSUCH")
		big := dial(t, address)
		big.raw("*1000\r\n")
		if got := big.read(); got != "-ERR Protocol error: unauthenticated multibulk length\r\n" {
			t.Errorf("a stranger's large command: %q", got)
		}
		c.expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "AUTH", "app", "wrong")
		c.expect("-NOAUTH Authentication required.\r\n", "GET", "k")
		if got := c.do("HELLO", "3"); !strings.HasPrefix(got, "-NOAUTH HELLO must be called") {
			t.Errorf("got %q", got)
		}
		c.expect("+OK\r\n", "AUTH", "app", "secret")
		c.expect("+OK\r\n", "SET", "k", "v")
		ro := dial(t, address)
		if got := ro.do("HELLO", "3", "AUTH", "ro", "x"); !strings.HasPrefix(got, "%7\r\n") {
			t.Errorf("HELLO with AUTH: %q", got)
		}
		ro.expect("$1\r\nv\r\n", "GET", "k")
		if mode == CommandMode {
			ro.expect("+OK\r\n", "CLIENT", "TRACKING", "ON") // on a connection that is reader's
			ro.expect("$2\r\nro\r\n", "ACL", "WHOAMI")
		}
		if got := ro.do("SET", "k", "v"); !strings.HasPrefix(got, "-NOPERM") {
			t.Errorf("SET as a user of the cache that may only read: %q", got)
		}
	}
}

// TestResetKeepsUser guards that a session which has a connection for good cannot
// leave the user it was given with RESET: the server's default user may do more.
func TestResetKeepsUser(t *testing.T) {
	server := realServer(t)
	dial(t, server).expect("+OK\r\n", "ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@all", "-@write")
	users := readUsers(t, "user default on nopass upstream=reader:pw\nuser ro on >x upstream=reader:pw")
	for _, o := range []Options{{PoolMode: SessionMode}, {PoolMode: SessionMode, AllowAdmin: true}, {AllowAdmin: true}, {}} {
		o.Upstream, o.Users = before(server), users
		_, address := start(t, o)
		c := dial(t, address)
		c.expect("+OK\r\n", "AUTH", "ro", "x") // a user of the proxy's, whoever the session is before
		switch {
		case o.PoolMode == SessionMode:
			c.expect("$-1\r\n", "GET", "k")
		case o.AllowAdmin:
			c.expect("+OK\r\n", "MONITOR")
		default:
			c.do("SUBSCRIBE", invalidations)
		}
		if got := c.do("RESET"); !strings.HasPrefix(got, "-ERR proxy: RESET is not possible") {
			t.Errorf("%+v: RESET: %q", o.PoolMode, got)
		}
		if got := c.read(); !strings.HasPrefix(got, "<closed") {
			t.Errorf("%+v: got %q, want the end", o.PoolMode, got)
		}
	}
}

// TestReplacedUsers guards that a user who is gone or demoted loses its sessions,
// and the others keep theirs.
func TestReplacedUsers(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), Users: readUsers(t, "user stays on >x\nuser goes on >x\nuser moves on >x")})
	login := func(name, password string) *client {
		c := dial(t, address)
		c.expect("+OK\r\n", "AUTH", name, password)
		c.do("GET", "k")
		return c
	}
	stays, goes, moves := login("stays", "x"), login("goes", "x"), login("moves", "x")
	if err := p.SetUsers(readUsers(t, "user stays on >new\nuser moves on >x upstream=other:y")); err != nil {
		t.Fatal(err)
	}
	stays.expect("$-1\r\n", "GET", "k")
	for name, c := range map[string]*client{"goes": goes, "moves": moves} {
		if got := c.read(); !strings.HasPrefix(got, "<closed") {
			t.Errorf("%s: %q", name, got)
		}
	}
	login("stays", "new")
	dial(t, address).expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "AUTH", "stays", "x")
}

// TestLoginDuringReload guards that who logs in while users are replaced, as the user it
// was before, leaves the new one nothing of that: nobody gets a login that is gone.
func TestLoginDuringReload(t *testing.T) {
	var l logins
	l.init(&upstream.Login{})
	had, has := readUsers(t, "user a on >x upstream=strong:x"), readUsers(t, "user a on >x upstream=weak:x")
	l.review(has)
	l.of(had.byName["a"])
	if got := l.of(has.byName["a"]).login.User; got != "weak" {
		t.Errorf("the user is %q at the cache, want weak", got)
	}
	if l.of(has.byName["a"]) != l.of(has.byName["a"]) {
		t.Error("two identities for one user")
	}
}

// TestPassAuth guards that the server decides, and that its users do not share
// connections.
func TestPassAuth(t *testing.T) {
	server := realServer(t, "--requirepass", "top")
	direct := dial(t, server)
	direct.expect("+OK\r\n", "AUTH", "top")
	direct.expect("+OK\r\n", "ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read")
	for _, mode := range []PoolMode{CommandMode, SessionMode} {
		p, address := start(t, Options{Upstream: before(server), PassAuth: true, PoolMode: mode, AllowAdmin: mode == SessionMode})
		for range 2 { // the first one waits until the server has said that it wants a login
			big := dial(t, address)
			big.raw("*1000\r\n")
			if got := big.read(); got != "-ERR Protocol error: unauthenticated multibulk length\r\n" {
				t.Errorf("a stranger's large command: %q", got)
			}
		}
		c := dial(t, address)
		c.expect("-NOAUTH Authentication required.\r\n", "GET", "k")
		if got := c.do("HELLO", "3"); !strings.HasPrefix(got, "-NOAUTH HELLO must be called") {
			t.Errorf("got %q", got)
		}
		shed := p.Stats().Shed
		c.expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "AUTH", "wrong")
		c.expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "AUTH", "reader", "wrong")
		if st := p.Stats(); mode == CommandMode && (st.AuthFailures != 2 || st.Shed != shed) {
			t.Errorf("%d logins refused, want 2; shed %+v, before %+v", st.AuthFailures, st.Shed, shed)
		}
		if st := p.Stats(); mode == CommandMode && (st.Upstream.DialErrors != 0 || p.Nodes()[0].LastError != "") {
			t.Errorf("a wrong password counts as %d connections that could not be opened: %q", st.Upstream.DialErrors, p.Nodes()[0].LastError)
		}
		c.expect("+OK\r\n", "AUTH", "top")
		c.expect("+OK\r\n", "SET", "k", "v")
		c.expect(":0\r\n", append([]string{"DEL"}, strings.Split(strings.Repeat("x", 50), "")...)...)
		r := dial(t, address)
		r.expect("+OK\r\n", "AUTH", "reader", "pw")
		r.expect("$1\r\nv\r\n", "GET", "k")
		if got := r.do("SET", "k", "v"); !strings.HasPrefix(got, "-NOPERM") {
			t.Errorf("SET as reader: %q", got)
		}
		c.expect("+OK\r\n", "SET", "k", "v")
		h := dial(t, address)
		if got := h.do("HELLO", "3", "AUTH", "default", "top"); !strings.HasPrefix(got, "%7\r\n") {
			t.Errorf("HELLO with AUTH: %q", got)
		}
		h.expect("_\r\n", "GET", "nothing")
	}
}

// TestPassAuthOpen guards that a server without passwords takes large commands
// from the first one on.
func TestPassAuthOpen(t *testing.T) {
	_, address := start(t, Options{Upstream: before(realServer(t)), PassAuth: true})
	c := dial(t, address)
	for range 2 {
		c.expect(":0\r\n", append([]string{"DEL"}, strings.Split(strings.Repeat("x", 50), "")...)...)
	}
}

// TestOwnLogin guards that the proxy's password serves clients that have none,
// and that a wrong one is reported in the server's words.
func TestOwnLogin(t *testing.T) {
	server := realServer(t, "--requirepass", "top")
	_, address := start(t, Options{Upstream: before(server), Login: upstream.Login{Password: "top"}})
	c := dial(t, address)
	c.expect("+OK\r\n", "SET", "k", "v")
	for _, secret := range []string{"requirepass", "*", "require*", "masterauth"} {
		if got := c.do("CONFIG", "GET", secret); !strings.HasPrefix(got, "-NOPERM 'config get'") {
			t.Errorf("CONFIG GET %s: %q", secret, got)
		}
	}
	if got := c.do("INFO"); strings.Contains(got, "top\r\n") || !strings.Contains(got, "# Proxy") {
		t.Errorf("INFO: %q", clipped(got))
	}
	_, wrong := start(t, Options{Upstream: before(server), Login: upstream.Login{Password: "wrong"}})
	dial(t, wrong).expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "GET", "k")
}

// TestListenPolicy guards that nobody opens a cache to the network by accident.
func TestListenPolicy(t *testing.T) {
	certificates := &tls.Config{ClientCAs: x509.NewCertPool()}
	users := readUsers(t, "user a on >x")
	for _, c := range []struct {
		listener Listener
		users    *Users
		ok       bool
	}{
		{Listener{Address: "127.0.0.1:0"}, nil, true},
		{Listener{Address: "localhost:0"}, nil, true},
		{Listener{Address: "[::1]:0"}, nil, true},
		{Listener{Address: ":0"}, nil, false},
		{Listener{Address: "0.0.0.0:0"}, nil, false},
		{Listener{Address: "0.0.0.0:0", TLS: &tls.Config{}}, nil, false},
		{Listener{Address: ":0", NoAuth: true}, nil, true},
		{Listener{Address: ":0", TLS: certificates}, nil, true},
		{Listener{Address: ":0"}, users, true},
	} {
		p := &Proxy{opts: Options{Users: c.users}}
		p.users.Store(c.users)
		if err := p.mayListen(c.listener); (err == nil) != c.ok {
			t.Errorf("%+v, users %v: %v", c.listener, c.users != nil, err)
		}
	}
}

// TestAdminRefused guards that administration needs the operator's word, on every
// path of a session.
func TestAdminRefused(t *testing.T) {
	server := realServer(t)
	refused := [][]string{
		{"SHUTDOWN"}, {"CONFIG", "SET", "maxmemory", "1"}, {"config", "rewrite"}, {"DEBUG", "SLEEP", "0"}, {"SAVE"},
		{"REPLICAOF", "NO", "ONE"}, {"MONITOR"}, {"ACL", "SETUSER", "x"}, {"CLIENT", "PAUSE", "1"}, {"SLOWLOG", "RESET"},
		{"CLUSTER", "RESET"}, {"MIGRATE", "h", "1", "k", "0", "1"},
	}
	_, address := start(t, Options{Upstream: before(server)})
	c := dial(t, address)
	for _, args := range refused {
		got := c.do(args...)
		if !strings.HasPrefix(got, "-NOPERM '"+strings.ToLower(args[0])) || !strings.HasSuffix(got, "' is disabled by this proxy\r\n") {
			t.Errorf("%q: %q", args, got)
		}
		c.expect("+OK\r\n", "MULTI")
		c.do(args...)
		c.expect("+QUEUED\r\n", "GET", "k")
		c.expect("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
	}
	c.expect("+OK\r\n", "WATCH", "k")
	c.expect("+OK\r\n", "MULTI")
	if got := c.do("SHUTDOWN"); !strings.HasPrefix(got, "-NOPERM") {
		t.Errorf("pinned: %q", got)
	}
	c.expect("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
	for _, args := range [][]string{{"SYNC"}, {"PSYNC", "?", "-1"}, {"REPLCONF", "listening-port", "1"}, {"SCRIPT", "DEBUG", "YES"}} {
		if got := c.do(args...); !strings.HasPrefix(got, "-ERR unknown command '"+args[0]+"'") {
			t.Errorf("%q: %q", args, got)
		}
	}
	c.expect("+OK\r\n", "WATCH", "k")
	if got := c.do("SCRIPT", "DEBUG", "YES"); !strings.HasPrefix(got, "-ERR unknown command 'SCRIPT'") {
		t.Errorf("pinned: %q", got) // whoever has the connection next would run its scripts in the debugger
	}
	c.expect("+OK\r\n", "UNWATCH")
	_, session := start(t, Options{Upstream: before(server), PoolMode: SessionMode})
	s := dial(t, session)
	s.expect("$-1\r\n", "GET", "k")
	if got := s.do("SHUTDOWN"); !strings.HasPrefix(got, "-NOPERM") {
		t.Errorf("session mode: %q", got)
	}
}

// TestTokens guards logins whose password is made anew for each connection, as
// with IAM: a token for each dial, no repeated login, and connections that are
// replaced before the server ends them, without an error for anybody.
func TestTokens(t *testing.T) {
	server := realServer(t)
	dial(t, server).expect("+OK\r\n", "ACL", "SETUSER", "iam", "on", ">token", "~*", "&*", "+@all")
	var made atomic.Int64
	_, address := start(t, Options{
		Loops:    1,
		Upstream: upstream.Options{Address: server, MaxAge: 1500 * time.Millisecond},
		Login: upstream.Login{Token: func(context.Context) (string, string, error) {
			made.Add(1)
			return "iam", "token", nil
		}},
	})
	c := dial(t, address)
	c.expect("+OK\r\n", "WATCH", "k") // a login of its own, which is not repeated
	c.expect("+OK\r\n", "UNWATCH")
	end := time.Now().Add(5 * time.Second)
	for time.Now().Before(end) {
		c.expect("+OK\r\n", "SET", "k", "v")
		time.Sleep(5 * time.Millisecond)
	}
	if n := made.Load(); n < 3 {
		t.Errorf("%d tokens in five seconds with a maximum age of 1.5 s", n)
	}
	if n := strings.Count(dial(t, server).do("CLIENT", "LIST"), "user=iam"); n > 2 {
		t.Errorf("%d connections are open", n)
	}
}
