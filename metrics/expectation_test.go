package metrics

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpectations(t *testing.T) {
	r := fullResult()
	for text, want := range map[string]Verdict{
		"warm.p99<25ms":                           {Value: 12, Unit: "ms", Holds: true},
		"warm.p99 < 12":                           {Value: 12, Unit: "ms"},
		"warm.p99<=0.012s":                        {Value: 12, Unit: "ms", Holds: true},
		"latency_ms.cold.max<=1.5s":               {Value: 400, Unit: "ms", Holds: true},
		"cold.max>400000us":                       {Value: 400, Unit: "ms"},
		"init.p50>=300":                           {Value: 300, Unit: "ms", Holds: true},
		"cold.count==1":                           {Value: 1, Holds: true},
		"invocations.failed==0":                   {Value: 1},
		"invocations.failed=1":                    {Value: 1, Holds: true},
		"invocations.failed!=1":                   {Value: 1},
		"connections.peak<=0.1k":                  {Value: 3, Holds: true},
		"connections.rejected=0":                  {Value: 1},
		"cache.memory_bytes<=2MiB":                {Value: 2 << 20, Unit: "bytes", Holds: true},
		"cache.bytes_in<1kB":                      {Value: 1000, Unit: "bytes"},
		"run.duration_s>900ms":                    {Value: 1.3, Unit: "s", Holds: true},
		"generator.lag_ms.p99<1ms":                {Value: 2, Unit: "ms"},
		"origin.latency_ms_injected==40ms":        {Value: 40, Unit: "ms", Holds: true},
		"sources.database/invocations.total<5%":   {Value: 25, Unit: "%"},
		"sources.database/invocations.total<=.25": {Value: 0.25, Holds: true},
		"cold.p50 / warm.p50 > 30":                {Value: 400.0 / 12, Holds: true},
		"functions.orders.warm.p99<25ms":          {Value: 12, Unit: "ms", Holds: true},
		"functions.orders.sources.cache>=1":       {Value: 1, Holds: true},
		"functions.orders.environments.peak<2":    {Value: 1, Holds: true},
		// What cannot be judged does not hold.
		"functions.nobody.warm.p99<25ms": {Unit: "ms", Reason: `the run has no function "nobody"`},
		"sources.databse<5":              {Reason: `no "databse" in this run, only cache, database`},
	} {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Error(err)
			continue
		}
		want.Expression = text
		if diff := cmp.Diff(want, e.Evaluate(r)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestExpectationsWithoutSamples(t *testing.T) {
	throttled := NewRecorder(Options{})
	throttled.Invocation(Outcome{Function: "f", Status: Throttled})
	for text, c := range map[string]struct {
		r    *Result
		want string
	}{
		"warm.p99<25ms":                   {throttled.Result(), "no samples"},
		"functions.f.cold.max>=0":         {throttled.Result(), "no samples"},
		"connections.peak<=100":           {throttled.Result(), "no cache"},
		"generator.dropped==0":            {new(Result), "no invocations"},
		"invocations.failed==0":           {new(Result), "no samples"},
		"sources.x/invocations.total<1":   {new(Result), "no invocations"},
		"cold.count/warm.count<1":         {throttled.Result(), "the divisor is 0"},
		"environments.started<=3":         {new(Result), "no invocations"},
		"invocations.cold/warm.count<=3%": {new(Result), "no samples"},
	} {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if v := e.Evaluate(c.r); v.Holds || !strings.Contains(v.Reason, c.want) || v.Value != 0 {
			t.Errorf("%s: %+v, want %s", text, v, c.want)
		}
	}
	for text, holds := range map[string]bool{"warm.count==0": true, "invocations.throttled==1": true, "invocations.warm>0": false} {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Fatal(err)
		}
		if v := e.Evaluate(throttled.Result()); v.Holds != holds || v.Reason != "" {
			t.Errorf("%s: %+v", text, v)
		}
	}
	if v := (Expectation{}).Evaluate(fullResult()); v.Holds || v.Reason == "" {
		t.Errorf("the zero expectation: %+v", v)
	}
}

func TestParseExpectationErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "no comparison",
		"warm.p99":                     "no comparison",
		"warm.p99!25ms":                "! is no comparison",
		"warm.p99<":                    `"" is no limit`,
		"warm.p99<<5":                  `"<5" is no limit`,
		"warm.p99<25 parsecs":          `the unit "parsecs" does not fit: this number is a time`,
		"warm.p99<5%":                  `the unit "%" does not fit`,
		"connections.peak<100ms":       "this number is a count",
		"cache.memory_bytes<5s":        "this number is a size",
		"warm.p99<1e5ms":               `the unit "e5ms"`,
		"warm.p99<--1":                 "is no limit",
		"warm.p95<25ms":                "warm.p99",
		"connection.peak<1":            "near it: connections.peak",
		"latency_ms.warm<1":            "the result has no number",
		"run.name==1":                  "the result has no number",
		"run.started_at.wall<1":        "the result has no number",
		"timeline.rate>1":              "the result has no number",
		"sources.<1":                   "the result has no number",
		"functions.orders<1":           "functions.NAME.warm.p99",
		"functions.x.warm.p9<1":        "near it: warm.p9",
		"warm.p99/invocations.total<1": "different units",
		"cold.p99/warm.p99<5ms":        "this number is a share",
		strings.Repeat("a", 501):       "longer than 500 bytes",
	} {
		if _, err := ParseExpectation(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseExpectation(f *testing.F) {
	for _, text := range []string{
		"warm.p99<25ms", "sources.database/invocations.total<5%", "functions.a.cold.max!=1.5s", "cache.memory_bytes>=1MiB",
		"connections.rejected=0", "sources.a.b.c==3k", "timeline.interval_ms>1",
	} {
		f.Add(text)
	}
	full := fullResult()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpectation(text)
		if err != nil {
			return
		}
		again, err := ParseExpectation(e.String())
		if err != nil {
			t.Fatalf("%q is written %q, which does not parse: %v", text, e, err)
		}
		for _, r := range []*Result{full, new(Result)} {
			v := e.Evaluate(r)
			if diff := cmp.Diff(v, again.Evaluate(r)); diff != "" {
				t.Fatal(diff)
			}
			if v.Holds && v.Reason != "" {
				t.Fatalf("%+v", v)
			}
		}
	})
}
