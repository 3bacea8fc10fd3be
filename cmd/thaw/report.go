package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/term"

	"github.com/thawdev/thaw/dash"
	"github.com/thawdev/thaw/metrics"
)

// report prints the result and writes it to the output file. A result that
// cannot be written where it was asked for is not lost: it goes to the other
// place.
func report(r *metrics.Result, f runFlags, stdout, stderr io.Writer) error {
	var errs []error
	if f.output != "" {
		if err := writeFile(f.output, r.Encode); err != nil {
			errs = append(errs, fmt.Errorf("the result was not written: %w", err))
		}
	}
	if f.html != "" {
		page := func(w io.Writer) error { return dash.WriteHTML(w, dash.Page{Title: title(r), Result: r}) }
		if err := writeFile(f.html, page); err != nil {
			errs = append(errs, fmt.Errorf("the page was not written: %w", err))
		}
	}
	var page bytes.Buffer
	if f.json {
		if err := r.Encode(&page); err != nil {
			return err
		}
	} else {
		r.WriteText(&page, metrics.TextOptions{Color: isTerminal(stdout), Width: width(stdout)})
	}
	if _, err := stdout.Write(page.Bytes()); err != nil {
		errs = append(errs, fmt.Errorf("the report could not be printed: %w; it follows on stderr", err))
		_, _ = stderr.Write(page.Bytes())
	}
	return errors.Join(errs...)
}

// title names a run for a page.
func title(r *metrics.Result) string {
	if r.Run.Function == "" {
		return r.Run.Name
	}
	return r.Run.Name + " · " + r.Run.Function
}

// writeFile replaces path with what write writes, or leaves it as it was.
func writeFile(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".thaw-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	err = errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}

// width is the terminal's, or 100 for a file.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 100
}

// logSink writes the functions' logs.
type logSink struct {
	mu   sync.Mutex
	out  io.Writer // nil: nowhere
	file *os.File
	err  error
}

// openLogs opens the log file; "" is none and - is stderr.
func openLogs(path string, stderr io.Writer) (*logSink, error) {
	switch path {
	case "":
		return &logSink{}, nil
	case "-":
		return &logSink{out: stderr}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--logs: %w", err)
	}
	return &logSink{out: file, file: file}, nil
}

// write appends the log of one invocation.
func (s *logSink) write(_, environment string, log []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil || s.err != nil {
		return
	}
	for line := range bytes.Lines(log) {
		if _, s.err = fmt.Fprintf(s.out, "%s  %s\n", environment, bytes.TrimRight(line, "\n")); s.err != nil {
			return // a full disk loses logs, never the run
		}
	}
}

// Close closes the file.
func (s *logSink) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
