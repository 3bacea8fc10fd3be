package proxy

import (
	"errors"
	"sync"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// identity is who a session is, and what its connections log in with.
type identity struct {
	name     string
	login    *upstream.Login
	verified time.Time // when the server last accepted it; pass-through only
}

// logins are the identities of the process: one for each user, so that sessions
// of one user share their connections. It is safe for concurrent use.
type logins struct {
	byDefault *identity

	mu      sync.Mutex
	byUser  map[string]*identity      // of Users
	passing map[credentials]*identity // of PassAuth
}

// credentials are what a client gave with AUTH.
type credentials struct{ user, password string }

func (l *logins) init(own *upstream.Login) {
	l.byDefault = &identity{name: "default", login: own}
	l.byUser = map[string]*identity{}
	l.passing = map[credentials]*identity{}
}

// of returns the identity of a user of the proxy.
func (l *logins) of(u *user) *identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.byUser[u.name]
	if id == nil || !sameLogin(u.login, id.login, l.byDefault.login) {
		id = &identity{name: u.name, login: u.login}
		if id.login == nil {
			id.login = l.byDefault.login
		}
		l.byUser[u.name] = id
	}
	return id
}

// verdictLife is how long the server's word on a password is believed, and
// maxVerdicts how many are remembered.
const (
	verdictLife = 5 * time.Minute
	maxVerdicts = 1000
)

// known returns the identity of a login that the server has accepted lately.
func (l *logins) known(user, password string, now time.Time) *identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.passing[credentials{user, password}]
	if id == nil || now.Sub(id.verified) > verdictLife {
		return nil
	}
	return id
}

// accept remembers that the server has accepted id, and returns the identity that
// all sessions with this login have.
func (l *logins) accept(id *identity, now time.Time) *identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := credentials{id.login.User, id.login.Password}
	if before := l.passing[k]; before != nil {
		before.verified = now
		return before
	}
	if len(l.passing) >= maxVerdicts {
		for old := range l.passing {
			delete(l.passing, old)
			break
		}
	}
	id.verified = now
	l.passing[k] = id
	return id
}

const (
	wrongPass = "WRONGPASS invalid username-password pair or user is disabled."
	noPassSet = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
)

// auth logs a session in.
func (s *session) auth(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) > 3 {
		return s.fail("ERR syntax error")
	}
	if !s.settle() {
		return false
	}
	if s.has(pinned) {
		return s.fail("ERR proxy: AUTH is not possible now, the session is pinned; end WATCH, MULTI or CLIENT TRACKING first")
	}
	user, password := "default", string(last(cmd.Args))
	if len(cmd.Args) == 3 {
		user = string(cmd.Args[1])
	}
	id, text, wait := s.authenticate(user, password, len(cmd.Args) == 2, int(s.resp))
	switch {
	case wait:
		return false
	case text != "":
		return s.fail(text)
	}
	s.become(id)
	return s.ok()
}

// become changes who the session is.
func (s *session) become(id *identity) {
	s.who = id
	s.clear(locked)
	s.move()
}

// authenticate finds the identity for a login, or the error to answer with. wait
// means that the server is asked and the command will come again.
func (s *session) authenticate(user, password string, bare bool, resp int) (id *identity, text string, wait bool) {
	p := s.w.proxy
	switch {
	case p.opts.Users != nil:
		if one := p.users.Load().check(user, password); one != nil {
			return p.logins.of(one), "", false
		}
		p.log.Warn("login refused", "client", s.conn.RemoteAddr())
		s.w.stats.AuthFailures++
		return nil, wrongPass, false
	case p.opts.PassAuth:
		return s.askServer(user, password, bare, resp)
	case user != "default":
		s.w.stats.AuthFailures++
		return nil, wrongPass, false
	case bare:
		return nil, noPassSet, false
	}
	return p.logins.byDefault, "", false
}

// askServer lets the server decide: a login is right when a connection can be
// opened with it.
func (s *session) askServer(user, password string, bare bool, resp int) (id *identity, text string, wait bool) {
	p := s.w.proxy
	login := upstream.Login{User: user, Password: password, Guest: true}
	if bare {
		login.User = ""
	}
	if id := p.logins.known(login.User, password, s.w.loop.Now()); id != nil {
		return id, "", false
	}
	x := s.extra()
	if x.trial == nil || x.trial.login.User != login.User || x.trial.login.Password != password {
		x.trial = &identity{name: user, login: &login}
	}
	pool := s.w.set.Pool(upstream.Key{Node: s.key().Node, Login: x.trial.login, DB: int(s.db), RESP: resp})
	if pool.Pick() != nil {
		id := p.logins.accept(x.trial, s.w.loop.Now())
		x.trial = nil
		return id, "", false
	}
	t, err := pool.Wait(s)
	if err != nil {
		x.trial = nil
		return nil, s.explain(err), false
	}
	x.ticket = t
	s.hold()
	return nil, "", true
}

// isStranger reports that whoever this is has not logged in at a server that, as
// far as is known, demands it.
func (s *session) isStranger() bool {
	open, _ := s.key().Node.Open()
	return !open && s.who == s.w.stranger
}

// asksWhetherOpen makes a session wait that is over the limits of a stranger while
// nobody knows whether the server wants a login at all.
func (s *session) asksWhetherOpen(err error) bool {
	var perr *wire.ProtocolError
	if !errors.As(err, &perr) || perr.Kind != wire.BeforeLogin || s.flags&(locked|refused) != 0 {
		return false
	}
	if _, known := s.key().Node.Open(); known {
		return false
	}
	if s.pool == nil {
		s.enter()
	}
	s.awaitShared()
	return s.has(holding)
}

// hasUser reports whether a session could be of this user, as far as the proxy
// knows.
func (p *Proxy) hasUser(name string) bool {
	if u := p.users.Load(); u != nil {
		return u.byName[name] != nil
	}
	return name == "default" || p.logins.passed(name)
}

// passed reports whether the server has accepted a login of this user.
func (l *logins) passed(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.passing {
		if c.user == name {
			return true
		}
	}
	return false
}
