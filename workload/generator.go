package workload

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// Request is one request of the stream.
type Request struct {
	Seq  int64         // 0, 1, 2, …
	At   time.Duration // intended send time, since the start of the run
	Key  string        // Rank in decimal
	Rank int64         // of the key: 1, the most popular, … Keys.N
	// Payload is the event, a JSON document; nil without Options.Events. It
	// may be shared between requests: do not modify it.
	Payload []byte
}

// Options configures a Generator. Arrivals is required, and one of Duration,
// Limit or a trace must end the stream.
type Options struct {
	Arrivals Spec
	Keys     Keys          // default: a single key
	Events   *Events       // nil: requests have no payload
	Duration time.Duration // all requests are before it; 0: until Limit, or the end of the trace
	Seed     uint64        // the same seed gives the same stream
	Limit    int64         // most requests; 0: no limit
	Start    time.Time     // start of the run, for {{time}}; zero: 1970-01-01T00:00:00Z
}

// Generator is the stream of requests of a run. It is for one goroutine.
type Generator struct {
	arrivals Arrivals
	rank     func() int64
	events   *Events
	random   *rand.Rand // of the events
	start    time.Time
	limit    int64
	seq      int64
}

// New returns the stream, or an error that names the option that is wrong. It
// opens the file of a trace: Close the generator.
func New(o Options) (*Generator, error) {
	if o.Limit < 0 {
		return nil, fmt.Errorf("workload: Limit %d is negative", o.Limit)
	}
	if o.Duration == 0 && o.Limit == 0 && o.Arrivals.Shape != Trace {
		return nil, errors.New("workload: the run would not end: give Duration or Limit")
	}
	if err := o.Keys.validate(); err != nil {
		return nil, fmt.Errorf("workload: keys: %w", err)
	}
	if o.Events != nil && o.Events.Len() == 0 {
		return nil, errors.New("workload: Events has no templates: use ParseEvents")
	}
	if o.Start.IsZero() {
		o.Start = time.Unix(0, 0)
	}
	arrivals, err := o.Arrivals.Arrivals(o.Duration, o.Seed)
	if err != nil {
		return nil, err
	}
	return &Generator{
		arrivals: arrivals,
		rank:     o.Keys.source(newStream(o.Seed, keyStream)),
		events:   o.Events,
		random:   newStream(o.Seed, eventStream),
		start:    o.Start,
		limit:    o.Limit,
	}, nil
}

// Next returns the next request, in the order of At. ok is false when the
// stream is over; see Err then.
func (g *Generator) Next() (r Request, ok bool) {
	if g.limit > 0 && g.seq >= g.limit {
		return Request{}, false
	}
	at, ok := g.arrivals.Next()
	if !ok {
		return Request{}, false
	}
	rank := g.rank()
	r = Request{Seq: g.seq, At: at, Key: strconv.FormatInt(rank, 10), Rank: rank}
	if g.events != nil {
		r.Payload = g.events.render(g.random, &r, g.start)
	}
	g.seq++
	return r, true
}

// Err returns what ended the stream early: a trace file that changed or could
// not be read. nil otherwise.
func (g *Generator) Err() error {
	if failed, ok := g.arrivals.(interface{ Err() error }); ok {
		return failed.Err()
	}
	return nil
}

// Close closes the trace file; without one it does nothing.
func (g *Generator) Close() error {
	if c, ok := g.arrivals.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
