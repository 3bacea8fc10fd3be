package workload

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"
)

// clockLayout is RFC 3339 with milliseconds, in UTC.
const clockLayout = "2006-01-02T15:04:05.000Z"

// render returns the event of the request. An event without placeholders is
// shared by all of its requests: it costs no allocation.
func (e *Events) render(random *rand.Rand, r *Request, start time.Time) []byte {
	t := &e.templates[0]
	if len(e.templates) > 1 {
		t = &e.templates[random.IntN(len(e.templates))]
	}
	if len(t.parts) == 1 {
		return t.parts[0].literal
	}
	out := make([]byte, 0, t.size)
	for i := range t.parts {
		p := &t.parts[i]
		out = append(out, p.literal...)
		out = p.value.append(out, random, r, start)
	}
	return out
}

func (v *value) append(out []byte, random *rand.Rand, r *Request, start time.Time) []byte {
	switch v.kind {
	case putKey:
		return append(out, r.Key...)
	case putSeq:
		return strconv.AppendInt(out, r.Seq, 10)
	case putUUID:
		return appendUUID(out, random.Uint64(), random.Uint64())
	case putInteger:
		return strconv.AppendInt(out, between(random, v.from, v.to), 10)
	case putChoice:
		return append(out, v.words[random.IntN(len(v.words))]...)
	case putTime:
		return start.Add(r.At).UTC().AppendFormat(out, clockLayout)
	}
	return out
}

// between draws from from … to, both included, where to − from may be more
// than an int64 holds.
func between(random *rand.Rand, from, to int64) int64 {
	width := uint64(to) - uint64(from) + 1
	if width == 0 { // all 2⁶⁴ values
		return int64(random.Uint64())
	}
	return int64(uint64(from) + random.Uint64N(width))
}

// appendUUID writes 122 random bits as a version 4 UUID (RFC 9562).
func appendUUID(out []byte, high, low uint64) []byte {
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	var b [16]byte
	for i := range 8 {
		b[i] = byte(high >> (56 - 8*i))
		b[8+i] = byte(low >> (56 - 8*i))
	}
	for i, cut := range []int{0, 4, 6, 8, 10} {
		if i > 0 {
			out = append(out, '-')
		}
		end := 16
		if i < 4 {
			end = []int{4, 6, 8, 10}[i]
		}
		out = hex.AppendEncode(out, b[cut:end])
	}
	return out
}
