package dash

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/thawdev/thaw/metrics"
)

// feed reads events of a live page.
type feed struct {
	t    *testing.T
	body *bufio.Scanner
}

func watch(t *testing.T, server *httptest.Server) *feed {
	t.Helper()
	resp, err := http.Get(server.URL + "/run/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("the feed is %q", got)
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 4<<20)
	return &feed{t, s}
}

// next returns the name and the data of the next event; "" at the end.
func (f *feed) next() (name, data string) {
	f.t.Helper()
	for f.body.Scan() {
		switch line := f.body.Text(); {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && name != "":
			return name, data
		}
	}
	return "", ""
}

func run(total int64) *metrics.Result {
	return &metrics.Result{Run: metrics.Run{Name: "live"}, Invocations: metrics.Invocations{Total: total, Warm: total}}
}

func total(t *testing.T, data string) int64 {
	t.Helper()
	r, err := metrics.Decode(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return r.Invocations.Total
}

func TestLiveFeed(t *testing.T) {
	live := NewLive("watching")
	server := httptest.NewServer(http.StripPrefix("/run", live))
	defer server.Close()
	live.Publish(run(1))
	first := watch(t, server)
	if name, data := first.next(); name != "result" || total(t, data) != 1 {
		t.Errorf("a new viewer got %s %s", name, data)
	}
	live.Publish(run(2))
	if _, data := first.next(); total(t, data) != 2 {
		t.Errorf("then %s", data)
	}
	// A viewer who does not read misses snapshots, and nobody waits for them.
	for n := int64(3); n <= 300; n++ {
		live.Publish(run(n))
	}
	late := watch(t, server)
	if _, data := late.next(); total(t, data) != 300 {
		t.Errorf("who comes late got %s", data)
	}
	live.Close()
	live.Close()
	live.Publish(run(301)) // after the end: nobody listens
	var last string
	for {
		name, data := first.next()
		if name == "end" {
			break
		}
		if name == "" {
			t.Fatal("the feed ended without saying so")
		}
		last = data
	}
	if total(t, last) != 300 {
		t.Errorf("the last result was %s", last)
	}
	if name, _ := first.next(); name != "" {
		t.Errorf("after the end came %q", name)
	}
}

func TestLivePage(t *testing.T) {
	live := NewLive("a </title> & more")
	get := func(method, path string) *http.Response {
		w := httptest.NewRecorder()
		live.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Result()
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"POST", "/", 405}, {"GET", "/favicon.ico", 404}, {"GET", "/result.json", 404},
	} {
		if resp := get(c.method, c.path); resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
	}
	live.Publish(run(5))
	if resp := get("GET", "/result.json"); resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("result.json: %d %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	w := httptest.NewRecorder()
	live.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !strings.Contains(w.Body.String(), "connect-src &#39;self&#39;") && !strings.Contains(w.Body.String(), "connect-src 'self'") {
		t.Error("the page may not follow its feed")
	}
}

func TestLiveViewersAreBounded(t *testing.T) {
	live := NewLive("")
	var viewers []chan []byte
	for range maxViewers {
		v, err := live.join()
		if err != nil {
			t.Fatal(err)
		}
		viewers = append(viewers, v)
	}
	w := httptest.NewRecorder()
	live.ServeHTTP(w, httptest.NewRequest("GET", "/events", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("viewer %d got %d", maxViewers+1, w.Code)
	}
	live.leave(viewers[0])
	if _, err := live.join(); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

// For the race detector: everything at once.
func TestLiveTogether(t *testing.T) {
	live := NewLive("")
	server := httptest.NewServer(live)
	defer server.Close()
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range int64(50) {
				live.Publish(run(n))
			}
		})
		group.Go(func() {
			resp, err := http.Get(fmt.Sprintf("%s/events?%d", server.URL, i))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			s := bufio.NewScanner(resp.Body)
			for n := 0; n < 3 && s.Scan(); n++ {
			}
		})
	}
	group.Wait()
	live.Close()
}

// A snapshot of a large run stays small enough to be sent every second.
func TestLiveSnapshotIsBounded(t *testing.T) {
	live := NewLive("")
	live.Publish(largeRun())
	if len(live.last) > 400_000 {
		t.Errorf("a snapshot has %d bytes", len(live.last))
	}
}
