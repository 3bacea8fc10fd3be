package proxy

import (
	"path"
	"strings"

	"github.com/thawdev/thaw/proxy/wire"
)

// refusesAdmin reports whether a command is administrative and the operator has
// not allowed those.
func (s *session) refusesAdmin(cmd *wire.Command, pl *plan) bool {
	if s.w.proxy.opts.AllowAdmin || pl.spec == nil {
		return false
	}
	if pl.admin {
		return true
	}
	if len(cmd.Args) < 2 || len(pl.spec.Subs()) == 0 {
		return false
	}
	sub := pl.spec.Sub(cmd.Args[1])
	return sub != nil && (adminCommands[sub.Name] || sub.Name == "config|get" && asksSecret(cmd.Args[2:]))
}

// deniedName is how the refusal names the command.
func (s *session) deniedName(cmd *wire.Command, pl *plan) string {
	if pl.admin {
		return pl.name
	}
	return pl.name + " " + shown(cmd.Args[1])
}

// secretSettings are what CONFIG GET would show of the server's passwords, which
// are the proxy's to keep.
var secretSettings = []string{"requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"}

func asksSecret(patterns [][]byte) bool {
	for _, p := range patterns {
		pattern := strings.ToLower(string(p))
		for _, name := range secretSettings {
			if ok, err := path.Match(pattern, name); ok || err != nil {
				return true
			}
		}
	}
	return false
}

// monitor shows everything that all clients of the server do, on a connection of
// its own until the client leaves.
// Where the proxy has logged that one in, what the client says goes on being looked at.
func (s *session) monitor(cmd *wire.Command, pl *plan) bool {
	if !s.lentLogin() {
		return s.tunnel(cmd, pl)
	}
	if !s.has(pinned) {
		return s.borrowed(becauseMonitor, cmd, pl)
	}
	if !s.settle() {
		return false
	}
	s.set(own)
	return s.passThrough(cmd, pl)
}

// replicate makes the client a replica of the server, which is administration and
// otherwise unknown.
func (s *session) replicate(cmd *wire.Command, pl *plan) bool {
	if !s.w.proxy.opts.AllowAdmin {
		return s.asUnknown(cmd, pl)
	}
	return s.tunnel(cmd, pl)
}

// replicates reports that the client is a replica of the server.
func (s *session) replicates() bool {
	if !s.has(through) {
		return false
	}
	name := s.w.plans[s.last].name
	return name == "sync" || name == "psync" || name == "replconf"
}

// tunnel gives the session a connection of its own for ever, on which bytes pass
// as they are from this command on.
func (s *session) tunnel(cmd *wire.Command, pl *plan) bool {
	if !s.has(pinned) && !s.borrowed(becauseMonitor, cmd, pl) {
		return false
	}
	if !s.has(pinned) || s.has(through) {
		return true
	}
	if !s.settle() {
		return false
	}
	p := s.x.pin
	p.monitor = true
	p.conn.PassThrough()
	p.conn.Write(s.w.raw(cmd))
	s.set(through)
	pl.calls++
	return true
}
