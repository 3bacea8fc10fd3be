package upstream

// Receiver is who waits for a reply: a session. All calls come on its loop.
type Receiver interface {
	// Reply hands over the next piece of the reply to the request sent with tag;
	// done marks the last. The bytes are valid during the call only.
	Reply(c *Conn, tag uint32, piece []byte, done bool)
	// Lost says that the reply to the request sent with tag will not come, or
	// not completely when partial is set. sent tells whether bytes of the request
	// may have left, so that the server may have executed it.
	Lost(c *Conn, tag uint32, sent, partial bool, err error)
}

// slot is one reply that a connection owes.
type slot struct {
	to    Receiver // nil: nobody waits any more, the reply is swallowed
	start uint64   // offset of the request in the bytes ever sent
	at    int64    // when it was sent, Unix nanoseconds
	tag   uint32
}

// slots is a queue of slots in a ring that grows by doubling. The zero value is
// an empty queue.
type slots struct {
	ring       []slot
	head, tail uint32 // ever taken, ever put
}

func (q *slots) len() int { return int(q.tail - q.head) }

// put returns the new last slot, to be filled in.
func (q *slots) put() *slot {
	if int(q.tail-q.head) == len(q.ring) {
		q.grow()
	}
	s := &q.ring[q.tail&uint32(len(q.ring)-1)]
	q.tail++
	return s
}

// first must not be called on an empty queue.
func (q *slots) first() *slot { return &q.ring[q.head&uint32(len(q.ring)-1)] }

// at returns the i-th slot from the head.
func (q *slots) at(i int) *slot { return &q.ring[(q.head+uint32(i))&uint32(len(q.ring)-1)] }

// drop removes the first slot and forgets its receiver.
func (q *slots) drop() {
	q.first().to = nil
	q.head++
}

func (q *slots) grow() {
	next := make([]slot, max(8, 2*len(q.ring)))
	n := q.len()
	for i := range n {
		next[i] = *q.at(i)
	}
	q.ring, q.head, q.tail = next, 0, uint32(n)
}
