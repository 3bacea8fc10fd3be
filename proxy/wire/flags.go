package wire

import "strings"

// Flags are properties of a command. Those up to AllowBusy have the names of the
// server's reply to COMMAND; the rest it keeps to itself.
type Flags uint64

const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	NoMandatoryKeys
	NoAsyncLoading
	NoMulti
	MovableKeys
	AllowBusy
	// MayReplicate: the command may write though it is not Write (PUBLISH, EVAL).
	MayReplicate
	// Protected: refused unless the server's configuration allows it (DEBUG, MODULE).
	Protected
	// TouchesArbitraryKeys: it reaches keys that are not its arguments (SCAN, SORT).
	TouchesArbitraryKeys
	// OnlySentinel: known to sentinels only.
	OnlySentinel
	// Dangerous: of the ACL category @dangerous.
	Dangerous
	// Slow: of the ACL category @slow, that is not @fast.
	Slow
	// Deprecated: the documentation names a replacement.
	Deprecated
	// System: internal, not meant for clients.
	System
)

// Has reports whether all of the flags f are set.
func (fl Flags) Has(f Flags) bool { return fl&f == f }

// String returns the names of the flags, separated by commas.
func (fl Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if fl&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// flagNames are in the order of the constants.
var flagNames = [...]string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking",
	"loading", "stale", "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth",
	"no_mandatory_keys", "no_async_loading", "no_multi", "movablekeys", "allow_busy",
	"may_replicate", "protected", "touches_arbitrary_keys", "only_sentinel",
	"dangerous", "slow", "deprecated", "syscmd",
}
