package thaw

import (
	"context"
	"time"
)

// store is a server, whatever it speaks. A call that it cannot make returns an
// error of the connection, a ReplyError or ErrMiss; none retries by itself.
type store interface {
	get(call *callContext, key string) ([]byte, error)
	// getMany returns nil for a key that is missing, in the order of keys. If only
	// some nodes answered it returns their values, with an error.
	getMany(call *callContext, keys []string) ([][]byte, error)
	set(call *callContext, key string, value []byte, ttl time.Duration) error
	remove(call *callContext, keys []string) error

	// claim asks for the right to store key until now+ttl. It is granted if the
	// key is missing (then the key holds only the lease mark), or holds a value
	// without a lease in force that is stale or, if fresh is set, whatever it
	// is. A claim with the token of the holder is granted again, so that it can
	// be repeated.
	claim(call *callContext, key string, t token, now time.Time, ttl time.Duration, fresh bool) (claim, error)
	// commit stores value if t still holds the key, and reports whether it did.
	commit(call *callContext, key string, t token, value []byte, ttl time.Duration) (stored bool, err error)
	// claimMany and commitMany do the same for many keys with one token, in one
	// round trip a node where the protocol has pipelines. They return an outcome for
	// each, also with an error; that of a commit is claimGranted or claimBusy.
	claimMany(call *callContext, keys []string, t token, now time.Time, ttl time.Duration) ([]claim, error)
	commitMany(call *callContext, t token, values []stored) ([]claim, error)
	// abandon gives the lease t back, if it still holds the key.
	abandon(call *callContext, key string, t token) error

	// ensure connects if need be and proves the connection.
	ensure(ctx context.Context) error
	close()
}

// stored is one value of commitMany.
type stored struct {
	key   string
	value []byte
	ttl   time.Duration
}

// claim is the answer to a claim.
type claim int

const (
	claimBusy    claim = 0 // another holds the lease
	claimGranted claim = 1
	claimFilled  claim = 2 // a fresh value is there: read again

	claimUnknown claim = -1 // no answer
)
