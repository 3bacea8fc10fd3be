package proxy

import (
	"strconv"
	"strings"

	"github.com/thawdev/thaw/proxy/wire"
)

// found is what a walk over the sessions of all loops came back with.
type found struct {
	ready bool
	text  []byte
	count int
	upID  int64
	self  bool
}

// walk visits every loop in turn, and offers the command again when it is
// through. visit runs on the loop of the worker it is given.
func (s *session) walk(visit func(w *worker, f *found)) bool {
	x := s.extra()
	s.hold()
	if x.found != nil {
		return false // under way: what let the session go on was something else
	}
	f := &found{}
	x.found = f
	workers := s.w.proxy.workers
	var step func(i int)
	step = func(i int) {
		if i == len(workers) {
			s.w.loop.Post(func() {
				f.ready = true
				s.release()
			})
			return
		}
		workers[i].loop.Post(func() {
			visit(workers[i], f)
			step(i + 1)
		})
	}
	step(0)
	return false
}

// walked returns the outcome of a walk, nil if none was made for the command.
func (s *session) walked() *found {
	if s.x == nil || s.x.found == nil || !s.x.found.ready {
		return nil
	}
	f := s.x.found
	s.x.found = nil
	return f
}

// standing is what CLIENT LIST says of a session beyond its addresses and times.
type standing struct {
	name, libName, libVersion string
	flags, capa               string
	multi, watch, redirect    int
	subs                      [3]int
}

func (s *session) standing() standing {
	d := standing{multi: -1, redirect: -1}
	mark := func(on bool, flag string) {
		if on {
			d.flags += flag
		}
	}
	p := &pin{}
	if x := s.x; x != nil {
		d.name, d.libName, d.libVersion = x.name, x.libName, x.libVersion
		if x.tx != nil {
			d.multi = len(x.tx.ends) - 1
		}
		if x.subs != nil {
			d.subs = x.subs.counts()
		}
		if x.pin != nil {
			p = x.pin
		}
		if x.capable {
			d.capa = "r"
		}
	}
	if d.watch = p.watched; p.tracking {
		d.redirect = int(p.target)
	}
	// In the order of the server.
	mark(s.has(subscribed), "P")
	mark(s.has(transacting) || p.multi, "x")
	mark(s.has(blocked), "b")
	mark(p.tracking, "t")
	mark(p.noTouch, "T")
	mark(p.importing, "I")
	mark(d.flags == "", "N")
	return d
}

// describe appends the line of CLIENT LIST; reading is the length of the command
// that the session is being served, 0 if it is another's. newer asks for the fields
// of Valkey 8.1.
func (s *session) describe(b []byte, reading int, newer bool) []byte {
	now, d := s.w.now(), s.standing()
	field := func(name, value string) {
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, value...)
		b = append(b, ' ')
	}
	number := func(name string, n int) { field(name, strconv.Itoa(n)) }
	number("id", int(s.id))
	field("addr", s.conn.RemoteAddr().String())
	field("laddr", s.w.proxy.address())
	number("fd", 0)
	field("name", d.name)
	number("age", int(nanos(now-s.born).Seconds()))
	number("idle", int(nanos(now-s.active).Seconds()))
	field("flags", d.flags)
	if newer {
		field("capa", d.capa)
	}
	number("db", int(s.db))
	number("sub", d.subs[0])
	number("psub", d.subs[1])
	number("ssub", d.subs[2])
	number("multi", d.multi)
	buffered := max(reading, s.conn.Unread())
	if newer { // commands are read into a buffer that all clients share
		number("watch", d.watch)
		buffered = max(0, s.conn.Unread()-reading)
	}
	number("qbuf", buffered)
	for _, name := range []string{"qbuf-free", "argv-mem", "multi-mem", "rbs", "rbp", "obl", "oll"} {
		number(name, 0)
	}
	number("omem", s.conn.Unsent())
	number("tot-mem", s.conn.Unread()+s.conn.Unsent()+sessionSize)
	field("events", "r")
	field("cmd", strings.ReplaceAll(s.w.plans[s.last].name, " ", "|"))
	field("user", s.userName())
	number("redir", d.redirect)
	number("resp", int(s.resp))
	field("lib-name", d.libName)
	field("lib-ver", d.libVersion)
	if newer {
		number("tot-net-in", int(s.input)+reading)
		number("tot-net-out", int(s.conn.Written())+s.conn.Unsent())
		number("tot-cmds", int(s.calls)-s.inFlight())
	}
	return append(b[:len(b)-1], '\n')
}

// sessionSize is about what an idle session costs, in bytes.
const sessionSize = 800

func (s *session) userName() string {
	if s.who == nil {
		return "default"
	}
	return s.who.name
}

// sees reports whether the session may know of another: of its own user, unless
// the operator allows administration.
func (s *session) sees(o *session) bool {
	return s.who == o.who || s.w.proxy.opts.AllowAdmin
}

// clientList answers CLIENT LIST over the sessions of the proxy.
func (s *session) clientList(cmd *wire.Command) bool {
	if f := s.walked(); f != nil {
		s.answerText(f.text)
		return true
	}
	match, text := listFilter(cmd.Args[2:])
	newer := s.like81()
	if newer {
		match, text = s.clientFilters(cmd.Args[2:], false)
	}
	if text != "" {
		return s.fail(text)
	}
	length := len(cmd.Raw)
	return s.walk(func(w *worker, f *found) {
		for o := w.first; o != nil; o = o.next {
			if !o.has(gone) && s.sees(o) && match(o) {
				reading := 0
				if o == s {
					reading = length
				}
				f.text = o.describe(f.text, reading, newer)
			}
		}
	})
}

// listFilter reads TYPE t and ID id….
func listFilter(args [][]byte) (match func(*session) bool, text string) {
	all := func(*session) bool { return true }
	switch {
	case len(args) == 0:
		return all, ""
	case len(args) == 2 && fold(args[0], "type"):
		m, ok := typeFilter(args[1])
		if !ok {
			return nil, "ERR Unknown client type '" + clip(args[1], 128) + "'"
		}
		return m, ""
	case len(args) > 1 && fold(args[0], "id"):
		ids := map[uint64]bool{}
		for _, a := range args[1:] {
			n, ok := parseInt(a)
			if !ok || n < 1 {
				return nil, "ERR Invalid client ID"
			}
			ids[uint64(n)] = true
		}
		return func(s *session) bool { return ids[s.id] }, ""
	}
	return nil, "ERR syntax error"
}

// typeFilter matches the server's types of clients.
func typeFilter(name []byte) (match func(*session) bool, ok bool) {
	switch {
	case fold(name, "normal"):
		return func(s *session) bool { return !s.has(subscribed) && !s.replicates() }, true
	case fold(name, "pubsub"):
		return func(s *session) bool { return s.has(subscribed) }, true
	case fold(name, "replica"), fold(name, "slave"):
		return (*session).replicates, true
	case fold(name, "master"):
		return func(*session) bool { return false }, true
	}
	return nil, false
}
