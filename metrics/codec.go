package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxResult bounds what Decode reads: a full timeline and all lists at their
// bounds are about 1 MB, so this leaves room for long messages and many
// functions.
const maxResult = 64 << 20 // bytes

// Encode writes the result as one line of JSON, with Format as its format.
// Lists and maps that are nil are written as empty ones.
func (r *Result) Encode(w io.Writer) error {
	out := *r
	out.Format = Format
	out.complete()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // expectations hold < and >
	if err := enc.Encode(&out); err != nil {
		return fmt.Errorf("metrics: writing the result: %w", err)
	}
	return nil
}

// Decode reads one result. Keys it does not know are ignored, for a newer
// version may have added them; a format with another number after the slash is
// an error that says so.
func Decode(r io.Reader) (*Result, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxResult+1))
	if err != nil {
		return nil, fmt.Errorf("metrics: reading the result: %w", err)
	}
	if len(data) > maxResult {
		return nil, fmt.Errorf("metrics: the result is longer than %d MiB: this is no result of a run", maxResult>>20)
	}
	var header struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, syntaxError(err)
	}
	if err := checkFormat(header.Format); err != nil {
		return nil, err
	}
	var out Result
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, syntaxError(err)
	}
	if err := out.Timeline.check(); err != nil {
		return nil, err
	}
	out.complete()
	return &out, nil
}

func checkFormat(format string) error {
	name, version, _ := strings.Cut(format, "/")
	wantName, wantVersion, _ := strings.Cut(Format, "/")
	major, _, _ := strings.Cut(version, ".")
	switch {
	case format == "":
		return fmt.Errorf(`metrics: not a result of Thaw: it has no "format": %q`, Format)
	case name != wantName:
		return fmt.Errorf("metrics: not a result of Thaw: its format is %q, not %q", format, Format)
	case major != wantVersion:
		return fmt.Errorf("metrics: the result has the format %q; this version of thaw reads %q: repeat the run with this version, or read it with the one that wrote it", format, Format)
	}
	return nil
}

// syntaxError adds the place.
func syntaxError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("metrics: the result is no JSON, at byte %d: %w", syntax.Offset, err)
	case errors.As(err, &kind):
		return fmt.Errorf("metrics: the result's key %q, at byte %d, is a %s: %w", kind.Field, kind.Offset, kind.Value, err)
	}
	return fmt.Errorf("metrics: reading the result: %w", err)
}

// complete replaces nil lists and maps by empty ones, so that every key is in
// the JSON with its own type.
func (r *Result) complete() {
	notNilMap(&r.Sources)
	r.Functions = append([]Function{}, r.Functions...) // the caller's list stays as it is
	r.Latency.complete()
	for i := range r.Functions {
		notNilMap(&r.Functions[i].Sources)
		r.Functions[i].Latency.complete()
	}
	notNil(&r.Errors)
	notNil(&r.EnvironmentsDetail)
	notNil(&r.Expectations)
	notNil(&r.Warnings)
	notNil(&r.Notes)
	for _, c := range r.Timeline.counts() {
		notNil(c)
	}
	for _, c := range r.Timeline.figures() {
		notNil(c)
	}
}

func (l *Latency) complete() {
	notNil(&l.Histograms.Cold)
	notNil(&l.Histograms.Warm)
}

func notNil[S ~[]E, E any](list *S) {
	if *list == nil {
		*list = S{}
	}
}

func notNilMap(m *map[string]int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
}
