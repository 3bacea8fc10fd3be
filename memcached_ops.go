package thaw

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// expiration converts a TTL to Memcached's form: seconds, rounded up, and an
// absolute time beyond 30 days (protocol.txt, "Expiration times").
func expiration(ttl time.Duration, now time.Time) int32 {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	if seconds > 30*24*3600 {
		seconds += now.Unix()
	}
	return int32(min(max(seconds, 1), 1<<31-1))
}

func (m *memcachedStore) get(call *callContext, key string) ([]byte, error) {
	var value []byte // not a result: a goroutine that was left behind writes it later
	err := m.run(call, key, func(c *memcache.Client) error {
		item, err := c.Get(key)
		if err == nil {
			value = item.Value
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (m *memcachedStore) getMany(call *callContext, keys []string) (out [][]byte, err error) {
	var mu sync.Mutex
	found, answered := map[string]*memcache.Item{}, false
	err = m.eachNode(call, keys, func(keys []string) error {
		var items map[string]*memcache.Item
		err := m.run(call, keys[0], func(c *memcache.Client) (err error) {
			items, err = c.GetMulti(keys)
			return err
		})
		if err == nil {
			mu.Lock()
			maps.Copy(found, items)
			answered = true
			mu.Unlock()
		}
		return err
	})
	if !answered {
		return nil, err
	}
	out = make([][]byte, len(keys))
	for i, k := range keys {
		if it := found[k]; it != nil {
			out[i] = it.Value
		}
	}
	return out, err
}

func (m *memcachedStore) set(call *callContext, key string, value []byte, ttl time.Duration) error {
	return m.run(call, key, func(c *memcache.Client) error {
		return c.Set(&memcache.Item{Key: key, Value: value, Expiration: expiration(ttl, time.Now())})
	})
}

// claimMany asks for one key after another: gomemcache has no pipeline for it.
func (m *memcachedStore) claimMany(call *callContext, keys []string, t token, now time.Time, ttl time.Duration) ([]claim, error) {
	return each(call, keys, func(i int) (claim, error) { return m.claim(call, keys[i], t, now, ttl, false) })
}

func (m *memcachedStore) commitMany(call *callContext, t token, values []stored) ([]claim, error) {
	return each(call, values, func(i int) (claim, error) {
		return committed(m.commit(call, values[i].key, t, values[i].value, values[i].ttl))
	})
}

func (m *memcachedStore) remove(call *callContext, keys []string) error {
	return m.eachNode(call, keys, func(keys []string) error {
		return m.run(call, keys[0], func(c *memcache.Client) error {
			for _, k := range keys {
				if err := c.Delete(k); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
					return err
				}
			}
			return nil
		})
	})
}

// claim is add, and where something is there, gets and cas: what the lease script
// does in one step is here compared by the server.
func (m *memcachedStore) claim(call *callContext, key string, t token, now time.Time, ttl time.Duration, fresh bool) (claim, error) {
	state := claimBusy
	err := m.run(call, key, func(c *memcache.Client) error {
		until := now.Add(ttl)
		mark := leaseMark(t, until)
		err := c.Add(&memcache.Item{Key: key, Value: mark, Expiration: expiration(ttl, now)})
		if err == nil {
			state = claimGranted
			return nil
		}
		if !errors.Is(err, memcache.ErrNotStored) {
			return err
		}
		item, err := c.Get(key)
		if err != nil {
			return ignoreRace(err)
		}
		e, ours := parseEntry(item.Value)
		switch {
		case !ours:
			item.Value = mark
		case !fresh && !e.leased() && now.Before(e.fresh):
			state = claimFilled
			return nil
		default:
			held := token(item.Value[tokenAt:untilAt])
			if held != (token{}) && held != t && millis(item.Value[untilAt:]).After(now) {
				return nil
			}
			copy(item.Value[tokenAt:], t[:])
			putMillis(item.Value[untilAt:], until)
		}
		item.Expiration = expiration(max(ttl, e.fresh.Sub(now)+m.c.opts.StaleFor), now) // cas sets it anew
		if err = c.CompareAndSwap(item); err == nil {
			state = claimGranted
		}
		return ignoreRace(err)
	})
	if err != nil {
		return claimBusy, err
	}
	return state, nil
}

// ignoreRace is nil if another was faster.
func ignoreRace(err error) error {
	if errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCacheMiss) {
		return nil
	}
	return err
}

// swap replaces the value of key if t holds it.
func (m *memcachedStore) swap(call *callContext, key string, t token, value func(old []byte) ([]byte, int32)) (bool, error) {
	done := false
	err := m.run(call, key, func(c *memcache.Client) error {
		item, err := c.Get(key)
		if err != nil || len(item.Value) < headerLen || token(item.Value[tokenAt:untilAt]) != t {
			return ignoreRace(err)
		}
		item.Value, item.Expiration = value(item.Value)
		if err = c.CompareAndSwap(item); err == nil {
			done = true
		}
		return ignoreRace(err)
	})
	if err != nil {
		return false, err
	}
	return done, nil
}

func (m *memcachedStore) commit(call *callContext, key string, t token, value []byte, ttl time.Duration) (bool, error) {
	return m.swap(call, key, t, func([]byte) ([]byte, int32) { return value, expiration(ttl, time.Now()) })
}

func (m *memcachedStore) abandon(call *callContext, key string, t token) error {
	_, err := m.swap(call, key, t, func(old []byte) ([]byte, int32) {
		e, _ := parseEntry(old)
		if e.leased() {
			return old, -1 // at once
		}
		clear(old[tokenAt:headerLen])
		return old, expiration(time.Until(e.fresh)+m.c.opts.StaleFor, time.Now())
	})
	return err
}
