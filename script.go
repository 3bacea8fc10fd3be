package thaw

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// leaseScript is the one script. The lease lives inside the value (see codec.go),
// so one key is all it needs: no second key to place in the same slot, and a DEL
// of any client ends the lease together with the value.
//
//	claim    token, now, until, mark, px, any
//	                                       1: the caller may load and store
//	                                       2: there is a fresh value (unless any is 1)
//	                                       0: another holds the lease
//	commit   token, value, px              1: stored
//	abandon  token, no token               1: given back
//
// Times are big-endian. They are compared as numbers, for Lua compares strings by
// the collation of the server's locale. They are the callers' clocks: hosts of
// one region differ by milliseconds, and all that depends on them is how soon a
// lost lease is given to another. A value of another program is overwritten.
const leaseScript = `
local function ms(s)
  local n = 0
  for i = 1, 6 do n = n * 256 + s:byte(i) end
  return n
end
local head = redis.call('GETRANGE', KEYS[1], 0, 25)
local ours = #head == 26 and head:byte(1) >= 0xf8 and head:byte(1) <= 0xfb
local op, token = ARGV[1], ARGV[2]
if op == 'claim' then
  if not ours then
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
    return 1
  end
  local mark = head:byte(1) == 0xfb and head:byte(2) == 0
  if ARGV[7] ~= '1' and not mark and ms(head:sub(3, 8)) > ms(ARGV[3]) then
    return 2
  end
  local holder = head:sub(13, 20)
  if holder ~= '\0\0\0\0\0\0\0\0' and holder ~= token and ms(head:sub(21, 26)) > ms(ARGV[3]) then
    return 0
  end
  redis.call('SETRANGE', KEYS[1], 12, token .. ARGV[4])
  return 1
end
if not ours or head:sub(13, 20) ~= token then
  return 0
end
if op == 'commit' then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
elseif head:byte(1) == 0xfb and head:byte(2) == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SETRANGE', KEYS[1], 12, ARGV[3])
end
return 1
`

// scriptHash is what EVALSHA wants; computed once at Open.
func scriptHash() string {
	sum := sha1.Sum([]byte(leaseScript))
	return hex.EncodeToString(sum[:])
}

// lease runs the script, and loads it where the server does not know it yet.
func (v *valkeyStore) lease(call *callContext, key string, args ...string) (claim, error) {
	m, err := v.do(call, func(b valkey.Builder) valkey.Completed {
		return b.Evalsha().Sha1(v.sha).Numkeys(1).Key(key).Arg(args...).Build()
	})
	var reply *ReplyError
	if errors.As(err, &reply) && strings.HasPrefix(reply.Text, "NOSCRIPT") {
		m, err = v.do(call, func(b valkey.Builder) valkey.Completed {
			return b.Eval().Script(leaseScript).Numkeys(1).Key(key).Arg(args...).Build()
		})
	}
	if err != nil {
		return claimBusy, err
	}
	n, err := m.AsInt64()
	return claim(n), err
}

// leases runs the script once for each key, pipelined. What a node that is away does
// not answer is claimUnknown.
func (v *valkeyStore) leases(call *callContext, keys []string, args func(i int) []string) ([]claim, error) {
	s, err := v.link().acquire(call)
	if err != nil {
		return nil, err
	}
	out := make([]claim, len(keys))
	ask := make([]int, len(keys)) // places in keys
	for i := range keys {
		out[i], ask[i] = claimUnknown, i
	}
	for _, whole := range []bool{false, true} { // whole: for nodes that do not know the script yet
		commands := make([]valkey.Completed, len(ask))
		for j, i := range ask {
			if whole {
				commands[j] = s.client.B().Eval().Script(leaseScript).Numkeys(1).Key(keys[i]).Arg(args(i)...).Build()
			} else {
				commands[j] = s.client.B().Evalsha().Sha1(v.sha).Numkeys(1).Key(keys[i]).Arg(args(i)...).Build()
			}
		}
		var results []valkey.ValkeyResult
		results, err = s.doMulti(call, commands)
		var unknown []int
		for j, r := range results {
			n, failed := r.AsInt64()
			if failed == nil {
				out[ask[j]] = claim(n)
			} else if reply, ok := valkey.IsValkeyErr(failed); ok && strings.HasPrefix(reply.Error(), "NOSCRIPT") {
				unknown = append(unknown, ask[j])
			}
		}
		if ask = unknown; len(ask) == 0 {
			break
		}
	}
	return out, err
}

