package engine

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// script is a poller whose events are written down before: the names of the
// connections that are readable in each look. It notes what is written to whom.
type script struct {
	loop  *Loop
	looks [][]*Conn
	names map[*Conn]string
	log   []string
}

func (p *script) wait(timeout time.Duration) {
	if timeout != 0 && len(p.loop.last) > 0 {
		p.log = append(p.log, "sleeps with something to write")
	}
	if len(p.looks) == 0 {
		p.loop.stopping = true
		return
	}
	now := p.looks[0]
	p.looks = p.looks[1:]
	for _, c := range now {
		p.loop.canRead(c, false)
	}
}

func (p *script) read(c *Conn, b []byte) (int, error) { return copy(b, p.names[c]), nil }
func (p *script) write(c *Conn, b []byte) (int, error) {
	p.log = append(p.log, p.names[c]+" "+string(b))
	return len(b), nil
}
func (p *script) wake()                         {}
func (p *script) take(net.Conn) (socket, error) { return socket{}, nil }
func (p *script) add(*Conn) error               { return nil }
func (p *script) local(*Conn) netip.AddrPort    { return netip.AddrPort{} }
func (p *script) shutdown(*Conn)                {}
func (p *script) remove(*Conn)                  {}
func (p *script) close()                        {}

// TestWriteLast guards that what many connections send to one leaves in one
// system call, behind the answers to them, and is put off neither for nothing nor
// for ever.
func TestWriteLast(t *testing.T) {
	const clients = 5
	for _, test := range []struct {
		name  string
		looks [][]int // the clients that have something to say
		want  []string
	}{
		{"one turn", [][]int{{0, 1}, {}}, []string{"0 ok", "1 ok", "up 01"}},
		{"a turn more", [][]int{{0}, {1}, {}}, []string{"0 ok", "1 ok", "up 01"}},
		{"the same client again", [][]int{{0}, {0}, {}}, []string{"0 ok", "0 ok", "up 00"}},
		{"no end", [][]int{{0}, {1}, {2}, {3}, {4}, {}}, []string{"0 ok", "1 ok", "2 ok", "up 012", "3 ok", "4 ok", "up 34"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := newLoop(&Engine{opts: Options{ReadBuffer: 64, Portable: true}})
			if err != nil {
				t.Fatal(err)
			}
			p := &script{loop: l, names: map[*Conn]string{}}
			l.poll = p
			up := &Conn{loop: l, handler: discard{}}
			up.WriteLast()
			p.names[up] = "up"
			var conns []*Conn
			for i := range clients {
				c := &Conn{loop: l, handler: &calls{data: func(c *Conn, b []byte) int {
					up.Write(b)
					c.Write([]byte("ok"))
					return len(b)
				}}}
				p.names[c] = string(rune('0' + i))
				conns = append(conns, c)
			}
			for _, look := range test.looks {
				var ready []*Conn
				for _, i := range look {
					ready = append(ready, conns[i])
				}
				p.looks = append(p.looks, ready)
			}
			l.run()
			if !slices.Equal(p.log, test.want) {
				t.Errorf("written: %q, want %q", p.log, test.want)
			}
		})
	}
}
