package proxy

import (
	"strconv"

	"github.com/thawdev/thaw/proxy/wire"
)

// clientKill ends sessions of the proxy.
func (s *session) clientKill(cmd *wire.Command) bool {
	old := len(cmd.Args) == 3
	if f := s.walked(); f != nil {
		switch {
		case old && f.count == 0:
			s.fail("ERR No such client")
		case old:
			s.ok()
		default:
			s.answer(wire.AppendInt(nil, int64(f.count)))
		}
		if f.self {
			s.finish()
		}
		return true
	}
	match, text := s.killFilter(cmd.Args[2:])
	if text != "" {
		return s.fail(text)
	}
	return s.walk(func(w *worker, f *found) {
		for o := w.first; o != nil; {
			next := o.next
			if !o.has(gone|leaving) && s.sees(o) && match(o) {
				f.count++
				if o == s {
					f.self = true
				} else {
					o.set(leaving)
					o.conn.Close()
				}
			}
			o = next
		}
	})
}

// killFilter reads the old form, an address, and the new one, pairs of a name and
// a value that must all match.
func (s *session) killFilter(args [][]byte) (match func(*session) bool, text string) {
	if len(args) == 1 {
		address := string(args[0])
		return func(o *session) bool { return o.conn.RemoteAddr().String() == address }, ""
	}
	if s.like81() {
		return s.clientFilters(args, true)
	}
	if len(args)%2 != 0 {
		return nil, "ERR syntax error"
	}
	skipMe := true
	var tests []func(*session) bool
	for i := 0; i < len(args); i += 2 {
		if fold(args[i], "user") && !s.w.proxy.hasUser(string(args[i+1])) {
			return nil, "ERR No such user '" + clip(args[i+1], 128) + "'"
		}
		test, text := killTest(args[i], args[i+1], s.w.now(), &skipMe)
		if text != "" {
			return nil, text
		}
		if test != nil {
			tests = append(tests, test)
		}
	}
	return s.matchAll(tests, skipMe), ""
}

// killTest reads one pair.
func killTest(name, value []byte, now int64, skipMe *bool) (test func(*session) bool, text string) {
	v := string(value)
	switch {
	case fold(name, "id"):
		n, ok := parseInt(value)
		if !ok || n < 1 {
			return nil, "ERR client-id should be greater than 0"
		}
		return func(o *session) bool { return o.id == uint64(n) }, ""
	case fold(name, "addr"):
		return func(o *session) bool { return o.conn.RemoteAddr().String() == v }, ""
	case fold(name, "laddr"):
		return func(o *session) bool { return o.w.proxy.address() == v }, ""
	case fold(name, "user"):
		return func(o *session) bool { return o.userName() == v }, ""
	case fold(name, "type"):
		test, ok := typeFilter(value)
		if !ok {
			return nil, "ERR Unknown client type '" + clip(value, 128) + "'"
		}
		return test, ""
	case fold(name, "maxage"):
		n, ok := parseInt(value)
		if !ok || n < 1 {
			return nil, "ERR syntax error"
		}
		return func(o *session) bool { return int(nanos(now-o.born).Seconds()) >= n }, ""
	case fold(name, "skipme") && fold(value, "yes"):
		*skipMe = true
		return nil, ""
	case fold(name, "skipme") && fold(value, "no"):
		*skipMe = false
		return nil, ""
	}
	return nil, "ERR syntax error"
}

// clientUnblock finds the connection that a session is blocked on, and has the
// server unblock that.
func (s *session) clientUnblock(cmd *wire.Command, pl *plan) bool {
	id, ok := parseInt(cmd.Args[2])
	if !ok {
		return s.fail("ERR value is not an integer or out of range")
	}
	if len(cmd.Args) == 4 && !fold(cmd.Args[3], "timeout") && !fold(cmd.Args[3], "error") {
		return s.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
	}
	f := s.walked()
	if f == nil {
		return s.walk(func(w *worker, f *found) {
			for o := w.first; o != nil; o = o.next {
				switch {
				case o.id != uint64(id) || !s.sees(o) || !o.has(blocked):
				case o.x.waiting != nil:
					f.upID, o.x.unblocked = o.x.waiting.ID(), true
				case o.has(pinned):
					f.upID, o.x.unblocked = o.x.pin.conn.ID(), true
				}
			}
		})
	}
	if f.upID == 0 {
		s.answer(wire.AppendInt(nil, 0))
		return true
	}
	args := [][]byte{cmd.Args[0], cmd.Args[1], strconv.AppendInt(nil, f.upID, 10)}
	args = append(args, cmd.Args[3:]...)
	if s.has(pinned) {
		return s.sendPinned(&wire.Command{Args: args}, pl, tagPlain)
	}
	if !s.forwardMuted(&wire.Command{Args: args}, pl) {
		s.x.found = f // and come again
		return false
	}
	return true
}
