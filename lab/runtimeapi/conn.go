package runtimeapi

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// conn is one connection of the runtime or an extension. Its goroutine reads
// requests and answers them; a parked poll is answered by whoever has the
// event (see delivery), while the goroutine waits for the next request. So a
// poll costs no second goroutine, and its end is seen at once.
type conn struct {
	api  *API
	life *life
	nc   net.Conn
	in   wire

	parked bool // a poll waits for its event; under api.mu

	hangUp   bool // close instead of answering: the environment has moved on
	bodyRead bool // of the request at hand

	outMu sync.Mutex
	out   []byte // the answer; kept for its capacity
	last  bool   // it is the last one on this connection; only the goroutine sets it
}

var errBodyTooLarge = errors.New("body is too large to read")

func (c *conn) serve() {
	defer func() {
		c.api.mu.Lock()
		c.life.unpark(c)
		delete(c.life.conns, c)
		c.api.mu.Unlock()
		c.outMu.Lock() // the last answer may still be on its way
		c.nc.Close()
		c.outMu.Unlock()
	}()
	var req request
	for {
		if err := readRequest(&c.in, &req); err != nil {
			c.badRequest(err)
			return
		}
		if c.isParked() {
			c.api.logf("the connection of a waiting poll was used for another request (%s %s); it is closed", req.method, req.path)
			return
		}
		c.bodyRead = false
		c.setLast(req.close)
		c.route(&req)
		if !c.bodyRead && !c.hangUp {
			c.discard(&req)
		}
		if c.hangUp || c.last && !c.isParked() {
			return
		}
		c.in.shrink()
	}
}

// setLast waits for an answer that another goroutine is writing, for that
// reads the field.
func (c *conn) setLast(last bool) {
	c.outMu.Lock()
	c.last = last
	c.outMu.Unlock()
}

// discard reads the body of a request that was refused without it. A client
// that waits for 100 Continue has its answer already and may or may not send the
// body: nobody can tell what comes next on this connection.
func (c *conn) discard(req *request) {
	if req.expect {
		c.setLast(true)
		return
	}
	c.readBody(req, 0)
}

func (c *conn) isParked() bool {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.parked
}

// badRequest ends a connection whose next bytes are no request. A poll that
// is parked here must not get anything else.
func (c *conn) badRequest(err error) {
	if err == io.EOF || errors.Is(err, net.ErrClosed) || c.isParked() {
		return
	}
	c.setLast(true)
	switch {
	case errors.Is(err, errHeaderTooLarge):
		c.answerError(431, "RequestHeaderFieldsTooLarge", "Request headers exceed "+strconv.Itoa(maxHeader)+" bytes.")
	case errors.Is(err, errVersion):
		c.answerError(505, "HTTPVersionNotSupported", err.Error())
	case errors.Is(err, errMalformed), errors.Is(err, errCoding), errors.Is(err, errBothLengths):
		c.answerError(400, "InvalidRequest", err.Error())
	default:
		return // the connection broke
	}
	c.api.logf("connection refused: %v", err)
}

// readBody reads the request's body, after 100 Continue if the client waits
// for that. A broken body ends the connection.
func (c *conn) readBody(req *request, limit int64) body {
	c.bodyRead = true
	if req.expect {
		if _, err := io.WriteString(c.nc, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return body{broken: err}
		}
	}
	b := readBody(&c.in, req, limit)
	if b.broken != nil {
		c.setLast(true)
		if errors.Is(b.broken, errBodyTooLarge) {
			b.broken = nil // what counts is tooLarge
		}
	}
	return b
}

// Paths of the APIs.
const (
	prefixRuntime    = "/2018-06-01"
	prefixExtensions = "/2020-01-01/extension"
	prefixInvocation = prefixRuntime + "/runtime/invocation/"
	pathNext         = prefixInvocation + "next"
)

// route answers one request.
func (c *conn) route(req *request) {
	switch req.path {
	case pathNext:
		c.on(req, "GET", func() { c.next() })
	case prefixRuntime + "/runtime/init/error":
		c.on(req, "POST", func() { c.initError(req) })
	case prefixExtensions + "/register":
		c.on(req, "POST", func() { c.register(req) })
	case prefixExtensions + "/event/next":
		c.on(req, "GET", func() { c.eventNext(req) })
	case prefixExtensions + "/init/error":
		c.on(req, "POST", func() { c.extensionError(req, stateInitError) })
	case prefixExtensions + "/exit/error":
		c.on(req, "POST", func() { c.extensionError(req, stateExitError) })
	case "/2022-07-01/telemetry":
		c.on(req, "PUT", func() { c.subscribe(req, "Telemetry") })
	case "/2020-08-15/logs":
		c.on(req, "PUT", func() { c.subscribe(req, "Logs") })
	case "/ping", prefixRuntime + "/ping":
		c.on(req, "GET", func() { c.reply(200, "text/plain; charset=utf-8", "pong") })
	default:
		if id, what, ok := invocationPath(req.path); ok {
			c.on(req, "POST", func() { c.post(req, id, what == "error") })
			return
		}
		c.api.logf("there is no path %s in the Runtime, Extensions or Telemetry API", req.path)
		c.answerError(404, "NotFound", "No such path: "+req.path)
	}
}

// invocationPath takes the id and "response" or "error" from a path.
func invocationPath(path string) (id, what string, ok bool) {
	rest, ok := strings.CutPrefix(path, prefixInvocation)
	if !ok {
		return "", "", false
	}
	id, what, ok = strings.Cut(rest, "/")
	return id, what, ok && id != "" && (what == "response" || what == "error")
}

func (c *conn) on(req *request, method string, handle func()) {
	if req.method != method {
		c.answerError(405, "MethodNotAllowed", req.path+" takes "+method)
		return
	}
	// A poll or a refusal leaves the goroutine before it has read the body.
	if method == "GET" && req.length != 0 {
		if b := c.readBody(req, maxResponse); b.broken != nil {
			return
		}
	}
	handle()
}
