package thaw

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Codec encodes values for the cache. Values of type []byte and string never
// reach it: they are stored as they are. The type is that of the call: a string
// that Fetch[any] loads is encoded.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
	// Format is a number from 1 to 15, stored with each value. A value of another
	// format is read as a miss, so changing the codec (and the number) needs no
	// flush.
	Format() uint8
}

// A stored value is a header and a payload:
//
//	 0      1      2          8           12         20            26
//	┌──────┬──────┬──────────┬───────────┬──────────┬─────────────┬─────────
//	│format│flags │fresh     │load time  │lease     │lease until  │ payload
//	│      │      │until, ms │µs         │token     │ms           │
//	└──────┴──────┴──────────┴───────────┴──────────┴─────────────┴─────────
//
// Numbers are big-endian, times are Unix times. The format bytes 0xf8 to 0xfb
// start no UTF-8 text, so a value that another program wrote as text or JSON is
// never mistaken for one of ours. The token and its end have fixed places because
// the lease script compares and overwrites them where they are.
const (
	formatRaw    = 0xf8 // bytes as they were given
	formatJSON   = 0xf9
	formatUser   = 0xfa // Codec.Format in the upper half of flags
	formatAbsent = 0xfb // no payload: a lease on a missing key, or a remembered ErrNotFound

	flagDeflate  = 1 << 0
	flagNotFound = 1 << 1 // with formatAbsent: the origin has no such thing
	userShift    = 4

	freshAt   = 2
	costAt    = 8
	tokenAt   = 12
	untilAt   = 20
	headerLen = 26
	tokenLen  = 8
)

// token identifies one right to store; the zero token is none.
type token [tokenLen]byte

// entry is a stored value, read but not yet decoded. The payload aliases the
// reply.
type entry struct {
	format, flags byte
	fresh         time.Time // beyond this the value is stale
	cost          time.Duration
	payload       []byte
}

func (e entry) notFound() bool { return e.format == formatAbsent && e.flags&flagNotFound != 0 }

// leased reports whether e is only the mark of somebody's lease.
func (e entry) leased() bool { return e.format == formatAbsent && e.flags&flagNotFound == 0 }

func putMillis(b []byte, t time.Time) {
	ms := uint64(max(t.UnixMilli(), 0))
	binary.BigEndian.PutUint16(b, uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(ms))
}

func millis(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint16(b))<<32 | int64(binary.BigEndian.Uint32(b[2:])))
}

// appendHeader appends the header of e with the lease fields empty.
func appendHeader(b []byte, e entry) []byte {
	var h [headerLen]byte
	h[0], h[1] = e.format, e.flags
	putMillis(h[freshAt:], e.fresh)
	binary.BigEndian.PutUint32(h[costAt:], uint32(min(e.cost.Microseconds(), 1<<32-1)))
	return append(b, h[:]...)
}

// leaseMark is the value of a key that somebody is loading.
func leaseMark(t token, until time.Time) []byte {
	b := appendHeader(nil, entry{format: formatAbsent})
	copy(b[tokenAt:], t[:])
	putMillis(b[untilAt:], until)
	return b
}

// parseEntry reports false for a value that is not ours.
func parseEntry(b []byte) (entry, bool) {
	if len(b) < headerLen || b[0] < formatRaw || b[0] > formatAbsent {
		return entry{}, false
	}
	return entry{
		format: b[0], flags: b[1],
		fresh:   millis(b[freshAt:]),
		cost:    time.Duration(binary.BigEndian.Uint32(b[costAt:])) * time.Microsecond,
		payload: b[headerLen:],
	}, true
}

// encoding turns values into stored form and back.
type encoding struct {
	codec    Codec // nil: JSON
	compress int   // above this many bytes; 0: never
	max      int   // bytes of payload, encoded and, when read, decompressed

	// deflaters holds *flate.Writer, about 1 MB each: worth keeping between
	// calls, and the collector may take them.
	deflaters sync.Pool
}

// encode returns the stored form of v with the given end and cost. The type of the
// caller's variable, to which p points, decides on it, as it does in decode: a string
// in an any is not stored raw, for nothing would tell it from a []byte.
func (c *encoding) encode(p, v any, fresh time.Time, cost time.Duration) ([]byte, error) {
	e := entry{format: formatRaw, fresh: fresh, cost: cost}
	var payload []byte
	var err error
	switch p := p.(type) {
	case *[]byte:
		payload = *p
	case *string:
		payload = []byte(*p)
	default:
		if c.codec == nil {
			e.format = formatJSON
			payload, err = json.Marshal(v)
		} else {
			e.format, e.flags = formatUser, c.codec.Format()<<userShift
			payload, err = c.codec.Marshal(v)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("thaw: encoding a %T: %w", v, err)
	}
	if len(payload) > c.max {
		return nil, fmt.Errorf("%w: %d bytes", ErrValue, len(payload))
	}
	if c.compress > 0 && len(payload) > c.compress {
		if packed, ok := c.deflate(payload); ok {
			payload, e.flags = packed, e.flags|flagDeflate
		}
	}
	return append(appendHeader(make([]byte, 0, headerLen+len(payload)), e), payload...), nil
}

var errFormat = errors.New("thaw: the value is in another format")

// decode writes the value of e into dst, a pointer. A []byte aliases the payload.
func (c *encoding) decode(e entry, dst any) error {
	payload := e.payload
	if e.flags&flagDeflate != 0 {
		var err error
		if payload, err = inflate(payload, c.max); err != nil {
			return err
		}
	}
	switch d := dst.(type) {
	case *[]byte:
		if e.format != formatRaw {
			return errFormat
		}
		*d = payload[:len(payload):len(payload)] // an append must not write into the neighbour
		return nil
	case *string:
		if e.format != formatRaw {
			return errFormat
		}
		*d = string(payload)
		return nil
	}
	switch {
	case e.format == formatJSON:
		return json.Unmarshal(payload, dst)
	case e.format == formatUser && c.codec != nil && e.flags>>userShift == c.codec.Format():
		return c.codec.Unmarshal(payload, dst)
	}
	return errFormat
}

// deflate reports false if the result would not be smaller.
func (c *encoding) deflate(b []byte) ([]byte, bool) {
	var out bytes.Buffer
	w, ok := c.deflaters.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = flate.NewWriter(&out, flate.BestSpeed) // the only error is a bad level
	}
	defer c.deflaters.Put(w)
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		return nil, false
	}
	return out.Bytes(), out.Len() < len(b)
}

// inflate refuses to grow beyond limit: a value of a few kilobytes can unpack to
// gigabytes.
func inflate(b []byte, limit int) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(b))
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("thaw: unpacking a value: %w", err)
	}
	if len(out) > limit {
		return nil, fmt.Errorf("%w: unpacked more than %d bytes", ErrValue, limit)
	}
	return out, nil
}
