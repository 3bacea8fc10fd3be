package engine

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

// Options configures an Engine. The zero value is usable.
type Options struct {
	// Loops is the number of event loops; 0 means GOMAXPROCS.
	Loops int
	// Portable chooses the engine that reads each connection in a goroutine even
	// where epoll exists. Systems without epoll have no other.
	Portable bool
	// ReadBuffer is the size in bytes of the buffer that a loop reads into, one
	// for all its connections, and with that the most that one connection reads
	// in one turn; 0 means 64 KiB.
	ReadBuffer int
	// MaxUnread bounds the bytes that a handler may leave unconsumed on one
	// connection before it is closed with ErrUnread; 0 means 1 GiB, which is the
	// server's own client-query-buffer-limit. Conn.SetMaxUnread changes it for
	// one connection.
	MaxUnread int
	// FlushTimeout bounds how long CloseAfterFlush waits for the peer to take
	// the output; 0 means 5 s.
	FlushTimeout time.Duration
	// Linger bounds how long a connection that CloseAfterFlush has flushed waits
	// for the peer to close its side too; 0 means 1 s. Closing at once while
	// bytes of the peer are unread makes the kernel send a reset, and a reset
	// destroys what the peer has not read yet: the very error message that the
	// close was to deliver.
	Linger time.Duration
	// Panicked, if not nil, is told that Data panicked, with the value and the
	// stack, after the connection was closed with ErrPanic: a message that nobody
	// has thought of must not end thousands of other connections. It is called on
	// the loop and has to mend what Data may have left half done; a panic
	// anywhere else, and one in Panicked, ends the process.
	Panicked func(c *Conn, value any, stack []byte)
}

// Errors that Handler.Closed is told.
var (
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("engine: closed")
	// ErrUnread says that the handler left more than MaxUnread bytes unconsumed.
	ErrUnread = errors.New("engine: too many unconsumed bytes: raise Options.MaxUnread, or refuse the message earlier")
	// ErrPanic says that the handler panicked.
	ErrPanic = errors.New("engine: the handler panicked")
	// ErrFlushTimeout says that the peer did not read what CloseAfterFlush
	// waited for.
	ErrFlushTimeout = errors.New("engine: the peer did not read its output in time")
)

func (o Options) withDefaults() Options {
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.ReadBuffer <= 0 {
		o.ReadBuffer = 64 << 10
	}
	if o.MaxUnread <= 0 {
		o.MaxUnread = 1 << 30
	}
	if o.FlushTimeout <= 0 {
		o.FlushTimeout = 5 * time.Second
	}
	if o.Linger <= 0 {
		o.Linger = time.Second
	}
	return o
}

// Engine is a set of event loops. Its methods may be called from any goroutine.
type Engine struct {
	opts  Options
	loops []*Loop

	running sync.WaitGroup     // loops, accepting goroutines and handshakes
	ctx     context.Context    // ends with Close
	stop    context.CancelFunc // ends ctx

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
}

// New starts the loops. Close ends them.
func New(o Options) (*Engine, error) {
	e := &Engine{opts: o.withDefaults(), listeners: map[net.Listener]struct{}{}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	for range e.opts.Loops {
		l, err := newLoop(e)
		if err != nil {
			for _, l := range e.loops {
				l.poll.close()
			}
			e.stop()
			return nil, err
		}
		e.loops = append(e.loops, l)
	}
	for _, l := range e.loops {
		e.running.Go(l.run)
	}
	return e, nil
}

// Loops returns the loops. The slice is the engine's own.
func (e *Engine) Loops() []*Loop { return e.loops }

// Conns counts the open connections of all loops, also those whose handler was
// not made yet.
func (e *Engine) Conns() int {
	n := 0
	for _, l := range e.loops {
		n += l.Conns()
	}
	return n
}

// Close closes every listener that Serve was given and every connection, whose
// handlers are told ErrClosed, and returns when all goroutines have ended.
// Functions that were posted before still run. It must not be called on a loop.
func (e *Engine) Close() error {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		e.stop()
		for ln := range e.listeners {
			ln.Close()
		}
		for _, l := range e.loops {
			l.Post(func() { l.stopping = true })
		}
	}
	e.mu.Unlock()
	e.running.Wait()
	return nil
}

// begin counts one more goroutine that Close waits for; false when it is too
// late to start one.
func (e *Engine) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.running.Add(1)
	return true
}

// leastLoaded picks the loop with the fewest connections. Balancing by count and
// not by a hash of the address keeps the loops equal even when one client host
// opens most of the connections; unequal loops show as latency with idle cores.
func (e *Engine) leastLoaded() *Loop {
	best := e.loops[0]
	for _, l := range e.loops[1:] {
		if l.conns.Load() < best.conns.Load() {
			best = l
		}
	}
	return best
}
