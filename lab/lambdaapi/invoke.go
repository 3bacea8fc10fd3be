package lambdaapi

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The types of an invocation.
const (
	requestResponse = "RequestResponse"
	event           = "Event"
	dryRun          = "DryRun"
)

const (
	logTail  = 4 << 10 // bytes of the log in an answer (Invoke, Lambda API reference)
	maxTrace = 512     // characters of a trace header; a longer one is replaced
)

// invoke serves Invoke in its three types.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) error {
	t, err := s.find(r)
	if err != nil {
		return err
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	switch kind {
	case "":
		kind = requestResponse
	case requestResponse, event, dryRun:
	default:
		return validation("Value '%s' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]", clip(kind))
	}
	tail := r.Header.Get("X-Amz-Log-Type")
	if tail != "" && tail != "None" && tail != "Tail" {
		return validation("Value '%s' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]", clip(tail))
	}
	in := Invocation{RequestID: w.Header().Get(requestIDHeader), TraceID: trace(r.Header.Get("X-Amzn-Trace-Id"))}
	if in.Payload, err = readPayload(w, r, kind); err != nil {
		return err
	}
	if in.ClientContext, err = clientContext(r.Header.Get("X-Amz-Client-Context")); err != nil {
		return err
	}
	h := w.Header()
	h.Set("X-Amzn-Remapped-Content-Length", "0")
	h.Set("X-Amzn-Trace-Id", in.TraceID)
	switch kind {
	case dryRun:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case event:
		if err := s.async.add(t.Name, in); err != nil {
			return err
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	// A caller that hangs up does not end the invocation: Lambda finishes it.
	reply, err := s.backend.Invoke(context.WithoutCancel(r.Context()), t.Name, in)
	if err != nil {
		return err
	}
	if tail == "Tail" && reply.Log != nil {
		log := reply.Log()
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(log[max(0, len(log)-logTail):]))
	}
	writeReply(w, t.version(), reply)
	return nil
}

func writeReply(w http.ResponseWriter, version string, reply Reply) {
	h := w.Header()
	h.Set("X-Amz-Executed-Version", version)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(reply.Payload)))
	if reply.FunctionError {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(reply.Payload) // a caller that hung up misses the answer
}

// trace is the trace header that the function gets: the caller's, or a new one
// that is not sampled.
func trace(given string) string {
	if strings.Contains(given, "Root=") && len(given) <= maxTrace {
		return given
	}
	var id [20]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", uint32(time.Now().Unix()), hex.EncodeToString(id[:12]), hex.EncodeToString(id[12:]))
}
