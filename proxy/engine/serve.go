package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Serve accepts connections from ln, TCP or Unix, and gives each to the loop
// with the fewest. open is called on that loop and returns the handler of the
// connection; nil closes it. With TLSOptions the handshake comes first. To refuse
// a connection, because there are too many or the address is not allowed, let
// open write an error and call CloseAfterFlush.
//
// Serve blocks until ln or the engine is closed and then returns nil. When the
// process runs out of file descriptors it waits and goes on; another error of ln
// is returned, and ln closed.
func (e *Engine) Serve(ln net.Listener, t *TLSOptions, open func(l *Loop, c *Conn) Handler) error {
	if t != nil && t.Config == nil {
		return errors.New("engine: TLSOptions without a Config")
	}
	if !e.listen(ln) {
		ln.Close()
		return ErrClosed
	}
	defer e.unlisten(ln)
	a := acceptor{engine: e, ln: ln, open: open}
	if t != nil {
		o := t.withDefaults()
		a.tls = &o
		a.handshakes = make(chan struct{}, o.MaxHandshakes)
	}
	return a.run()
}

func (e *Engine) listen(ln net.Listener) bool {
	if !e.begin() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners[ln] = struct{}{}
	if e.closed { // since begin
		ln.Close()
	}
	return true
}

func (e *Engine) unlisten(ln net.Listener) {
	ln.Close()
	e.mu.Lock()
	delete(e.listeners, ln)
	e.mu.Unlock()
	e.running.Done()
}

// acceptor is one call of Serve.
type acceptor struct {
	engine     *Engine
	ln         net.Listener
	open       func(l *Loop, c *Conn) Handler
	tls        *TLSOptions
	handshakes chan struct{} // a place for each handshake under way
}

func (a *acceptor) run() error {
	var pause time.Duration
	for {
		nc, err := a.ln.Accept()
		switch {
		case err == nil:
			pause = 0
			a.accepted(nc)
		case errors.Is(err, net.ErrClosed) || a.engine.ctx.Err() != nil:
			return nil
		case passing(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			if !a.wait(pause) {
				return nil
			}
		default:
			return fmt.Errorf("engine: accept: %w", err)
		}
	}
}

// passing says whether an error of Accept goes away by itself: the peer was gone
// before it was accepted, or descriptors or memory have run out for now.
func passing(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary() || outOfResources(err)
}

// wait returns false when the engine was closed meanwhile.
func (a *acceptor) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.engine.ctx.Done():
		return false
	}
}

func (a *acceptor) accepted(nc net.Conn) {
	if a.tls == nil {
		a.give(nc)
		return
	}
	select {
	case a.handshakes <- struct{}{}:
	case <-a.engine.ctx.Done():
		nc.Close()
		return
	}
	if !a.engine.begin() {
		nc.Close()
		return
	}
	go func() {
		defer a.engine.running.Done()
		defer func() { <-a.handshakes }()
		a.shakeHands(nc)
	}()
}

func (a *acceptor) shakeHands(nc net.Conn) {
	ctx, cancel := context.WithTimeout(a.engine.ctx, a.tls.HandshakeTimeout)
	defer cancel()
	tc := tls.Server(&transport{nc: nc}, a.tls.Config)
	if tc.HandshakeContext(ctx) != nil {
		nc.Close()
		return
	}
	a.give(tc)
}

// give hands an accepted connection to a loop. One that cannot be taken over,
// for want of a descriptor, is closed: the client sees it and comes again.
func (a *acceptor) give(nc net.Conn) {
	l := a.engine.leastLoaded()
	if err := l.Adopt(nc, func(c *Conn) Handler { return a.open(l, c) }); err != nil {
		nc.Close()
	}
}
