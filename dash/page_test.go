package dash

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/metrics"
)

// documentOf takes the data out of a page as a browser would.
func documentOf(t testing.TB, html string) (doc document) {
	t.Helper()
	_, rest, found := strings.Cut(html, `<script type="application/json" id="data">`)
	data, _, closed := strings.Cut(rest, "</script>")
	if !found || !closed {
		t.Fatal("the page has no data")
	}
	if err := json.Unmarshal([]byte(data), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func resultOf(t testing.TB, p documentPage) *metrics.Result {
	t.Helper()
	r, err := metrics.Decode(strings.NewReader(string(p.Result)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The page carries the result as its JSON does, figure by figure.
func TestPageHoldsTheResult(t *testing.T) {
	want := synthetic(t, small())
	doc := documentOf(t, page(t, Page{Title: "Burst", Result: want}))
	if doc.Title != "Burst" || len(doc.Pages) != 1 || doc.Pages[0].Shown != "" {
		t.Errorf("got title %q, %d pages, %q", doc.Title, len(doc.Pages), doc.Pages[0].Shown)
	}
	var b strings.Builder
	if err := want.Encode(&b); err != nil {
		t.Fatal(err)
	}
	whole, err := metrics.Decode(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole.Functions {
		whole.Functions[i].Latency.Histograms = metrics.Histograms{Cold: metrics.Buckets{}, Warm: metrics.Buckets{}}
	}
	if diff := cmp.Diff(whole, resultOf(t, doc.Pages[0])); diff != "" {
		t.Error(diff)
	}
}

// A million invocations in 500 environments are one file below 1 MB, with
// nothing left out.
func TestPageOfAMillion(t *testing.T) {
	html := page(t, Page{Title: "A million", Result: largeRun()})
	t.Logf("%d bytes", len(html))
	if len(html) >= maxPage {
		t.Errorf("the page has %d bytes", len(html))
	}
	p := documentOf(t, html).Pages[0]
	if r := resultOf(t, p); p.Shown != "" || len(r.EnvironmentsDetail) != 500 || r.Invocations.Total != 1_000_000 {
		t.Errorf("%d environments, %d invocations, left out: %q", len(r.EnvironmentsDetail), r.Invocations.Total, p.Shown)
	}
}

// More runs are drawn with less detail, say so, and stay below 1 MB; too many
// are refused.
func TestPageOfManyRuns(t *testing.T) {
	r := largeRun()
	pages := make([]Page, 5)
	for i := range pages {
		pages[i].Result = r
	}
	html := page(t, pages...)
	if len(html) >= maxPage {
		t.Errorf("the page has %d bytes", len(html))
	}
	for _, p := range documentOf(t, html).Pages {
		if !strings.Contains(p.Shown, "recorded environments are shown") || !strings.Contains(p.Shown, "rows") {
			t.Errorf("the page does not say what it leaves out: %q", p.Shown)
		}
		if got := resultOf(t, p); got.Invocations != r.Invocations || got.Latency.Warm != r.Latency.Warm {
			t.Error("figures changed with the detail")
		}
	}
	if err := WriteHTML(io.Discard, make([]Page, 200)...); err == nil {
		t.Error("a page without a result was written")
	}
	many := make([]Page, 200)
	for i := range many {
		many[i].Result = r
	}
	if err := WriteHTML(io.Discard, many...); err == nil || !strings.Contains(err.Error(), "several pages") {
		t.Errorf("200 runs on one page: %v", err)
	}
	if err := WriteHTML(io.Discard); err == nil {
		t.Error("a page of nothing was written")
	}
}

// Texts of a result come from handlers and templates: none of them may become
// markup.
func TestTextsAreEscaped(t *testing.T) {
	const evil = "</script><img src=x onerror=alert(1)><!--<script>\u2028' \" & ]]>"
	r := synthetic(t, small())
	r.Run.Name, r.Run.Command, r.Notes, r.Warnings = evil, evil, []string{evil}, []string{evil}
	r.Errors = []metrics.ErrorKind{{Type: evil, Message: evil, Place: evil}}
	r.Sources[evil] = 3
	r.EnvironmentsDetail[0].ID = evil
	html := page(t, Page{Title: evil, Result: r, Claims: []Claim{{Claim: evil, Measured: evil, Kind: evil, Source: evil}}})
	if strings.Contains(html, "<img") || strings.Count(html, "<script") != 2 || strings.Count(html, "</script") != 2 {
		t.Error("a text of the result became markup")
	}
	if got := resultOf(t, documentOf(t, html).Pages[0]).Run.Name; got != evil {
		t.Errorf("the name is %q", got)
	}
}

// Only the script and the style of the page may run, and neither asks for
// anything from elsewhere.
func TestPolicy(t *testing.T) {
	html := page(t, Page{Result: synthetic(t, small())})
	inside := func(open, shut string) string {
		_, rest, _ := strings.Cut(html, open)
		text, _, _ := strings.Cut(rest, shut)
		return text
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+", "&#34;", `"`).Replace(inside(`Content-Security-Policy" content="`, `">`))
	for _, want := range []string{
		"default-src 'none'",
		"script-src " + hash(inside(`<script type="module">`, "</script>")),
		"style-src " + hash(inside("<style>", "</style>")),
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "connect-src") {
		t.Errorf("the policy is too wide: %q", policy)
	}
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "@import", "url(", "style=", "localStorage"} {
		if strings.Contains(a.script+a.style, banned) {
			t.Errorf("the page's script or style has %s", banned)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^'"\s)]*`).FindAllString(a.script+a.style, -1) {
		if address != "http://www.w3.org/2000/svg" { // a namespace, never fetched
			t.Errorf("the page mentions %s", address)
		}
	}
}

// Every element is closed in its order. Script and style are no markup and are
// left out.
func TestPageIsWellFormed(t *testing.T) {
	r := synthetic(t, small())
	for name, html := range map[string]string{"run": page(t, Page{Result: r}), "experiment": page(t, experiment(t)...), "comparison": comparisonPage(t, r, r)} {
		html = regexp.MustCompile(`(?s)(<(script|style)[^>]*>).*?(</)`).ReplaceAllString(html, "$1$3")
		d := xml.NewDecoder(strings.NewReader(strings.Replace(html, "<!doctype html>", "", 1)))
		d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		depth := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch token.(type) {
			case xml.StartElement:
				depth++
			case xml.EndElement:
				depth--
			}
		}
		if depth != 0 {
			t.Errorf("%s: %d elements are not closed", name, depth)
		}
	}
}

// Who has no JavaScript still reads the figures.
func TestFiguresWithoutScript(t *testing.T) {
	html := page(t, Page{Result: synthetic(t, small())})
	_, rest, _ := strings.Cut(html, "<noscript>")
	text, _, _ := strings.Cut(rest, "</noscript>")
	if !strings.Contains(text, "9,000") || !strings.Contains(text, "p99.9") {
		t.Errorf("without script the page says: %s", text)
	}
}

// Joining rows keeps sums and largest values; nothing is averaged but the rate,
// which is one already.
func TestCoarserTimeline(t *testing.T) {
	in := metrics.Timeline{IntervalMS: 100, TMS: []float64{0, 100, 200}, Rate: []float64{10, 30, 50}, P99MS: []float64{4, 9, 2}, P50MS: []float64{0, 3, 1},
		Cold: []int64{1, 2, 3}, Connections: []int64{5, 4, 3}, Hits: []int64{7, 1, 1}}
	got := coarser(&in, 2)
	want := metrics.Timeline{IntervalMS: 200, TMS: []float64{0, 200}, Rate: []float64{20, 25}, P99MS: []float64{9, 2}, P50MS: []float64{3, 1},
		Cold: []int64{3, 3}, Connections: []int64{5, 3}, Hits: []int64{8, 1}}
	opt := cmp.FilterValues(func(a, b []int64) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())
	if diff := cmp.Diff(want, got, opt); diff != "" {
		t.Error(diff)
	}
}

func TestCommonTitle(t *testing.T) {
	for want, titles := range map[string][]string{
		"storm":         {"storm · careful", "storm · naive"},
		"fallback":      {"fallback: killed", "fallback: paused", "fallback: slow"},
		"a and 1 more":  {"a", "b"},
		"alone":         {"alone"},
		"A run of Thaw": {""},
	} {
		var pages []Page
		for _, title := range titles {
			pages = append(pages, Page{Title: title, Result: &metrics.Result{}})
		}
		if got := commonTitle(pages); got != want {
			t.Errorf("%q: got %q, want %q", titles, got, want)
		}
	}
}

func BenchmarkWriteHTMLOfAMillion(b *testing.B) {
	r := largeRun()
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteHTML(io.Discard, Page{Result: r}); err != nil {
			b.Fatal(err)
		}
	}
}
