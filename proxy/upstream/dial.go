package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/wire"
)

// dial opens a connection and logs in, blocking. A ServerError means that the
// server answered and refused.
// It returns the id that the server gave the connection, 0 if it did not say.
func (u *Upstream) dial(ctx context.Context, k Key, named bool) (net.Conn, int64, error) {
	select {
	case u.dials <- struct{}{}:
		defer func() { <-u.dials }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	user, password := k.Login.User, k.Login.Password
	if k.Login.Token != nil {
		var err error
		if user, password, err = k.Login.Token(ctx); err != nil {
			return nil, 0, fmt.Errorf("upstream: no token for the login: %w", err)
		}
	}
	nc, err := u.connect(ctx, k.Node.Address)
	if err != nil {
		return nil, 0, err
	}
	name := ""
	if named {
		name = u.opts.Name
	}
	if deadline, ok := ctx.Deadline(); ok {
		nc.SetDeadline(deadline)
	}
	id, err := login(nc, k, loginSteps(k, user, password, name))
	if err != nil {
		nc.Close()
		return nil, 0, err
	}
	nc.SetDeadline(time.Time{})
	k.Node.dials.Add(1)
	return nc, id, nil
}

// connect resolves the name anew, connects, and shakes hands for TLS.
func (u *Upstream) connect(ctx context.Context, address string) (net.Conn, error) {
	nc, err := u.dialer()(ctx, u.opts.Network, address)
	if err != nil {
		return nil, err
	}
	if u.opts.TLS == nil {
		return nc, nil
	}
	cfg := u.opts.TLS.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(address)
	}
	tc, err := engine.ClientTLS(ctx, nc, cfg)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("upstream: TLS with %s: %w", address, explainTLS(err))
	}
	return tc, nil
}

func (u *Upstream) dialer() func(context.Context, string, string) (net.Conn, error) {
	if u.opts.Dial != nil {
		return u.opts.Dial
	}
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         boundUnacked,
	}
	return d.DialContext
}

func explainTLS(err error) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return errors.New("the server does not speak TLS on this port; use redis:// instead of rediss://")
	}
	return err
}

// login sends all steps at once and reads their answers, and not a byte more:
// the connection goes to a loop after.
func login(nc net.Conn, k Key, steps []step) (id int64, err error) {
	var out []byte
	for _, s := range steps {
		out = append(out, s.raw...)
	}
	if _, err := nc.Write(out); err != nil {
		return 0, loginError{fmt.Errorf("upstream: login: %w", err)}
	}
	in := answers{nc: nc}
	for _, s := range steps {
		v, err := in.next()
		if err != nil {
			return 0, loginError{fmt.Errorf("upstream: login: %w", err)}
		}
		failed := v.Kind == wire.KindError || v.Kind == wire.KindBulkError
		if failed && turnedAway(v.Str) {
			return 0, ServerError(v.Str)
		}
		if s.hello && k.Login.anonymous() {
			k.Node.setOpen(!failed || !bytes.HasPrefix(v.Str, []byte("NOAUTH")))
		}
		if failed && s.tag == mustSucceed {
			return 0, ServerError(v.Str)
		}
		if s.hello {
			var h Hello
			h, id = helloOf(v, failed)
			k.Node.setHello(k.RESP, h)
		}
	}
	if len(in.buf) > 0 {
		return 0, errors.New("upstream: login: the server sent more than the answers; is this a Redis or Valkey server?")
	}
	return id, nil
}

// turnedAway reports an error that a server sends to whom it does not let in, before
// it has read anything: it is no answer to the login.
func turnedAway(text []byte) bool {
	return bytes.HasPrefix(text, []byte("ERR max number of clients")) || bytes.HasPrefix(text, []byte("DENIED "))
}

// answers reads whole replies from a blocking connection.
type answers struct {
	nc  net.Conn
	buf []byte
}

// maxLoginReply bounds what is read of a server that may be anything.
const maxLoginReply = 1 << 20

func (a *answers) next() (wire.Value, error) {
	for {
		if len(a.buf) > 0 {
			v, n, err := wire.ParseValue(a.buf, wire.ReplyLimits{Bulk: maxLoginReply})
			if err != nil {
				return v, notRedis(a.buf)
			}
			if n > 0 {
				a.buf = a.buf[n:]
				return v, nil
			}
		}
		if len(a.buf) > maxLoginReply {
			return wire.Value{}, notRedis(a.buf)
		}
		piece := make([]byte, 4096)
		n, err := a.nc.Read(piece)
		if err != nil {
			return wire.Value{}, err
		}
		a.buf = append(a.buf, piece[:n]...)
	}
}

// notRedis explains an answer that is not RESP.
func notRedis(b []byte) error {
	s := string(b[:min(len(b), 40)])
	switch {
	case strings.HasPrefix(s, "ERROR\r\n"), strings.HasPrefix(s, "CLIENT_ERROR"):
		return errors.New("the server answers like Memcached; this proxy needs Redis or Valkey")
	case strings.HasPrefix(s, "\x15\x03"):
		return errors.New("the server speaks TLS on this port; use rediss:// instead of redis://")
	case strings.HasPrefix(s, "HTTP/"):
		return errors.New("the server answers like a web server")
	}
	return fmt.Errorf("the server does not speak RESP: it answered %q", s)
}

// helloOf reads the answer to HELLO, with the id of the connection.
func helloOf(v wire.Value, failed bool) (h Hello, id int64) {
	if failed {
		// A server that wants a login first knows HELLO very well.
		return Hello{Unsupported: strings.Contains(strings.ToLower(string(v.Str)), "unknown command")}, 0
	}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		value := string(v.Elems[i+1].Str)
		switch string(v.Elems[i].Str) {
		case "server":
			h.Server = value
		case "version":
			h.Version = value
		case "mode":
			h.Mode = value
		case "role":
			h.Role = value
		case "availability_zone":
			h.Zone = value
		case "id":
			id = v.Elems[i+1].Int
		case "modules":
			h.Modules = wire.AppendValue(nil, v.Elems[i+1])
		}
	}
	return h, id
}

// askReplicas asks the primary who its replicas are, with the answer to ROLE.
func (u *Upstream) askReplicas(ctx context.Context, l *Login) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, u.opts.DialTimeout)
	defer cancel()
	nc, _, err := u.dial(ctx, Key{Node: u.topology.Primary(), Login: l, RESP: 2}, true)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(u.opts.DialTimeout))
	if _, err := nc.Write(wire.AppendCommand(nil, "ROLE")); err != nil {
		return nil, err
	}
	in := answers{nc: nc}
	v, err := in.next()
	if err != nil {
		return nil, err
	}
	if v.Kind != wire.KindArray || len(v.Elems) < 3 || string(v.Elems[0].Str) != "master" {
		return nil, fmt.Errorf("upstream: %s is not a primary", u.opts.Address)
	}
	var addresses []string
	for _, r := range v.Elems[2].Elems {
		if len(r.Elems) >= 2 {
			addresses = append(addresses, net.JoinHostPort(string(r.Elems[0].Str), string(r.Elems[1].Str)))
		}
	}
	return addresses, nil
}
