package lambdaapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
)

// maxRequests bounds the requests that are served at once, and with it the
// payloads in memory. It is far above the concurrency of an account.
const maxRequests = 4096

// PagePath is where Mount serves a page.
const PagePath = "/_thaw/"

// Server is an http.Handler for the Lambda API.
type Server struct {
	backend Backend
	mux     *http.ServeMux
	async   *queue
	serving atomic.Int64
}

// New returns the API of backend. Close ends its asynchronous invocations.
func New(backend Backend) *Server {
	s := &Server{backend: backend, mux: http.NewServeMux(), async: newQueue(backend)}
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /2015-03-31/functions/{name}/invocations":               s.invoke,
		"GET /2015-03-31/functions/{$}":                               s.listFunctions,
		"GET /2015-03-31/functions":                                   s.listFunctions,
		"GET /2015-03-31/functions/{name}":                            s.getFunction,
		"GET /2015-03-31/functions/{name}/configuration":              s.getConfiguration,
		"PUT /2015-03-31/functions/{name}/configuration":              s.updateConfiguration,
		"PUT /2017-10-31/functions/{name}/concurrency":                s.putConcurrency,
		"DELETE /2017-10-31/functions/{name}/concurrency":             s.deleteConcurrency,
		"GET /2019-09-30/functions/{name}/concurrency":                s.getConcurrency,
		"PUT /2019-09-30/functions/{name}/provisioned-concurrency":    s.putProvisioned,
		"GET /2019-09-30/functions/{name}/provisioned-concurrency":    s.getProvisioned,
		"DELETE /2019-09-30/functions/{name}/provisioned-concurrency": s.deleteProvisioned,
		"GET /2016-08-19/account-settings":                            s.accountSettings,
		"GET /2016-08-19/account-settings/{$}":                        s.accountSettings,
		"/":                                                           unknownOperation,
	} {
		s.mux.HandleFunc(pattern, answering(handle))
	}
	return s
}

// Mount serves a page under PagePath, and leads there from /. Call it before
// the first request. The page is protected like the API.
func (s *Server) Mount(page http.Handler) {
	s.mux.Handle("GET "+PagePath, page)
	s.mux.Handle("GET /{$}", http.RedirectHandler(PagePath, http.StatusFound))
}

// Functions lists the functions that can be called.
func (s *Server) Functions() []Configuration { return s.backend.Functions() }

// Close abandons the asynchronous invocations, waits until none is running for
// the server any more, and returns how many events were not delivered.
func (s *Server) Close() (abandoned int) { return s.async.close() }

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestIDHeader, uuid.NewString())
	defer s.serving.Add(-1)
	switch {
	case s.serving.Add(1) > maxRequests:
		writeError(w, Throttled("CallerRateLimitExceeded"))
	case !local(r):
		writeError(w, errorf(http.StatusForbidden, "AccessDeniedException",
			"the lab's Lambda API serves programs on this machine only, not web pages: call it at a loopback address without an Origin header"))
	default:
		s.mux.ServeHTTP(w, r)
	}
}

const requestIDHeader = "X-Amzn-Requestid"

// local reports whether the request is from a program that addressed this
// machine, or from the mounted page. A page that a browser shows could reach a
// loopback port too, by a form or by a name that resolves to 127.0.0.1: the
// first sends an Origin or says that it comes from another site, the second a
// Host that is not ours.
func local(r *http.Request) bool {
	if r.Header.Get("Origin") != "" {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// answering makes a handler of one that may fail with an exception.
func answering(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			dropRest(w, r)
			writeError(w, err)
		}
	}
}

func unknownOperation(_ http.ResponseWriter, r *http.Request) error {
	return errorf(http.StatusNotFound, "UnknownOperationException", "the lab does not serve %s %s of the Lambda API", r.Method, r.URL.Path)
}
