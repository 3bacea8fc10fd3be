package proxy

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/thawdev/thaw/proxy/upstream"
)

// Users are the users of the proxy itself.
type Users struct {
	byName map[string]*user
}

type user struct {
	name   string
	on     bool
	nopass bool
	hashes [][sha256.Size]byte
	login  *upstream.Login // nil: the proxy's own
}

// maxUsersLine bounds a line of a users file.
const maxUsersLine = 64 << 10

// ReadUsers reads a file in the syntax of the server's ACL files:
//
//	user NAME on|off >PASSWORD|#SHA256HEX|nopass [upstream=USER:PASSWORD] [rules]
//
// upstream= names the user of the cache that the sessions of this one have.
// Rules for commands, keys and channels are the server's to enforce: only those
// that allow everything are accepted without upstream=. Empty lines and lines
// that begin with '#' are skipped.
func ReadUsers(r io.Reader) (*Users, error) {
	u := &Users{byName: map[string]*user{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxUsersLine)
	line := 1
	for ; sc.Scan(); line++ {
		fields := strings.Fields(sc.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		one, err := parseUser(fields)
		if err != nil {
			return nil, fmt.Errorf("proxy: users file, line %d: %w", line, err)
		}
		if u.byName[one.name] != nil {
			return nil, fmt.Errorf("proxy: users file, line %d: user %q is defined twice", line, one.name)
		}
		u.byName[one.name] = one
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("proxy: users file, line %d: %w", line, err)
	}
	if len(u.byName) == 0 {
		return nil, fmt.Errorf("proxy: the users file defines no user; write: user NAME on >PASSWORD")
	}
	return u, nil
}

func parseUser(fields []string) (*user, error) {
	if fields[0] != "user" || len(fields) < 2 {
		return nil, fmt.Errorf("must begin with: user NAME")
	}
	one := &user{name: fields[1]}
	restricted := ""
	for _, f := range fields[2:] {
		rule, err := one.apply(f)
		if err != nil {
			return nil, err
		}
		if rule {
			restricted = f
		}
	}
	if restricted != "" && one.login == nil {
		return nil, fmt.Errorf("rule %q is not enforced by the proxy; add upstream=USER:PASSWORD of a user of the cache that has it", restricted)
	}
	if one.on && !one.nopass && len(one.hashes) == 0 {
		return nil, fmt.Errorf("user %q is on and has no password; add >PASSWORD, #SHA256HEX or nopass", one.name)
	}
	return one, nil
}

// apply applies one word; restricts reports a rule that the server must enforce.
func (u *user) apply(f string) (restricts bool, err error) {
	switch f {
	case "on":
		u.on = true
		return false, nil
	case "off":
		u.on = false
		return false, nil
	case "nopass":
		u.nopass = true
		return false, nil
	case "resetpass":
		u.nopass, u.hashes = false, nil
		return false, nil
	case "~*", "&*", "+@all", "allkeys", "allchannels", "allcommands", "sanitize-payload", "skip-sanitize-payload":
		return false, nil
	}
	if login, ok := strings.CutPrefix(f, "upstream="); ok {
		name, password, _ := strings.Cut(login, ":")
		if name == "" && password == "" {
			return false, fmt.Errorf("upstream= needs USER:PASSWORD; without them the server takes its default user")
		}
		u.login = &upstream.Login{User: name, Password: password}
		return false, nil
	}
	switch f[0] {
	case '>':
		u.hashes = append(u.hashes, sha256.Sum256([]byte(f[1:])))
		return false, nil
	case '#':
		var h [sha256.Size]byte
		if n, err := hex.Decode(h[:], []byte(f[1:])); err != nil || n != len(h) || len(f) != 1+2*len(h) {
			return false, fmt.Errorf("a password hash is '#' and 64 hexadecimal digits")
		}
		u.hashes = append(u.hashes, h)
		return false, nil
	case '~', '%', '&', '+', '-', '(':
		return true, nil
	}
	switch f {
	case "resetkeys", "resetchannels", "nocommands", "reset", "clearselectors":
		return true, nil
	}
	return false, fmt.Errorf("a word is neither on, off, nopass, >password, #hash, upstream= nor a rule of an ACL file")
}

// check returns the user if name and password fit. It takes the same time for
// every wrong password.
func (u *Users) check(name, password string) *user {
	one := u.byName[name]
	if one == nil || !one.on {
		return nil
	}
	if one.nopass {
		return one
	}
	sum := sha256.Sum256([]byte(password))
	fits := 0
	for _, h := range one.hashes {
		fits |= subtle.ConstantTimeCompare(h[:], sum[:])
	}
	if fits == 0 {
		return nil
	}
	return one
}
