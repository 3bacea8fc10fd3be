package thaw

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
)

// valkeyStore is Valkey or Redis, over one or a few links.
type valkeyStore struct {
	links  []*link
	reader *reader // nil: reads go to the primary
	sha    string  // of the lease script
	turn   atomic.Uint32
	// noScript is set when the server refuses scripts: then the same steps are
	// done with plain commands, see script.go.
	noScript atomic.Bool
}

func (v *valkeyStore) link() *link {
	if len(v.links) == 1 {
		return v.links[0]
	}
	return v.links[int(v.turn.Add(1))%len(v.links)]
}

func (v *valkeyStore) do(call *callContext, build func(valkey.Builder) valkey.Completed) (valkey.ValkeyMessage, error) {
	s, err := v.link().acquire(call)
	if err != nil {
		return valkey.ValkeyMessage{}, err
	}
	return s.do(call, build)
}

func (v *valkeyStore) get(call *callContext, key string) ([]byte, error) {
	var m valkey.ValkeyMessage
	err := v.read(call, func(call *callContext, s *session) (err error) {
		m, err = s.do(call, func(b valkey.Builder) valkey.Completed { return b.Get().Key(key).Build() })
		return err
	})
	if err != nil {
		return nil, err
	}
	return m.AsBytes()
}

// getMany sends MGET for each slot, pipelined: one round trip a node. Commands of
// different slots are not one atomic read, and were not before either. While a node is
// away the answers of the others come with the error.
func (v *valkeyStore) getMany(call *callContext, keys []string) (out [][]byte, err error) {
	err = v.read(call, func(call *callContext, s *session) error {
		groups := slots(keys, s.cluster)
		commands := make([]valkey.Completed, len(groups))
		for i, g := range groups {
			commands[i] = s.client.B().Mget().Key(g.keys...).Build()
		}
		results, err := s.doMulti(call, commands)
		for i, r := range results {
			values, e := r.ToArray()
			if e != nil {
				continue
			}
			if out == nil {
				out = make([][]byte, len(keys))
			}
			for j := range min(len(values), len(groups[i].at)) {
				if b, err := values[j].AsBytes(); err == nil { // an error is nil: a miss
					out[groups[i].at[j]] = b
				}
			}
		}
		return err
	})
	return out, err
}

func (v *valkeyStore) set(call *callContext, key string, value []byte, ttl time.Duration) error {
	_, err := v.do(call, func(b valkey.Builder) valkey.Completed {
		return b.Set().Key(key).Value(valkey.BinaryString(value)).Px(max(ttl, time.Millisecond)).Build()
	})
	return err
}

func (v *valkeyStore) remove(call *callContext, keys []string) error {
	s, err := v.link().acquire(call)
	if err != nil {
		return err
	}
	groups := slots(keys, s.cluster)
	commands := make([]valkey.Completed, len(groups))
	for i, g := range groups {
		commands[i] = s.client.B().Del().Key(g.keys...).Build()
	}
	_, err = s.doMulti(call, commands)
	return err
}

func (v *valkeyStore) ensure(ctx context.Context) error {
	for _, l := range v.links {
		if err := l.ensure(ctx); err != nil {
			return err
		}
	}
	if v.reader == nil {
		return nil
	}
	if err := v.reader.link.ensure(ctx); err != nil {
		return fmt.Errorf("thaw: the primary is well, the reader is not: %w", err)
	}
	return nil
}

func (v *valkeyStore) close() {
	for _, l := range v.links {
		l.close()
	}
	if v.reader != nil {
		v.reader.link.close()
	}
}

// group is the keys of one slot and their places in the caller's list.
type group struct {
	keys []string
	at   []int
}

// maxGroup bounds the keys of one command: a serverless cache takes at most 3,999
// arguments, and a command of many keys holds up the node.
const maxGroup = 1000

// slots splits keys by slot if the server is a cluster, and by maxGroup.
func slots(keys []string, cluster bool) []group {
	var groups []group
	open := map[uint16]int{} // slot → its group that still has room
	for i, k := range keys {
		var slot uint16
		if cluster {
			slot = keySlot(k)
		}
		g, ok := open[slot]
		if !ok || len(groups[g].keys) == maxGroup {
			groups = append(groups, group{})
			g = len(groups) - 1
			open[slot] = g
		}
		groups[g].keys = append(groups[g].keys, k)
		groups[g].at = append(groups[g].at, i)
	}
	return groups
}

// keySlot returns CRC16(key or its hash tag) mod 16384 (Redis cluster
// specification, "Key distribution model"; CRC-16/XMODEM).
func keySlot(key string) uint16 {
	if _, rest, ok := cutByte(key, '{'); ok {
		if tag, _, ok := cutByte(rest, '}'); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc & 16383
}

func cutByte(s string, c byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == c {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// millisString is a wall time as the header holds it: 48 bits, big-endian.
func millisString(t time.Time) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMilli()))
	return string(b[2:])
}

func millisArg(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }
