package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// Limits of the Lambda API (Lambda quotas page and Invoke, 2026).
const (
	maxSyncPayload   = 6 << 20 // bytes
	maxAsyncPayload  = 1 << 20 // bytes
	maxClientContext = 3583    // characters of the base64 text
)

// Limits of the lab.
const (
	maxBody     = 64 << 10 // of a configuration request, bytes
	maxDropped  = 64 << 20 // bytes of a request that is too large, read and dropped
	bodyTimeout = 30 * time.Second
)

var errTooLarge = errors.New("the body is too large")

// readAll reads a body of at most limit bytes.
func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	limitReading(w)
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return data, err
}

// limitReading gives the client bodyTimeout to send the rest of its request.
func limitReading(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer can
}

// dropRest reads what is left of a request that failed, as far as is
// reasonable: a client that still sends would take a closed connection for a
// broken network and not see the answer.
func dropRest(w http.ResponseWriter, r *http.Request) {
	limitReading(w)
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDropped))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// readPayload reads and checks the event. No event is an empty object.
func readPayload(w http.ResponseWriter, r *http.Request, kind string) ([]byte, error) {
	limit := int64(maxSyncPayload)
	if kind == event {
		limit = maxAsyncPayload
	}
	payload, err := readAll(w, r, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, errorf(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			"Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	case err != nil:
		return nil, unreadable(err)
	case len(payload) == 0:
		return []byte("{}"), nil
	case json.Valid(payload):
		return payload, nil
	}
	var v any
	return nil, unreadable(json.Unmarshal(payload, &v))
}

func unreadable(err error) *Error {
	return errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: %v", err)
}

// clientContext decodes the header that mobile SDKs send.
func clientContext(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if len(text) > maxClientContext {
		return "", errorf(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be no more than %d bytes when base64-encoded.", maxClientContext)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(data, &object) != nil || object == nil {
		return "", errorf(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
	}
	return string(data), nil
}

// readBody decodes the JSON document of a configuration request.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	data, err := readAll(w, r, maxBody)
	if errors.Is(err, errTooLarge) {
		return errorf(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than %d bytes", maxBody)
	}
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return unreadable(err)
	}
	return nil
}
