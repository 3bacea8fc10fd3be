package runtimeapi

import (
	"bytes"
	"errors"
	"io"
)

const (
	// firstBuffer holds a usual request with its headers, in bytes. There
	// are hundreds of idle connections.
	firstBuffer = 1 << 10
	// keptBuffer is the largest buffer that a connection keeps between
	// requests, in bytes.
	keptBuffer = 4 << 10
	// maxHeader bounds the request line and all headers, in bytes: the X-Ray
	// cause alone may have 1 MiB.
	maxHeader = maxXRayCause + 64<<10
)

var errHeaderTooLarge = errors.New("headers are too large")

// wire reads a byte stream through a buffer that is small, grows for a long
// header line, and shrinks again.
type wire struct {
	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] has been read from src and not been used
}

// fill reads more of the stream behind what is there. Slices handed out by
// line become invalid.
func (w *wire) fill() error {
	switch {
	case w.buf == nil:
		w.buf = make([]byte, firstBuffer)
	case w.r == w.w:
		w.r, w.w = 0, 0
	case w.w == len(w.buf) && w.r > 0:
		w.w = copy(w.buf, w.buf[w.r:w.w])
		w.r = 0
	case w.w == len(w.buf):
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	for range 100 {
		n, err := w.src.Read(w.buf[w.w:])
		w.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// line is the next line without its end, LF or CRLF, as rawLine reads it.
func (w *wire) line(budget *int) ([]byte, error) {
	line, err := w.rawLine(budget)
	return bytes.TrimSuffix(line, []byte("\r")), err
}

// chunkLine is a line that must end in CRLF, as in the framing of chunks.
func (w *wire) chunkLine(budget *int) ([]byte, error) {
	line, err := w.rawLine(budget)
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r"))
	if !ok {
		return nil, errMalformed
	}
	return line, nil
}

// rawLine is the next line without LF. It takes its length from budget and
// fails with errHeaderTooLarge when that is used up. The slice is valid until the
// next call of a method.
func (w *wire) rawLine(budget *int) ([]byte, error) {
	scanned := 0
	for {
		if i := bytes.IndexByte(w.buf[w.r+scanned:w.w], '\n'); i >= 0 {
			end := scanned + i
			if *budget -= end + 1; *budget < 0 {
				return nil, errHeaderTooLarge
			}
			line := w.buf[w.r : w.r+end]
			w.r += end + 1
			return line, nil
		}
		scanned = w.w - w.r
		if scanned > *budget {
			return nil, errHeaderTooLarge
		}
		if err := w.fill(); err != nil {
			if err == io.EOF && scanned > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Read takes from the buffer first and then past it. At the end of the stream
// it returns io.ErrUnexpectedEOF, for it is used for bodies of known length.
func (w *wire) Read(p []byte) (int, error) {
	if w.r < w.w {
		n := copy(p, w.buf[w.r:w.w])
		w.r += n
		return n, nil
	}
	n, err := w.src.Read(p)
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return 0, err
}

// shrink drops a buffer that one long request has blown up.
func (w *wire) shrink() {
	if w.r == w.w && len(w.buf) > keptBuffer {
		w.buf, w.r, w.w = nil, 0, 0
	}
}
