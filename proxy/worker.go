package proxy

import (
	"time"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// worker is what belongs to one loop. It is used on the loop's goroutine only.
type worker struct {
	proxy  *Proxy
	number int
	loop   *engine.Loop
	set    *upstream.Set
	hubs   map[*upstream.Login]*hub

	first, newest *session // all sessions of the loop, in the order they came
	sessions      int
	pins          map[*session]struct{}
	uses          map[pinKey]*pinUse
	// stranger is who a session is before it logs in; nil if it must.
	stranger *identity
	// guarded: the server decides who may log in, and strangers are held short.
	guarded bool

	// parser serves all sessions that have no unfinished command.
	parser  *wire.CommandParser
	scratch []byte
	plans   []*plan // by index; the first is for unknown commands
	bySpec  map[*wire.Spec]*plan
	learned map[string]*plan // commands of modules; nil while not known to be sharable
	spare   *transaction

	stats     Counters
	turn      int64  // the turn that is measured
	endTurn   func() // (*worker).measure
	beats     int
	draining  bool
	lastSweep int64
}

func newWorker(p *Proxy, loop *engine.Loop, number int) *worker {
	w := &worker{
		proxy:   p,
		number:  number,
		loop:    loop,
		set:     p.up.Attach(loop, uint64(number)),
		hubs:    map[*upstream.Login]*hub{},
		pins:    map[*session]struct{}{},
		bySpec:  map[*wire.Spec]*plan{},
		learned: map[string]*plan{},
	}
	w.stranger = p.stranger(p.users.Load())
	w.guarded = p.opts.PassAuth && p.opts.Login.User == "" && p.opts.Login.Password == "" && p.opts.Login.Token == nil
	w.set.RequestTimeout = p.opts.RequestTimeout
	w.parser = w.newParser()
	w.endTurn = w.measure
	w.plans = []*plan{{name: "unknown", do: (*session).unknown}}
	loop.AfterFunc(beat, w.beat)
	return w
}

func (w *worker) newParser() *wire.CommandParser { return &wire.CommandParser{} }

// plan returns what to do with the command of this name.
func (w *worker) plan(name []byte) *plan {
	spec := wire.Lookup(name)
	if spec == nil {
		return w.plans[0]
	}
	if pl := w.bySpec[spec]; pl != nil {
		return pl
	}
	pl := newPlan(spec, len(w.plans))
	w.plans = append(w.plans, pl)
	w.bySpec[spec] = pl
	return pl
}

// nameOf returns a plan that only names a subcommand, for what CLIENT LIST shows.
func (w *worker) nameOf(sub *wire.Spec) *plan {
	pl := w.bySpec[sub]
	if pl == nil {
		pl = &plan{name: sub.Name, spec: sub, index: uint16(len(w.plans))}
		w.plans = append(w.plans, pl)
		w.bySpec[sub] = pl
	}
	return pl
}

// raw returns the command as it goes to the server: as it came, unless another
// server than the one that the parser imitates might read it differently.
func (w *worker) raw(cmd *wire.Command) []byte {
	if cmd.Exact {
		return cmd.Raw
	}
	w.scratch = wire.AppendCommand(w.scratch[:0], cmd.Args...)
	return w.scratch
}

func (w *worker) now() int64 { return w.loop.Now().UnixNano() }

func nanos(n int64) time.Duration { return time.Duration(n) }

func (w *worker) add(s *session) {
	s.prev = w.newest
	if w.newest != nil {
		w.newest.next = s
	} else {
		w.first = s
	}
	w.newest = s
	w.sessions++
}

func (w *worker) remove(s *session) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		w.newest = s.prev
	}
	s.next, s.prev = nil, nil
	w.sessions--
}

func (w *worker) newTransaction() *transaction {
	t := w.spare
	w.spare = nil
	if t == nil {
		t = &transaction{}
	}
	return t
}

func (w *worker) keepTransaction(t *transaction) {
	if cap(t.buf) > keepTransaction {
		return
	}
	*t = transaction{buf: t.buf[:0], ends: t.ends[:0], plans: t.plans[:0]}
	w.spare = t
}

// measured sees to it that the turn of the loop in which commands come is
// measured.
func (w *worker) measured() int64 {
	now := w.now()
	if now != w.turn {
		w.turn = now
		w.loop.AtEndOfTurn(w.endTurn)
	}
	return now
}

func (w *worker) measure() { w.stats.Turns.Observe(time.Since(w.loop.Now())) }
