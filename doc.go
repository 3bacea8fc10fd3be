// Package thaw is a cache-aside client for AWS Lambda and ElastiCache (Valkey,
// Redis OSS, Memcached). It serves long-lived Go services just as well.
//
//	var cache = thaw.MustOpen(thaw.Options{URL: os.Getenv("CACHE_URL")}) // outside the handler; dials nothing yet
//
//	func handle(ctx context.Context, e Event) (Answer, error) {
//		p, from, err := thaw.Fetch(ctx, cache, "product:"+e.ID, time.Hour, loadProduct)
//		return Answer{Source: from.String(), Product: p}, err
//	}
//
// # The promise
//
// [Fetch] fails only if the loader fails or the context ends. A cache that is
// slow, down, full, misconfigured or unreachable costs time, at most
// Options.OperationTimeout and usually nothing, but never an answer.
//
// # What a call goes through
//
//	Fetch ─▶ local tier ─▶ guard ─▶ link ─▶ GET ─▶ answer
//	           (option)      │       │       │
//	                         │       │       └ miss: single flight ─▶ lease ─▶ loader ─▶ store
//	                         │       └ frozen too long: bounded PING, or a new connection
//	                         └ breaker open, or no time left: straight to the loader
//
// # Freezes
//
// Lambda freezes an environment between invocations. Timers stop, keep-alives are
// not sent, and the other end of the connection may be gone when the environment
// thaws. This package needs no timer and no goroutine to be right after a freeze:
// it measures every age in wall time and proves the connection at the first use
// after a gap (Options.HealthCheckInterval).
//
// # Invalidation
//
// Write the database first, then call [Client.Invalidate]. A reader that loaded
// the old value before the write cannot store it afterwards: its store carries a
// lease that the invalidation has removed. See docs/client.md for the protocol.
//
// # Several requests at once
//
// A [Client] is safe for concurrent use. Concurrent commands share one connection
// and are pipelined.
package thaw