func (v *valkeyStore) claimMany(call *callContext, keys []string, t token, now time.Time, ttl time.Duration) ([]claim, error) {
	if !v.noScript.Load() {
		until := now.Add(ttl)
		args := []string{"claim", string(t[:]), millisString(now), millisString(until), string(leaseMark(t, until)), millisArg(ttl), "0"}
		out, err := v.leases(call, keys, func(int) []string { return args })
		if err == nil || !v.scriptless(err) {
			return out, err
		}
	}
	return each(call, keys, func(i int) (claim, error) { return v.claim(call, keys[i], t, now, ttl, false) })
}

func (v *valkeyStore) commitMany(call *callContext, t token, values []stored) ([]claim, error) {
	if !v.noScript.Load() {
		keys := make([]string, len(values))
		for i, s := range values {
			keys[i] = s.key
		}
		out, err := v.leases(call, keys, func(i int) []string {
			return []string{"commit", string(t[:]), valkey.BinaryString(values[i].value), millisArg(values[i].ttl)}
		})
		if err == nil || !v.scriptless(err) {
			return out, err
		}
	}
	return each(call, values, func(i int) (claim, error) {
		return committed(v.commit(call, values[i].key, t, values[i].value, values[i].ttl))
	})
}

// each runs a step for one of list after another while there is time: what fails is
// about one node, perhaps. It returns the first error.
func each[T any](call *callContext, list []T, step func(i int) (claim, error)) ([]claim, error) {
	out := make([]claim, len(list))
	for i := range out {
		out[i] = claimUnknown
	}
	var first error
	for i := range list {
		state, err := step(i)
		if err == nil {
			out[i] = state
		} else if first == nil {
			first = err
		}
		if err != nil && !time.Now().Before(call.deadline) {
			break
		}
	}
	return out, first
}

// committed is the outcome of a commit as the script answers it.
func committed(stored bool, err error) (claim, error) {
	if stored {
		return claimGranted, err
	}
	return claimBusy, err
}

// scriptless remembers that the server refuses scripts: an access string without
// them, or an emulator. That a key is out of bounds says nothing about scripts.
func (v *valkeyStore) scriptless(err error) bool {
	var reply *ReplyError
	if !v.noScript.Load() && errors.As(err, &reply) && (reply.Cause == CauseNotPermitted && strings.Contains(reply.Text, "command") || strings.Contains(reply.Text, "unknown command")) {
		v.noScript.Store(true)
		v.links[0].opts.Logger.Warn("thaw: the server refuses scripts; leases fall back to SET NX and a comparison before each store, which leaves one round trip in which an invalidation can be lost",
			"cache", v.links[0].endpoint.id(), "answer", unquoted(reply.Text))
	}
	return v.noScript.Load()
}

func (v *valkeyStore) claim(call *callContext, key string, t token, now time.Time, ttl time.Duration, fresh bool) (claim, error) {
	until := now.Add(ttl)
	mark := leaseMark(t, until)
	anyway := "0"
	if fresh {
		anyway = "1"
	}
	if !v.noScript.Load() {
		ok, err := v.lease(call, key, "claim", string(t[:]), millisString(now), millisString(until), string(mark), millisArg(ttl), anyway)
		if err == nil || !v.scriptless(err) {
			return ok, err
		}
	}
	return v.claimPlain(call, key, t, now, ttl, mark, fresh)
}

