package upstream

import (
	"sync"
	"sync/atomic"
)

// Topology says which node a command goes to. It is safe for concurrent use and
// its methods do not block. Cluster mode will be a third implementation.
type Topology interface {
	// Primary is the node that takes writes.
	Primary() *Node
	// Reader is a node for reads that may be stale; n spreads callers over the
	// replicas. It is the primary when no replica is known.
	Reader(n uint32) *Node
	// Nodes are all nodes known now.
	Nodes() []*Node
}

// standalone is one node.
type standalone struct{ node *Node }

func (t standalone) Primary() *Node      { return t.node }
func (t standalone) Reader(uint32) *Node { return t.node }
func (t standalone) Nodes() []*Node      { return []*Node{t.node} }

// replicated is a primary with replicas, which may come and go.
type replicated struct {
	primary *Node
	readers atomic.Pointer[[]*Node]

	mu    sync.Mutex
	fixed []string         // from the configuration
	known map[string]*Node // every reader ever seen, so that its breaker lasts
	seed  uint64
}

func newReplicated(primary *Node, fixed []string, seed uint64) *replicated {
	t := &replicated{primary: primary, fixed: fixed, known: map[string]*Node{}, seed: seed}
	t.set(nil)
	return t
}

func (t *replicated) Primary() *Node { return t.primary }

func (t *replicated) Reader(n uint32) *Node {
	readers := *t.readers.Load()
	if len(readers) == 0 {
		return t.primary
	}
	return readers[int(n%uint32(len(readers)))]
}

func (t *replicated) Nodes() []*Node {
	return append([]*Node{t.primary}, *t.readers.Load()...)
}

// set replaces the discovered readers.
func (t *replicated) set(discovered []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var readers []*Node
	for _, address := range append(append([]string(nil), t.fixed...), discovered...) {
		n := t.known[address]
		if n == nil {
			n = newNode(address, t.seed+uint64(len(t.known))+1)
			t.known[address] = n
		}
		readers = append(readers, n)
	}
	t.readers.Store(&readers)
}
