package cache

import (
	"net/netip"
	"time"
)

// Sample is one reading of the server. The lab's own connection is in none of
// its figures. Names ending in Total, bytes, hits, misses, evictions and
// commands are totals since Start; the others are the state at At.
//
// A caller that keeps samples for long should drop Clients, which is by far
// the largest part.
type Sample struct {
	At            time.Time
	Connections   int   // clients connected
	Limit         int   // clients that the server takes; 0 is unknown
	NewTotal      int64 // connections accepted
	RejectedTotal int64 // connections refused at the limit. Memcached lets them wait instead, as at AWS

	BytesIn, BytesOut int64 // after TLS is taken off
	Hits, Misses      int64 // keys looked up and found, or not
	Evictions         int64
	Commands          int64

	MemoryBytes    int64 // used by data and buffers; 0 with the embedded server
	MaxMemoryBytes int64 // 0 is no limit

	Clients []Client // nil if the server does not tell
}

// Client is one connection to the server.
type Client struct {
	ID        int64          // unique among the connections of one Sample
	Addr      netip.AddrPort // the client's end; invalid for a Unix socket
	Name      string         // CLIENT SETNAME
	LibName   string         // CLIENT SETINFO lib-name; Redis 7.2, Valkey, embedded
	Age, Idle time.Duration  // whole seconds with a real server

	Environment string // filled by Attributor; "" is unknown

	server netip.AddrPort // the server's end; invalid if the server does not tell
}
