// Package proxy lets thousands of clients share a few connections to a Valkey or
// Redis server. A session is one client; what it sends is shared, pinned,
// answered here or refused, command by command:
//
//	                   ┌ answered here ─ PING SELECT HELLO AUTH CLIENT … ┐
//	bytes ▶ command ▶ ─┼ shared ──────── one of the pool's connections ─▶├▶ reply
//	                   ├ pinned ──────── a connection of its own ───────▶│
//	                   ├ fan-in ──────── one subscription for all ──────▶│
//	                   └ refused ─────── administrative commands ────────┘
//
// The table in plans.go says which. Three pool modes exist, with PgBouncer's
// words: in command mode (the default) each command finds its way by itself, in
// transaction mode MULTI pins until EXEC, in session mode a client has a
// connection of its own from its first command to its last and nothing is
// rewritten.
//
// A session lives on one event loop and shares nothing with the other loops but
// the budgets of package upstream.
package proxy
