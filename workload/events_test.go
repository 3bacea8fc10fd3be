package workload

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// render returns the payloads of the first n requests.
func render(t testing.TB, text string, n int) []string {
	t.Helper()
	e, err := ParseEvents("events.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Arrivals: Spec{Shape: Constant, Rate: 10}, Keys: Keys{N: 50, S: 1}, Events: e, Limit: int64(n), Seed: 5,
		Start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r, ok := g.Next(); ok; r, ok = g.Next() {
		if !json.Valid(r.Payload) {
			t.Fatalf("%s gave %s", text, r.Payload)
		}
		all = append(all, string(r.Payload))
	}
	return all
}

func TestPlaceholders(t *testing.T) {
	for text, want := range map[string]string{
		`{ "a" : "x y", "n":[1, 2.5e3 , null] }`:          `^{"a":"x y","n":\[1,2.5e3,null\]}$`,
		`{"id":"order-{{key}}-{{seq}}"}`:                  `^{"id":"order-\d+-2"}$`,
		`{"id":"{{key|number}}","s":"{{ seq | number}}"}`: `^{"id":\d+,"s":2}$`,
		`"{{uuid}}"`: `^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$`,
		`["{{int 7 7}}","{{int -3 -3 | number}}"]`: `^"7"$|^-3$`,
		`{"{{choice a}}":"{{choice ä ä}}"}`:        `^{"a":"ä"}$`,
		`{"v":"{{choice 1 2.5 | number}}"}`:        `^{"v":(1|2.5)}$`,
		`{"t":"{{time}}"}`:                         `^{"t":"2026-03-01T11:00:00.200Z"}$`,
		`{"lit":"\u007b{key}} \"{{key}}\\"}`:       `^{"lit":"\\u007b{key}} \\"\d+\\\\"}$`,
		`{"{{key}}" : 1}`:                          `^{"\d+":1}$`,
	} {
		got := render(t, text, 3)[2]
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s gave %s, want %s", text, got, want)
		}
	}
}

func TestSeveralTemplates(t *testing.T) {
	for _, text := range []string{
		`[{"a":1}, {"b":2}, {"b":2}, {"b":2}]`,
		"{\"a\":1}\n{\"b\":2}\n\n{\"b\":2}\r\n{\"b\":2}\n",
		"\ufeff{\"a\":1}{\"b\":2}{\"b\":2}{\"b\":2}",
	} {
		count := map[string]int{}
		for _, p := range render(t, text, 1000) {
			count[p]++
		}
		if a := count[`{"a":1}`]; a < 200 || a > 300 || a+count[`{"b":2}`] != 1000 {
			t.Errorf("%q: %v", text, count)
		}
	}
}

func TestFixedEventIsShared(t *testing.T) {
	e, err := ParseEvents("x", []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r := &Request{}
	if n := testing.AllocsPerRun(100, func() { e.render(nil, r, time.Time{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseEventsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "f.json:1:1: no event",
		"[]":                           "f.json:1:1: no event",
		"{\n \"a\": tru }":             "f.json:2:10: invalid character",
		"{\"a\":1":                     "f.json:1:7: the JSON document ends too early",
		"{}\n{\"a\":\n \"ä {{kee}}\"}": `f.json:3:5: {{kee}}: unknown placeholder "kee"`,
		"[1, \"{{\"]":                  "f.json:1:6: {{ without }}",
		`"{{}}"`:                       "f.json:1:2: {{}}: empty placeholder",
		`"{{int 1}}"`:                  "int needs two ends",
		`"{{int 5 1}}"`:                "5 is more than 1",
		`"{{int a 1}}"`:                `"a" is no integer`,
		`"{{choice}}"`:                 "choice needs words",
		`"{{key 1}}"`:                  `unexpected "1"`,
		`"{{uuid | number}}"`:          "uuid gives no number",
		`"{{choice 1 01 | number}}"`:   "choice gives no number",
		`"{{choice 1 null | number}}"`: "choice gives no number",
		`"{{key | upper}}"`:            `unknown filter "upper"`,
		`"x{{key | number}}"`:          "a number must be all of its string",
		`{"{{key | number}}" : 1}`:     "cannot be the name of a member",
		`"{{choice a\"b}}"`:            "no escapes",
		"\"a\xff\"":                    "f.json:1:3: no UTF-8",
		`"` + strings.Repeat("a", maxEvent) + `"`: "Lambda takes 6291456",
	} {
		_, err := ParseEvents("f.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzEvents(f *testing.F) {
	for _, text := range []string{
		`{"id":"{{key}}","n":"{{int 1 100 | number}}"}`, `["{{uuid}}", {"{{choice a b}}":"{{time}} {{seq}}"}]`,
		"1 2\n\"{{choice 1 -2 | number}}\"", `{"a\\":"\u007b{"}`, `"{{key}}{{key}}"`, `{"a":"{{int -9223372036854775808 9223372036854775807|number}}"}`,
	} {
		f.Add([]byte(text), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		e, err := ParseEvents("f", data)
		if err != nil {
			return
		}
		random := newStream(seed, eventStream)
		r := Request{Seq: 1 << 62, At: time.Hour, Key: "1000000000"}
		for range 2 * e.Len() {
			if out := e.render(random, &r, time.Unix(0, 0)); !json.Valid(out) || len(out) > maxEvent {
				t.Fatalf("%q gave %q", data, out)
			}
		}
	})
}

func TestUUIDForm(t *testing.T) {
	if diff := cmp.Diff("00010203-0405-4607-8809-0a0b0c0d0e0f", string(appendUUID(nil, 0x0001020304050607, 0x08090a0b0c0d0e0f))); diff != "" {
		t.Error(diff)
	}
}
