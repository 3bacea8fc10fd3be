package workload

import (
	"testing"
	"time"
)

func TestScheduleNext(t *testing.T) {
	start := time.Date(2026, 11, 23, 4, 44, 30, 0, time.UTC) // a Monday
	for text, want := range map[string][]string{
		"rate(5 minutes)":                 {"2026-11-23T04:49:30Z", "2026-11-23T04:54:30Z"},
		"rate(1 hour)":                    {"2026-11-23T05:44:30Z", "2026-11-23T06:44:30Z"},
		"rate(1 day)":                     {"2026-11-24T04:44:30Z"},
		"cron(0 8 * * ? *)":               {"2026-11-23T08:00:00Z", "2026-11-24T08:00:00Z"},
		"cron(0/15 * * * ? *)":            {"2026-11-23T04:45:00Z", "2026-11-23T05:00:00Z"},
		"cron(0 9 ? * SAT,SUN *)":         {"2026-11-28T09:00:00Z", "2026-11-29T09:00:00Z", "2026-12-05T09:00:00Z"},
		"cron(0 9 ? * SUN *)":             {"2026-11-29T09:00:00Z", "2026-12-06T09:00:00Z"},
		"cron(30 23 29 FEB ? *)":          {"2028-02-29T23:30:00Z"},
		"cron(0 0 1 JAN,JUL ? 2027-2028)": {"2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z", "2028-01-01T00:00:00Z"},
		"cron(10,50 4-5 * * ? *)":         {"2026-11-23T04:50:00Z", "2026-11-23T05:10:00Z", "2026-11-23T05:50:00Z", "2026-11-24T04:10:00Z"},
		" rate(2 minutes) ":               {"2026-11-23T04:46:30Z"},
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		at := start
		for _, w := range want {
			next, ok := s.Next(start, at)
			if got := next.Format(time.RFC3339); !ok || got != w {
				t.Errorf("%s after %v: got %s %v, want %s", text, at, got, ok, w)
			}
			at = next
		}
	}
	if s, err := ParseSchedule("cron(0 0 1 1 ? 1999)"); err != nil {
		t.Error(err)
	} else if next, ok := s.Next(start, start); ok {
		t.Errorf("a year that is over came again: %v", next)
	}
}

func TestBadSchedules(t *testing.T) {
	for _, text := range []string{"", "rate", "rate()", "rate(0 minutes)", "rate(5 weeks)", "cron(* * * *)", "cron(60 * * * ? *)",
		"cron(0 8 L * ? *)", "cron(0 8 ? * 2#1 *)", "cron(0 8 15W * ? *)", "cron(5-1 * * * ? *)", "cron(0/0 * * * ? *)", "at(2026-01-01T00:00:00)", "cron(0 8 * * ? *"} {
		if s, err := ParseSchedule(text); err == nil {
			t.Errorf("%q was accepted as %v", text, s)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("rate(5 minutes)")
	f.Add("cron(0/5 8-18 ? * MON-FRI 2026-2030)")
	at := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		if next, ok := s.Next(at, at); ok && !next.After(at) {
			t.Errorf("%q: %v is not after %v", text, next, at)
		}
	})
}
