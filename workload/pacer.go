package workload

import "time"

// Pacer says when the next request is due. It is told the time and leaves the
// waiting to its caller:
//
//	for {
//		r, wait, ok := p.Next(since(start))
//		switch {
//		case !ok:      return
//		case wait > 0: sleep(wait)
//		default:       go send(r) // its lag is since(start) − r.At
//		}
//	}
//
// When the caller is late, requests come at once, one at each call, with the
// At they were intended for: nothing is skipped and no schedule is moved, so
// the delay shows in the latency instead of hiding there.
type Pacer struct {
	g    *Generator
	next Request
	have bool
}

// NewPacer returns a pacer of the stream, which it takes over.
func NewPacer(g *Generator) *Pacer { return &Pacer{g: g} }

// Next is told the time since the start of the run. It returns a request to
// send now (wait is 0), or how long to wait before asking again (wait is above
// 0 and r is empty). ok is false when the stream is over.
func (p *Pacer) Next(elapsed time.Duration) (r Request, wait time.Duration, ok bool) {
	if !p.have {
		if p.next, p.have = p.g.Next(); !p.have {
			return Request{}, 0, false
		}
	}
	if p.next.At > elapsed {
		return Request{}, p.next.At - elapsed, true
	}
	r, p.next, p.have = p.next, Request{}, false
	return r, 0, true
}
