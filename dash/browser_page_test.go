package dash

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/metrics"
)

// keysOf decodes the result as plain JSON, to look figures up by path.
func keysOf(t testing.TB, r *metrics.Result) map[string]any {
	t.Helper()
	var b strings.Builder
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(b.String()), &keys); err != nil {
		t.Fatal(err)
	}
	return keys
}

// shownNumber reads a figure as the page writes it, in the unit of the JSON.
func shownNumber(t testing.TB, text string) float64 {
	t.Helper()
	fields := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(text, "\u00a0", " "), ",", ""))
	n, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		t.Errorf("%q is no figure", text)
	}
	if len(fields) > 1 {
		n *= map[string]float64{"ms": 1, "s": 1000, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[fields[1]]
	}
	return n
}

// checkFigures compares every figure on the page with the JSON of the result.
func checkFigures(t *testing.T, b *browser, r *metrics.Result) {
	t.Helper()
	var figures [][3]string
	b.eval("[...document.querySelectorAll('[data-path]')].map((e) => [e.dataset.path, e.dataset.value, e.textContent])", &figures)
	if len(figures) < 50 {
		t.Errorf("the page has only %d figures", len(figures))
	}
	root := keysOf(t, r)
	for _, f := range figures {
		var at any = root
		for key := range strings.SplitSeq(f[0], ".") {
			at = at.(map[string]any)[key]
		}
		want, ok := at.(float64)
		if !ok {
			t.Errorf("the page has a figure of %s, which is %v", f[0], at)
			continue
		}
		if got, _ := strconv.ParseFloat(f[1], 64); got != want {
			t.Errorf("%s is %s on the page, %v in the JSON", f[0], f[1], want)
		}
		if got := shownNumber(t, f[2]); math.Abs(got-want) > 0.006*math.Abs(want) {
			t.Errorf("%s is written %q, the JSON says %v", f[0], f[2], want)
		}
	}
}

func TestPageInABrowser(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 1280, height: 900})
	r := synthetic(t, small())
	b.openPage(page(t, Page{Title: "Burst", Result: r}))
	b.settled()
	checkFigures(t, b, r)
	for _, id := range []string{"latency", "environments", "connections", "cache", "histograms", "sources"} {
		var shapes int
		b.eval("document.querySelectorAll('#r0-"+id+" .picture :is(path, rect)').length", &shapes)
		if shapes == 0 {
			t.Errorf("the chart %s is empty", id)
		}
	}
	if got := b.text("#r0-connections .limit"); !strings.Contains(b.text("#r0-connections"), "limit 64") {
		t.Errorf("the limit is not drawn: %q", got)
	}
	var wide bool
	b.eval("document.documentElement.scrollWidth > innerWidth", &wide)
	if wide {
		t.Error("the page is wider than the window")
	}
	b.quiet()
}

// Hovering and the arrow keys tell the figures of the JSON; the legend filters;
// the table behind has every row.
func TestReadingAChart(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 1280, height: 900})
	r := synthetic(t, small())
	b.openPage(page(t, Page{Result: r}))
	b.settled()

	x, y := b.where("#r0-environments .picture")
	b.settled() // scrolling hides the tooltip
	b.pointer(x, y)
	b.settled()
	told := b.text(".tip")
	var at int
	b.eval("document.querySelector('.tip').hidden ? -1 : 1", &at)
	if at < 0 || !strings.Contains(told, "Busy") || !strings.Contains(told, "Frozen") {
		t.Errorf("hovering told %q", told)
	}
	var row int // the row under the pointer, from its start in the tooltip
	b.eval("Math.round(parseFloat(document.querySelector('.tip strong').textContent) * 1000 / 100)", &row)
	if want := "Busy" + strconv.FormatInt(r.Timeline.EnvironmentsBusy[row], 10); !strings.Contains(told, want) {
		t.Errorf("row %d: the tooltip %q has no %q", row, told, want)
	}

	b.eval("document.querySelector('#r0-latency .plot').focus()", nil)
	b.key("End")
	b.key("ArrowLeft")
	b.settled()
	last := r.Timeline.P50MS[len(r.Timeline.P50MS)-2]
	if spoken := b.text("[aria-live]"); !strings.Contains(spoken, "p50 "+figure(last)) {
		t.Errorf("the keys told %q, want p50 %v", spoken, last)
	}
	b.key("Escape")

	var before, after int
	const lines = "document.querySelectorAll('#r0-latency .picture path.line').length"
	b.eval(lines, &before)
	b.eval("document.querySelector('#r0-latency .legend [data-key=p99]').click()", nil)
	b.eval(lines, &after)
	if before != 2 || after != 1 {
		t.Errorf("%d lines, %d after filtering one", before, after)
	}

	for id, want := range map[string]int{"latency": len(r.Timeline.TMS), "lanes": len(r.EnvironmentsDetail), "sources": 2} {
		b.eval("document.querySelector('#r0-"+id+" details').open = true", nil)
		b.settled()
		var rows int
		b.eval("document.querySelectorAll('#r0-"+id+" tbody tr').length", &rows)
		if rows != want {
			t.Errorf("the table of %s has %d rows, want %d", id, rows, want)
		}
	}
	b.quiet()
}

