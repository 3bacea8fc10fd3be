package proxy

import (
	"github.com/thawdev/thaw/proxy/wire"
)

// blocking handles a command that may wait for another client. It gets a
// connection of its own for the call, if it would wait at all.
func (s *session) blocking(cmd *wire.Command, pl *plan) bool {
	if _, blocks := pl.spec.Blocks(cmd.Args); !blocks {
		return s.forwardMuted(cmd, pl)
	}
	return s.borrowed(becauseBlocking, cmd, pl)
}

// block sends a blocking command to the session's own connection. Nothing of the
// session is done until the answer is there, as on a server. If the client goes
// away the connection is closed: the server then knows that nobody takes the
// element any more.
func (s *session) block(cmd *wire.Command, pl *plan, tag uint32) bool {
	if !s.settle() {
		return false
	}
	s.set(blocked | holding | settling)
	return s.sendPinned(cmd, pl, tag)
}
