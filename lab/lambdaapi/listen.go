package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Timeouts of the HTTP server. There is none on an answer: a function may run
// for 15 minutes.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 3 * time.Minute
	maxHeader     = 64 << 10    // bytes
	lastAnswers   = time.Second // for requests that run when Serve ends
)

// Listen opens a TCP port for the API. address is HOST:PORT with a loopback
// host, because the API authenticates nobody; port 0 takes a free one.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("lambdaapi: cannot listen on %q: write HOST:PORT, such as 127.0.0.1:9500", address)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever the machine resolves it to
	}
	if addr, err := netip.ParseAddr(host); err != nil || !addr.IsLoopback() {
		return nil, fmt.Errorf("lambdaapi: will not listen on %q: requests are not authenticated, so whoever reaches the port could run the functions: use a loopback address such as 127.0.0.1:%s", address, port)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("lambdaapi: %s is in use, perhaps by another lab: stop that one or choose another port; 0 takes a free one", address)
	case err != nil:
		return nil, fmt.Errorf("lambdaapi: cannot listen on %q: %w", address, err)
	}
	return listener, nil
}

// Serve answers requests until ctx ends. Requests that run then have a second
// to be answered; after it their connections are closed. The listener is closed
// in any case.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("lambdaapi: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // nobody is left to be told
	}
	<-failed
	return nil
}
