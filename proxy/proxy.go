package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/upstream"
)

// Proxy is a running proxy. Its methods may be called from any goroutine.
type Proxy struct {
	opts   Options
	log    *slog.Logger
	engine *engine.Engine
	up     *upstream.Upstream
	users  atomic.Pointer[Users] // nil: not asked for

	workers []*worker
	logins  logins
	census  census
	started time.Time

	ids         atomic.Uint64
	clients     atomic.Int64
	queuedBytes atomic.Int64
	databases   atomic.Uint64 // bit n: the server has database n
	draining    atomic.Bool

	ended  chan struct{} // closed when the loops are gone
	ending sync.Once

	mu        sync.Mutex
	listeners []net.Listener
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// New starts a proxy without listeners. It opens no connection to the server
// before a client needs one. Close or Shutdown ends it.
func New(o Options) (*Proxy, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	up, err := upstream.New(o.Upstream)
	if err != nil {
		return nil, err
	}
	p := &Proxy{opts: o, log: o.Log, up: up, started: time.Now(), ended: make(chan struct{})}
	p.engine, err = engine.New(engine.Options{Loops: o.Loops, Portable: o.Portable, MaxUnread: o.MaxMemory, Panicked: p.panicked})
	if err != nil {
		return nil, err
	}
	p.opts.Login.Guest = p.opts.PassAuth // clients log in, and until then may be refused
	p.logins.init(&p.opts.Login)
	p.users.Store(o.Users)
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.running.Go(func() { up.Run(ctx, p.logins.byDefault.login) })
	p.start()
	return p, nil
}

// start makes a worker on each loop.
func (p *Proxy) start() {
	p.workers = make([]*worker, len(p.engine.Loops()))
	var ready sync.WaitGroup
	for i, loop := range p.engine.Loops() {
		ready.Add(1)
		loop.Post(func() {
			p.workers[i] = newWorker(p, loop, i)
			ready.Done()
		})
	}
	ready.Wait()
}

// worker returns the worker of a loop.
func (p *Proxy) worker(l *engine.Loop) *worker {
	for _, w := range p.workers {
		if w.loop == l {
			return w
		}
	}
	return nil
}

// Serve accepts clients until ln or the proxy is closed.
func (p *Proxy) Serve(ln net.Listener, t *engine.TLSOptions) error {
	p.mu.Lock()
	p.listeners = append(p.listeners, ln)
	p.mu.Unlock()
	return p.engine.Serve(ln, t, func(l *engine.Loop, c *engine.Conn) engine.Handler {
		return p.worker(l).open(l, c)
	})
}

// Listen opens a listener's address. An address that other machines reach needs
// a way to tell clients apart from strangers.
func (p *Proxy) Listen(l Listener) (net.Listener, error) {
	network, address := "tcp", l.Address
	if rest, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", rest
	}
	if network == "tcp" {
		if err := p.mayListen(l); err != nil {
			return nil, err
		}
	}
	ln, err := net.Listen(network, address)
	if network == "unix" && errors.Is(err, syscall.EADDRINUSE) && abandoned(address) && os.Remove(address) == nil {
		ln, err = net.Listen(network, address)
	}
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return ln, nil
}

// abandoned reports whether a file is a socket on which nobody listens, as a
// process leaves it that was killed.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	nc, err := net.Dial("unix", path)
	if err == nil {
		nc.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func (p *Proxy) mayListen(l Listener) error {
	certificates := l.TLS != nil && l.TLS.ClientCAs != nil
	if l.NoAuth || p.users.Load() != nil || certificates {
		return nil
	}
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return fmt.Errorf("proxy: address %q: %w; write host:port", l.Address, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("proxy: %s can be reached from other machines and nobody would have to log in: give users (--users), client certificates (--tls-client-ca) or say --no-auth", l.Address)
}

func (p *Proxy) waitTimeout() time.Duration {
	if d := p.opts.Upstream.WaitTimeout; d > 0 {
		return d
	}
	return time.Second
}

// knownDB reports whether a connection has selected the database before.
func (p *Proxy) knownDB(db int) bool {
	return db == 0 || db < 64 && p.databases.Load()&(1<<db) != 0
}

func (p *Proxy) learnDB(db int) {
	if db < 64 {
		p.databases.Or(1 << db)
	}
}

// everyWorker runs f on each loop and waits for all. It reports false when the
// proxy was closed meanwhile.
func (p *Proxy) everyWorker(f func(w *worker)) bool {
	done := make(chan struct{}, len(p.workers))
	for _, w := range p.workers {
		w.loop.Post(func() {
			f(w)
			done <- struct{}{}
		})
	}
	for range p.workers {
		select {
		case <-done:
		case <-p.ended:
			return false
		}
	}
	return true
}

// Close ends the proxy at once.
func (p *Proxy) Close() error {
	p.stop()
	err := p.engine.Close()
	p.ending.Do(func() { close(p.ended) })
	p.running.Wait()
	return err
}

// ErrDrained is the cause of sessions that Shutdown had to cut.
var ErrDrained = errors.New("proxy: sessions were cut at the end of the drain time")

// Shutdown stops accepting, lets what is in flight end, closes the sessions as
// they come to rest, and ends the proxy. Sessions that sit on a pin are cut after
// DrainTimeout, or with ctx; then it returns ErrDrained.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	for _, ln := range p.listeners {
		ln.Close()
	}
	p.mu.Unlock()
	p.draining.Store(true)
	ctx, cancel := context.WithTimeout(ctx, p.opts.DrainTimeout)
	defer cancel()
	p.everyWorker((*worker).drain)
	for p.clients.Load() > 0 {
		select {
		case <-ctx.Done():
			cut := p.clients.Load()
			p.log.Warn("sessions cut at the end of the drain time", "sessions", cut)
			return errors.Join(ErrDrained, p.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return p.Close()
}
