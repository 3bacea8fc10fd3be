package thaw

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options says how to reach a cache and how long to wait for it. The zero value
// of every field is a default for a function with 128 MB that serves one request
// at a time; only URL must be set. A negative duration switches the feature off
// where the field says so, and is an error elsewhere.
type Options struct {
	// URL names the cache:
	//
	//	redis://[user:password@]host[:6379][/db]   Valkey or Redis, plain
	//	rediss://…                                 the same over TLS
	//	valkey:// valkeys://                       the same two
	//	memcached://host[:11211] memcacheds://…    Memcached; a ".cfg." host name is auto discovery
	//	local://                                   no server: only the tier inside the process
	//
	// Query parameters of the first four: mode=auto (default: ask the server),
	// single or cluster; name= overrides Name. There is no parameter that skips
	// the verification of certificates.
	URL string

	// Reader names where values may be read, so that the primary has less to do:
	// host[:port] of a replication group's reader endpoint, or of a serverless
	// cache's port 6380, or "replicas", which asks a cluster for its replicas; ""
	// reads from the primary. Scheme, user and database are the URL's; so is the
	// parameter reader= of the URL, which says the same.
	//
	// A replica is a little behind. A read may then return what was invalidated a
	// moment ago, also by this client; such a value is never stored again. What a
	// miss loads is decided at the primary. If the reader does not answer, the
	// primary does, within the same call; it costs one connection more.
	Reader string
	// Credentials, if set, is asked for a user and a password at each dial, and
	// again before Reauthenticate has passed; it replaces those of the URL. It
	// gets AuthTimeout, and is left behind if it takes longer. Package elasticacheiam has one for IAM.
	Credentials func(context.Context) (user, password string, err error)
	// Reauthenticate is the age at which a connection with Credentials
	// authenticates again; 0 means 11 h: ElastiCache cuts a connection whose
	// IAM token is older than 12 h.
	Reauthenticate time.Duration
	// TLS configures rediss and the like; nil means the system's roots, the
	// host name verified, TLS 1.2 or newer. It is cloned, and gets a session
	// cache if it has none: a resumed handshake needs no signature, the dear
	// part of it on the 1/14 vCPU of 128 MB.
	TLS *tls.Config
	// Name is the connection's name in CLIENT LIST; "" means
	// function:version:environment from the Lambda environment variables, so
	// that an operator sees who holds what.
	Name string
	// Connections is the most connections this client holds to one node;
	// 0 means 1: an environment serves one request at a time, and concurrent
	// requests of a service are pipelined. At most 8.
	Connections int

	// OperationTimeout bounds one cache call from the caller's point of view,
	// everything included; 0 means 200 ms. A healthy call in one zone takes below
	// 1 ms; a lost packet costs TCP's first retransmission, 200 ms; beyond that
	// the database is the faster answer.
	OperationTimeout time.Duration
	// Reserve is what a call leaves of an invocation that is about to end, for
	// the loader and the reply; 0 means 50 ms; negative: nothing. It is never
	// more than half of what remains, so that a context with a short deadline
	// still uses the cache.
	Reserve time.Duration
	// DialTimeout, TLSTimeout and AuthTimeout bound the stages of connecting, DNS
	// together with TCP; 0 means 1 s each. They belong to the connection and not
	// to the request that happened to need it: a request that cannot wait so
	// long goes to its loader, and the next one finds the connection made.
	// 1 s leaves room for one lost SYN and for a handshake on the 1/14 vCPU of
	// 128 MB.
	DialTimeout, TLSTimeout, AuthTimeout time.Duration
	// HealthCheckInterval is the gap between two uses, in wall time, after which
	// the connection is proved before it carries a command; 0 means 30 s:
	// shorter than any idle limit known on the way (NAT and NLB 350 s), longer
	// than the gaps of a busy function.
	HealthCheckInterval time.Duration
	// PingTimeout bounds that proof; 0 means 100 ms, and never more than half of
	// what the call has left, so that a new connection still fits into it.
	PingTimeout time.Duration
	// KeepAlive is the interval of TCP keep-alive probes while the process runs;
	// 0 means 15 s. UserTimeout is Linux's TCP_USER_TIMEOUT, after which
	// unacknowledged data fails the connection; 0 means 5 s, against a
	// default of about 15 minutes.
	KeepAlive, UserTimeout time.Duration

	// BreakerFailures in a row open the breaker; 0 means 5. See guard.Breaker.
	BreakerFailures int
	// BreakerCooldown is the first cool-down, doubling up to 30 s; 0 means 1 s.
	BreakerCooldown time.Duration
	// MaxInflight bounds the calls in flight; 0 means 256. It also sizes the ring
	// of pending commands: about 300 bytes for each.
	MaxInflight int

	// Lease is how long one environment may keep the right to load a key, and so
	// how long a loader may take and still store; 0 means 10 s; negative: no
	// leases, and a store is then refused only if the key was written meanwhile.
	Lease time.Duration
	// LeaseWait is how long others wait for its answer before they load for
	// themselves; 0 means 50 ms; negative: not at all.
	LeaseWait time.Duration
	// Jitter shortens each TTL by a random part of up to this fraction, so that
	// keys stored together do not expire together; 0 means 0.1; negative: none.
	Jitter float64
	// EarlyRefresh is XFetch's beta: a hit close to its end is refreshed by one
	// reader with a probability that grows with the load time of the value;
	// 0 means 1, the optimum of the paper; negative: off.
	EarlyRefresh float64
	// StaleFor is how long a value is kept beyond its TTL, to be served while
	// another environment loads or when the loader fails; 0 means 1 min;
	// negative: off.
	StaleFor time.Duration
	// NegativeTTL is how long ErrNotFound of a loader is remembered; 0 means
	// 10 s; negative: off.
	NegativeTTL time.Duration

	// LocalSize is the size in bytes of the tier inside the process; 0 means
	// none, and 16 MiB for local://. An environment serves few requests a
	// second, so the tier pays only for keys that nearly every request reads.
	LocalSize int64
	// LocalTTL is the hard limit on the age of a local answer since it was last
	// known to be current, in wall time; 0 means 5 s, and the TTL of the value
	// for local://, where there is nothing to ask.
	LocalTTL time.Duration
	// LocalTracking asks the server for invalidations (RESP3, CLIENT TRACKING)
	// and falls back to LocalTTL alone where it has none. In cluster mode each
	// node announces its own changes; a PING to each, at most every half LocalTTL
	// and only beside a call, proves that none was missed.
	LocalTracking bool

	// Codec encodes values other than []byte and string; nil means JSON.
	Codec Codec
	// CompressAbove compresses encoded values of more bytes with DEFLATE; 0
	// means never: it costs about 1 MB of memory while it runs.
	CompressAbove int
	// MaxKeySize and MaxValueSize are in bytes; 0 means 4 KiB (the limit of
	// ElastiCache Serverless; 250 bytes for Memcached) and 1 MiB (Memcached's
	// default; larger values belong in S3).
	MaxKeySize, MaxValueSize int

	// Logger gets what an operator must know once, never a key, a value or a
	// secret; nil means slog.Default().
	Logger *slog.Logger
	// Observer, if set, is called after each stage of each call, in the caller's
	// goroutine (connect stages: in the one that connects). It must be fast and
	// safe for concurrent use. Package thawotel has one for OpenTelemetry.
	Observer func(context.Context, Event)
}

