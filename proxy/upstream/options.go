package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"
)

// Login is what a connection logs in with. Pools are told apart by its address,
// so keep one Login for each user. The zero value sends no AUTH.
type Login struct {
	User     string // "" with a password means the server's default user
	Password string
	// Token makes user and password anew at each dial, as for ElastiCache with
	// IAM. Connections opened with it are replaced before MaxAge.
	Token func(context.Context) (user, password string, err error)
	// Guest says that user and password are a client's own. That the server refuses
	// them is the client's matter: it is no failure to connect.
	Guest bool
}

// anonymous reports that the login sends no AUTH.
func (l *Login) anonymous() bool { return l.User == "" && l.Password == "" && l.Token == nil }

// Options configures an Upstream. The zero value of every field is usable but
// Address.
type Options struct {
	// Network is "tcp" or "unix"; "" means "tcp".
	Network string
	// Address of the server, or of the primary: host:port, or a socket's path.
	// Names are resolved at each dial, for a failover moves the name.
	Address string
	// Readers are addresses of replicas, or of one reader endpoint. With
	// Discover the primary is asked for them as well, every ten seconds.
	Readers  []string
	Discover bool
	// TLS, if not nil, is used for every connection. ServerName is set from the
	// address where it is empty, and the name is always verified.
	TLS *tls.Config
	// Name is sent with CLIENT SETNAME on shared connections; "" means
	// "thaw-proxy".
	Name string

	// MaxShared bounds the shared connections of the process; 0 means 16.
	MaxShared int
	// MaxOwned bounds the connections that sessions own for a while, for a
	// blocking call or a WATCH; 0 means 128. It is apart from MaxShared, so that
	// blocked calls cannot starve the others.
	MaxOwned int
	// MaxPerPool bounds the shared connections of one pool; 0 means 4.
	MaxPerPool int
	// GrowDepth is how many requests wait on a connection before its pool asks
	// for one more; 0 means 2048. Few connections make the server faster: it
	// reads many commands with one system call.
	GrowDepth int
	// GrowBytes is how many bytes the kernel has not taken yet before the pool
	// asks for one more; 0 means 1 MiB.
	GrowBytes int

	// DialTimeout covers name, TCP, TLS and login; 0 means 5 s.
	DialTimeout time.Duration
	// WaitTimeout is how long a session waits for a connection; 0 means 1 s.
	WaitTimeout time.Duration
	// IdleTimeout closes connections that had nothing to do; 0 means 60 s. The
	// last one of a pool lives five times as long.
	IdleTimeout time.Duration
	// ProbeEvery is how long a shared connection may be silent before a PING
	// proves that it is alive; 0 means 15 s. Without an answer within DialTimeout
	// the connection is given up.
	ProbeEvery time.Duration
	// StallTimeout is how long a shared connection may owe replies without
	// delivering a byte before a second connection asks whether the server is
	// there; 0 means 1 min. If the node cannot be reached, or answers the second one
	// as if nothing was the matter, the first is dropped and its sessions are told.
	// A server that says it is busy with a script is waited for, and one that takes
	// connections and answers nothing for five times as long.
	StallTimeout time.Duration
	// MaxAge retires a connection, spread over its last fifth; 0 means 11 h with
	// Login.Token (ElastiCache ends IAM connections after 12 h) and never
	// without.
	MaxAge time.Duration
	// SentinelEvery sends an ECHO of a nonce after so many requests and checks
	// its answer; 0 means never.
	SentinelEvery int
	// MaxAbandoned is how many replies that nobody waits for a connection may
	// owe before it is retired; 0 means 10,000.
	MaxAbandoned int

	// Dial replaces the dialer in tests; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Seed spreads ages and reconnects.
	Seed uint64
	// Log receives connects, losses and breaker changes; nil means none.
	Log *slog.Logger
}

// iamMaxAge leaves an hour before the 12 after which ElastiCache ends an IAM
// connection (ElastiCache User Guide, "Authenticating with IAM").
const iamMaxAge = 11 * time.Hour

func (o Options) withDefaults() (Options, error) {
	if o.Address == "" {
		return o, errors.New("upstream: no address; set Options.Address to the host:port of the cache")
	}
	text(&o.Network, "tcp")
	text(&o.Name, "thaw-proxy")
	number(&o.MaxShared, 16)
	number(&o.MaxOwned, 128)
	number(&o.MaxPerPool, 4)
	number(&o.GrowDepth, 2048)
	number(&o.GrowBytes, 1<<20)
	number(&o.MaxAbandoned, 10_000)
	number(&o.DialTimeout, 5*time.Second)
	number(&o.WaitTimeout, time.Second)
	number(&o.IdleTimeout, time.Minute)
	number(&o.ProbeEvery, 15*time.Second)
	number(&o.StallTimeout, defaultStall)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func text(p *string, byDefault string) {
	if *p == "" {
		*p = byDefault
	}
}

func number[T ~int | ~int64](p *T, byDefault T) {
	if *p <= 0 {
		*p = byDefault
	}
}
