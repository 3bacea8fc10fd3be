package thaw

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/thawdev/thaw/guard"
	"github.com/valkey-io/valkey-go"
)

// replicas, as Options.Reader, lets the cluster name its replicas.
const replicas = "replicas"

// readerOf returns the endpoint of e's readers, or nil if there are none.
func readerOf(e endpoint) (*endpoint, error) {
	if e.reader == "" {
		return nil, nil
	}
	if e.kind != kindValkey {
		return nil, fmt.Errorf("%w: reader: only Valkey and Redis have readers", ErrURL)
	}
	r := e
	r.readonly = true
	if e.reader == replicas {
		if e.mode == modeSingle {
			return nil, fmt.Errorf("%w: reader=replicas asks the cluster for its replicas; with mode=single give the reader endpoint, host:port", ErrURL)
		}
		r.mode = modeCluster
		return &r, nil
	}
	host, port := e.reader, e.port
	if h, p, err := net.SplitHostPort(e.reader); err == nil {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%w: reader: the port is not in 1 to 65535", ErrURL)
		}
		host, port = h, p
	}
	if host == "" || strings.ContainsAny(host, "/@ ") {
		return nil, fmt.Errorf("%w: reader: write host:port, or replicas; scheme, user and password are those of the URL", ErrURL)
	}
	r.host, r.port = strings.Trim(host, "[]"), port
	return &r, nil
}

// reader reads from replicas. It has a link and a breaker of its own: when it does
// not answer, the primary does, within the same call.
type reader struct {
	link    *link
	breaker *guard.Breaker
	stats   *counters
}

func (c *Client) newReader(e endpoint, d *dialer, primary *link) *reader {
	b := guard.NewBreaker(guard.BreakerOptions{Failures: c.opts.BreakerFailures, Cooldown: c.opts.BreakerCooldown, Seed: rand.Uint64()})
	l := &link{
		opts: &c.opts, endpoint: e, dialer: d, stats: &c.stats, breaker: b,
		observe: c.connectObserver, open: openSession, primary: primary,
	}
	if c.local != nil {
		l.onInvalidate = c.local.invalidate
	}
	return &reader{link: l, breaker: b, stats: &c.stats}
}

// read runs fn over a reader, and over the primary if there is no reader, if it may
// not answer this call, or if it did not. The reader gets half of the time, so that
// the primary still has some.
func (v *valkeyStore) read(call *callContext, fn func(*callContext, *session) error) error {
	if v.reader != nil && !call.primary {
		err := v.reader.read(call, fn)
		if err == nil || errors.Is(err, ErrMiss) || call.Context.Err() != nil {
			return err
		}
		v.reader.stats.readerFailed.Add(1)
	}
	s, err := v.link().acquire(call)
	if err != nil {
		return err
	}
	call.over = s
	return fn(call, s)
}

func (r *reader) read(call *callContext, fn func(*callContext, *session) error) error {
	now := time.Now()
	permit, ok := r.breaker.Allow(now)
	if !ok {
		return &guarded{reason: "the reader has not answered lately"}
	}
	half := &callContext{Context: call.Context, began: now, deadline: now.Add(call.deadline.Sub(now) / 2), bounded: call.bounded}
	verdict := guard.Ignored
	defer func() {
		half.release()
		permit.Done(time.Now(), verdict)
	}()
	s, err := r.link.acquire(half)
	if err != nil {
		return err
	}
	switch err = fn(half, s); {
	case err == nil, errors.Is(err, ErrMiss):
		verdict = guard.Success
		call.over = s
	case isTimeout(err) && !call.bounded, isBroken(err):
		verdict = guard.Failure
	}
	return err
}

// readonlyOption lets a cluster's client read from replicas: READONLY on each
// connection, and a replica for each slot that has one.
func (e endpoint) readonlyOption(option *valkey.ClientOption, m mode) {
	option.ReplicaOnly = e.readonly && m != modeSingle
}
