// Package runtimeapi is the server side of the AWS Lambda Runtime API
// (2018-06-01), Extensions API (2020-01-01) and Telemetry API (2022-07-01) as
// one execution environment sees them. It knows no processes and no network
// beyond the listener it is given: package lab/sandbox starts and stops the
// runtime and tells this package when it has gone.
//
// One API serves one environment. Each has its own listener and its own state,
// so that an answer cannot reach another environment's caller; within one
// environment the request id decides, for Lambda Managed Instances run several
// invocations at once.
//
//	caller            API                        runtime        extensions
//	  │                │◀──────────── GET next ──────┤               │
//	  │                │◀──────────────── GET event/next ────────────┤
//	  │◀─Initialized───┤                             │               │
//	  ├─Start─────────▶├─────────── the event ──────▶│               │
//	  │◀─Delivered─────┤───────────────── INVOKE ───────────────────▶│
//	  │                │◀──────────── POST response ─┤               │
//	  │◀─Responded─────┤                             │               │
//	  │                │◀──────────── GET next ──────┤               │
//	  │◀─Done──────────┤◀──────────────── GET event/next ────────────┤
//
// Sources: the AWS Lambda developer guide (runtimes-api, runtimes-extensions-api,
// telemetry-api) and the observed behaviour of AWS's own emulator, without that
// emulator's faults: oversized requests are refused and not cut, error types are
// matched whole, a wrong response mode does not wedge the runtime, reasons for a
// shutdown are the documented ones.
package runtimeapi

import (
	"errors"
	"net"
	"sync"
	"time"
)

// MaxPayload bounds a request, in bytes: Lambda's quota for synchronous
// invocations. A response may be maxResponse bytes long.
const MaxPayload = 6 * 1024 * 1024

// maxResponse is what the platform really allows: the quota and 100 bytes.
const maxResponse = MaxPayload + 100

var (
	// ErrTooLarge says that a request payload exceeds MaxPayload; Lambda
	// answers its caller RequestTooLargeException (HTTP 413).
	ErrTooLarge = errors.New("runtimeapi: request payload exceeds 6 MiB; send a reference to the data instead")
	// ErrBusy says that the environment has MaxConcurrency invocations that
	// are not done; start the invocation in another environment.
	ErrBusy = errors.New("runtimeapi: environment is busy; wait for Done of a call or use another environment")
	// ErrClosed says that the API was closed or told to shut down.
	ErrClosed = errors.New("runtimeapi: environment is shut down; Reset or make a new one")
)

// Options describe the function that the environment runs. The zero value
// works; names are then empty in the answers to extensions.
type Options struct {
	FunctionName    string
	FunctionVersion string // empty is $LATEST
	Handler         string
	AccountID       string // told to extensions that accept the feature accountId

	// MaxConcurrency is the number of invocations that the environment takes
	// at once, AWS_LAMBDA_MAX_CONCURRENCY; 0 is 1. More than one means a Lambda
	// Managed Instance, where extensions may not register for INVOKE.
	MaxConcurrency int

	// ErrorLog gets what the runtime or an extension did against the
	// protocol, for the user to read. It is called from many goroutines. Nil
	// drops the messages.
	ErrorLog func(format string, args ...any)

	// DialTelemetry connects to the destination of a telemetry subscription,
	// in the environment's network. Nil dials on this machine, and takes the
	// host sandbox.localdomain, as Lambda names the environment, for 127.0.0.1.
	DialTelemetry func(network, address string) (net.Conn, error)
}

// API serves one execution environment. Its methods may be called from many
// goroutines.
type API struct {
	opts Options

	mu       sync.Mutex
	life     *life
	expected []string // external extensions, see ExpectExtensions
	listener net.Listener
	closed   bool
}

// New returns an API that waits for Serve.
func New(opts Options) *API {
	opts.MaxConcurrency = max(opts.MaxConcurrency, 1)
	if opts.FunctionVersion == "" {
		opts.FunctionVersion = "$LATEST"
	}
	return &API{opts: opts, life: newLife()}
}

// Serve answers connections of l until Close, and then returns nil. Any other
// return is an error of l. The listener belongs to the API from here on.
func (a *API) Serve(l net.Listener) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		l.Close()
		return nil
	}
	a.listener = l
	a.mu.Unlock()

	const firstPause, longestPause = 5 * time.Millisecond, time.Second
	pause := firstPause
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = firstPause
			a.adopt(nc)
			continue
		}
		a.mu.Lock()
		closed := a.closed
		a.mu.Unlock()
		if closed {
			return nil
		}
		// Hundreds of environments can use up the file descriptors for a
		// moment; giving up would leave this one deaf for ever.
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || isExhausted(err) {
			a.logf("accept: %v; retrying in %v", err, pause)
			time.Sleep(pause)
			pause = min(2*pause, longestPause)
			continue
		}
		return err
	}
}

// Close ends Serve, all connections and all calls. It may be called twice.
func (a *API) Close() error {
	a.mu.Lock()
	a.closed = true
	listener := a.listener
	a.listener = nil
	conns := a.life.end(&Error{Type: typeSandboxFailure, Message: "environment was closed"})
	a.mu.Unlock()
	for _, c := range conns {
		c.nc.Close()
	}
	if listener == nil {
		return nil
	}
	return listener.Close()
}

// Reset prepares for new processes in the same environment: calls that are
// not done fail with Sandbox.Failure, connections are closed, registrations
// and subscriptions are forgotten, and Initialized and InitFailed return new
// channels. A connection belongs to the processes before or after a Reset,
// whichever its acceptance was: call it when the old processes have ended.
func (a *API) Reset() {
	a.mu.Lock()
	old := a.life
	conns := old.end(&Error{Type: typeSandboxFailure, Message: "environment was reset"})
	a.life = newLife()
	a.mu.Unlock()
	for _, c := range conns {
		c.nc.Close()
	}
}

// Initialized is closed when Init is over: the runtime has asked for its first
// invocation, and every extension that is registered or expected has called
// event/next. Reset makes a new channel.
func (a *API) Initialized() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.life.initialized
}

// InitFailed delivers at most one error, the first that the runtime or an
// extension posts during Init. Reset makes a new channel.
func (a *API) InitFailed() <-chan *Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.life.initFailed
}

// adopt gives a new connection to the present life.
func (a *API) adopt(nc net.Conn) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		nc.Close()
		return
	}
	c := &conn{api: a, life: a.life, nc: nc}
	c.in.src = nc
	a.life.conns[c] = struct{}{}
	a.mu.Unlock()
	go c.serve()
}

func (a *API) logf(format string, args ...any) {
	if a.opts.ErrorLog != nil {
		a.opts.ErrorLog(format, args...)
	}
}
