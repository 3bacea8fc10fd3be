package runtimeapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxWaiting is how many full batches may wait for a slow destination before
// the next one is dropped.
const maxWaiting = 4

// subscriber collects events for one extension and sends them in batches.
//
//	take ─▶ batch ─full or old─▶ waiting (4 batches) ─▶ one sender ─▶ destination
//	                                └── full: dropped, and platform.logsDropped says so
type subscriber struct {
	extension *extension
	config    *subscription
	logf      func(format string, args ...any)
	sender    sender
	waiting   chan [][]byte
	cancel    context.CancelFunc

	mu             sync.Mutex
	batch          [][]byte
	size           int // of the batch, in bytes
	timer          *time.Timer
	stopped        bool
	droppedRecords int // since the last platform.logsDropped
	droppedBytes   int
	reason         string
}

func newSubscriber(a *API, e *extension, config *subscription) *subscriber {
	ctx, cancel := context.WithCancel(context.Background())
	dial := a.opts.DialTelemetry
	if dial == nil {
		dial = dialLocal
	}
	s := &subscriber{
		extension: e, config: config, logf: a.logf,
		waiting: make(chan [][]byte, maxWaiting), cancel: cancel,
	}
	if config.Destination.Protocol == "HTTP" {
		s.sender = newHTTPSender(dial, config.Destination.URI)
	} else {
		s.sender = &tcpSender{dial: dial, port: config.Destination.Port}
	}
	go s.run(ctx)
	return s
}

func (s *subscriber) wants(kind string) bool { return slices.Contains(s.config.Types, kind) }

// take adds an event to the batch. It never waits for the destination.
func (s *subscriber) take(e telemetryEvent) {
	if !s.wants(e.kind) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	if s.droppedRecords > 0 {
		lost, ok := newEvent("platform", "platform.logsDropped", map[string]any{
			"droppedRecords": s.droppedRecords, "droppedBytes": s.droppedBytes, "reason": s.reason,
		})
		s.droppedRecords, s.droppedBytes = 0, 0
		if ok {
			s.add(lost.json)
		}
	}
	s.add(e.json)
}

func (s *subscriber) add(event []byte) {
	if len(s.batch) > 0 && s.size+len(event) > *s.config.Buffering.MaxBytes {
		s.handOver()
	}
	if len(s.batch) == 0 {
		s.timer = time.AfterFunc(s.config.timeout(), s.flush)
	}
	s.batch = append(s.batch, event)
	s.size += len(event)
	if len(s.batch) >= *s.config.Buffering.MaxItems || s.size >= *s.config.Buffering.MaxBytes {
		s.handOver()
	}
}

// flush sends the batch as it is.
func (s *subscriber) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handOver()
}

func (s *subscriber) handOver() {
	if len(s.batch) == 0 || s.stopped {
		return
	}
	s.timer.Stop()
	select {
	case s.waiting <- s.batch:
	default:
		s.drop(s.batch, "Some logs were dropped because the downstream consumer is slower than the logs production rate")
	}
	s.batch, s.size = nil, 0
}

func (s *subscriber) drop(batch [][]byte, reason string) {
	s.droppedRecords += len(batch)
	for _, event := range batch {
		s.droppedBytes += len(event)
	}
	s.reason = reason
}

// stop drops what has not been sent.
func (s *subscriber) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.batch = nil
	s.cancel()
	close(s.waiting)
}

// run sends batches, one after the other, until stop.
func (s *subscriber) run(ctx context.Context) {
	defer s.sender.close()
	for batch := range s.waiting {
		err := s.sender.send(ctx, batch)
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.logf("telemetry of extension %s: %v", s.extension.Name, err)
		s.mu.Lock()
		s.drop(batch, "could not send events: "+err.Error())
		s.mu.Unlock()
	}
}

// sender brings batches to a destination, one at a time.
type sender interface {
	send(ctx context.Context, batch [][]byte) error
	close()
}

// httpSender posts a batch as a JSON array.
type httpSender struct {
	client *http.Client
	uri    string
}

func newHTTPSender(dial func(network, address string) (net.Conn, error), uri string) *httpSender {
	return &httpSender{uri: uri, client: &http.Client{Transport: &http.Transport{
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) { return dial(network, address) },
	}}}
}

func (h *httpSender) send(ctx context.Context, batch [][]byte) error {
	body := append(append([]byte{'['}, bytes.Join(batch, []byte{','})...), ']')
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.uri, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is used again
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", h.uri, resp.Status)
	}
	return nil
}

func (h *httpSender) close() { h.client.CloseIdleConnections() }

// tcpSender writes each event on a line, over one connection.
type tcpSender struct {
	dial func(network, address string) (net.Conn, error)
	port int
	nc   net.Conn // nil: dial again
}

func (s *tcpSender) send(ctx context.Context, batch [][]byte) (err error) {
	if s.nc == nil {
		if s.nc, err = s.dial("tcp", fmt.Sprintf("sandbox.localdomain:%d", s.port)); err != nil {
			return err
		}
	}
	opened := s.nc
	done := context.AfterFunc(ctx, func() { opened.Close() }) // a destination may be frozen
	defer done()
	if _, err = s.nc.Write(append(bytes.Join(batch, []byte{'\n'}), '\n')); err != nil {
		s.close()
	}
	return err
}

func (s *tcpSender) close() {
	if s.nc != nil {
		s.nc.Close()
		s.nc = nil
	}
}

// dialLocal takes the environment's own name for this machine.
func dialLocal(network, address string) (net.Conn, error) {
	if port, ok := strings.CutPrefix(address, "sandbox.localdomain:"); ok {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return net.Dial(network, address)
}
