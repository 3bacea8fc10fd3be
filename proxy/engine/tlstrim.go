package engine

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// spareInput is how much input buffer an idle session may keep. It is what
// crypto/tls allocates for small records.
const spareInput = 2 << 10

// trim gives back the input buffer of an idle session when a large record has
// made it large: crypto/tls never does, and a client that once sent 16 KiB would
// hold more than twice as much for good. There is no exported way, so this looks
// for the two fields by name and type. If a later Go has none such, nothing is
// given back, and TestIdleMemory says so.
func (s *tlsSession) trim() {
	raw, input := sessionBuffers(s.conn)
	if raw == nil || raw.Cap() <= spareInput || raw.Len() > 0 || input.Len() > 0 {
		return
	}
	// With nothing unread in either, an empty buffer is the same to crypto/tls.
	*raw = bytes.Buffer{}
}

var rawInputField, inputField = sessionFields()

func sessionFields() (raw, input uintptr) {
	t := reflect.TypeFor[tls.Conn]()
	r, ok1 := t.FieldByName("rawInput")
	i, ok2 := t.FieldByName("input")
	if !ok1 || !ok2 || r.Type != reflect.TypeFor[bytes.Buffer]() || i.Type != reflect.TypeFor[bytes.Reader]() {
		return 0, 0
	}
	return r.Offset, i.Offset
}

func sessionBuffers(c *tls.Conn) (*bytes.Buffer, *bytes.Reader) {
	if rawInputField == 0 || inputField == 0 {
		return nil, nil
	}
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), rawInputField)),
		(*bytes.Reader)(unsafe.Add(unsafe.Pointer(c), inputField))
}
