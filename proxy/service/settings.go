package service

import (
	"strings"
	"time"
)

// setting is one row of the table: one thing an operator can set, in the file, by
// a flag, or by an environment variable.
type setting struct {
	key     string // dotted path in the file
	flag    string // without dashes
	byValue string // default, as text
	at      func(*Config) any
	choices []string // the only values; nil means all
	min     int64    // of numbers, sizes (bytes) and durations (nanoseconds)
	max     int64    // 0: no bound
	doc     string   // one or two sentences
}

// Env is the name of the environment variable.
func (s *setting) env() string { return envName(s.flag) }

func envName(flag string) string {
	return "THAW_PROXY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

const (
	second = int64(time.Second)
	day    = int64(24 * time.Hour)
)

// settings is the table, in the order of the file.
var settings = []setting{
	{key: "upstream.url", flag: "upstream", at: func(c *Config) any { return &c.Upstream.URL },
		doc: "The server: redis://host:port[/db], rediss:// for TLS, unix:///path for a socket. Give the name of the primary, not its address: a failover moves the name. A user and password in the URL work too, but password_file and password_env keep them out of process lists."},
	{key: "upstream.readers", flag: "reader", at: func(c *Config) any { return &c.Upstream.Readers },
		doc: "Replicas or a reader endpoint, host:port each; the word discover asks the primary for them every ten seconds."},
	{key: "upstream.replica_reads", flag: "replica-reads", byValue: "false", at: func(c *Config) any { return &c.Upstream.ReplicaReads },
		doc: "Send commands that only read to the readers, which may be behind the primary."},
	{key: "upstream.auth", flag: "upstream-auth", byValue: "auto", choices: []string{"auto", "own", "pass"}, at: func(c *Config) any { return &c.Upstream.Auth },
		doc: "Who logs in to the server. own: the proxy, as the user below. pass: each client with its own AUTH. auto: pass when there is neither a password, nor IAM, nor users_file; else own."},
	{key: "upstream.username", flag: "upstream-username", at: func(c *Config) any { return &c.Upstream.Username },
		doc: "User of the server; empty is the user of the URL, or the server's default user."},
	{key: "upstream.password_file", flag: "upstream-password-file", at: func(c *Config) any { return &c.Upstream.PasswordFile },
		doc: "File that holds the password and nothing else; a line break at its end is not part of it."},
	{key: "upstream.password_env", flag: "upstream-password-env", byValue: "THAW_PROXY_UPSTREAM_PASSWORD", at: func(c *Config) any { return &c.Upstream.PasswordEnv },
		doc: "Environment variable that holds the password. It is not needed: an unset variable means no password."},
	{key: "upstream.iam.user", flag: "iam-user", at: func(c *Config) any { return &c.Upstream.IAM.User },
		doc: "Log in to ElastiCache with IAM as the user of this id, with the role of the task, pod or instance, or the keys in the environment, wherever AWS's SDK finds them. Needs rediss://."},
	{key: "upstream.iam.cache", flag: "iam-cache", at: func(c *Config) any { return &c.Upstream.IAM.Cache },
		doc: "Name of the replication group or serverless cache, not its host name."},
	{key: "upstream.iam.region", flag: "iam-region", at: func(c *Config) any { return &c.Upstream.IAM.Region },
		doc: "Region of the cache; empty takes AWS_REGION, or what else AWS's SDK is configured with."},
	{key: "upstream.iam.serverless", flag: "iam-serverless", byValue: "false", at: func(c *Config) any { return &c.Upstream.IAM.Serverless },
		doc: "The cache is serverless: its tokens are refused without saying so."},
	{key: "upstream.tls.ca", flag: "upstream-ca", at: func(c *Config) any { return &c.Upstream.TLS.CA },
		doc: "File of CAs that the server's certificate may be of; empty means the system's. Needs rediss://."},
	{key: "upstream.tls.server_name", flag: "upstream-server-name", at: func(c *Config) any { return &c.Upstream.TLS.ServerName },
		doc: "Name that the server's certificate must have; empty is the host of the URL. It is always verified. Needs rediss://."},
	{key: "upstream.max_connections", flag: "max-upstream", byValue: "16", min: 1, max: 65000, at: func(c *Config) any { return &c.Upstream.MaxConnections },
		doc: "Connections that clients share, for the whole process. Few are faster: the server then reads many commands with one system call."},
	{key: "upstream.max_pinned", flag: "max-pinned", byValue: "128", min: 1, max: 65000, at: func(c *Config) any { return &c.Upstream.MaxPinned },
		doc: "Connections that single clients hold for a while, for blocking calls, WATCH and the like. The server sees at most max_connections and max_pinned together."},
	{key: "upstream.max_per_pool", flag: "max-per-pool", byValue: "4", min: 1, max: 65000, at: func(c *Config) any { return &c.Upstream.MaxPerPool },
		doc: "Shared connections for one database, user and protocol version on one event loop."},
	{key: "upstream.grow_depth", flag: "grow-depth", byValue: "2048", min: 1, max: 1 << 30, at: func(c *Config) any { return &c.Upstream.GrowDepth },
		doc: "Requests that wait on a connection before one more is opened."},
	{key: "upstream.grow_bytes", flag: "grow-bytes", byValue: "1MiB", min: 1 << 10, at: func(c *Config) any { return &c.Upstream.GrowBytes },
		doc: "Bytes the kernel has not taken yet before one more is opened."},
	{key: "upstream.connect_timeout", flag: "connect-timeout", byValue: "5s", min: second / 100, max: day, at: func(c *Config) any { return &c.Upstream.ConnectTimeout },
		doc: "Name, TCP, TLS and login of a new connection together."},
	{key: "upstream.idle_timeout", flag: "upstream-idle-timeout", byValue: "1m", min: second, at: func(c *Config) any { return &c.Upstream.IdleTimeout },
		doc: "Close shared connections that had nothing to do for so long; the last of a pool lives five times as long."},
	{key: "upstream.probe_every", flag: "probe-every", byValue: "15s", min: second, at: func(c *Config) any { return &c.Upstream.ProbeEvery },
		doc: "Send a PING on a shared connection that was silent for so long."},
	{key: "upstream.stall_timeout", flag: "stall-timeout", byValue: "1m", min: second, at: func(c *Config) any { return &c.Upstream.StallTimeout },
		doc: "When a shared connection owes answers and has been silent for so long, ask on a second one, and drop it unless the server is busy. Longer than any CLIENT PAUSE."},
	{key: "upstream.max_age", flag: "upstream-max-age", byValue: "0s", at: func(c *Config) any { return &c.Upstream.MaxAge },
		doc: "Replace connections of this age. 0s means never, and 11h with IAM, for ElastiCache ends those after 12h."},
	{key: "upstream.sentinel_every", flag: "sentinel", byValue: "0", max: 1 << 30, at: func(c *Config) any { return &c.Upstream.SentinelEvery },
		doc: "Check the order of answers with an ECHO of a nonce after so many commands. 0 means never."},

	{key: "pool_mode", flag: "pool-mode", byValue: "command", choices: []string{"command", "transaction", "session"}, at: func(c *Config) any { return &c.PoolMode },
		doc: "How long a client keeps a connection: for one command, from MULTI to EXEC, or from its first command to its last."},
	{key: "admin", flag: "admin", byValue: "deny", choices: []string{"deny", "allow"}, at: func(c *Config) any { return &c.Admin },
		doc: "Administrative commands (CONFIG SET, SHUTDOWN, DEBUG, MONITOR and others): refused with NOPERM, or passed on."},
	{key: "users_file", flag: "users", at: func(c *Config) any { return &c.UsersFile },
		doc: "File with the users of the proxy, in the syntax of ACL files: user NAME on >PASSWORD [upstream=USER:PASSWORD]. Read again on SIGHUP."},
	{key: "no_resp3", flag: "no-resp3", byValue: "false", at: func(c *Config) any { return &c.NoRESP3 },
		doc: "Answer HELLO as a server before Redis 6 does, so that every client speaks RESP2."},

	{key: "limits.max_clients", flag: "max-clients", byValue: "10000", min: 1, max: 10_000_000, at: func(c *Config) any { return &c.Limits.MaxClients },
		doc: "Clients at the same time. Each costs a file descriptor: raise ulimit -n with it."},
	{key: "limits.max_in_flight", flag: "max-in-flight", byValue: "4096", min: 1, max: 1 << 30, at: func(c *Config) any { return &c.Limits.MaxInFlight },
		doc: "Requests of one client under way; at the bound it is not read until answers have come."},
	{key: "limits.max_queued", flag: "max-queued", byValue: "64MiB", min: 1 << 10, at: func(c *Config) any { return &c.Limits.MaxQueued },
		doc: "Bytes of an open MULTI."},
	{key: "limits.slow_client", flag: "slow-client", byValue: "1MiB", min: 1 << 10, at: func(c *Config) any { return &c.Limits.SlowClient },
		doc: "Bytes of replies a client may leave unread before it is not read any more."},
	{key: "limits.max_unread", flag: "max-unread", byValue: "256MiB", min: 1 << 10, at: func(c *Config) any { return &c.Limits.MaxUnread },
		doc: "Bytes of replies a client may leave unread before it is disconnected."},
	{key: "limits.max_messages", flag: "max-messages", byValue: "32MiB", min: 1 << 10, at: func(c *Config) any { return &c.Limits.MaxMessages },
		doc: "The same for a client with subscriptions; the default is that of ElastiCache Serverless."},
	{key: "limits.max_memory", flag: "max-memory", byValue: "1GiB", min: 1 << 20, at: func(c *Config) any { return &c.Limits.MaxMemory },
		doc: "Bytes queued for all clients together; above it the client with most is disconnected."},

	{key: "timeouts.borrow", flag: "borrow-timeout", byValue: "1s", min: second / 1000, at: func(c *Config) any { return &c.Timeouts.Borrow },
		doc: "How long a client waits for a connection before its command fails, unsent."},
	{key: "timeouts.request", flag: "request-timeout", byValue: "0s", at: func(c *Config) any { return &c.Timeouts.Request },
		doc: "Fail commands on shared connections that have no answer after this. 0s means never."},
	{key: "timeouts.idle", flag: "idle-timeout", byValue: "0s", at: func(c *Config) any { return &c.Timeouts.Idle },
		doc: "Disconnect clients that send nothing. 0s means never. Behind a Network Load Balancer, which forgets silent connections after 350 s, keep it below that."},
	{key: "timeouts.partial_command", flag: "partial-timeout", byValue: "1m", min: second / 10, at: func(c *Config) any { return &c.Timeouts.Partial },
		doc: "Disconnect clients whose command does not get complete."},
	{key: "timeouts.pin", flag: "pin-timeout", byValue: "5s", min: second / 10, at: func(c *Config) any { return &c.Timeouts.Pin },
		doc: "How long a client may sit on WATCH or a pinned MULTI without sending a command: an environment frozen there would keep its connection."},
	{key: "timeouts.block", flag: "block-timeout", byValue: "0s", at: func(c *Config) any { return &c.Timeouts.Block },
		doc: "End blocking calls after this, whatever they ask for. 0s means never."},
	{key: "timeouts.tls_handshake", flag: "handshake-timeout", byValue: "10s", min: second / 10, at: func(c *Config) any { return &c.Timeouts.Handshake },
		doc: "TLS handshake of a client."},
	{key: "timeouts.drain_delay", flag: "drain-delay", byValue: "0s", max: day, at: func(c *Config) any { return &c.Timeouts.DrainDelay },
		doc: "After SIGTERM, go on accepting for so long while /readyz already fails, so that a load balancer can look away first."},
	{key: "timeouts.drain", flag: "drain-timeout", byValue: "10s", min: second / 100, max: day, at: func(c *Config) any { return &c.Timeouts.Drain },
		doc: "How long a stop waits for clients that are in the middle of something. Keep it and drain_delay together below the time that your scheduler gives a stopping task."},

	{key: "engine.loops", flag: "loops", byValue: "0", max: 4096, at: func(c *Config) any { return &c.Engine.Loops },
		doc: "Event loops; 0 means one for each core."},
	{key: "engine.portable", flag: "portable", byValue: "false", at: func(c *Config) any { return &c.Engine.Portable },
		doc: "Use the engine that needs no epoll; systems without epoll use it anyway."},

	{key: "metrics.listen", flag: "metrics", at: func(c *Config) any { return &c.Metrics.Listen },
		doc: "host:port of the HTTP endpoint with /metrics, /healthz, /readyz and /pins; empty means none."},
	{key: "metrics.no_auth", flag: "metrics-no-auth", byValue: "false", at: func(c *Config) any { return &c.Metrics.NoAuth },
		doc: "Let it listen on an address that other machines reach. Nobody has to log in there; it shows no secrets, keys or values, but names of commands and clients."},

	{key: "log.level", flag: "log-level", byValue: "info", choices: []string{"debug", "info", "warn", "error"}, at: func(c *Config) any { return &c.Log.Level },
		doc: "What goes to standard error."},
	{key: "log.format", flag: "log-format", byValue: "text", choices: []string{"text", "json"}, at: func(c *Config) any { return &c.Log.Format },
		doc: "One line of text or one JSON document for each message."},
}

// listenerSetting is one thing to set for each listener. Its flag and variable
// set it for all.
type listenerSetting struct {
	setting
	of func(*Listener) any
}

// listenFlag replaces the list of listeners.
const listenFlag = "listen"

// defaultListen is loopback: another address needs a way to tell clients apart
// from strangers.
const defaultListen = "127.0.0.1:6379"

const listenDoc = "Addresses for clients, each with its own TLS: host:port, or unix:/path. Port 0 takes a free one."

var listenerSettings = []listenerSetting{
	{setting{key: "address", flag: listenFlag, byValue: defaultListen,
		doc: "host:port or unix:/path. Another address than loopback needs users_file, tls.client_ca or no_auth."},
		func(l *Listener) any { return &l.Address }},
	{setting{key: "no_auth", flag: "no-auth", byValue: "false",
		doc: "Let whoever reaches the address use the cache."},
		func(l *Listener) any { return &l.NoAuth }},
	{setting{key: "tls.cert", flag: "tls-cert",
		doc: "Certificate file, with its chain; the listener then speaks TLS 1.2 or later. Changed files are read again within ten seconds, or on SIGHUP."},
		func(l *Listener) any { return &l.TLS.Cert }},
	{setting{key: "tls.key", flag: "tls-key",
		doc: "Key file of the certificate."},
		func(l *Listener) any { return &l.TLS.Key }},
	{setting{key: "tls.client_ca", flag: "tls-client-ca",
		doc: "File of CAs; clients must show a certificate of one of them. It is read again with the certificate."},
		func(l *Listener) any { return &l.TLS.ClientCA }},
}

// Default returns the configuration with every default.
func Default() Config {
	var c Config
	for i := range settings {
		s := &settings[i]
		if err := parse(s.at(&c), s.byValue); err != nil && s.byValue != "" {
			panic("service: default of " + s.key + ": " + err.Error())
		}
	}
	c.Listen = []Listener{defaultListener()}
	return c
}

func defaultListener() Listener {
	var l Listener
	for _, s := range listenerSettings {
		if err := parse(s.of(&l), s.byValue); err != nil && s.byValue != "" {
			panic("service: default of listen." + s.key + ": " + err.Error())
		}
	}
	return l
}
