// Package wire knows RESP, the protocol of Valkey and Redis, in both directions and
// in both versions, and what its commands are. It has no sockets, no goroutines and
// no clocks: bytes go in, commands and boundaries come out, and the same code is
// tested byte by byte, fuzzed, and compared with a real server.
//
//	 client                          proxy                           server
//	┌──────┐  commands   ┌───────────────────────────┐  commands   ┌────────┐
//	│      │ ──────────▶ │ CommandParser             │ ──────────▶ │        │
//	│      │             │   │ args                  │  Raw, or    │        │
//	│      │             │   ▼                       │  Append-    │        │
//	│      │             │ Resolve ▶ Spec: arity,    │  Command    │        │
//	│      │             │   flags, keys, effect     │             │        │
//	│      │  replies    │                           │  replies    │        │
//	│      │ ◀────────── │             ReplyScanner  │ ◀────────── │        │
//	└──────┘  as they    │  Append…    (boundaries)  │             └────────┘
//	          came, or   │             ParseValue    │
//	          Append…    └───────────────────────────┘
//
// # Commands are whole, replies stream
//
// The two directions are not alike. Half a command must never reach a connection
// that others share, so CommandParser waits until a command is complete, within
// Limits, and returns it as slices of the caller's buffer. A reply may be larger than
// the memory there is, so ReplyScanner only says where it ends and holds none of it.
// Both go on where they stopped, whichever way the bytes are cut, and neither
// allocates in the steady state.
//
// # As the server does it
//
// CommandParser accepts and refuses what Redis 7 and Valkey 8 do, with their words,
// quirks included: a test sends random streams to a real server and compares. One
// difference is on purpose. A server finds that a line is too long when it has read
// 64 KiB without an end, so a longer line passes if one read brought it whole; here
// the limit is the same wherever the bytes are cut.
//
// ReplyScanner is strict where a parser of commands is lenient: a server does not send
// what is not RESP. A wrong byte means that the two sides have lost each other, and
// the only safe answer is to close the connection.
//
// # The command table
//
// What the server's own metadata says is generated (table.go, see internal/commandgen)
// and compared with a running server: arity, flags, categories, key positions,
// subcommands. What a command does to the state of its connection nobody publishes;
// that is the table in effect.go, by hand. A command that is in neither may do
// anything, and Resolve returns nil for it.
//
// Memcached's protocols, when they come, have their own parser and scanner beside
// these; nothing here is shared with them but ProtocolError.
package wire
