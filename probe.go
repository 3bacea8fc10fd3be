package thaw

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Step is one stage of a Probe.
type Step struct {
	Stage Stage
	Took  time.Duration
	Err   error  // nil: passed; a *ConnectError with cause and advice
	Note  string // what was learned, for example the mode of the server
}

// Probe connects to o.URL once, with the budgets of o, and returns every stage that
// was reached with its time: DNS, TCP, TLS, AUTH, cluster, PING. The error is that
// of the stage that failed, or of o. It shares nothing with open clients and leaves
// nothing behind: run it from a laptop, or inside a function that cannot reach its
// cache.
func Probe(ctx context.Context, o Options) ([]Step, error) {
	e, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(e); err != nil {
		return nil, err
	}
	if e.kind == kindLocal {
		return nil, fmt.Errorf("%w: local:// has no server to reach", ErrURL)
	}
	o.Observer = nil
	if o.Name == "" {
		o.Name = "thaw-probe"
	}
	o.Name = cleanName(o.Name)
	c, err := newClient(o, e, nil)
	if err != nil {
		return nil, err
	}
	defer c.store.close()
	done := make(chan []Step, 1)
	go func() { done <- c.probe() }()
	select {
	case steps := <-done:
		if last := len(steps) - 1; last >= 0 {
			err = steps[last].Err
		}
		return steps, err
	case <-ctx.Done():
		return nil, fmt.Errorf("thaw: the probe was given up: %w", ctx.Err())
	}
}

func (c *Client) probe() (steps []Step) {
	note := func(s Stage, began time.Time, err error) {
		steps = append(steps, Step{Stage: s, Took: time.Since(began), Err: err})
	}
	m, ok := c.store.(*memcachedStore)
	if ok {
		return m.probe(note, &steps)
	}
	l := c.store.(*valkeyStore).links[0]
	l.observe, l.dialer.observe = note, note
	began := time.Now()
	s, err := openSession(l)
	if err != nil {
		var connect *ConnectError
		if n := len(steps); errors.As(err, &connect) && (n == 0 || steps[n-1].Stage != connect.Stage) {
			note(connect.Stage, began, err)
		}
		return steps
	}
	defer s.retire()
	mode := "one node"
	if s.cluster {
		mode = fmt.Sprintf("cluster of %d nodes", len(s.client.Nodes()))
	}
	// AUTH was measured from the dial on: what is left is its own.
	for i := range steps {
		if steps[i].Stage == StageAuth {
			for _, other := range steps[:i] {
				steps[i].Took = max(steps[i].Took-other.Took, 0)
			}
		}
	}
	steps = append(steps, Step{Stage: StageCluster, Note: mode})
	began = time.Now()
	if err := s.ping(c.opts.PingTimeout); err != nil {
		err = &ConnectError{Stage: StagePing, Addr: c.endpoint.addr(), Err: err}
		note(StagePing, began, err)
		return steps
	}
	note(StagePing, began, nil)
	return steps
}

// String returns the step on one line: stage, time, and what was found.
func (s Step) String() string {
	text := fmt.Sprintf("%-8s %10s  ", s.Stage, s.Took.Round(time.Microsecond))
	switch {
	case s.Err != nil:
		text += strings.TrimPrefix(s.Err.Error(), "thaw: ")
	case s.Note != "":
		text += s.Note
	default:
		text += "ok"
	}
	return text
}
