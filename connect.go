package thaw

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/bits"
	"net"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// Buffers of one connection, in bytes. valkey-go's default of 0.5 MiB each way is
// for servers; a cached value of a function is a few kilobytes, and a larger one
// is read past the buffer.
const (
	readBuffer  = 16 << 10
	writeBuffer = 16 << 10
)

// openSession connects and learns what the server is.
func openSession(l *link) (*session, error) {
	s := &session{link: l}
	l.mu.Lock()
	m, track := l.known, l.opts.LocalTracking && l.onInvalidate != nil && !l.untrack
	l.mu.Unlock()
	if m == modeAuto && l.primary != nil {
		l.primary.mu.Lock()
		m = l.primary.known
		l.primary.mu.Unlock()
	}
	if l.endpoint.mode != modeAuto {
		m = l.endpoint.mode
	}
	began := time.Now()
	client, err := valkey.NewClient(s.clientOption(m, track))
	if err != nil && track && errors.Is(err, valkey.ErrNoCache) {
		l.mu.Lock()
		l.untrack = true
		l.mu.Unlock()
		l.opts.Logger.Warn("thaw: the server has no client tracking; local answers live for LocalTTL", "cache", l.endpoint.id())
		s.retire()
		return openSession(l)
	}
	if errors.Is(err, valkey.ErrReplicaOnlyNotSupported) { // no cluster
		s.retire()
		if l.endpoint.mode != modeAuto {
			return nil, &ConnectError{Stage: StageCluster, Addr: l.endpoint.addr(), Cause: CauseNoCluster, Err: err}
		}
		l.mu.Lock()
		l.known = modeSingle // a replica that answers by itself
		l.mu.Unlock()
		return openSession(l)
	}
	if err != nil {
		err = s.explain(began, err)
		s.retire()
		if client != nil {
			go client.Close()
		}
		return nil, err
	}
	l.observe(StageAuth, began, nil)
	s.client = client
	s.cluster = client.Mode() == valkey.ClientModeCluster
	s.tracked = track
	s.authAt.Store(time.Now().UnixNano())
	s.contact.Store(time.Now().UnixNano())
	for _, c := range s.sockets() {
		c.ready.Store(true)
	}
	s.opened.Store(true)
	l.learn(s)
	return s, nil
}

// learn remembers the server's mode, which saves the question at each redial.
func (l *link) learn(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known = modeSingle; s.cluster {
		l.known = modeCluster
	}
}

func (s *session) clientOption(m mode, track bool) valkey.ClientOption {
	o, e := s.link.opts, s.link.endpoint
	option := valkey.ClientOption{
		InitAddress: []string{e.addr()},
		DialCtxFn: func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return s.dial(ctx, addr)
		},
		// Timeout bounds HELLO and its companions. A negative KeepAlive switches
		// valkey-go's own periodic PING off: its timer stops during a freeze and
		// judges the connection too late or wrongly.
		Dialer:           net.Dialer{Timeout: o.AuthTimeout, KeepAlive: -1},
		ConnWriteTimeout: max(o.AuthTimeout, o.OperationTimeout), // also cuts a command that has longer
		Username:         e.user,
		Password:         e.password,
		SelectDB:         e.db,
		ClientName:       o.Name,

		ReadBufferEachConn:  readBuffer,
		WriteBufferEachConn: writeBuffer,
		RingScaleEachConn:   max(4, bits.Len(uint(2*o.MaxInflight-1))), // room for as many that were given up
		PipelineMultiplex:   -1,                                        // one connection
		BlockingPoolSize:    1,                                         // for blocking commands of Valkey()'s users
		BlockingPoolCleanup: time.Minute,
		BlockingPipeline:    1 << 30, // never a second connection for a large batch

		DisableCache:      !track,
		DisableRetry:      true, // Client.server retries, within the budget
		ForceSingleClient: m == modeSingle,
		ClusterOption:     valkey.ClusterOption{MaxMovedRedirections: 5},
	}
	e.readonlyOption(&option, m)
	if track {
		// NOLOOP: our own writes do not come back. No OPTIN: every GET is tracked.
		option.ClientTrackingOptions = []string{"NOLOOP"}
		option.NewCacheStoreFn = func(valkey.CacheStoreOption) valkey.CacheStore { return noStore{} }
		option.OnInvalidations = s.invalidated
	}
	if o.Credentials != nil {
		option.AuthCredentialsFn = func(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
			user, password, err := s.link.credentials()
			return valkey.AuthCredentials{Username: user, Password: password}, err
		}
	}
	return option
}

