package main

import (
	"bufio"
	"math"
	"strings"
	"testing"
)

// The middle of an even number of rounds is between the two middle ones, and
// the order of the rounds does not matter.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 5}, spread{5, 1, 9}},
		{[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %+v, wanted %+v", c.values, got, c.want)
		}
	}
}

// A transaction's answer is compared as text: arrays element by element, an
// error anywhere in it is an error.
func TestReadReply(t *testing.T) {
	for _, c := range []struct{ wire, want, fails string }{
		{"+OK\r\n", "OK", ""},
		{":12\r\n", "12", ""},
		{"$5\r\na\r\nb\r\r\n", "a\r\nb\r", ""},
		{"$-1\r\n", "", ""},
		{"*2\r\n+OK\r\n$1\r\nx\r\n", "OK\nx", ""},
		{"-ERR no\r\n", "", "ERR no"},
		{"*2\r\n+OK\r\n-WRONGTYPE\r\n", "OK\n", "WRONGTYPE"},
		{"?\r\n", "", "begins with"},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(c.wire)))
		if c.fails == "" && (err != nil || got != c.want) {
			t.Errorf("%q: %q, %v", c.wire, got, err)
		}
		if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%q: %v, wanted an error with %q", c.wire, err, c.fails)
		}
	}
}

// fakeReport has one round of one load: the proxy takes half of twemproxy's
// CPU, and the server behind it a third of what it takes alone.
func fakeReport() *report {
	l := load{"GET", 50, 1, 1000}
	return &report{
		rounds: 1, loads: []load{l},
		throughput: map[load]map[string][]sample{l: {
			nameDirect: {{Server: 12}}, nameThaw: {{Proxy: 8, Server: 4}}, nameTwemproxy: {{Proxy: 16, Server: 3}},
		}},
		mallocs: map[string]map[string]float64{nameThaw: {"GET": 0.5}},
		open:    map[string][]openResult{nameDirect: {{P99: 1e6}}, nameThaw: {{P99: 1.2e6, LagP99: 5e6}}},
	}
}

// A figure is reached, missed, or, when the machine was too busy to tell,
// neither; what was not measured is not claimed.
func TestGoals(t *testing.T) {
	verdicts := map[string]string{}
	for _, g := range fakeReport().goals() {
		verdicts[g.What+" "+g.Unit] = g.verdict()
	}
	want := map[string]string{
		"thaw: CPU, GET, 50 clients, pipeline 1 × twemproxy":       "reached",
		"thaw: server CPU, GET, 50 clients, pipeline 1 × direct":   "reached",
		"thaw: allocations, GET, 50 clients, pipeline 1 a request": "NOT REACHED",
		"thaw: p99 in an open loop, added ms":                      "NOT SURE: requests were sent 5.0 ms late (p99)",
	}
	if len(verdicts) != len(want) {
		t.Errorf("%d figures, wanted %d: %v", len(verdicts), len(want), verdicts)
	}
	for what, v := range want {
		if verdicts[what] != v {
			t.Errorf("%s: %q, wanted %q", what, verdicts[what], v)
		}
	}
	if fakeReport().reached() {
		t.Error("all reached, although one is not and one is unsure")
	}
}

// The CPU clock of a process goes on with its work, in nanoseconds.
func TestProcessCPU(t *testing.T) {
	folder := t.TempDir()
	p, err := start(folder, "busy", nil, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.cpu()
	if err != nil {
		t.Skip(err) // it has ended already
	}
	if before < 0 || math.IsNaN(before.Seconds()) {
		t.Errorf("CPU %v", before)
	}
	p.stop()
	if _, err := p.cpu(); err == nil {
		t.Error("the clock of a process that has ended can be read")
	}
}

// Columns of words are aligned to the left, figures to the right.
func TestTable(t *testing.T) {
	var b strings.Builder
	table{title: "T", note: "n", header: []string{"name", "µs"}, rows: [][]string{{"direct", "1.5"}, {"x", "12.5"}}}.print(&b)
	if want := "\nT\nn\n\nname      µs\ndirect   1.5\nx       12.5\n"; b.String() != want {
		t.Errorf("got:\n%q\nwanted:\n%q", b.String(), want)
	}
}
