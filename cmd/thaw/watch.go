package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/thawdev/thaw/dash"
	"github.com/thawdev/thaw/lab"
)

const (
	publishEvery = time.Second / 2
	viewersLeave = time.Second // for the last snapshot to reach them
)

// startWatch serves the live picture of a run, if it was asked for, until stop.
func (f *labFlags) startWatch(l *lab.Lab, title string, stderr io.Writer) (stop func(), err error) {
	if !f.watch {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("--watch: %w", err)
	}
	fmt.Fprintf(stderr, "watch the run at http://%s/\n", listener.Addr())
	live := dash.NewLive(title)
	server := &http.Server{Handler: loopbackOnly(live), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) }) // ends with Shutdown
	running.Go(func() {
		ticker := time.NewTicker(publishEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				live.Publish(l.Result())
			case <-done:
				live.Publish(l.Result())
				live.Close()
				return
			}
		}
	})
	return func() {
		close(done)
		ctx, cancel := context.WithTimeout(context.Background(), viewersLeave)
		defer cancel()
		if err := server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			_ = server.Close()
		}
		running.Wait()
	}, nil
}

// loopbackOnly refuses requests for another host: a page elsewhere whose name
// resolves to this machine must not read the run.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, err := netip.ParseAddrPort(r.Host)
		if err != nil || !addr.Addr().IsLoopback() {
			http.Error(w, "this page is served to this machine only, at its loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
