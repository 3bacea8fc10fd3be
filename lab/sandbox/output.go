package sandbox

import (
	"bytes"
	"fmt"
	"sync"
)

// keepOutput bounds the output kept for one invocation, in bytes.
const keepOutput = 64 << 10

// transcript is a bounded piece of output.
type transcript struct {
	data    []byte
	dropped int
}

func (t *transcript) add(b []byte) {
	room := min(keepOutput-len(t.data), len(b))
	t.data = append(t.data, b[:room]...)
	t.dropped += len(b) - room
}

// appendTo writes the transcript as whole lines.
func (t *transcript) appendTo(b *bytes.Buffer) {
	b.Write(t.data)
	if n := len(t.data); n > 0 && t.data[n-1] != '\n' {
		b.WriteByte('\n')
	}
	if t.dropped > 0 {
		fmt.Fprintf(b, "[lab: %d bytes of output dropped]\n", t.dropped)
	}
}

// capture collects the output of an environment and gives it to the invocation
// it belongs to.
//
//	                    follow: when there is something
//	stdout ─┐           ┌──────────────────────────┐      ┌─▶ current, the invocation
//	        ├─▶ pipe ───┤                          ├─ add ┤
//	stderr ─┘           └──────────────────────────┘      └─▶ pending: init, between, shared
//	                    drain: all there is, now
//
// The two readers exclude each other, and a byte that was written before a
// response is in the pipe before the response is in the socket: draining when
// an invocation begins and when it is done draws the line exactly.
type capture struct {
	shared  bool       // invocations overlap, so no output is one's own
	buffers *sync.Pool // of *[16<<10]byte: an idle environment holds none

	mu      sync.Mutex
	current *invocation
	pending transcript
}

// add takes output; the caller holds mu.
func (c *capture) add(b []byte) {
	if c.current != nil {
		c.current.text.add(b)
		return
	}
	c.pending.add(b)
}

// platform adds a line of the platform's own.
func (c *capture) platform(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(fmt.Appendf(nil, format+"\n", args...))
}

// protocol adds a line on what the handler did against the protocol. AWS has no
// such line, so it says whose it is.
func (c *capture) protocol(format string, args ...any) {
	c.platform("[lab: "+format+"]", args...)
}

// follow reads the process's output until the last writer is gone.
func (c *capture) follow(p *process) {
	_ = p.raw.Read(func(fd uintptr) bool { return !c.read(fd) })
	p.output.Close()
}

// drain reads what the pipe holds, without waiting. It passes by the lock of
// the file, which follow holds while it waits.
func (c *capture) drain(p *process) {
	_ = p.raw.Control(func(fd uintptr) { c.read(fd) })
}

// read empties the pipe; false at the end of the stream.
func (c *capture) read(fd uintptr) bool {
	buf := c.buffers.Get().(*[16 << 10]byte)
	defer c.buffers.Put(buf)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		n, more := readNow(fd, buf[:])
		c.add(buf[:n])
		if n == 0 {
			return more
		}
	}
}

// begin draws the line before an invocation; p may be nil.
func (c *capture) begin(p *process, inv *invocation) {
	if p != nil {
		c.drain(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	inv.before, c.pending = c.pending, transcript{}
	if !c.shared {
		c.current = inv
	}
}

// end draws the line after an invocation.
func (c *capture) end(inv *invocation) {
	if inv.process != nil {
		c.drain(inv.process)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = nil
	if c.shared {
		inv.text, c.pending = c.pending, transcript{}
	}
}
