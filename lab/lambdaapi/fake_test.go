package lambdaapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a backend with the functions Api (reserved 5) and Worker.
// Invocations go to invoke; what changes is recorded.
type fake struct {
	invoke func(ctx context.Context, name string, in Invocation) (Reply, error)

	mu          sync.Mutex
	updating    bool
	update      Update
	reserved    *int
	provisioned Provisioned
	invoked     []Invocation
}

const fakeARN = "arn:aws:lambda:us-east-1:123456789012:function:"

func (f *fake) configuration(name string) Configuration {
	c := Configuration{
		Name: name, ARN: fakeARN + name, Runtime: "python3.13", Handler: "app.handler",
		MemoryMB: 128, TimeoutS: 3, Architecture: "x86_64",
		Modified: time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC), Revision: "r1", Updating: f.updating,
	}
	if name == "Api" {
		five := 5
		c.Reserved = &five
		c.Environment = map[string]string{"COLOUR": "red"}
		c.SubnetIDs, c.SecurityGroupIDs = []string{"subnet-1"}, []string{"sg-1"}
	}
	return c
}

func (f *fake) Functions() []Configuration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []Configuration{f.configuration("Api"), f.configuration("Worker")}
}

func (f *fake) Function(name string) (Configuration, error) {
	if name != "Api" && name != "Worker" {
		return Configuration{}, NotFound(fakeARN + name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.configuration(name), nil
}

func (f *fake) Invoke(ctx context.Context, name string, in Invocation) (Reply, error) {
	f.mu.Lock()
	f.invoked = append(f.invoked, in)
	invoke := f.invoke
	f.mu.Unlock()
	if invoke == nil {
		return Reply{Payload: in.Payload}, nil
	}
	return invoke(ctx, name, in)
}

// tries counts the invocations so far.
func (f *fake) tries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.invoked)
}

func (f *fake) Update(name string, u Update) (Configuration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case u.Revision != "" && u.Revision != "r1":
		return Configuration{}, Stale()
	case f.updating:
		return Configuration{}, Conflict(fakeARN + name)
	}
	f.update, f.updating = u, true
	return f.configuration(name), nil
}

func (f *fake) SetReserved(_ string, n *int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reserved = n
	return nil
}

func (f *fake) SetProvisioned(_, qualifier string, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.provisioned = Provisioned{}
	if n > 0 {
		f.provisioned = Provisioned{Qualifier: qualifier, Requested: n, Ready: n - 1, Modified: time.Unix(0, 0)}
	}
	return nil
}

func (f *fake) Provisioned(string) (Provisioned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.provisioned, nil
}

func (f *fake) Account() Account { return Account{Concurrent: 1000, Unreserved: 995} }

// newServer closes the API with the test.
func newServer(t testing.TB, f *fake) *Server {
	t.Helper()
	s := New(f)
	t.Cleanup(func() { s.Close() })
	return s
}

// call sends one request; headers are given as "Name: value".
func call(s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:9500"+path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const invokePath = "/2015-03-31/functions/Api/invocations"

// wantError expects an exception.
func wantError(t *testing.T, w *httptest.ResponseRecorder, status int, code, message string) {
	t.Helper()
	if w.Code != status || w.Header().Get("X-Amzn-Errortype") != code || !strings.Contains(w.Body.String(), message) {
		t.Errorf("%d %s %s, want %d %s with %q", w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body, status, code, message)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get(requestIDHeader) == "" {
		t.Errorf("headers %v", w.Header())
	}
	if status == http.StatusNoContent && w.Body.Len() > 0 {
		t.Errorf("a body where none may be: %s", w.Body)
	}
}
