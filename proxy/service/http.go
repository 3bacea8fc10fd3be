package service

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveHTTP runs the endpoint until ctx ends.
func (s *Service) serveHTTP(ctx context.Context, failed chan<- error) {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(s.metrics); err != nil && ctx.Err() == nil {
		failed <- err
	}
}

// handler answers what the endpoint serves:
//
//	/metrics  for Prometheus
//	/healthz  200 as long as the process can answer: restart it if not
//	/readyz   200 when clients may come, else 503 and why not
//	/pins     who holds connections of the server, for thaw proxy explain --from
func (s *Service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /pins", s.servePins)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "thaw proxy: /metrics /healthz /readyz /pins\n")
	})
	return mux
}

func (s *Service) serveReady(w http.ResponseWriter, r *http.Request) {
	if err := s.health.ready(r.Context()); err != nil {
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
}

// PinsFormat names the form of Pins.
const PinsFormat = "thaw.pins/1"

// Pins is what /pins answers: who has had connections of the server for
// themselves since the start of the proxy.
type Pins struct {
	Format    string   `json:"format"`
	Version   string   `json:"version"`
	PoolMode  string   `json:"pool_mode"`
	Uptime    float64  `json:"uptime_seconds"`
	Clients   int      `json:"clients"`
	MaxPinned int      `json:"max_pinned"`
	Pins      []PinUse `json:"pins"`
}

// PinUse is one line of Pins.
type PinUse struct {
	Reason string `json:"reason"`
	// Command is the one that asked for the connection.
	Command string `json:"command,omitempty"`
	// Library and Client are what the client said of itself with CLIENT SETINFO
	// and CLIENT SETNAME.
	Library string  `json:"library,omitempty"`
	Client  string  `json:"client,omitempty"`
	Count   uint64  `json:"count"`
	Seconds float64 `json:"seconds"`
	Now     int     `json:"now"`
}

// pinUses is what proxy.Pins says, in seconds.
func (s *Service) pinUses() []PinUse {
	uses := []PinUse{}
	for _, u := range s.proxy.Pins() {
		uses = append(uses, PinUse{
			Reason: u.Reason, Command: u.Command, Library: u.Library, Client: u.Client,
			Count: u.Count, Seconds: u.Time.Seconds(), Now: u.Now,
		})
	}
	return uses
}

func (s *Service) servePins(w http.ResponseWriter, _ *http.Request) {
	st := s.proxy.Stats()
	doc := Pins{
		Format: PinsFormat, Version: s.opts.Version, PoolMode: s.cfg.PoolMode,
		Uptime: st.Uptime.Seconds(), Clients: st.Clients, MaxPinned: st.OwnedMax,
		Pins: s.pinUses(),
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(doc)
}
