package runtimeapi

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// acceptedBody is the answer to every accepted post.
const acceptedBody = `{"status":"OK"}` + "\n"

// answerError answers with AWS's error document.
func (c *conn) answerError(status int, typ, message string) {
	doc, err := json.Marshal(struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}{message, typ})
	if err != nil {
		doc = []byte("{}") // two strings always marshal
	}
	c.answer(status, string(doc)+"\n")
}

// answer answers with JSON.
func (c *conn) answer(status int, body string) { c.reply(status, "application/json", body) }

func (c *conn) reply(status int, contentType, body string, headers ...string) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	b := c.begun(status, contentType)
	for i := 0; i+1 < len(headers); i += 2 {
		b = appendField(b, headers[i], headers[i+1])
	}
	b = append(c.ended(b, len(body)), body...)
	if err := c.write(b, nil); err != nil {
		c.nc.Close()
	}
}

// answerEvent answers a poll of an extension.
func (c *conn) answerEvent(event []byte) {
	c.reply(200, "application/json", string(event), "Lambda-Extension-Event-Identifier", newID())
}

// answerInvocation answers a poll of the runtime.
func (c *conn) answerInvocation(inv *Invocation) error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	b := c.begun(200, "application/json")
	b = appendField(b, "Lambda-Runtime-Aws-Request-Id", inv.RequestID)
	if !inv.Deadline.IsZero() {
		b = append(b, "Lambda-Runtime-Deadline-Ms: "...)
		b = strconv.AppendInt(b, inv.Deadline.UnixMilli(), 10)
		b = append(b, "\r\n"...)
	}
	b = appendField(b, "Lambda-Runtime-Invoked-Function-Arn", inv.FunctionARN)
	b = appendField(b, "Lambda-Runtime-Trace-Id", inv.TraceID)
	b = appendField(b, "Lambda-Runtime-Client-Context", inv.ClientContext)
	b = appendField(b, "Lambda-Runtime-Cognito-Identity", inv.CognitoIdentity)
	b = appendField(b, "Lambda-Runtime-Aws-Tenant-Id", inv.TenantID)
	return c.write(c.ended(b, len(inv.Payload)), inv.Payload)
}

// begun and ended make the head of an answer in the connection's buffer.
func (c *conn) begun(status int, contentType string) []byte {
	b := append(c.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nContent-Type: "...)
	b = append(b, contentType...)
	b = append(b, "\r\n"...)
	if c.last {
		b = append(b, "Connection: close\r\n"...)
	}
	return b
}

func (c *conn) ended(b []byte, length int) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(length), 10)
	return append(b, "\r\n\r\n"...)
}

// appendField adds a header unless its value is empty. Line ends in a value,
// as in a client context that was formatted for people, become spaces.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	start := len(b)
	b = append(b, value...)
	for i := start; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// write sends head and payload in one call of the system. The head's buffer
// is kept unless one large answer has blown it up.
func (c *conn) write(head, payload []byte) error {
	const joined = 2 << 10 // a copy of so little is cheaper than two slices
	if len(payload) <= joined {
		head = append(head, payload...)
		payload = nil
	}
	c.out = nil
	if cap(head) <= keptBuffer {
		c.out = head[:0]
	}
	if payload == nil {
		_, err := c.nc.Write(head)
		return err
	}
	buffers := net.Buffers{head, payload}
	_, err := buffers.WriteTo(c.nc)
	return err
}
