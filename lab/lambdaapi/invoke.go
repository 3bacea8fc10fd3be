package lambdaapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Limits of the Lambda API (Lambda quotas page, 2026).
const (
	maxSyncPayload   = 6 << 20 // bytes
	maxAsyncPayload  = 1 << 20
	maxClientContext = 3583 // characters of the base64 text
	logTail          = 4 << 10
)

// invoke serves Invoke in its three types.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) error {
	name, _ := splitName(r.PathValue("name"))
	config, err := s.backend.Function(name)
	if err != nil {
		return err
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	payload, err := readPayload(r, kind)
	if err != nil {
		return err
	}
	in := Invocation{Payload: payload, TraceID: r.Header.Get("X-Amzn-Trace-Id")}
	if in.ClientContext, err = clientContext(r); err != nil {
		return err
	}
	switch kind {
	case "", "RequestResponse":
		return s.invokeSync(w, r, config.Name, in)
	case "Event":
		s.async.add(config.Name, in)
		w.WriteHeader(http.StatusAccepted)
		return nil
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return errorf(http.StatusBadRequest, "ValidationException",
		"1 validation error detected: Value '%s' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]", kind)
}

func (s *Server) invokeSync(w http.ResponseWriter, r *http.Request, name string, in Invocation) error {
	// A caller that hangs up does not end the invocation: Lambda finishes it.
	reply, err := s.backend.Invoke(context.WithoutCancel(r.Context()), name, in)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", reply.RequestID)
	h.Set("X-Amz-Executed-Version", reply.Version)
	h.Set("X-Amzn-Remapped-Content-Length", "0")
	h.Set("Content-Type", "application/json")
	if reply.TraceID != "" {
		h.Set("X-Amzn-Trace-Id", reply.TraceID)
	}
	if reply.FunctionError {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" && reply.Log != nil {
		log := reply.Log()
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(log[max(0, len(log)-logTail):]))
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(reply.Payload) // a caller that hung up misses the answer
	return nil
}

// readPayload reads and checks the event. No event is an empty object.
func readPayload(r *http.Request, kind string) ([]byte, error) {
	limit := int64(maxSyncPayload)
	if kind == "Event" {
		limit = maxAsyncPayload
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, errorf(http.StatusBadRequest, "InvalidRequestContentException", "the request ended early: %v", err)
	}
	if int64(len(payload)) > limit {
		return nil, errorf(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			"Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	}
	if len(payload) == 0 {
		return []byte("{}"), nil
	}
	if err := checkJSON(payload); err != nil {
		return nil, errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: %v", err)
	}
	return payload, nil
}

func checkJSON(payload []byte) error {
	if json.Valid(payload) {
		return nil
	}
	var v any
	if err := json.Unmarshal(payload, &v); err != nil {
		return err
	}
	return errors.New("not one JSON document")
}

// clientContext decodes the header that mobile SDKs send.
func clientContext(r *http.Request) (string, error) {
	text := r.Header.Get("X-Amz-Client-Context")
	if text == "" {
		return "", nil
	}
	if len(text) > maxClientContext {
		return "", errorf(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be no more than %d bytes when base64-encoded.", maxClientContext)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !json.Valid(data) {
		return "", errorf(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
	}
	return string(data), nil
}

// splitName takes a function's name and qualifier from any of the forms that
// the API accepts: Api, Api:live, 123456789012:function:Api and a whole ARN.
func splitName(text string) (name, qualifier string) {
	if _, after, ok := strings.Cut(text, "function:"); ok {
		text = after
	}
	name, qualifier, _ = strings.Cut(text, ":")
	return name, qualifier
}
