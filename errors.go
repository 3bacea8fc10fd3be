package thaw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/valkey-io/valkey-go"
)

// Errors that are a state. Compare with errors.Is.
var (
	ErrURL      = errors.New("thaw: the cache URL is not usable")
	ErrKey      = errors.New("thaw: the key is empty or longer than Options.MaxKeySize")
	ErrValue    = errors.New("thaw: the value is larger than Options.MaxValueSize: store it elsewhere and cache a reference")
	ErrTTL      = errors.New("thaw: the TTL must be at least 1 ms: a cached value without an end is stale for ever")
	ErrNoLoader = errors.New("thaw: the loader is nil")

	// ErrMiss is what Get returns for a key that is not in the cache.
	ErrMiss = errors.New("thaw: not in the cache")
	// ErrNotFound is for loaders: wrap it, or return it, to say that the origin
	// has no such thing. Fetch remembers it for Options.NegativeTTL and returns it.
	ErrNotFound = errors.New("thaw: no such thing in the origin")
	// ErrGuarded means that the cache was not asked, because it has not answered
	// lately, is being connected to, or the invocation has no time left for it.
	ErrGuarded = errors.New("thaw: the cache was not asked")
	// ErrTimeout means that the cache did not answer within
	// Options.OperationTimeout or what the invocation had left for it.
	ErrTimeout = errors.New("thaw: the cache did not answer in time")
	// ErrClosed means that Close was called.
	ErrClosed = errors.New("thaw: the client is closed")
)

// Stage is a step on the way to a working connection.
type Stage string

// The stages of connecting, in their order, and those of a call.
const (
	StageDNS     Stage = "DNS"
	StageTCP     Stage = "TCP"
	StageTLS     Stage = "TLS"
	StageAuth    Stage = "AUTH" // HELLO with the credentials and the name
	StagePing    Stage = "PING"
	StageCluster Stage = "cluster" // the server's mode is not the client's

	StageCommand Stage = "command"
	StageLoad    Stage = "load"
	StageAnswer  Stage = "answer" // a whole Fetch; for observers
)

// Cause is what stands behind a ConnectError, where it could be told.
type Cause string

// Causes of a ConnectError.
const (
	CauseUnknown      Cause = ""
	CauseNoSuchHost   Cause = "no such host"
	CauseUnreachable  Cause = "no answer"                   // packets vanish: security group, route, NACL
	CauseRefused      Cause = "refused"                     // the host is reached, the port is wrong
	CausePlainServer  Cause = "server without TLS"          // TLS client, plain server
	CauseTLSServer    Cause = "server with TLS"             // plain client, TLS server
	CauseCertificate  Cause = "certificate"                 // does not verify
	CauseNoAuth       Cause = "credentials missing"         // NOAUTH
	CauseWrongPass    Cause = "credentials refused"         // WRONGPASS
	CauseCredentials  Cause = "credentials not made"        // Options.Credentials failed
	CauseMaxClients   Cause = "too many clients"            // maxclients reached
	CauseClusterMode  Cause = "server in cluster mode"      // single client, cluster server
	CauseNoCluster    Cause = "server without cluster mode" // asked for its replicas
	CauseCrossSlot    Cause = "keys of several slots"       // CROSSSLOT
	CauseNotPermitted Cause = "not permitted"               // NOPERM
	CauseLoading      Cause = "server is loading"           // LOADING
	CauseHungUp       Cause = "server hung up"              // without a word
)

