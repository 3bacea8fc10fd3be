package reach

import "sync"

// table remembers answers. It is safe for concurrent use, and its zero value is
// empty. Two goroutines that miss at once both compute, and the first value
// counts, so that answers can be compared by their pointers.
//
// A sync.Map would need an allocation for each key and a hash of its dynamic
// type, which cost more than most of the answers.
type table[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

func (t *table[K, V]) load(key K) (V, bool) {
	t.mu.RLock()
	v, ok := t.m[key]
	t.mu.RUnlock()
	return v, ok
}

func (t *table[K, V]) store(key K, v V) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, ok := t.m[key]; ok {
		return first
	}
	if t.m == nil {
		t.m = map[K]V{}
	}
	t.m[key] = v
	return v
}

// get returns the value of key, which compute makes the first time.
func (t *table[K, V]) get(key K, compute func() V) V {
	if v, ok := t.load(key); ok {
		return v
	}
	return t.store(key, compute())
}
