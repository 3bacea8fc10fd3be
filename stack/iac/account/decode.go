package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// errForeign is JSON that is neither a snapshot nor the output of a call that
// the package knows.
var errForeign = errors.New("not the output of an AWS describe call that Thaw reads")

// decoder walks one file item by item, so that a large account is decoded
// without a second copy of it, and knows the line where each item begins.
type decoder struct {
	*json.Decoder
	in   *inventory
	name string
	data []byte

	lists []string // the calls of which the file holds a list
	more  bool     // AWS had more than the file holds

	counted int // bytes of data in which lines were counted
	line    int
}

// read adds what a file holds to the inventory.
func (in *inventory) read(name string, data []byte) error {
	if len(data) > maxFile {
		return fmt.Errorf("account: %s is larger than %d MB; limit the snapshot with --vpc", name, maxFile>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := &decoder{Decoder: json.NewDecoder(bytes.NewReader(data)), in: in, name: name, data: data, line: 1}
	if err := d.file(); err != nil {
		if errors.Is(err, errForeign) {
			return fmt.Errorf("account: %s: %w", name, errForeign)
		}
		return d.problem(err)
	}
	return nil
}

// problem says where the file is wrong, and what to do about it.
func (d *decoder) problem(err error) error {
	var own *fileError
	if errors.As(err, &own) {
		return fmt.Errorf("account: %s: %s", d.name, own.message)
	}
	line := 1 + bytes.Count(d.data[:min(int(d.InputOffset()), len(d.data))], []byte("\n"))
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ):
		return fmt.Errorf("account: %s:%d: %s holds a %s, which AWS does not print there; is this the output of another tool?", d.name, line, typ.Field, typ.Value)
	case errors.As(err, &syntax) && strings.Contains(err.Error(), "unexpected end"), strings.Contains(err.Error(), "EOF"):
		return fmt.Errorf("account: %s:%d: the file ends in the middle; take the snapshot again", d.name, line)
	}
	return fmt.Errorf("account: %s:%d: the file is not valid JSON: %w", d.name, line, err)
}

// fileError is a file that is valid JSON and cannot be used.
type fileError struct{ message string }

func (e *fileError) Error() string { return e.message }

func fileErrorf(format string, args ...any) error {
	return &fileError{fmt.Sprintf(format, args...)}
}

// file reads the top level of a file.
func (d *decoder) file() error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errForeign
	}
	known := false
	for d.More() {
		key, err := d.key()
		if err != nil {
			return err
		}
		ok, err := d.topLevel(key)
		if err != nil {
			return err
		}
		known = known || ok
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if !known {
		return errForeign
	}
	for _, call := range d.lists {
		d.in.whole[call] = d.in.whole[call] || !d.more
	}
	return d.end()
}

// end reports what follows the JSON document of a file.
func (d *decoder) end() error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fileErrorf("the file holds more than one JSON document; write the output of each call to a file of its own")
	}
	return nil
}

// topLevel reads the value of one key of a file, and reports whether it is one
// of a snapshot or of a call.
func (d *decoder) topLevel(key string) (bool, error) {
	if s := sectionByKey(key); s != nil {
		return true, d.items(s)
	}
	if o := objectByKey(key); o != nil && !d.in.snapshot {
		// The whole file is one item: start again from its beginning.
		return true, d.whole(o)
	}
	switch key {
	case "format":
		return true, d.format()
	case "calls":
		return true, d.calls()
	case "NextToken", "NextMarker", "Marker": // where the next page begins
		var token any
		err := d.Decode(&token)
		d.more = d.more || token != nil && token != ""
		return false, err
	case "region":
		return false, d.Decode(&d.in.region)
	case "account":
		return false, d.Decode(&d.in.account)
	case "vpcs":
		return false, d.Decode(&d.in.scope)
	case "gaps":
		var gaps []callGap
		err := d.Decode(&gaps)
		d.in.gaps = append(d.in.gaps, gaps...)
		return false, err
	}
	return false, d.skip()
}

func (d *decoder) format() error {
	var format string
	if err := d.Decode(&format); err != nil {
		return err
	}
	if !strings.HasPrefix(format, "thaw.account/") {
		return fileErrorf("the format is %q; a snapshot has %q", format, Format)
	}
	if format != Format {
		return fileErrorf("the snapshot has format %q and this Thaw reads %q; use the same version of Thaw for both", format, Format)
	}
	d.in.snapshot = true
	return nil
}

// calls reads the calls of a snapshot.
func (d *decoder) calls() error {
	if err := d.expect('{', "calls"); err != nil {
		return err
	}
	d.in.snapshot = true
	for d.More() {
		call, err := d.key()
		if err != nil {
			return err
		}
		s := sectionByCall(call)
		if s == nil {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if err := d.items(s); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// items reads a list of what a call prints.
func (d *decoder) items(s *section) error {
	d.in.seen[s.call] = true
	d.lists = append(d.lists, s.call)
	if err := d.expect('[', s.key); err != nil {
		return err
	}
	for d.More() {
		if err := s.decode(d, d.origin()); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// whole reads a file that is one item, such as the output of aws lambda
// get-function-configuration.
func (d *decoder) whole(s *section) error {
	d.in.seen[s.call] = true
	again := &decoder{Decoder: json.NewDecoder(bytes.NewReader(d.data)), in: d.in, name: d.name, data: d.data, line: 1}
	if err := s.decode(again, stack.Origin{File: d.name, Line: 1}); err != nil {
		return err
	}
	if err := again.end(); err != nil {
		return err
	}
	d.Decoder = json.NewDecoder(strings.NewReader("{}")) // nothing is left to read
	_, err := d.Token()
	return err
}

func (d *decoder) key() (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", err
	}
	key, ok := t.(string)
	if !ok {
		return "", fileErrorf("line %d holds %v where a name belongs", d.origin().Line, t)
	}
	return key, nil
}

func (d *decoder) expect(delim json.Delim, what string) error {
	line := d.origin().Line
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != delim {
		return fileErrorf("line %d: %s must begin with %v, as AWS prints it", line, what, delim)
	}
	return nil
}

// skip passes over a value that the package does not use.
func (d *decoder) skip() error {
	var skipped json.RawMessage
	return d.Decode(&skipped)
}

// origin is the place of the next value.
func (d *decoder) origin() stack.Origin {
	offset := min(int(d.InputOffset()), len(d.data))
	for offset < len(d.data) && strings.IndexByte(" \t\r\n,:", d.data[offset]) >= 0 {
		offset++
	}
	if offset > d.counted {
		d.line += bytes.Count(d.data[d.counted:offset], []byte("\n"))
		d.counted = offset
	}
	return stack.Origin{File: d.name, Line: d.line}
}

// into decodes an item and appends it to a list of the inventory. id returns
// what names the item, which it must have.
func into[T any](list func(*inventory) *[]at[T], id func(*T) string) func(*decoder, stack.Origin) error {
	return func(d *decoder, origin stack.Origin) error {
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		if id != nil && id(&v) == "" {
			return fileErrorf("the item at line %d has no id; is this the whole output of the AWS CLI, without --query?", origin.Line)
		}
		l := list(d.in)
		*l = append(*l, at[T]{v, origin})
		return nil
	}
}

// named finds which of the ids a file name holds, for the output of calls that
// do not print whom they were asked about. The longest wins.
func named(file string, ids []string) string {
	base, best := filepath.Base(file), ""
	for _, id := range ids {
		if len(id) > len(best) && strings.Contains(base, id) {
			best = id
		}
	}
	return best
}
