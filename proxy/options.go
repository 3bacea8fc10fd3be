package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/thawdev/thaw/proxy/upstream"
)

// PoolMode says how long a session keeps a connection.
type PoolMode string

// The pool modes, with the words of PgBouncer.
const (
	CommandMode     PoolMode = "command"     // as long as one command needs it
	TransactionMode PoolMode = "transaction" // MULTI keeps it until EXEC or DISCARD
	SessionMode     PoolMode = "session"     // from the first command to the last
)

// Options configures a Proxy. The zero value is usable but for Upstream.Address.
type Options struct {
	// Upstream says where the server is and how many connections it may cost.
	Upstream upstream.Options
	// Login is how the proxy logs in to the server for sessions that have no
	// user of their own. The zero value sends no AUTH.
	Login upstream.Login
	// DB is the database a session begins in.
	DB int
	// PassAuth hands a client's AUTH to the server: each user of the server then
	// has pools of its own. Without it and without Users a client need not log in.
	PassAuth bool
	// Users, if not nil, are the users of the proxy; a session must log in as one.
	Users *Users

	// PoolMode is CommandMode when empty.
	PoolMode PoolMode
	// ReplicaReads sends commands that only read to replicas, which may be behind.
	ReplicaReads bool
	// AllowAdmin passes administrative commands on; otherwise they are refused
	// with NOPERM.
	AllowAdmin bool
	// NoRESP3 answers HELLO as a server before Redis 6 does.
	NoRESP3 bool

	// Loops is the number of event loops; 0 means half of GOMAXPROCS, at least
	// one. Fewer loops have larger batches, and so cost less for each command, here
	// and at the server; one is enough for a server without I/O threads.
	Loops int
	// Portable runs the engine that needs no epoll.
	Portable bool

	// MaxClients bounds the sessions; 0 means 10,000, the server's own default.
	MaxClients int
	// MaxInFlight bounds the requests of one session under way; 0 means 4,096. A
	// session at its bound is not read until answers have come.
	MaxInFlight int
	// MaxQueued bounds the bytes of an open MULTI; 0 means 64 MiB.
	MaxQueued int
	// SlowClient is how many bytes of replies a client may leave unread before it
	// is not read any more; 0 means 1 MiB. At MaxUnread it is disconnected; 0
	// means 256 MiB.
	SlowClient, MaxUnread int
	// MaxMessages is MaxUnread for a client with subscriptions; 0 means 32 MiB, as
	// ElastiCache Serverless has it.
	MaxMessages int
	// MaxMemory bounds the bytes queued for all clients together; 0 means 1 GiB.
	// Above it the client with most is disconnected.
	MaxMemory int
	// IdleTimeout disconnects clients that send nothing; 0 means never.
	IdleTimeout time.Duration
	// PartialTimeout disconnects clients whose command does not get complete; 0
	// means 60 s.
	PartialTimeout time.Duration
	// RequestTimeout fails shared requests without an answer; 0 means never.
	RequestTimeout time.Duration
	// WatchTimeout bounds how long a session may sit on WATCH or an open pinned
	// MULTI without sending a command; 0 means 5 s.
	WatchTimeout time.Duration
	// BlockTimeout bounds a blocking call whatever its own limit; 0 means no bound.
	BlockTimeout time.Duration
	// DrainTimeout bounds how long Shutdown waits for sessions; 0 means 10 s.
	DrainTimeout time.Duration

	// Log receives what an operator should know; nil means none.
	Log *slog.Logger
	// Seed makes everything random repeatable.
	Seed uint64
}

func (o Options) withDefaults() (Options, error) {
	if o.PoolMode == "" {
		o.PoolMode = CommandMode
	}
	switch o.PoolMode {
	case CommandMode, TransactionMode, SessionMode:
	default:
		return o, fmt.Errorf("proxy: pool mode %q is not one of command, transaction, session", o.PoolMode)
	}
	if o.Users != nil && o.PassAuth {
		return o, errors.New("proxy: Users and PassAuth exclude each other: either the proxy knows the users or the server does")
	}
	number(&o.Loops, max(1, runtime.GOMAXPROCS(0)/2))
	number(&o.MaxClients, 10_000)
	number(&o.MaxInFlight, 4096)
	number(&o.MaxQueued, 64<<20)
	number(&o.SlowClient, 1<<20)
	number(&o.MaxUnread, 256<<20)
	number(&o.MaxMessages, 32<<20)
	number(&o.MaxMemory, 1<<30)
	number(&o.PartialTimeout, time.Minute)
	number(&o.WatchTimeout, 5*time.Second)
	number(&o.DrainTimeout, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Upstream.Log == nil {
		o.Upstream.Log = o.Log
	}
	if o.Upstream.Seed == 0 {
		o.Upstream.Seed = o.Seed
	}
	return o, nil
}

func number[T ~int | ~int64](p *T, byDefault T) {
	if *p <= 0 {
		*p = byDefault
	}
}

// Listener is one address the proxy accepts clients on.
type Listener struct {
	// Address is host:port, or unix:/path.
	Address string
	// TLS, if not nil, is spoken on it.
	TLS *tls.Config
	// NoAuth says that whoever reaches the address may use the cache.
	NoAuth bool
}
