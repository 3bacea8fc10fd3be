package upstream

import "errors"

// Reasons for which a request fails without an answer of the server. What was
// sent is told apart from what was not by Receiver.Lost.
var (
	// ErrLost: the connection ended before the reply was complete.
	ErrLost = errors.New("upstream connection lost")
	// ErrDesync: the server sent what nobody asked for or what is not RESP.
	ErrDesync = errors.New("upstream sent an answer that does not belong to any request")
	// ErrWait: no connection came free within WaitTimeout.
	ErrWait = errors.New("no upstream connection came free in time")
	// ErrDown: the node's breaker is open.
	ErrDown = errors.New("upstream is down")
	// ErrTimeout: the caller's time limit for the request is over.
	ErrTimeout = errors.New("request timed out")
	// ErrClosed: this side is shutting down.
	ErrClosed = errors.New("proxy is shutting down")
)

// ServerError is the server's refusal of a login or a database, without the
// leading '-'. It is an answer, so it does not count against the node.
type ServerError string

func (e ServerError) Error() string { return string(e) }
