package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/thawdev/thaw/proxy/wire"
)

// ping goes to the server like any other command: an answer from here would hide
// one that is dead, loading or busy. Only the subscribed mode of RESP2, whose
// connection to the server is not this session's, is answered here.
func (s *session) ping(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) > 2 {
		return s.fail("ERR wrong number of arguments for 'ping' command")
	}
	if s.has(subscribed) && s.resp == 2 {
		return s.pingSubscribed(cmd)
	}
	return s.forwardMuted(cmd, pl)
}

// selectDB changes the database. Whether the server has it shows with the first
// connection to it, and the answer waits for that.
func (s *session) selectDB(cmd *wire.Command, pl *plan) bool {
	db, ok := parseInt(cmd.Args[1])
	if !ok {
		return s.fail("ERR value is not an integer or out of range")
	}
	if int32(db) == s.db && db >= 0 {
		return s.ok()
	}
	if db < 0 || db >= maxDB {
		return s.fail("ERR DB index is out of range")
	}
	if !s.settle() {
		return false
	}
	k := s.key()
	k.DB = db
	pool := s.w.set.Pool(k)
	if !s.w.proxy.knownDB(db) && pool.Pick() == nil {
		t, err := pool.Wait(s)
		if err != nil {
			s.extra().err = err
			return s.refuse(pl)
		}
		s.extra().ticket = t
		s.hold()
		return false
	}
	s.w.proxy.learnDB(db)
	s.db = int32(db)
	s.move()
	return s.ok()
}

// maxDB bounds the databases a client can make the proxy ask for: the server's
// own default is 16, and nobody is known to configure more than this.
const maxDB = 1 << 16

// parseInt reads an integer as the server does: no sign but '-', no leading
// zero, no spaces.
func parseInt(b []byte) (int, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<31 || strconv.FormatInt(n, 10) != string(b) {
		return 0, false
	}
	return int(n), true
}

// quit says goodbye.
func (s *session) quit(*wire.Command, *plan) bool {
	s.ok()
	s.finish()
	return true
}

// reset forgets everything the client has set, as the server's RESET.
func (s *session) reset(*wire.Command, *plan) bool {
	if !s.settle() {
		return false
	}
	s.dropTransaction()
	if s.x != nil {
		s.unpin(s.x.pin != nil && s.x.pin.multi)
		s.unsubscribeAll()
		s.x.name, s.x.refusal = "", ""
	}
	s.clear(muted | subscribed | transacting)
	s.db, s.resp = 0, 2
	s.who = s.w.stranger
	if s.who == nil {
		s.set(locked)
	}
	s.move()
	s.answer([]byte("+RESET\r\n"))
	return true
}

// readOnly, readWrite and asking are hints to the nodes of a cluster. What a
// standalone server says to them is an error that depends on its mode.
func (s *session) readOnly(cmd *wire.Command, pl *plan) bool  { return s.clusterHint(cmd, pl) }
func (s *session) readWrite(cmd *wire.Command, pl *plan) bool { return s.clusterHint(cmd, pl) }
func (s *session) asking(cmd *wire.Command, pl *plan) bool    { return s.clusterHint(cmd, pl) }

func (s *session) clusterHint(cmd *wire.Command, pl *plan) bool {
	h, known := s.key().Node.Hello(int(s.resp))
	if known && h.Mode == "cluster" {
		return s.ok()
	}
	return s.forwardMuted(cmd, pl) // on a server without cluster it is an error, and changes nothing
}

// acl answers WHOAMI, whose answer is the user of the session and not of the
// connection.
func (s *session) acl(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) == 2 && fold(cmd.Args[1], "whoami") {
		s.w.scratch = wire.AppendBulk(s.w.scratch[:0], s.who.name)
		s.answer(s.w.scratch)
		return true
	}
	return s.forwardMuted(cmd, pl)
}

// script passes SCRIPT and FUNCTION on but for DEBUG, which takes the connection
// over. KILL must not wait behind the script it is to end.
func (s *session) script(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) > 1 && fold(cmd.Args[1], "debug") {
		return s.asUnknown(cmd, pl)
	}
	if len(cmd.Args) > 1 && fold(cmd.Args[1], "kill") {
		return s.borrowed(becauseKill, cmd, pl)
	}
	return s.forwardMuted(cmd, pl)
}

// adminOrUnknown passes a command for tests of the server on if the operator
// allows administration.
func (s *session) adminOrUnknown(cmd *wire.Command, pl *plan) bool {
	if s.w.proxy.opts.AllowAdmin {
		return s.forwardMuted(cmd, pl)
	}
	return s.asUnknown(cmd, pl)
}

// asUnknown refuses a command as a server does that does not know it.
func (s *session) asUnknown(cmd *wire.Command, _ *plan) bool {
	return s.fail(unknownText(cmd.Args))
}

// unknownText is the server's error for an unknown command.
func unknownText(args [][]byte) string {
	var b strings.Builder
	b.WriteString("ERR unknown command '")
	b.WriteString(clip(args[0], 128))
	b.WriteString("', with args beginning with: ")
	start := b.Len()
	for _, a := range args[1:] {
		if b.Len()-start >= 128 {
			break
		}
		b.WriteString("'" + clip(a, 128-(b.Len()-start)) + "' ")
	}
	return b.String()
}

func clip(b []byte, n int) string { return string(b[:min(len(b), max(n, 0))]) }

// shown is a command's name as errors show it.
func shown(name []byte) string { return strings.ToLower(clip(name, 128)) }

// fold compares an argument with a word in lower case.
func fold(arg []byte, lower string) bool {
	return len(arg) == len(lower) && strings.EqualFold(string(arg), lower)
}

func shortDuration(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	}
	return d.String()
}

func shortSize(n int) string {
	if n >= 1<<20 {
		return strconv.Itoa(n>>20) + " MiB"
	}
	return strconv.Itoa(n) + " bytes"
}
