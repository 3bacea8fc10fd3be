// Package upstream keeps the connections of a proxy to its cache: few, shared by
// many sessions, and capped for the whole process.
//
//	 sessions of one loop            pools of that loop               cache nodes
//	┌─────────┐  Send   ┌──────────────────────────────────────┐
//	│ Receiver│ ──────▶ │ Pool (node, database, login, RESP)   │   ┌─────────┐
//	└─────────┘ ◀────── │   Conn ▒▒▒▒▒▒▒ slots, first in first │ ─▶│  node   │
//	             Reply  │   Conn ▒▒      out: one for a request│   └─────────┘
//	┌─────────┐ Borrow  │   Conn (owned by one session)        │
//	│  Owner  │ ──────▶ └──────────────────────────────────────┘
//	└─────────┘               ▲ Budget: one cap for all loops
//
// A shared connection answers strictly in the order of its slots. Whatever puts
// that order in doubt, such as a reply that nobody asked for, ends the
// connection, and the requests in it fail with an error that says whether they
// were sent: a reply can never reach another session.
//
// Pools and connections belong to one event loop and are used on its goroutine
// only. An Upstream, its Budget, its nodes and their breakers are shared by all
// loops and safe for concurrent use.
package upstream
