// Package lambdaapi serves the part of AWS's Lambda API that invokes and
// configures functions, so that the AWS CLI and any AWS SDK work against a lab:
//
//	aws lambda invoke --endpoint-url http://127.0.0.1:9500 --function-name Api out.json
//
// Paths, status codes, headers and exception names are those of the Lambda API
// reference. Requests are not authenticated: the server belongs on a loopback
// address, and it refuses what a web page in the user's browser could send.
package lambdaapi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// Backend is what runs the functions. Its errors should be *Error; any other
// becomes a ServiceException. It is called from many goroutines.
type Backend interface {
	// Functions lists all functions, in a stable order.
	Functions() []Configuration
	// Function finds one by name, or fails with a ResourceNotFoundException.
	Function(name string) (Configuration, error)
	Invoke(ctx context.Context, name string, in Invocation) (Reply, error)
	// Update changes what is set in u and returns the new configuration.
	Update(name string, u Update) (Configuration, error)
	// SetReserved changes the reserved concurrency; nil removes it.
	SetReserved(name string, n *int) error
	// SetProvisioned changes the provisioned concurrency; 0 removes it. It
	// returns at once; the environments start in the background.
	SetProvisioned(name string, n int) error
	// Provisioned tells the state; requested 0 means that there is none.
	Provisioned(name string) (requested, ready int, err error)
}

// Configuration describes a function.
type Configuration struct {
	Name, ARN, Runtime, Handler string
	MemoryMB, TimeoutS          int
	Environment                 map[string]string
	SubnetIDs, SecurityGroupIDs []string
	Architecture                string
	Alias                       string // the alias that carries provisioned concurrency, or ""
	Reserved                    *int
	Modified                    time.Time
	Revision                    string // changes with each update
	Updating                    bool   // an update is in progress
}

// Update holds the settings to change; nil leaves one as it is.
type Update struct {
	MemoryMB, TimeoutS          *int
	Handler                     *string
	Environment                 map[string]string // nil: unchanged; empty: none
	SubnetIDs, SecurityGroupIDs []string          // nil: unchanged; empty: detached
	Revision                    string            // "" or the revision that the caller has seen
}

// Invocation is a request to a function.
type Invocation struct {
	Payload       []byte
	ClientContext string // JSON
	TraceID       string
}

// Reply is the answer of a function.
type Reply struct {
	RequestID     string
	Payload       []byte // the answer, or the error document
	FunctionError bool
	Version       string // that ran
	TraceID       string
	Log           func() []byte // waits until the invocation is over; nil: none
}

// Server is an http.Handler for the Lambda API.
type Server struct {
	backend Backend
	mux     *http.ServeMux
	async   *queue
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
	} {
		s.mux.HandleFunc(pattern, s.wrap(handle))
	}
	s.mux.HandleFunc("/", s.wrap(func(_ http.ResponseWriter, r *http.Request) error {
		return errorf(http.StatusNotFound, "UnknownOperationException", "the lab does not serve %s %s of the Lambda API", r.Method, r.URL.Path)
	}))
	return s
}

// Close abandons the asynchronous invocations and waits for them to end.
func (s *Server) Close() { s.async.close() }

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	if !local(r) {
		writeError(w, errorf(http.StatusForbidden, "AccessDeniedException",
			"the lab's Lambda API serves programs on this machine only, not web pages: call it at a loopback address without an Origin header"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// local reports whether the request is from a program that addressed this
// machine. A page that a browser shows could reach a loopback port too, by a
// form or by a name that resolves to 127.0.0.1: the first sends an Origin, the
// second a Host that is not ours.
func local(r *http.Request) bool {
	if r.Header.Get("Origin") != "" {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (s *Server) wrap(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			writeError(w, err)
		}
	}
}
