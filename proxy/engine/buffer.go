package engine

import "math/bits"

const (
	smallest = 9  // 512 bytes, the smallest buffer lent
	largest  = 20 // 1 MiB; larger ones are left to the garbage collector
	// idleBytes bounds what a loop keeps for later in each size.
	idleBytes = 1 << 20
)

// buffers lends buffers to the connections of one loop, in sizes of powers of
// two. It is not a sync.Pool: it needs no locks and no boxes for the slices, and
// what was given back is still warm in the core's cache.
type buffers struct {
	free [largest + 1][][]byte // by the logarithm of the size
}

// get lends an empty buffer with room for at least n bytes.
func (p *buffers) get(n int) []byte {
	class := max(smallest, bits.Len(uint(n-1)))
	if class > largest {
		return make([]byte, 0, n)
	}
	if f := p.free[class]; len(f) > 0 {
		b := f[len(f)-1]
		f[len(f)-1] = nil
		p.free[class] = f[:len(f)-1]
		return b
	}
	return make([]byte, 0, 1<<class)
}

// put takes back b, which may be nil, or have grown elsewhere.
func (p *buffers) put(b []byte) {
	if cap(b) < 1<<smallest {
		return
	}
	class := bits.Len(uint(cap(b))) - 1
	if class > largest || (len(p.free[class])+1)<<class > idleBytes {
		return
	}
	p.free[class] = append(p.free[class], b[:0])
}

// room makes room for n more bytes in b, whose first at bytes are done with, and
// returns it with its new at. It doubles, and cuts off what is done with only
// when that is at least half or the buffer is moved anyway, so that appending
// costs amortised constant time for each byte.
func (p *buffers) room(b []byte, at, n int) ([]byte, int) {
	if cap(b)-len(b) >= n {
		return b, at
	}
	rest := len(b) - at
	if at >= rest && cap(b)-rest >= n {
		return b[:copy(b[:rest], b[at:])], 0
	}
	grown := p.get(max(rest+n, 2*rest))
	grown = append(grown, b[at:]...)
	p.put(b)
	return grown, 0
}