// credentials asks Options.Credentials within AuthTimeout. One that does not mind its
// context is left behind: nothing would be connected to any more.
func (l *link) credentials() (user, password string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.opts.AuthTimeout)
	defer cancel()
	type answer struct {
		user, password string
		err            error
	}
	got := make(chan answer, 1)
	go func() {
		user, password, err := l.opts.Credentials(ctx)
		got <- answer{user, password, err}
	}()
	var a answer
	select {
	case a = <-got:
	case <-ctx.Done():
		a.err = ctx.Err()
	}
	if a.err != nil {
		return "", "", &ConnectError{Stage: StageAuth, Addr: l.endpoint.addr(), Cause: CauseCredentials, Err: a.err}
	}
	return a.user, a.password, nil
}

// reauthenticate renews the right to the connection. In cluster mode, and if the
// server says no, the answer is an error and a new session follows. AUTH stands
// alone in the pipeline; a transaction of a user of Valkey() has a connection of
// its own or is sent in one piece, so AUTH never falls into a MULTI.
func (s *session) reauthenticate() error {
	if s.cluster {
		return errors.New("thaw: a cluster authenticates again by connecting again")
	}
	user, password, err := s.link.credentials()
	if err != nil {
		return err
	}
	if user == "" {
		user = "default"
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.link.opts.AuthTimeout)
	defer cancel()
	began := time.Now()
	err = s.client.Do(ctx, s.client.B().Auth().Username(user).Password(password).Build()).Error()
	s.link.observe(StageAuth, began, err)
	if err == nil {
		s.authAt.Store(time.Now().UnixNano())
		s.touch(began)
	}
	return err
}

// ping proves the connection, or in cluster mode those that are open, at the same
// time, giving up the ones that stay silent. Any reply proves it: NOPERM and
// LOADING come from a server that is there.
func (s *session) ping(budget time.Duration) error {
	if s.cluster {
		s.pingAll(budget, true)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	return ping(ctx, s.client)
}

func ping(ctx context.Context, c valkey.Client) error {
	err := c.Do(ctx, c.B().Ping().Build()).Error()
	if _, reply := valkey.IsValkeyErr(err); reply {
		return nil
	}
	return err
}

// invalidated hands the server's messages on; nil means that tracking was lost.
func (s *session) invalidated(messages []valkey.ValkeyMessage) {
	if messages == nil {
		s.link.onInvalidate(nil)
		return
	}
	keys := make([]string, 0, len(messages))
	for _, m := range messages {
		if k, err := m.ToString(); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) > 0 {
		s.link.onInvalidate(keys)
	}
}

// explain gives an error of connecting its stage, cause and advice.
func (s *session) explain(began time.Time, err error) error {
	var connect *ConnectError
	if errors.As(err, &connect) {
		return connect // of the dialer, which has observed it
	}
	e := &ConnectError{Stage: StageAuth, Addr: s.link.endpoint.addr(), Err: s.redact(err)}
	if reply, ok := valkey.IsValkeyErr(err); ok {
		e.Cause = serverCause(reply.Error())
	} else if g := s.greeting.Load(); g != nil {
		e.Err = s.redact(errors.New(*g))
		e.Cause = serverCause(*g)
	}
	switch {
	case s.hadTLS.Load():
		e.Stage, e.Cause = StageTLS, CauseTLSServer
	case e.Cause == CauseClusterMode || strings.Contains(err.Error(), "cluster support disabled"):
		e.Stage = StageCluster
	case e.Cause == CauseUnknown && isEnd(err):
		if e.Cause = CauseHungUp; !s.link.endpoint.tls && s.link.dialer.speaksTLS(e.Addr) {
			e.Stage, e.Cause = StageTLS, CauseTLSServer
		}
	}
	s.link.observe(e.Stage, began, e)
	return e
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset")
}

// redact removes the password from a server's words: some quote the command that
// they did not understand.
func (s *session) redact(err error) error {
	words := unquoted(err.Error())
	if p := s.link.endpoint.password; p != "" {
		words = strings.ReplaceAll(words, p, "***")
	}
	if words == err.Error() {
		return err
	}
	return errors.New(words)
}

// noStore stands in for valkey-go's own cache, which this package does not use:
// it wants the invalidations only.
type noStore struct{}

func (noStore) Flight(string, string, time.Duration, time.Time) (valkey.ValkeyMessage, valkey.CacheEntry) {
	return valkey.ValkeyMessage{}, nil
}
func (noStore) Update(string, string, valkey.ValkeyMessage) int64 { return 0 }
func (noStore) Cancel(string, string, error)                      {}
func (noStore) Delete([]valkey.ValkeyMessage)                     {}
func (noStore) Close(error)                                       {}
