package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func activityOf(t *testing.T, r *Recorder, id string) Activity {
	t.Helper()
	for _, e := range r.Result().EnvironmentsDetail {
		if e.ID == id {
			return e.Activity
		}
	}
	t.Fatalf("no environment %q", id)
	return Activity{}
}

func TestActivityColumns(t *testing.T) {
	r := NewRecorder(Options{})
	r.Environment(Environment{ID: "e"})
	at := func(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
	r.Busy("e", at(22), at(22.5)) // a tenth of a column of 5 ms
	r.Busy("e", at(30), at(42))   // two columns and 2 ms
	r.Busy("e", at(11), at(12))   // told later, happened earlier
	r.Busy("e", at(50), at(50))   // nothing
	want := Activity{ColumnMS: 5, FirstMS: 10, Busy: "2010994"}
	if got := activityOf(t, r, "e"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// However long the run, there are at most 400 columns, they have one width, and
// the busy time is kept.
func TestActivityIsBounded(t *testing.T) {
	r := NewRecorder(Options{})
	for i := range 3 {
		r.Environment(Environment{ID: fmt.Sprint(i)})
	}
	for at := time.Duration(0); at < time.Hour; at += 200 * time.Millisecond {
		r.Busy("0", at, at+20*time.Millisecond) // a tenth of the time
		if at%time.Minute == 0 {
			r.Busy("1", at, at+time.Minute) // always
		}
	}
	for id, digit := range map[string]string{"0": "1", "1": "9"} {
		a := activityOf(t, r, id)
		if len(a.Busy) > maxActivityColumns || len(a.Busy) < maxActivityColumns/2 {
			t.Errorf("environment %s has %d columns", id, len(a.Busy))
		}
		if want := time.Hour.Seconds() * 1000; a.ColumnMS*float64(len(a.Busy)) < want {
			t.Errorf("environment %s: %d columns of %v ms do not cover the hour", id, len(a.Busy), a.ColumnMS)
		}
		if strings.Trim(a.Busy[:len(a.Busy)-1], digit) != "" {
			t.Errorf("environment %s is %q, want only %s", id, a.Busy, digit)
		}
	}
	if got := activityOf(t, r, "2"); got != (Activity{}) {
		t.Errorf("an environment that never worked has %+v", got)
	}
}

func TestActivityOfManyEnvironments(t *testing.T) {
	r := NewRecorder(Options{})
	for i := range maxEnvironments + 10 {
		r.Busy(fmt.Sprint(i), 0, time.Millisecond)
	}
	if got := len(r.activity.busy); got != maxEnvironments {
		t.Errorf("%d environments are kept, want %d", got, maxEnvironments)
	}
}

func BenchmarkBusy(b *testing.B) {
	r := NewRecorder(Options{})
	names := make([]string, 500)
	for i := range names {
		names[i] = fmt.Sprint("orders-", i)
	}
	b.ReportAllocs()
	for i := range b.N {
		at := time.Duration(i) * time.Millisecond
		r.Busy(names[i%500], at, at+8*time.Millisecond)
	}
}
