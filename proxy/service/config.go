package service

import "time"

// Config is everything an operator can set. Default returns the one that thaw
// proxy starts from; the zero value is not usable. What each field means is in
// the table of settings.go.
type Config struct {
	Listen    []Listener
	Upstream  Upstream
	PoolMode  string
	Admin     string
	UsersFile string
	NoRESP3   bool
	Limits    Limits
	Timeouts  Timeouts
	Engine    Engine
	Metrics   Metrics
	Log       Log
}

// Listener is one address for clients.
type Listener struct {
	Address string
	NoAuth  bool
	TLS     ListenerTLS
}

// ListenerTLS names the files of a listener; without Cert it speaks plain TCP.
type ListenerTLS struct{ Cert, Key, ClientCA string }

// Upstream is the cache behind the proxy.
type Upstream struct {
	URL          string
	Readers      []string
	ReplicaReads bool

	Auth         string
	Username     string
	PasswordFile string
	PasswordEnv  string
	IAM          IAM
	TLS          UpstreamTLS

	MaxConnections, MaxPinned  int
	ConnectTimeout, ProbeEvery time.Duration
	StallTimeout, IdleTimeout  time.Duration
	MaxAge                     time.Duration
	SentinelEvery, MaxPerPool  int
	GrowDepth                  int
	GrowBytes                  Size
}

// IAM is the login to ElastiCache with the role of the machine or task.
type IAM struct {
	User, Cache, Region string
	Serverless          bool
}

// UpstreamTLS changes how the certificate of the cache is verified.
type UpstreamTLS struct{ CA, ServerName string }

// Limits bound what clients can cost.
type Limits struct {
	MaxClients, MaxInFlight int
	MaxQueued               Size
	SlowClient, MaxUnread   Size
	MaxMessages, MaxMemory  Size
}

// Timeouts bound how long clients can cost it. Zero means never, but for those
// whose range begins above it.
type Timeouts struct {
	Borrow, Request, Idle time.Duration
	Partial, Pin, Block   time.Duration
	Handshake             time.Duration
	DrainDelay, Drain     time.Duration
}

// Engine is how the proxy runs.
type Engine struct {
	Loops    int
	Portable bool
}

// Metrics is the HTTP endpoint.
type Metrics struct {
	Listen string
	NoAuth bool
}

// Log is what goes to standard error.
type Log struct{ Level, Format string }

// Size is a number of bytes, written with KiB, MiB or GiB.
type Size int64
