package proxy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// PinUse is how often, and for how long, clients of one kind had a connection for
// themselves because of one command.
type PinUse struct {
	Reason  string // as in Reasons
	Command string // that asked for the connection, as in the command table
	Library string // what the client said of itself with CLIENT SETINFO
	Client  string // and with CLIENT SETNAME
	Count   uint64
	Now     int           // of them, how many have it now
	Time    time.Duration // pins that last included
}

// pinKey tells uses apart.
type pinKey struct {
	why             reason
	command         uint16 // index of its plan on the loop
	library, client string
}

type pinUse struct {
	count uint64
	now   int
	ended time.Duration // of pins that are over
}

// maxPinUses bounds the kinds a loop remembers: clients choose their names. What
// comes after counts without library and name.
const maxPinUses = 512

// maxPinName bounds a name that is remembered.
const maxPinName = 64

// notePin counts a pin of s and returns where its end is counted.
func (w *worker) notePin(s *session, why reason, command uint16) *pinUse {
	k := pinKey{why: why, command: command, library: clipName(s.x.libName), client: clipName(s.x.name)}
	u := w.uses[k]
	if u == nil && len(w.uses) >= maxPinUses {
		k.library, k.client = "", ""
		u = w.uses[k]
	}
	if u == nil {
		u = &pinUse{}
		if w.uses == nil {
			w.uses = map[pinKey]*pinUse{}
		}
		w.uses[k] = u
	}
	u.count++
	u.now++
	return u
}

func (u *pinUse) end(d time.Duration) {
	u.now--
	u.ended += d
}

func clipName(s string) string { return strings.Clone(s[:min(len(s), maxPinName)]) }

// Pins lists who has had connections for themselves since the start, the longest
// first.
func (p *Proxy) Pins() []PinUse {
	parts := make([]map[PinUse]PinUse, len(p.workers))
	p.everyWorker(func(w *worker) { parts[w.number] = w.pinUses() })
	sum := map[PinUse]PinUse{}
	for _, part := range parts {
		for kind, one := range part {
			all := sum[kind]
			all.Count += one.Count
			all.Now += one.Now
			all.Time += one.Time
			sum[kind] = all
		}
	}
	list := []PinUse{}
	for kind, n := range sum {
		kind.Count, kind.Now, kind.Time = n.Count, n.Now, n.Time
		list = append(list, kind)
	}
	slices.SortFunc(list, func(a, b PinUse) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason+a.Command, b.Reason+b.Command),
			strings.Compare(a.Library, b.Library), strings.Compare(a.Client, b.Client))
	})
	return list
}

// pinUses copies what the loop knows, by kind: a PinUse with its names alone.
func (w *worker) pinUses() map[PinUse]PinUse {
	uses := map[PinUse]PinUse{}
	kinds := map[*pinUse]PinUse{}
	for k, u := range w.uses {
		kind := PinUse{Reason: reasonNames[k.why], Command: w.plans[k.command].name, Library: k.library, Client: k.client}
		kinds[u] = kind
		uses[kind] = PinUse{Count: u.count, Now: u.now, Time: u.ended}
	}
	for s := range w.pins {
		if kind, ok := kinds[s.x.pin.use]; ok {
			n := uses[kind]
			n.Time += nanos(w.now() - s.x.pin.since)
			uses[kind] = n
		}
	}
	return uses
}
