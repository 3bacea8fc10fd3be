package dash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/thawdev/thaw/metrics"
)

// Page is one run and what it is to show.
type Page struct {
	Title  string // "" is the name of the run
	Result *metrics.Result
	Claims []Claim // empty: the page of a run, not of an experiment
}

// Claim is a statement about the system and what the lab found.
type Claim struct {
	Claim    string `json:"claim"`
	Measured string `json:"measured"` // the figure, in words
	Holds    bool   `json:"holds"`
	Kind     string `json:"kind"`   // "measured": observed; "modelled": put in by the lab
	Source   string `json:"source"` // of a modelled figure
	// Chart is the picture that stands beside the claim: "latency",
	// "environments", "connections", "cache", "sources", "histograms" or
	// "lanes". "" is "latency".
	Chart string `json:"chart"`
}

// document is the data of a page; page/main.js reads it.
type document struct {
	Title      string         `json:"title"`
	Live       string         `json:"live"` // address of the feed; "": a page that stays as it is
	Pages      []documentPage `json:"pages"`
	Comparison *Comparison    `json:"comparison"`
}

type documentPage struct {
	Title  string          `json:"title"`
	Claims []Claim         `json:"claims"`
	Shown  string          `json:"shown"`  // what was left out to keep the page small; "" nothing
	Result json.RawMessage `json:"result"` // null: not known yet
}

// WriteHTML writes one page for the results: of one run, or of an experiment
// with its claims beside the charts. The page is smaller than 1 MB; if need be
// the timelines get fewer rows and fewer environments are listed, and the page
// says so. Results that do not fit even then are an error.
func WriteHTML(w io.Writer, results ...Page) error {
	if len(results) == 0 {
		return errors.New("dash: no result to write a page of")
	}
	for _, p := range results {
		if p.Result == nil {
			return fmt.Errorf("dash: the page %q has no result", p.Title)
		}
	}
	return writePage(w, &document{Title: commonTitle(results)}, results)
}

// writePage fits the results into the document and writes it.
func writePage(w io.Writer, doc *document, results []Page) error {
	a, err := loadAssets()
	if err != nil {
		return err
	}
	var summary strings.Builder
	for _, p := range results {
		if p.Result != nil {
			p.Result.WriteText(&summary, metrics.TextOptions{Width: 100})
		}
	}
	frame := a.size() + 2*summary.Len() + headroom // the summary may grow when escaped
	if err := doc.fit(results, maxPage-frame); err != nil {
		return err
	}
	data, err := marshal(doc)
	if err != nil {
		return err
	}
	return a.page.Execute(w, map[string]any{
		"Title":   doc.Title,
		"Policy":  a.policy(doc.Live != ""),
		"Icon":    template.URL(icon), // a constant, not a text of the result
		"Style":   template.CSS(a.style),
		"Script":  template.JS(a.script),
		"Data":    template.JS(data), // marshal has escaped <, > and &
		"Summary": summary.String(),
	})
}

// marshal writes JSON that can stand inside a script element: encoding/json
// escapes <, >, & and the line separators of JavaScript unless told otherwise.
func marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("dash: writing the data of the page: %w", err)
	}
	return data, nil
}

// encode writes a result as metrics does, then escapes it for the page.
func encode(r *metrics.Result) (json.RawMessage, error) {
	var b, escaped bytes.Buffer
	if err := r.Encode(&b); err != nil {
		return nil, err
	}
	json.HTMLEscape(&escaped, bytes.TrimSpace(b.Bytes()))
	return escaped.Bytes(), nil
}

// commonTitle is the title of the only page, or what the titles of all begin
// with up to a separator: "storm" for "storm · careful" and "storm · naive".
func commonTitle(pages []Page) string {
	first := titleOf(pages[0])
	if len(pages) == 1 {
		return first
	}
	common := first
	for _, p := range pages[1:] {
		for !strings.HasPrefix(titleOf(p), common) {
			common = common[:len(common)-1]
		}
	}
	for _, separator := range []string{" · ", ": "} {
		if i := strings.LastIndex(common, separator); i > 0 {
			return common[:i]
		}
	}
	return fmt.Sprintf("%s and %d more", first, len(pages)-1)
}

func titleOf(p Page) string {
	switch {
	case p.Title != "":
		return p.Title
	case p.Result != nil && p.Result.Run.Name != "":
		return p.Result.Run.Name
	}
	return "A run of Thaw"
}