// longest stands for whatever is longer, "for ever" above all: the sum of any four
// durations is still one, and now and two of them a time in nanoseconds.
const longest = 50 * 365 * 24 * time.Hour

// withDefaults fills the zero fields and checks the rest.
func (o Options) withDefaults(e endpoint) (Options, error) {
	var errs []error
	for _, d := range []struct {
		name  string
		field *time.Duration
		def   time.Duration
		off   bool // negative switches off
	}{
		{"Reauthenticate", &o.Reauthenticate, 11 * time.Hour, false},
		{"OperationTimeout", &o.OperationTimeout, 200 * time.Millisecond, false},
		{"Reserve", &o.Reserve, 50 * time.Millisecond, true},
		{"DialTimeout", &o.DialTimeout, time.Second, false},
		{"TLSTimeout", &o.TLSTimeout, time.Second, false},
		{"AuthTimeout", &o.AuthTimeout, time.Second, false},
		{"HealthCheckInterval", &o.HealthCheckInterval, 30 * time.Second, false},
		{"PingTimeout", &o.PingTimeout, 100 * time.Millisecond, false},
		{"KeepAlive", &o.KeepAlive, 15 * time.Second, false},
		{"UserTimeout", &o.UserTimeout, 5 * time.Second, false},
		{"BreakerCooldown", &o.BreakerCooldown, time.Second, false},
		{"Lease", &o.Lease, 10 * time.Second, true},
		{"LeaseWait", &o.LeaseWait, 50 * time.Millisecond, true},
		{"StaleFor", &o.StaleFor, time.Minute, true},
		{"NegativeTTL", &o.NegativeTTL, 10 * time.Second, true},
		{"LocalTTL", &o.LocalTTL, localTTL(e), false},
	} {
		switch {
		case *d.field == 0:
			*d.field = d.def
		case *d.field < 0 && d.off:
			*d.field = 0
		case *d.field < 0:
			errs = append(errs, fmt.Errorf("thaw: Options.%s is %v: it cannot be negative; leave it 0 for %v", d.name, *d.field, d.def))
		}
		*d.field = min(*d.field, longest)
	}
	for _, d := range []struct {
		name  string
		field *int
		def   int
	}{
		{"Connections", &o.Connections, 1},
		{"MaxInflight", &o.MaxInflight, 256},
		{"BreakerFailures", &o.BreakerFailures, 5},
		{"MaxKeySize", &o.MaxKeySize, keyLimit(e)},
		{"MaxValueSize", &o.MaxValueSize, 1 << 20},
		{"CompressAbove", &o.CompressAbove, 0},
	} {
		if *d.field == 0 {
			*d.field = d.def
		} else if *d.field < 0 {
			errs = append(errs, fmt.Errorf("thaw: Options.%s is %d: it cannot be negative; leave it 0 for %d", d.name, *d.field, d.def))
		}
	}
	if o.Connections > 8 {
		errs = append(errs, fmt.Errorf("thaw: Options.Connections is %d, at most 8: commands are pipelined, more connections only use up the node's", o.Connections))
	}
	o.Jitter = fraction(o.Jitter, 0.1)
	o.EarlyRefresh = fraction(o.EarlyRefresh, 1)
	if o.Jitter >= 1 {
		errs = append(errs, fmt.Errorf("thaw: Options.Jitter is %v: it is a fraction of the TTL below 1", o.Jitter))
	}
	if o.Codec != nil && (o.Codec.Format() < 1 || o.Codec.Format() > 15) {
		errs = append(errs, fmt.Errorf("thaw: Options.Codec has Format %d: choose one from 1 to 15 and never reuse it for another encoding", o.Codec.Format()))
	}
	if e.kind == kindLocal && o.LocalSize == 0 {
		o.LocalSize = 16 << 20
	}
	if o.LocalSize < 0 {
		errs = append(errs, fmt.Errorf("thaw: Options.LocalSize is %d: give bytes, or 0 for no local tier", o.LocalSize))
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, errors.Join(errs...)
}

// fraction maps 0 to its default and a negative number to 0.
func fraction(f, def float64) float64 {
	switch {
	case f == 0:
		return def
	case f < 0:
		return 0
	}
	return f
}

func keyLimit(e endpoint) int {
	if e.kind == kindMemcached {
		return 250
	}
	return 4 << 10
}

func localTTL(e endpoint) time.Duration {
	if e.kind == kindLocal {
		return longest // the value's own TTL decides
	}
	return 5 * time.Second
}
