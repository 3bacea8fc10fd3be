package service

import "strings"

// Advice says how to avoid what pins or is refused.
type Advice struct {
	// For is the pin reason, or the library, that it is about.
	For  string `json:"for"`
	Text string `json:"text"`
}

// reasonAdvice is in the order of how often it matters.
var reasonAdvice = []Advice{
	{"tracking", "Client-side caching needs a connection for each client: every client that has it on counts against upstream.max_pinned. Switch it off in the library (see there), or size max_pinned for all such clients."},
	{"blocking", "A client that waits in BLPOP, XREAD BLOCK and the like holds a connection for as long. Give upstream.max_pinned one for each worker that waits at the same time, and keep the timeout of the call shorter than the function may run: an element popped for a frozen client is lost."},
	{"watch", "Between WATCH and EXEC the client holds a connection. Do nothing slow in between, or replace the pair by a script (EVAL, FCALL) or SET with NX or XX, which share."},
	{"multi", "Commands inside MULTI that change their connection (SELECT, CLIENT TRACKING, SUBSCRIBE and others) need one of their own; send them outside. In transaction mode every MULTI pins: command mode does not."},
	{"import_source", "CLIENT IMPORT-SOURCE is a property of a connection. Switch it off when the import is done."},
	{"no_touch", "CLIENT NO-TOUCH is a property of a connection. Leave it out where reads may touch keys."},
	{"unknown_command", "A command that the proxy's table does not know, as of a module, gets a connection for the call, for it may do anything to it. If it is a typing error the server says so."},
	{"wait", "WAIT holds the connection of the client's last write until the replicas have it, and others cannot use it meanwhile. Keep its timeout short."},
	{"script_kill", "SCRIPT KILL and FUNCTION KILL get a connection for the call, for they must not wait behind the script. That is as it should be."},
	{"monitor", "MONITOR holds a connection until the client leaves, and slows the server."},
	{"session", "In session mode every client has a connection of its own: that is its purpose. Use pool_mode command to share."},
}

// libraryAdvice is by what libraries call themselves with CLIENT SETINFO.
var libraryAdvice = []struct {
	name   string
	reason string // "" is for all
	text   string
}{
	{"rueidis", "tracking", "rueidis switches client-side caching on by default: set ClientOption.DisableCache to true."},
	{"valkey", "tracking", "valkey-go switches client-side caching on by default: set ClientOption.DisableCache to true."},
	{"redis-py", "tracking", "redis-py tracks only with cache_config: leave it out."},
	{"redis-py", "watch", "redis-py sends WATCH from Pipeline.watch() and from Redis.transaction(); register_script shares."},
	{"jedis", "tracking", "Jedis tracks only with a Cache or CacheConfig given to the client: leave it out."},
	{"lettuce", "tracking", "Lettuce tracks only with ClientSideCaching or enableClientTracking: leave it out."},
	{"go-redis", "watch", "go-redis sends WATCH from Client.Watch only; TxPipelined alone shares."},
	{"ioredis", "blocking", "With ioredis use one client for blocking calls and another for the rest: commands behind a blocking one wait."},
	{"se.redis", "watch", "StackExchange.Redis sends WATCH for a transaction with a Condition; one without shares."},
	{"node-redis", "tracking", "node-redis tracks only with clientSideCache: leave it out."},
	{"node-redis", "watch", "node-redis sends WATCH from client.watch() only; multi() alone shares."},
}

// adviceFor returns what helps with uses of a reason by a library.
func adviceFor(reason, library string) []Advice {
	var all []Advice
	base, _, _ := strings.Cut(library, "(") // go-redis(,go1.26)
	for _, l := range libraryAdvice {
		if strings.EqualFold(base, l.name) && (l.reason == "" || l.reason == reason) {
			all = append(all, Advice{l.name, l.text})
		}
	}
	for _, a := range reasonAdvice {
		if a.For == reason {
			all = append(all, a)
		}
	}
	return all
}

// AdviceOn collects what helps with all the reasons and libraries, each once.
func AdviceOn(pairs [][2]string) []Advice {
	all := []Advice{}
	seen := map[Advice]bool{}
	for _, p := range pairs {
		for _, a := range adviceFor(p[0], p[1]) {
			if !seen[a] {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	return all
}