// advice says what each cause means in a VPC and what to do next.
var advice = map[Cause]string{
	CauseNoSuchHost:   "the name does not resolve: check the endpoint's spelling and that the function's VPC has DNS support; a private endpoint resolves only inside its VPC",
	CauseUnreachable:  "nothing answered, which in a VPC means that packets are dropped: check that the cache's security group admits this port from the function's security group, that the function has a VPC configuration with subnets of the same VPC, and the subnets' routes and network ACLs",
	CauseRefused:      "the host answered that nothing listens there: the network is open, check the port (6379, 6380 for reads of a serverless cache, 11211 for Memcached)",
	CausePlainServer:  "the server does not speak TLS: use redis:// (or memcached://), or switch on in-transit encryption",
	CauseTLSServer:    "the server expects TLS: use rediss:// (or memcacheds://)",
	CauseCertificate:  "the certificate does not verify: use the endpoint's DNS name, not its address; for a private authority set Options.TLS.RootCAs. Do not switch verification off: ElastiCache's certificates verify with the system's roots",
	CauseNoAuth:       "the server wants credentials: put user and password into the URL or set Options.Credentials",
	CauseWrongPass:    "the server refused the user or the password; with IAM the user's id must equal its name, the cache name must be in lower case, and a serverless cache needs the Serverless flag",
	CauseCredentials:  "Options.Credentials returned an error, or nothing within Options.AuthTimeout",
	CauseMaxClients:   "the node has no connection left: compare concurrency times connections per environment with its maxclients, and look in CLIENT LIST for who holds them",
	CauseClusterMode:  "the server is in cluster mode: remove mode=single from the URL",
	CauseNoCluster:    "the server is no cluster that could name its replicas: give the reader endpoint as host:port instead of replicas",
	CauseCrossSlot:    "one command named keys of several slots: give them a common {hash tag}, or use FetchMany, which splits",
	CauseNotPermitted: "the user may not run this command: check its access string",
	CauseHungUp:       "the server closed the connection without a word: if it has in-transit encryption use rediss://; else it is going away, or has no connection left",
	CauseLoading:      "the server is loading its data set: try again later",
}

// ConnectError says at which stage connecting failed, why, and what to do.
type ConnectError struct {
	Stage Stage
	Addr  string // host:port, without credentials
	Cause Cause
	Err   error // never contains a secret
}

func (e *ConnectError) Error() string {
	s := fmt.Sprintf("thaw: connecting to %s failed at %s: %v", e.Addr, e.Stage, e.Err)
	if a := advice[e.Cause]; a != "" {
		s += ": " + a
	}
	return s
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Timeout reports whether the stage ran out of its budget.
func (e *ConnectError) Timeout() bool { return isTimeout(e.Err) }

// ReplyError is an error reply of the server to a command.
type ReplyError struct {
	Stage Stage // StageCommand, or StageCluster if the client's mode is wrong
	Cause Cause
	Text  string // the server's own words
}

func (e *ReplyError) Error() string {
	s := "thaw: the server answered: " + e.Text
	if a := advice[e.Cause]; a != "" {
		s += ": " + a
	}
	return s
}

// guarded is an ErrGuarded with its reason.
type guarded struct {
	reason string
	cause  error
}

func (g *guarded) Error() string {
	s := ErrGuarded.Error() + ": " + g.reason
	if g.cause != nil {
		s += ": " + g.cause.Error()
	}
	return s
}

func (g *guarded) Is(target error) bool { return target == ErrGuarded }
func (g *guarded) Unwrap() error        { return g.cause }

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrTimeout) ||
		errors.As(err, &n) && n.Timeout()
}

// serverCause reads the cause out of an error reply. The texts are Redis' and
// Valkey's own and have been stable since they were introduced; clients depend
// on them.
func serverCause(reply string) Cause {
	switch {
	case strings.HasPrefix(reply, "NOAUTH"):
		return CauseNoAuth
	case strings.HasPrefix(reply, "WRONGPASS"), strings.HasPrefix(reply, "ERR invalid password"),
		strings.Contains(reply, "without any password configured"):
		return CauseWrongPass
	case strings.Contains(reply, "max number of clients"):
		return CauseMaxClients
	case strings.HasPrefix(reply, "MOVED"), strings.HasPrefix(reply, "ASK "):
		return CauseClusterMode
	case strings.HasPrefix(reply, "CROSSSLOT"):
		return CauseCrossSlot
	case strings.HasPrefix(reply, "NOPERM"):
		return CauseNotPermitted
	case strings.HasPrefix(reply, "LOADING"):
		return CauseLoading
	}
	return CauseUnknown
}

// unquoted is a server's words without the arguments that it quotes of a command it
// does not know: keys, values, and of HELLO the password, cut where it is long.
func unquoted(reply string) string {
	words, _, _ := strings.Cut(reply, ", with args beginning with")
	return words
}

// isBroken reports whether err is about the connection and not about the
// command: the next command needs another connection.
func isBroken(err error) bool {
	var connect *ConnectError
	if errors.As(err, &connect) || errors.Is(err, ErrGuarded) {
		return false // there was no connection to break
	}
	var op *net.OpError
	return errors.Is(err, errNotConnected) || errors.Is(err, valkey.ErrClosing) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op) && !op.Timeout()
}
