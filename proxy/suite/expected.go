package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// expectation is one line of a list of expected failures:
//
//	SCOPE <tab> UNIT <tab> TEST <tab> REASON
//
// SCOPE is redis or valkey, alone or with a variant: valkey+resp3 is Valkey's
// suite with RESP3 forced, valkey is all variants of it. A REASON that begins
// with "flaky:" allows the test to pass as well.
type expectation struct {
	scope, unit, test, reason string
	line                      int
}

func (e expectation) flaky() bool { return strings.HasPrefix(e.reason, "flaky:") }

func (e expectation) covers(server, variant string) bool {
	s, v, narrowed := strings.Cut(e.scope, "+")
	return s == server && (!narrowed || v == variant)
}

// expectations are one list, for one target.
type expectations struct {
	file    string
	entries []expectation
}

// find returns the entry for a test, nil if it is not listed.
func (x *expectations) find(server, variant, unit, test string) *expectation {
	for i := range x.entries {
		e := &x.entries[i]
		if e.unit == unit && e.test == test && e.covers(server, variant) {
			return e
		}
	}
	return nil
}

// readExpectations reads the list of a target. A missing file is an empty list.
func readExpectations(dir, target string) (*expectations, error) {
	x := &expectations{file: filepath.Join(dir, "expected-failures-"+target+".txt")}
	f, err := os.Open(x.file)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	defer f.Close()
	x.entries, err = parseExpectations(f)
	if err != nil {
		return nil, fmt.Errorf("suite: %s: %w", x.file, err)
	}
	return x, nil
}

func parseExpectations(r io.Reader) ([]expectation, error) {
	var entries []expectation
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
			continue
		}
		f := strings.Split(text, "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("line %d has %d fields, wanted SCOPE, UNIT, TEST and REASON with one tab between", n, len(f))
		}
		server, variant, narrowed := strings.Cut(f[0], "+")
		if server != "redis" && server != "valkey" || narrowed && variant != "plain" && variant != "resp3" && variant != "tls" {
			return nil, fmt.Errorf("line %d: scope %q, wanted redis or valkey, with +plain, +resp3 or +tls to narrow it", n, f[0])
		}
		if strings.TrimSpace(f[3]) == "" {
			return nil, fmt.Errorf("line %d: %q has no reason", n, f[2])
		}
		entries = append(entries, expectation{scope: f[0], unit: f[1], test: f[2], reason: f[3], line: n})
	}
	return entries, lines.Err()
}
