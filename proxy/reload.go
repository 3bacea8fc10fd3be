package proxy

import (
	"errors"

	"github.com/thawdev/thaw/proxy/upstream"
)

// SetUsers replaces the users of the proxy while it runs. Sessions whose user is
// gone, switched off or has another user of the cache are disconnected, as the
// server does after ACL LOAD; the others stay. A proxy that began without users
// cannot be given some.
func (p *Proxy) SetUsers(u *Users) error {
	if p.opts.Users == nil || u == nil {
		return errors.New("proxy: users can be replaced, not introduced or removed, while the proxy runs")
	}
	p.users.Store(u)
	dismissed := p.logins.review(u)
	p.everyWorker(func(w *worker) {
		w.stranger = p.stranger(u)
		for s := w.first; s != nil; {
			next := s.next
			if dismissed[s.who] {
				s.set(leaving)
				s.conn.Close()
			}
			s = next
		}
	})
	return nil
}

// stranger is who a session is before it logs in, nil if it must.
func (p *Proxy) stranger(u *Users) *identity {
	if p.opts.Users == nil {
		return p.logins.byDefault
	}
	if one := u.byName["default"]; one != nil && one.on && one.nopass {
		return p.logins.of(one)
	}
	return nil
}

// review forgets the identities that users no longer have, and returns them.
func (l *logins) review(u *Users) map[*identity]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	dismissed := map[*identity]bool{}
	for name, id := range l.byUser {
		one := u.byName[name]
		if one == nil || !one.on || !sameLogin(one.login, id.login, l.byDefault.login) {
			dismissed[id] = true
			delete(l.byUser, name)
		}
	}
	return dismissed
}

// sameLogin reports whether a user's login, nil for the proxy's own, is the one
// its sessions have.
func sameLogin(now, had, own *upstream.Login) bool {
	if now == nil || had == own {
		return now == nil && had == own
	}
	return now.User == had.User && now.Password == had.Password
}
