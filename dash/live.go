package dash

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/thawdev/thaw/metrics"
)

// Bounds of the feed.
const (
	maxViewers   = 32
	writeTimeout = 10 * time.Second // a viewer who reads nothing for so long is dropped
	heartbeat    = 15 * time.Second // keeps proxies from closing a quiet feed
)

// liveDetail keeps a snapshot at a few hundred kilobytes: it is sent whole,
// about once a second, and drawn anew.
const (
	liveRows         = 600
	liveEnvironments = 300
)

// Live serves the page of a run that is still going on. Its methods may be
// called at the same time from many goroutines.
//
//	Publish ──▶ last snapshot ──▶ one channel of size 1 a viewer ──▶ event stream
//
// A viewer who is slower than the snapshots misses some and always gets the
// latest: Publish never waits.
type Live struct {
	title string

	mu      sync.Mutex
	last    []byte // JSON of the latest result; nil: none yet
	viewers map[chan []byte]struct{}
	over    chan struct{} // closed by Close
	closed  bool
}

// NewLive returns a live page without a result.
func NewLive(title string) *Live {
	return &Live{title: title, viewers: make(map[chan []byte]struct{}), over: make(chan struct{})}
}

// Publish shows a result to all viewers, and to those who come later. The
// result may be changed afterwards. Once or twice a second is enough.
func (l *Live) Publish(r *metrics.Result) {
	reduced, shown := reduce(r, detail{liveRows, liveEnvironments})
	if shown != "" {
		reduced.Notes = append(append([]string{}, reduced.Notes...), shown)
	}
	data, err := encode(reduced)
	if err != nil {
		return // a figure that JSON cannot hold: the next snapshot may do better
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.last = data
	for viewer := range l.viewers {
		select {
		case <-viewer: // replaces what was not sent yet
		default:
		}
		viewer <- data
	}
}

// Close tells the viewers that the run is over and ends their feeds, so that a
// server can shut down. The page is served on, with the last result.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.over)
	}
}

// ServeHTTP serves the page, its feed under events and the latest result under
// result.json. It is mounted under a path that ends in a slash.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page of a run is read-only", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	switch path.Base(r.URL.Path) {
	case "events":
		l.serveEvents(w, r)
	case "result.json":
		l.serveResult(w)
	default:
		if r.URL.Path != "" && r.URL.Path[len(r.URL.Path)-1] != '/' {
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("X-Frame-Options", "DENY") // the page's own policy cannot say this
		if err := l.writePage(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// writePage writes the page without a result: the feed brings it at once.
func (l *Live) writePage(w http.ResponseWriter) error {
	return writePage(w, &document{Title: l.title, Live: "events"}, []Page{{Title: l.title}})
}

func (l *Live) serveResult(w http.ResponseWriter) {
	l.mu.Lock()
	data := l.last
	l.mu.Unlock()
	if data == nil {
		http.Error(w, "the run has no result yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a client that is gone needs no answer
}

var errTooMany = errors.New("too many viewers")

// join adds a viewer, who gets the latest result first.
func (l *Live) join() (chan []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.viewers) >= maxViewers {
		return nil, errTooMany
	}
	viewer := make(chan []byte, 1)
	if l.last != nil {
		viewer <- l.last
	}
	l.viewers[viewer] = struct{}{}
	return viewer, nil
}

func (l *Live) leave(viewer chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.viewers, viewer)
}

// serveEvents streams Server-Sent Events: "result" with a result in one line,
// "end" when the run is over.
func (l *Live) serveEvents(w http.ResponseWriter, r *http.Request) {
	viewer, err := l.join()
	if err != nil {
		http.Error(w, fmt.Sprintf("dash: %d people are watching this run already", maxViewers), http.StatusServiceUnavailable)
		return
	}
	defer l.leave(viewer)
	w.Header().Set("Content-Type", "text/event-stream")
	s := stream{w: w, control: http.NewResponseController(w)}
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	err = s.send("retry: 1000\n\n")
	for err == nil {
		select {
		case data := <-viewer:
			err = s.event("result", data)
		case <-ticker.C:
			err = s.send(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-l.over:
			select {
			case data := <-viewer: // the last result comes before the end
				_ = s.event("result", data)
			default:
			}
			_ = s.event("end", json.RawMessage("{}"))
			return
		}
	}
}

// stream writes events and sends them off at once.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// event sends one; data must not hold line breaks, as JSON of one line.
func (s stream) event(name string, data []byte) error {
	return s.send("event: " + name + "\ndata: " + string(data) + "\n\n")
}

func (s stream) send(text string) error {
	// Not every ResponseWriter knows deadlines; then the server's own count.
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
