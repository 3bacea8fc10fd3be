package upstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/guard"
	"github.com/thawdev/thaw/proxy/wire"
)

// Node is one server, shared by all loops: its address, whether it answers, and
// what it said about itself.
type Node struct {
	Address string

	breaker *guard.Breaker
	dials   atomic.Uint64 // successful
	last    atomic.Value  // string: why the last dial failed
	open    atomic.Uint32 // 0 not known, 1 nobody has to log in, 2 everybody has to

	mu      sync.Mutex
	hello   map[int]Hello // by protocol version
	doubted time.Time
}

func newNode(address string, seed uint64) *Node {
	return &Node{
		Address: address,
		breaker: guard.NewBreaker(guard.BreakerOptions{Seed: seed, MaxCooldown: 10 * time.Second}),
		hello:   map[int]Hello{},
	}
}

// Hello is what a server says in answer to HELLO.
type Hello struct {
	Server  string // "redis" or "valkey"
	Version string
	Mode    string // "standalone", "cluster" or "sentinel"
	Role    string // "master" or "replica"
	Zone    string // availability zone, such as "euw1-az1"; "" if it did not say
	// Modules is the reply's last value as it came, in the protocol version of
	// the connection.
	Modules []byte
	// Unsupported is set when the server does not know HELLO (before Redis 6).
	Unsupported bool
}

// Hello returns what the server said when a connection of this protocol version
// was last opened.
func (n *Node) Hello(resp int) (Hello, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h, ok := n.hello[resp]
	return h, ok
}

// Learn takes the whole answer to a HELLO that was sent after the login, in the
// protocol version that the connection has.
func (n *Node) Learn(resp int, answer []byte) {
	v, _, err := wire.ParseValue(answer, wire.ReplyLimits{})
	if err != nil || v.IsError() {
		return // what the server said before still holds
	}
	now, _ := helloOf(v, false)
	n.mu.Lock()
	defer n.mu.Unlock()
	for version, h := range n.hello {
		modules := h.Modules // as this version writes them
		if version == resp {
			modules = now.Modules
		}
		h, h.Modules = now, modules
		n.hello[version] = h
	}
}

// ValkeySince reports whether the server is Valkey of this version or a later one.
func (n *Node) ValkeySince(major, minor int) bool {
	for _, resp := range []int{2, 3} {
		h, _ := n.Hello(resp)
		var a, b int
		if _, err := fmt.Sscanf(h.Version, "%d.%d", &a, &b); err == nil && h.Server == "valkey" {
			return a > major || a == major && b >= minor
		}
	}
	return false
}

func (n *Node) setHello(resp int, h Hello) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hello[resp] = h
}

// Open reports whether the server lets clients in without a login; it is known
// once a connection without one was opened.
func (n *Node) Open() (open, known bool) {
	v := n.open.Load()
	return v == 1, v != 0
}

func (n *Node) setOpen(open bool) {
	if open {
		n.open.Store(1)
		return
	}
	n.open.Store(2)
}

// Down reports whether the node's breaker refuses calls now.
func (n *Node) Down(now time.Time) bool { return n.breaker.State(now) == guard.Open }

// LastError says why the last failed dial failed; "" if none did.
func (n *Node) LastError() string {
	s, _ := n.last.Load().(string)
	return s
}

// doubt reports whether the node's role was not doubted within the last second:
// a proxy before a replica answers READONLY to every write, and must not dial
// anew for each.
func (n *Node) doubt(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.doubted) < time.Second {
		return false
	}
	n.doubted = now
	return true
}
