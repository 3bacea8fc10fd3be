package fleet

import "fmt"

// Placement is the rule by which an invocation gets one of several idle
// environments. It decides how many environments stay alive and so how many
// cold starts there are: the same load can differ by a factor of 100 between
// NewestFirst and LeastRecentlyUsed.
type Placement int

// The placements. AWS documents none; NewestFirst is what measurements of
// Lambda fit best (Mahmoudi and Khazaei, SimFaaS, 2021).
const (
	NewestFirst       Placement = iota // the one created last
	MostRecentlyUsed                   // the one that finished last
	LeastRecentlyUsed                  // round robin in effect; keeps all alive
	Random                             // any, by the seed
)

var placementNames = [...]string{"newest", "most-recent", "least-recent", "random"}

// String returns the name that ParsePlacement accepts.
func (p Placement) String() string {
	if p < 0 || int(p) >= len(placementNames) {
		return fmt.Sprintf("Placement(%d)", int(p))
	}
	return placementNames[p]
}

// ParsePlacement reads newest, most-recent, least-recent or random.
func ParsePlacement(s string) (Placement, error) {
	for i, name := range placementNames {
		if s == name {
			return Placement(i), nil
		}
	}
	return 0, fmt.Errorf("fleet: unknown placement %q: use one of %q", s, placementNames)
}

// key orders idle environments: the smallest key is used first. Provisioned
// environments come before all others, because Lambda spills over to on-demand
// ones only when every provisioned one is taken.
func (f *Fleet) key(env *environment) float64 {
	var k float64 // within (-2^51, 2^51), so that the sum below is exact too
	switch f.config.Placement {
	case NewestFirst:
		k = -float64(env.id)
	case MostRecentlyUsed:
		k = -float64(env.lastUse)
	case LeastRecentlyUsed:
		k = float64(env.lastUse)
	case Random:
		k = float64(f.rand.Int64N(1 << 32))
	}
	if env.provisioned {
		k -= 1 << 52
	}
	return k
}

// heap is a binary min-heap of environments by heapKey that can remove any of
// them. container/heap would do with an interface call for each comparison; the
// planner places millions of invocations a second.
type heap struct{ envs []*environment }

// best returns the environment with the smallest key, or nil.
func (h *heap) best() *environment {
	if len(h.envs) == 0 {
		return nil
	}
	return h.envs[0]
}

func (h *heap) add(env *environment, key float64) {
	env.heapKey = key
	h.envs = append(h.envs, env)
	env.heapIndex = len(h.envs)
	h.up(len(h.envs) - 1)
}

func (h *heap) remove(env *environment) {
	if env.heapIndex == 0 {
		return
	}
	i, last := env.heapIndex-1, len(h.envs)-1
	h.swap(i, last)
	h.envs[last] = nil
	h.envs = h.envs[:last]
	env.heapIndex = 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *heap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h.envs[parent].heapKey <= h.envs[i].heapKey {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *heap) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.envs); child++ {
			if h.envs[child].heapKey < h.envs[least].heapKey {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *heap) swap(i, j int) {
	h.envs[i], h.envs[j] = h.envs[j], h.envs[i]
	h.envs[i].heapIndex, h.envs[j].heapIndex = i+1, j+1
}
