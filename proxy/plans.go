package proxy

import (
	"slices"

	"github.com/thawdev/thaw/proxy/wire"
)

// plan is what the proxy does with a command. A command without an entry in the
// table below is multiplexed: its plan has no treatment of its own.
type plan struct {
	name  string
	spec  *wire.Spec // nil for unknown commands
	index uint16
	// do is the treatment; nil multiplexes. It returns false when the command
	// has to wait.
	do func(s *session, cmd *wire.Command, pl *plan) bool

	slow           bool // goes to the slow lane
	writes         bool
	reads          bool // may go to a replica
	preAuth        bool // allowed before the login
	inSubscription bool // allowed in the subscribed mode of RESP2
	admin          bool // refused unless Options.AllowAdmin
	local          bool // answered here also when the session is pinned

	// Counters of one loop.
	calls, errors, failures uint64
}

// treatments is the table of what is not simply multiplexed. Keys are names of
// the command table.
var treatments = map[string]func(*session, *wire.Command, *plan) bool{
	"multi":        (*session).multi,
	"exec":         (*session).execWithoutMulti,
	"discard":      (*session).discardWithoutMulti,
	"watch":        (*session).watch,
	"unwatch":      (*session).unwatch,
	"wait":         (*session).wait,
	"waitaof":      (*session).wait,
	"blpop":        (*session).blocking,
	"brpop":        (*session).blocking,
	"brpoplpush":   (*session).blocking,
	"blmove":       (*session).blocking,
	"blmpop":       (*session).blocking,
	"bzpopmin":     (*session).blocking,
	"bzpopmax":     (*session).blocking,
	"bzmpop":       (*session).blocking,
	"xread":        (*session).blocking,
	"xreadgroup":   (*session).blocking,
	"subscribe":    (*session).subscribe,
	"psubscribe":   (*session).subscribe,
	"ssubscribe":   (*session).subscribe,
	"unsubscribe":  (*session).unsubscribe,
	"punsubscribe": (*session).unsubscribe,
	"sunsubscribe": (*session).unsubscribe,
	"hello":        (*session).hello,
	"auth":         (*session).auth,
	"select":       (*session).selectDB,
	"ping":         (*session).ping,
	"quit":         (*session).quit,
	"reset":        (*session).reset,
	"client":       (*session).client,
	"readonly":     (*session).readOnly,
	"readwrite":    (*session).readWrite,
	"asking":       (*session).asking,
	"info":         (*session).info,
	"acl":          (*session).acl,
	"command":      (*session).commands,
	"publish":      (*session).publish,
	"spublish":     (*session).publish,
	"pubsub":       (*session).pubSub,
	"script":       (*session).script,
	"function":     (*session).script,
	"monitor":      (*session).monitor,
	"config":       (*session).config,

	// What only servers say to each other, and tests to servers.
	"sync":           (*session).replicate,
	"psync":          (*session).replicate,
	"replconf":       (*session).replicate,
	"restore-asking": (*session).asUnknown,
	"pfdebug":        (*session).adminOrUnknown,
	"pfselftest":     (*session).adminOrUnknown,
	"sentinel":       (*session).asUnknown,
}

// Commands by property. A container that is listed with a bar means one
// subcommand.
var (
	slowCommands = names("keys", "sort", "sort_ro", "eval", "evalsha", "eval_ro", "evalsha_ro",
		"fcall", "fcall_ro", "flushdb", "flushall", "lcs")

	preAuthCommands = names("auth", "hello", "quit", "reset")

	subscriptionCommands = names("subscribe", "psubscribe", "ssubscribe",
		"unsubscribe", "punsubscribe", "sunsubscribe", "ping", "quit", "reset")

	// localCommands are answered here even when the session is pinned, or have
	// their answers changed.
	localCommands = names("hello", "auth", "quit", "reset", "client", "ping", "readonly", "readwrite", "asking",
		"acl", "info", "command", "publish", "spublish", "pubsub",
		"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "monitor",
		"sync", "psync", "replconf", "restore-asking", "pfdebug", "pfselftest", "sentinel")

	// hiddenCommands are refused as unknown, and so are not listed either.
	hiddenCommands = names("sync", "psync", "replconf", "restore-asking", "pfdebug", "pfselftest", "sentinel", "script|debug")

	adminCommands = names("config|set", "config|rewrite", "config|resetstat",
		"acl|setuser", "acl|deluser", "acl|load", "acl|save", "acl|list", "acl|getuser", "acl|users", "acl|log",
		"debug", "module|load", "module|loadex", "module|unload", "save", "bgsave", "bgrewriteaof", "shutdown",
		"replicaof", "slaveof", "failover", "migrate", "slowlog|reset", "commandlog|reset", "latency|reset", "monitor",
		"client|pause", "client|unpause",
		"cluster|addslots", "cluster|addslotsrange", "cluster|bumpepoch", "cluster|delslots", "cluster|delslotsrange",
		"cluster|failover", "cluster|flushslots", "cluster|forget", "cluster|meet", "cluster|replicate",
		"cluster|reset", "cluster|saveconfig", "cluster|set-config-epoch", "cluster|setslot")
)

func names(list ...string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, n := range list {
		m[n] = true
	}
	return m
}

// newPlan makes the plan of a command for one loop.
func newPlan(spec *wire.Spec, index int) *plan {
	n := spec.Name
	pl := &plan{
		name:           n,
		spec:           spec,
		index:          uint16(index),
		do:             treatments[n],
		slow:           slowCommands[n],
		writes:         writes(spec) || slices.ContainsFunc(spec.Subs(), writes),
		reads:          spec.Flags.Has(wire.ReadOnly) && !writes(spec), // PFCOUNT is both
		preAuth:        preAuthCommands[n],
		inSubscription: subscriptionCommands[n],
		admin:          adminCommands[n],
		local:          localCommands[n],
	}
	if pl.do == nil && (pl.admin || hasAdminSubs(spec)) {
		pl.do = (*session).plain // for the short way does not look at admin
	}
	return pl
}

func writes(spec *wire.Spec) bool {
	return spec.Flags.Has(wire.Write) || spec.Flags.Has(wire.MayReplicate)
}

// hasAdminSubs reports whether some subcommands are administrative.
func hasAdminSubs(spec *wire.Spec) bool {
	for _, sub := range spec.Subs() {
		if adminCommands[sub.Name] {
			return true
		}
	}
	return false
}

// plain multiplexes a command that had to be looked at first.
func (s *session) plain(cmd *wire.Command, pl *plan) bool { return s.forwardMuted(cmd, pl) }
