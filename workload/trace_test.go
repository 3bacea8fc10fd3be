package workload

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func traceSpec(t testing.TB, content, spread string) Spec {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return mustArrivals(t, "trace:"+file+spread)
}

func TestTraceOfOffsets(t *testing.T) {
	s := traceSpec(t, "\ufeff# recorded\noffset_s\n0\r\n0.25\n 0.25 \n\n1.5\n60", "")
	want := []time.Duration{0, 250 * time.Millisecond, 250 * time.Millisecond, 1500 * time.Millisecond, time.Minute}
	if diff := cmp.Diff(want, collect(t, s, 0, 1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:3], collect(t, s, time.Second, 1)); diff != "" {
		t.Error(diff)
	}
}

func TestTraceOfMinutes(t *testing.T) {
	s := traceSpec(t, "minute,count\n600,1000\n601,0\n603,500\n", "")
	all := collect(t, s, 0, 9)
	perMinute := make([]int, 4)
	firstHalf := 0
	for _, offset := range all {
		perMinute[offset/time.Minute]++
		if offset < 30*time.Second {
			firstHalf++
		}
	}
	if diff := cmp.Diff([]int{1000, 0, 0, 500}, perMinute); diff != "" {
		t.Error(diff)
	}
	if sigma := math.Sqrt(250); math.Abs(float64(firstHalf)-500) > 4*sigma {
		t.Errorf("%d of 1000 requests in the first half of the minute", firstHalf)
	}
	if diff := cmp.Diff(all, collect(t, s, 0, 9)); diff != "" {
		t.Error("the same seed gives another stream")
	}
	if half := collect(t, s, 30*time.Second, 9); len(half) != firstHalf {
		t.Errorf("%d requests in a run of half a minute, want %d", len(half), firstHalf)
	}
}

func TestTraceSpreadEvenly(t *testing.T) {
	want := []time.Duration{0, 15 * time.Second, 30 * time.Second, 45 * time.Second, time.Minute}
	if diff := cmp.Diff(want, collect(t, traceSpec(t, "1,4\n2,1", ",spread=even"), 0, 1)); diff != "" {
		t.Error(diff)
	}
}

func TestTraceErrors(t *testing.T) {
	for content, want := range map[string]string{
		"":                               "trace.csv:1: no rows",
		"# nothing\noffset_s\n":          "no rows",
		"0\nx":                           `trace.csv:2: "x" is no offset`,
		"0\n-1":                          `trace.csv:2: "-1" is no offset`,
		"0\nNaN":                         `trace.csv:2: "NaN"`,
		"0\n1e300":                       `trace.csv:2: "1e300"`,
		"2\n\n1":                         "trace.csv:3: 1 s comes after 2s",
		"1,5\n1,6":                       "trace.csv:2: minute 1 comes after minute 1",
		"1,5\n7":                         "trace.csv:2: another number of columns",
		"1,5,6":                          `"5,6" is no count`,
		"1,-5":                           `"-5" is no count`,
		"a,5":                            `"a" is no minute`,
		"1,5\n9999999,5":                 "trace.csv:2: minute 9999999 is more than",
		"0\n" + strings.Repeat("1", 300): "trace.csv:2: longer than 256 bytes",
	} {
		_, err := traceSpec(t, content, "").Arrivals(0, 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", content, err, want)
		}
	}
	if _, err := mustArrivals(t, "trace:no such file").Arrivals(0, 1); err == nil {
		t.Error("a missing file is accepted")
	}
}

func FuzzTrace(f *testing.F) {
	for _, text := range []string{"0\n0.5\n1", "minute,count\n1,3\n2,0\n5,2", "# x\n\n1e-9", "1,1000000000", "0,1\n1"} {
		f.Add([]byte(text), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, even bool) {
		tr := newTrace("f", strings.NewReader(string(data)), even, 0, newStream(1, arrivalStream))
		last := time.Duration(0)
		for range 2000 {
			offset, ok := tr.Next()
			if !ok {
				break
			}
			if offset < last || offset > maxOffset {
				t.Fatalf("%v after %v", offset, last)
			}
			last = offset
		}
		check := newTrace("f", strings.NewReader(string(data)), even, 0, nil)
		if err := check.validate(); err == nil && tr.Err() != nil {
			t.Fatalf("validate accepts what Next refuses: %v", tr.Err())
		}
	})
}
