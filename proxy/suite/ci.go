package main

// ciUnits is the subset for continuous integration: what a proxy can most
// easily get wrong, and what is quick: three targets take nine minutes on two cores
// that are busy with other work, and a third of that when they are not.
var ciUnits = []string{
	"unit/auth", "unit/protocol", "unit/keyspace", "unit/scan", "unit/info",
	"unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/set", "unit/type/hash", "unit/type/stream", "unit/type/stream-cgroups",
	"unit/sort", "unit/expire", "unit/multi", "unit/quit", "unit/pubsub", "unit/pubsubshard", "unit/slowlog", "unit/scripting", "unit/functions",
	"unit/introspection", "unit/introspection-2", "unit/tracking", "unit/querybuf", "unit/limits", "unit/acl", "unit/bitfield",
	"integration/redis-cli",
}
