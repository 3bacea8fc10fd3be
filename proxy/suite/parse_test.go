package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What runtest prints, with every kind of line.
const output = `Cleanup: may take some time... OK
Starting test server at port 21079
[ready]: 4711
Testing unit/example
[ignore]: needs a replica: Not supported on external server
[ok]: SET and GET (2 ms)
[ok]: a name (with brackets) (13 ms)
[ok]: SET and GET (3 ms)
[err]: LPUSH in a loop in tests/unit/example.tcl
Expected 'a' to equal or match 'b'
second line

third line
fourth line is not kept
[ok]: after the failure (1 ms)
[err]: ERR unknown command
    while executing
[1/1 done]: unit/example (4 seconds)

                   The End

Execution time of different units:
  4 seconds - unit/example

!!! WARNING The following tests failed:

*** [err]: LPUSH in a loop in tests/unit/example.tcl
[err]: LPUSH in a loop in tests/unit/example.tcl
`

// Every kind of line is told apart, names stay unique, and the repetition of
// the failures at the end is not counted again.
func TestParse(t *testing.T) {
	got, err := parse(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	want := []result{
		{Test: "needs a replica: Not supported on external server", Status: ignored},
		{Test: "SET and GET", Status: passed},
		{Test: "a name (with brackets)", Status: passed},
		{Test: "SET and GET (2)", Status: passed},
		{Test: "LPUSH in a loop", Status: failed, Detail: "Expected 'a' to equal or match 'b'\nsecond line\nthird line"},
		{Test: "after the failure", Status: passed},
		{Test: outsideAnyTest, Status: failed, Detail: "ERR unknown command\nwhile executing"},
	}
	if d := cmp.Diff(want, got.results); d != "" {
		t.Error(d)
	}
	if !got.ended || got.stuck != "" {
		t.Errorf("ended %v, stuck %q", got.ended, got.stuck)
	}
}

// A unit that makes no progress is named with the test that it hangs in.
func TestParseStuck(t *testing.T) {
	got, err := parse(strings.NewReader("[ok]: first (1 ms)\n[TIMEOUT]: clients state report follows.\nsock1 => (IN PROGRESS) second (of two)\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got.stuck != "second (of two)" || got.ended {
		t.Errorf("stuck %q, ended %v", got.stuck, got.ended)
	}
}

// An exception ends the unit: it is a failure of its own.
func TestParseException(t *testing.T) {
	got, err := parse(strings.NewReader("[exception]: Executing test client: I/O error reading reply.\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]result{{Test: outsideAnyTest, Status: failed, Detail: "Executing test client: I/O error reading reply."}}, got.results); d != "" {
		t.Error(d)
	}
}

// Whatever the suite prints, the parser neither panics nor yields two tests of
// one name.
func FuzzParse(f *testing.F) {
	f.Add(output)
	f.Add("[err]: \n\n[ok]:  (0 ms)")
	f.Fuzz(func(t *testing.T, text string) {
		p, _ := parse(strings.NewReader(text))
		for _, r := range p.results {
			if r.Status == "" || len(r.Detail) > detailLines*(detailWidth+8)+detailWidth {
				t.Errorf("%+v", r)
			}
		}
	})
}