// Dark, light and paper: the colours follow, also those of the canvas, and the
// narrow page does not scroll sideways.
func TestLooks(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 390, height: 844, dark: true})
	b.openPage(page(t, experiment(t)...))
	b.settled()
	ground := func() (s string) {
		b.eval("getComputedStyle(document.documentElement).backgroundColor + document.querySelector('.lanes canvas').getContext('2d').fillStyle", &s)
		return s
	}
	b.eval("document.querySelectorAll('details.rest').forEach((d) => { d.open = true; })", nil)
	b.settled()
	dark := ground()
	var wide bool
	b.eval("document.documentElement.scrollWidth > innerWidth", &wide)
	if wide {
		t.Error("the narrow page is wider than the window")
	}
	b.as(look{width: 390, height: 844})
	b.settled()
	light := ground()
	b.as(look{width: 760, height: 1000, dark: true})
	b.eval("dispatchEvent(new Event('beforeprint'))", nil)
	b.settled()
	paper := ground()
	if dark == light || paper != light {
		t.Errorf("colours: dark %s, light %s, paper %s", dark, light, paper)
	}
	b.quiet()
}

func TestComparisonInABrowser(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 1280, height: 900})
	one, two := synthetic(t, small()), warmRun(5000, 4, 8)
	b.openPage(comparisonPage(t, one, two))
	b.settled()
	var rows int
	b.eval("document.querySelectorAll('.ratios tbody tr').length", &rows)
	if want := len(Compare(one, two).Rows); rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	b.quiet()
}

// Results that hold nothing, and texts that try to be markup, are pages too.
func TestOddResultsInABrowser(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 1000, height: 800})
	evil := synthetic(t, small())
	evil.Run.Name, evil.Notes = "<img src=x onerror=boom()>", []string{"</script><script>boom()</script>"}
	evil.EnvironmentsDetail[0].ID = "<b>x</b>"
	single := metrics.NewRecorder(metrics.Options{})
	single.Invocation(metrics.Outcome{Function: "f", Cold: true, Done: 300 * time.Millisecond})
	one := single.Result()
	noise := synthetic(t, small())
	noise.EnvironmentsDetail[0].Activity = metrics.Activity{ColumnMS: -3, FirstMS: -1e9, Busy: "99x?🙂"}
	noise.Latency.Histograms.Cold = metrics.Buckets{{LeMS: -4, Count: 3}, {LeMS: 0, Count: 1}}
	for name, r := range map[string]*metrics.Result{"empty": {}, "evil": evil, "one": one, "noise": noise} {
		t.Log(name, b.openPage(page(t, Page{Result: r})))
		b.settled()
		var made bool
		b.eval("Boolean(document.querySelector('h1')) && !document.querySelector('img, b[x]') && Boolean(document.documentElement.dataset.ready)", &made)
		if !made {
			t.Errorf("%s: the page is not as it should be", name)
		}
	}
	b.quiet()
}

func TestLiveInABrowser(t *testing.T) {
	b := openBrowser(t)
	b.as(look{width: 1280, height: 900})
	live := NewLive("thaw up")
	server := httptest.NewServer(live)
	defer server.Close()
	b.open(server.URL + "/")
	until := func(what, expression string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			var holds bool
			if b.eval("Boolean("+expression+")", &holds); holds {
				return
			}
		}
		t.Fatalf("%s never came", what)
	}
	until("the notice of waiting", "document.querySelector('.empty')?.textContent.includes('Waiting')")
	r := synthetic(t, small())
	live.Publish(r)
	until("the first result", "document.querySelector('[data-path=\"invocations.total\"]')")
	b.settled()
	checkFigures(t, b, r)
	r.Invocations.Total = 12_345
	live.Publish(r)
	until("the second result", "document.querySelector('[data-path=\"invocations.total\"]').textContent === '12,345'")
	live.Close()
	until("the end", "document.querySelector('.state').textContent.includes('over')")
	b.quiet()
}

// BenchmarkOpenPageOfAMillion is the time until the page of a million
// invocations and 500 environments stands, as a reader has it, and how long its
// script took.
func BenchmarkOpenPageOfAMillion(b *testing.B) {
	tab := openBrowser(b)
	tab.as(look{width: 1280, height: 900})
	html := page(b, Page{Result: largeRun()})
	var script, total float64
	for b.Loop() {
		began := time.Now()
		tab.openPage(html)
		tab.settled()
		total += time.Since(began).Seconds()
		var ready float64
		tab.eval("Number(document.documentElement.dataset.ready)", &ready)
		script += ready / 1000
	}
	b.ReportMetric(total/float64(b.N), "s/open")
	b.ReportMetric(script/float64(b.N), "s/ready")
	b.ReportMetric(float64(len(html))/1000, "kB")
	tab.quiet()
}
