package proxy

import (
	"testing"

	"github.com/thawdev/thaw/proxy/wire"
)

// TestLearnsModuleCommands guards that a module's command costs a connection of
// its own only until the server has said what it is.
func TestLearnsModuleCommands(t *testing.T) {
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		switch args[0] {
		case "COMMAND":
			b := wire.AppendArray(nil, 1)
			b = wire.AppendArray(b, 6)
			b = wire.AppendBulk(b, args[2])
			b = wire.AppendInt(b, -2)
			b = wire.AppendArray(b, 2)
			b = wire.AppendSimple(b, "readonly")
			if args[2] == "mod.wait" {
				b = wire.AppendSimple(b, "blocking")
			} else {
				b = wire.AppendSimple(b, "module")
			}
			for range 3 {
				b = wire.AppendInt(b, 1)
			}
			return b
		case "MOD.GET", "MOD.WAIT":
			return wire.AppendBulk(nil, args[1])
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.do("ECHO", "first")
	for range 20 {
		c.expect("$1\r\nk\r\n", "MOD.GET", "k")
		c.expect("$1\r\nw\r\n", "MOD.WAIT", "w")
	}
	st := p.Stats()
	if n := st.Pins[becauseUnknown]; n < 21 || n > 23 {
		t.Errorf("%d pins: want one or two for MOD.GET and all 20 for MOD.WAIT", n)
	}
}
