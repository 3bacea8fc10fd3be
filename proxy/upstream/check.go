package upstream

import "context"

// Check opens a connection to the primary, logs in and closes it again. It says
// whether the server can be used when no connection shows it.
func (u *Upstream) Check(ctx context.Context, l *Login) error {
	ctx, cancel := context.WithTimeout(ctx, u.opts.DialTimeout)
	defer cancel()
	nc, _, err := u.dial(ctx, Key{Node: u.topology.Primary(), Login: l, RESP: 2}, false)
	if err != nil {
		return err
	}
	return nc.Close()
}

// Dialed counts the connections that were opened to the node.
func (n *Node) Dialed() uint64 { return n.dials.Load() }
