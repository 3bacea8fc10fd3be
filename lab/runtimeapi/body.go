package runtimeapi

import (
	"bytes"
	"io"
)

const (
	// firstBody is what is set aside for a body before any of it has come, in
	// bytes: a length in a header costs the client nothing.
	firstBody = 32 << 10
	// maxDiscard is how much of a body over its limit is read away, in bytes,
	// so that the client gets to see the refusal.
	maxDiscard = 64 << 20
)

// body is what came of a request's body.
type body struct {
	bytes    []byte // nil if empty or too large
	length   int64  // as far as it was read
	tooLarge bool
	broken   error // it ended early or its framing is wrong: the connection is of no more use
}

// readBody reads the body and trailers of req.
func readBody(w *wire, req *request, limit int64) body {
	var b body
	if req.length < 0 {
		b.broken = b.readChunks(w, req, limit)
	} else {
		b.broken = b.read(w, req.length, limit)
	}
	if b.tooLarge || b.broken != nil {
		b.bytes = nil
	}
	return b
}

// read takes n more bytes into the body, or past it if they exceed the limit.
func (b *body) read(w *wire, n, limit int64) error {
	if n > limit-b.length {
		b.tooLarge, b.bytes = true, nil
	}
	if b.tooLarge {
		if n > maxDiscard-b.length {
			b.length += n
			return errBodyTooLarge
		}
		b.length += n
		_, err := io.CopyN(io.Discard, w, n)
		return err
	}
	b.length += n
	for n > 0 {
		if room := cap(b.bytes) - len(b.bytes); int64(room) < n {
			b.grow(n)
		}
		free := b.bytes[len(b.bytes):cap(b.bytes)]
		if int64(len(free)) > n {
			free = free[:n]
		}
		got, err := w.Read(free)
		b.bytes = b.bytes[:len(b.bytes)+got]
		n -= int64(got)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// grow makes room for some of n more bytes: for all that are few, and for
// twice what has come of many.
func (b *body) grow(n int64) {
	room := min(n, int64(max(firstBody, len(b.bytes))))
	if int64(cap(b.bytes)-len(b.bytes)) >= room {
		return
	}
	grown := make([]byte, len(b.bytes), int64(len(b.bytes))+room)
	copy(grown, b.bytes)
	b.bytes = grown
}

// readChunks takes a chunked body and its trailers.
func (b *body) readChunks(w *wire, req *request, limit int64) error {
	for {
		budget := 4 << 10
		line, err := w.chunkLine(&budget)
		if err != nil {
			return unexpected(err)
		}
		n, err := chunkSize(line)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if err := b.read(w, n, limit); err != nil {
			return unexpected(err)
		}
		budget = 2
		if line, err = w.chunkLine(&budget); err != nil || len(line) > 0 {
			return errMalformed
		}
	}
	budget := maxHeader
	for {
		line, err := w.line(&budget)
		if err != nil {
			return unexpected(err)
		}
		if len(line) == 0 {
			return nil
		}
		if err := req.parseTrailer(line); err != nil {
			return err
		}
	}
}

// chunkSize reads "1a" or "1a;extension".
func chunkSize(line []byte) (int64, error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 12 { // far beyond maxDiscard
		return 0, errMalformed
	}
	var n int64
	for _, c := range digits {
		d := hexDigit(c)
		if d < 0 {
			return 0, errMalformed
		}
		n = n<<4 | int64(d)
	}
	return n, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
