package proxy

// Valkey 8.1 gave CLIENT LIST the filters of CLIENT KILL, and ID several values in
// both. Servers before it, and Redis, have a TYPE or IDs for the one, and pairs for
// the other, with other errors: a session follows the server that it talks to.

// like81 reports whether the server is Valkey 8.1 or a later one.
func (s *session) like81() bool { return s.key().Node.ValkeySince(8, 1) }

// clientFilters reads filters that must all match.
func (s *session) clientFilters(args [][]byte, skipMe bool) (match func(*session) bool, text string) {
	var tests []func(*session) bool
	for len(args) > 0 {
		var test func(*session) bool
		var n int
		if test, n, text = s.clientFilter(args, &skipMe); text != "" {
			return nil, text
		}
		if test != nil {
			tests = append(tests, test)
		}
		args = args[n:]
	}
	return s.matchAll(tests, skipMe), ""
}

// matchAll matches the sessions that pass all tests, and itself unless skipMe.
func (s *session) matchAll(tests []func(*session) bool, skipMe bool) func(*session) bool {
	return func(o *session) bool {
		if o == s && skipMe {
			return false
		}
		for _, test := range tests {
			if !test(o) {
				return false
			}
		}
		return true
	}
}

// clientFilter reads the first filter of args and says how many it has read.
func (s *session) clientFilter(args [][]byte, skipMe *bool) (test func(*session) bool, n int, text string) {
	switch {
	case fold(args[0], "id"):
		return idsFilter(args)
	case len(args) < 2:
		return nil, 0, "ERR syntax error"
	case fold(args[0], "user") && !s.w.proxy.hasUser(string(args[1])):
		return nil, 0, "ERR No such user '" + clip(args[1], 128) + "'"
	case fold(args[0], "maxage"):
		if age, ok := parseInt(args[1]); !ok {
			return nil, 0, "ERR maxage is not an integer or out of range"
		} else if age < 1 {
			return nil, 0, "ERR maxage should be greater than 0"
		}
	}
	test, text = killTest(args[0], args[1], s.w.now(), skipMe)
	return test, 2, text
}

// idsFilter reads ID and all the numbers behind it.
func idsFilter(args [][]byte) (test func(*session) bool, n int, text string) {
	ids := map[uint64]bool{}
	for n = 1; n < len(args); n++ {
		id, ok := parseInt(args[n])
		if !ok {
			break
		}
		if id < 1 {
			return nil, 0, "ERR client-id should be greater than 0"
		}
		ids[uint64(id)] = true
	}
	if len(ids) == 0 {
		return nil, 0, "ERR syntax error"
	}
	return func(o *session) bool { return ids[o.id] }, n, ""
}
