package upstream

import (
	"strconv"

	"github.com/thawdev/thaw/proxy/wire"
)

// step is one request of a login.
type step struct {
	raw []byte
	tag uint32 // mayFail or mustSucceed
	// hello marks the request whose answer describes the server.
	hello bool
}

// loginSteps are the requests that bring a fresh connection to the state its key
// names.
func loginSteps(k Key, user, password, name string) []step {
	var steps []step
	add := func(tag uint32, hello bool, args ...string) {
		steps = append(steps, step{wire.AppendCommand(nil, args...), tag, hello})
	}
	auth := user != "" || password != ""
	switch {
	case k.RESP >= 3 && auth:
		add(mustSucceed, true, "HELLO", "3", "AUTH", orDefault(user), password)
	case k.RESP >= 3:
		add(mustSucceed, true, "HELLO", "3")
	default:
		if auth && user == "" {
			add(mustSucceed, false, "AUTH", password) // servers before 6 know no user
		} else if auth {
			add(mustSucceed, false, "AUTH", user, password)
		}
		add(mayFail, true, "HELLO", "2")
	}
	if k.DB != 0 {
		add(mustSucceed, false, "SELECT", strconv.Itoa(k.DB))
	}
	if name != "" {
		add(mayFail, false, "CLIENT", "SETNAME", name)
	}
	return steps
}

func orDefault(user string) string {
	if user == "" {
		return "default"
	}
	return user
}
