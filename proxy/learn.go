package proxy

import (
	"strconv"
	"strings"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// A command that the table does not have, as of a module, gets a connection of
// its own for the call: it may do anything to it. The server is asked once what
// it is. If it says where the keys are, and not that the command waits or
// subscribes, its next calls are shared like those of any other command.

// maxLearned bounds the names a loop remembers; clients choose them.
const maxLearned = 1000

// unknown handles a command that is not in the table. The server's own error
// comes back if it does not know it either.
func (s *session) unknown(cmd *wire.Command, pl *plan) bool {
	name := strings.ToLower(string(cmd.Args[0]))
	learned, asked := s.w.learned[name]
	switch {
	case learned != nil && !s.has(pinned):
		return s.forwardMuted(cmd, learned)
	case !asked && len(s.w.learned) < maxLearned && s.pool != nil:
		if up := s.pool.Pick(); up != nil {
			s.w.learned[name] = nil
			up.Send(wire.AppendCommand(nil, "COMMAND", "INFO", name), &lesson{w: s.w, name: name}, 0)
		}
	}
	return s.borrowed(becauseUnknown, cmd, pl)
}

// lesson is the answer to COMMAND INFO.
type lesson struct {
	w    *worker
	name string
	text []byte
}

// Reply implements upstream.Receiver.
func (l *lesson) Reply(_ *upstream.Conn, _ uint32, piece []byte, done bool) {
	l.text = append(l.text, piece...)
	if !done {
		return
	}
	v, n, err := wire.ParseValue(l.text, wire.ReplyLimits{})
	if err != nil || n == 0 || len(v.Elems) != 1 || !sharable(v.Elems[0]) {
		return
	}
	w := l.w
	pl := &plan{name: l.name, index: uint16(len(w.plans)), writes: true}
	w.plans = append(w.plans, pl)
	w.learned[l.name] = pl
	w.proxy.log.Info("command of a module is shared from now on", "command", strconv.Quote(l.name))
}

// Lost implements upstream.Receiver: it is asked again with the next call.
func (l *lesson) Lost(*upstream.Conn, uint32, bool, bool, error) { delete(l.w.learned, l.name) }

// sharable reports whether an element of COMMAND INFO describes a command that
// leaves its connection as it was: one with known keys that neither waits nor
// subscribes.
func sharable(v wire.Value) bool {
	if len(v.Elems) < 6 {
		return false
	}
	keys := v.Elems[3].Int > 0
	for _, f := range v.Elems[2].Elems {
		switch strings.ToLower(string(f.Str)) {
		case "movablekeys":
			keys = true
		case "blocking", "pubsub", "admin", "no_multi":
			return false
		}
	}
	return keys
}
