package lab

import (
	"fmt"
	"sync"
	"time"

	"github.com/thawdev/thaw/fleet"
)

// memoryGuard keeps the lab from filling this machine: a storm of 1,000
// environments is a setting away, and the machine's own out-of-memory killer
// would take the user's editor first.
type memoryGuard struct {
	mu      sync.Mutex
	read    time.Time
	free    int64
	readNow func() (int64, bool) // for tests
}

const (
	memoryKept  = 512 << 20 // bytes that must stay available
	memoryFresh = 100 * time.Millisecond
)

func newMemoryGuard() *memoryGuard { return &memoryGuard{readNow: availableMemory} }

// check fails if another environment might not fit.
func (g *memoryGuard) check(counts func() fleet.Counts) error {
	g.mu.Lock()
	if now := time.Now(); now.Sub(g.read) > memoryFresh {
		g.read = now
		free, ok := g.readNow()
		if !ok {
			free = memoryKept // unknown: do not stand in the way
		}
		g.free = free
	}
	free := g.free
	g.mu.Unlock()
	if free >= memoryKept {
		return nil
	}
	c := counts()
	return fmt.Errorf("lab: no new environment: this machine has %d MiB of memory left with %d environments; lower the rate, or bound them with --account-concurrency",
		free>>20, c.Idle+c.Busy)
}
