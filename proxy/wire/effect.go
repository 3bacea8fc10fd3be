package wire

// An Effect is what a command does to the state of its connection: what a proxy has
// to know before it lets connections be shared. It is written by hand in the table
// below; a command that is not there has the effect None.
type Effect uint8

const (
	// EffectNone: the connection is afterwards as it was before.
	EffectNone Effect = iota
	EffectSelect
	EffectAuth
	EffectHello
	EffectMulti
	EffectExec
	EffectDiscard
	EffectWatch
	EffectUnwatch
	EffectSubscribe
	EffectUnsubscribe
	EffectPSubscribe
	EffectPUnsubscribe
	EffectSSubscribe
	EffectSUnsubscribe
	// EffectBlock: the connection may wait for another client. Spec.Blocks says
	// whether it will with these arguments.
	EffectBlock
	// EffectWait: it waits for the replicas to have the last write of this connection.
	EffectWait
	// EffectTracking: client-side caching goes on, off, or to another connection.
	EffectTracking
	// EffectCaching: the next command's keys are tracked, or not.
	EffectCaching
	// EffectClientReply: replies are switched off, or on, or the next one is skipped.
	EffectClientReply
	EffectReadOnly
	EffectReadWrite
	EffectAsking
	EffectReset
	EffectQuit
	EffectMonitor
	// EffectSetName, EffectSetInfo and EffectCapa: what the client says of itself.
	EffectSetName
	EffectSetInfo
	EffectCapa
	EffectNoTouch
	EffectNoEvict
	// EffectImportSource: the client fills a server in import mode.
	EffectImportSource
	// EffectIdentity: no state changes, but the answer depends on it: the id, name,
	// user or flags of this very connection.
	EffectIdentity
	// EffectClients: it lists or ends or unblocks or pauses other connections.
	EffectClients
	// EffectReplication: the connection becomes a replica's, or pretends to.
	EffectReplication
	EffectScriptDebug
)

// String returns the effect as one word, fit for the label of a metric.
func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return "unknown"
}

// effectNames are in the order of the constants.
var effectNames = [...]string{
	"none", "select", "auth", "hello", "multi", "exec", "discard", "watch", "unwatch",
	"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe",
	"block", "wait", "tracking", "caching", "client_reply", "readonly", "readwrite",
	"asking", "reset", "quit", "monitor", "setname", "setinfo", "capa", "no_touch",
	"no_evict", "import_source", "identity", "clients", "replication", "script_debug",
}

// effects is the table. A command that changes its connection and is missing here
// would let the state of one client reach another.
var effects = [...]struct {
	name   string
	effect Effect
}{
	{"select", EffectSelect},
	{"auth", EffectAuth},
	{"hello", EffectHello},
	{"reset", EffectReset},
	{"quit", EffectQuit},

	{"multi", EffectMulti},
	{"exec", EffectExec},
	{"discard", EffectDiscard},
	{"watch", EffectWatch},
	{"unwatch", EffectUnwatch},

	{"subscribe", EffectSubscribe},
	{"unsubscribe", EffectUnsubscribe},
	{"psubscribe", EffectPSubscribe},
	{"punsubscribe", EffectPUnsubscribe},
	{"ssubscribe", EffectSSubscribe},
	{"sunsubscribe", EffectSUnsubscribe},
	{"monitor", EffectMonitor},

	{"blmove", EffectBlock},
	{"blmpop", EffectBlock},
	{"blpop", EffectBlock},
	{"brpop", EffectBlock},
	{"brpoplpush", EffectBlock},
	{"bzmpop", EffectBlock},
	{"bzpopmax", EffectBlock},
	{"bzpopmin", EffectBlock},
	{"xread", EffectBlock},
	{"xreadgroup", EffectBlock},
	{"wait", EffectWait},
	{"waitaof", EffectWait},

	{"asking", EffectAsking},
	{"readonly", EffectReadOnly},
	{"readwrite", EffectReadWrite},

	{"client|caching", EffectCaching},
	{"client|capa", EffectCapa},
	{"client|getname", EffectIdentity},
	{"client|getredir", EffectIdentity},
	{"client|id", EffectIdentity},
	{"client|import-source", EffectImportSource},
	{"client|info", EffectIdentity},
	{"client|kill", EffectClients},
	{"client|list", EffectClients},
	{"client|no-evict", EffectNoEvict},
	{"client|no-touch", EffectNoTouch},
	{"client|pause", EffectClients},
	{"client|reply", EffectClientReply},
	{"client|setinfo", EffectSetInfo},
	{"client|setname", EffectSetName},
	{"client|tracking", EffectTracking},
	{"client|trackinginfo", EffectIdentity},
	{"client|unblock", EffectClients},
	{"client|unpause", EffectClients},
	{"acl|whoami", EffectIdentity},

	{"psync", EffectReplication},
	{"replconf", EffectReplication},
	{"sync", EffectReplication},
	{"script|debug", EffectScriptDebug},
}

func effectOf(name string) Effect {
	for _, e := range effects {
		if e.name == name {
			return e.effect
		}
	}
	return EffectNone
}