// claimPlain is SET NX, and where something is there, a comparison and SET XX: the
// value stays readable under the lease, and what was invalidated meanwhile stays away.
func (v *valkeyStore) claimPlain(call *callContext, key string, t token, now time.Time, ttl time.Duration, mark []byte, fresh bool) (claim, error) {
	_, err := v.do(call, func(b valkey.Builder) valkey.Completed {
		return b.Set().Key(key).Value(string(mark)).Nx().Px(ttl).Build()
	})
	if !errors.Is(err, ErrMiss) { // ErrMiss: the key exists
		return granted(err)
	}
	call.primary = true
	old, err := v.get(call, key)
	if err != nil {
		return claimBusy, ignoreMiss(err)
	}
	e, ours := parseEntry(old)
	if !ours {
		_, err = v.do(call, func(b valkey.Builder) valkey.Completed {
			return b.Set().Key(key).Value(string(mark)).Xx().Px(ttl).Build()
		})
		return granted(err)
	}
	if !fresh && !e.leased() && now.Before(e.fresh) {
		return claimFilled, nil
	}
	if held := token(old[tokenAt:untilAt]); held != (token{}) && held != t && millis(old[untilAt:]).After(now) {
		return claimBusy, nil
	}
	return granted(v.setLease(call, key, old, mark[tokenAt:headerLen]))
}

// setLease stores value again with the lease fields given.
func (v *valkeyStore) setLease(call *callContext, key string, value, lease []byte) error {
	value = slices.Concat(value[:tokenAt], lease, value[headerLen:])
	_, err := v.do(call, func(b valkey.Builder) valkey.Completed {
		return b.Set().Key(key).Value(valkey.BinaryString(value)).Xx().Keepttl().Build()
	})
	return err
}

// granted is the answer to a claim whose last step was a conditional SET.
func granted(err error) (claim, error) {
	if err != nil {
		return claimBusy, ignoreMiss(err)
	}
	return claimGranted, nil
}

// ignoreMiss is nil if the key was or was not there against the condition.
func ignoreMiss(err error) error {
	if errors.Is(err, ErrMiss) {
		return nil
	}
	return err
}

func (v *valkeyStore) commit(call *callContext, key string, t token, value []byte, ttl time.Duration) (bool, error) {
	if !v.noScript.Load() {
		done, err := v.lease(call, key, "commit", string(t[:]), valkey.BinaryString(value), millisArg(ttl))
		if err == nil || !v.scriptless(err) {
			return done == claimGranted, err
		}
	}
	if old, err := v.held(call, key, t); old == nil || err != nil {
		return false, err
	}
	_, err := v.do(call, func(b valkey.Builder) valkey.Completed {
		return b.Set().Key(key).Value(valkey.BinaryString(value)).Xx().Px(max(ttl, time.Millisecond)).Build()
	})
	if errors.Is(err, ErrMiss) {
		return false, nil
	}
	return err == nil, err
}

func (v *valkeyStore) abandon(call *callContext, key string, t token) error {
	if !v.noScript.Load() {
		_, err := v.lease(call, key, "abandon", string(t[:]), string(make([]byte, tokenLen+6)))
		if err == nil || !v.scriptless(err) {
			return err
		}
	}
	old, err := v.held(call, key, t)
	if old == nil || err != nil {
		return err
	}
	if e, _ := parseEntry(old); e.leased() {
		return v.remove(call, []string{key})
	}
	return ignoreMiss(v.setLease(call, key, old, make([]byte, headerLen-tokenAt)))
}

// held returns the value of key if t holds it, compared without a script.
func (v *valkeyStore) held(call *callContext, key string, t token) ([]byte, error) {
	call.primary = true
	b, err := v.get(call, key)
	if err != nil || len(b) < headerLen || token(b[tokenAt:untilAt]) != t {
		return nil, ignoreMiss(err)
	}
	return b, nil
}
