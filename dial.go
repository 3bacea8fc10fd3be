package thaw

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"
)

// dialer opens connections in stages, each with a budget of its own. It never
// sees the context of a request.
type dialer struct {
	opts    *Options
	tls     *tls.Config // nil: plain
	observe func(Stage, time.Time, error)

	// Seams for tests; nil means the real network.
	resolve func(ctx context.Context, host string) ([]string, error)
	connect func(ctx context.Context, address string) (net.Conn, error)
}

// tlsConfig returns the configuration for host, or nil for a plain endpoint. One
// configuration serves all dials of a client, for it holds the session cache.
func tlsConfig(o *Options, e endpoint) *tls.Config {
	if !e.tls {
		return nil
	}
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if config.ClientSessionCache == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(8) // one node, a few replicas
	}
	return config
}

// dial returns a connection to addr, ready for the protocol. The name is resolved
// at every dial: after a failover it leads elsewhere.
func (d *dialer) dial(addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &ConnectError{Stage: StageDNS, Addr: addr, Err: err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.opts.DialTimeout)
	defer cancel()
	addresses, err := d.lookup(ctx, addr, host)
	if err != nil {
		return nil, err
	}
	raw, err := d.tcp(ctx, addr, addresses, port)
	if err != nil || d.tls == nil {
		return raw, err
	}
	return d.handshake(raw, addr, host)
}

func (d *dialer) lookup(ctx context.Context, addr, host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	began := time.Now()
	resolve := d.resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	addresses, err := resolve(ctx, host)
	if err == nil && len(addresses) == 0 {
		err = errors.New("the name has no address")
	}
	if err != nil {
		e := &ConnectError{Stage: StageDNS, Addr: addr, Err: err}
		if !isTimeout(err) {
			e.Cause = CauseNoSuchHost
		}
		err = e
	}
	d.observe(StageDNS, began, err)
	return addresses, err
}

// tcp tries the addresses in turn, each with an equal share of what is left.
func (d *dialer) tcp(ctx context.Context, addr string, addresses []string, port string) (conn net.Conn, err error) {
	began := time.Now()
	connect := d.connect
	if connect == nil {
		nd := net.Dialer{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: d.opts.KeepAlive, Interval: d.opts.KeepAlive, Count: 3},
			Control:         func(_, _ string, c syscall.RawConn) error { return setUserTimeout(c, d.opts.UserTimeout) },
		}
		connect = func(ctx context.Context, address string) (net.Conn, error) {
			return nd.DialContext(ctx, "tcp", address)
		}
	}
	for i, a := range addresses {
		share, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(len(addresses)-i))
		}
		conn, err = connect(share, net.JoinHostPort(a, port))
		cancel()
		if err == nil {
			break
		}
	}
	if err != nil {
		err = &ConnectError{Stage: StageTCP, Addr: addr, Cause: tcpCause(err), Err: err}
	}
	d.observe(StageTCP, began, err)
	return conn, err
}

func tcpCause(err error) Cause {
	switch {
	case isTimeout(err), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return CauseUnreachable
	case errors.Is(err, syscall.ECONNREFUSED):
		return CauseRefused
	}
	return CauseUnknown
}

func (d *dialer) handshake(raw net.Conn, addr, host string) (net.Conn, error) {
	began := time.Now()
	config := d.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = host
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.opts.TLSTimeout)
	defer cancel()
	conn := tls.Client(raw, config)
	err := conn.HandshakeContext(ctx)
	if err != nil {
		raw.Close()
		err = &ConnectError{Stage: StageTLS, Addr: addr, Cause: tlsCause(err), Err: err}
		d.observe(StageTLS, began, err)
		return nil, err
	}
	d.observe(StageTLS, began, nil)
	return conn, nil
}

// tlsCause tells a certificate that does not verify from a server that does not
// speak TLS. A plain server either answers with text, which is no TLS record, or
// waits for the end of a line that never comes.
func tlsCause(err error) Cause {
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &verify), errors.As(err, &host), errors.As(err, &authority):
		return CauseCertificate
	case errors.As(err, &record), isTimeout(err), strings.Contains(err.Error(), "does not look like a TLS handshake"):
		return CausePlainServer
	}
	return CauseUnknown
}

// speaksTLS reports whether addr answers a TLS handshake. A plain client that is hung
// up on asks, once for each failed attempt, for the server's own explanation, an
// alert, is mostly lost in the reset that follows it.
func (d *dialer) speaksTLS(addr string) bool {
	secure := *d
	secure.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.observe = func(Stage, time.Time, error) {}
	conn, err := secure.dial(addr)
	if err == nil {
		conn.Close()
		return true
	}
	var connect *ConnectError
	return errors.As(err, &connect) && connect.Cause == CauseCertificate
}
