package dash

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/thawdev/thaw/metrics"
)

// Bounds of a page, in bytes.
const (
	maxPage  = 1_000_000
	headroom = 8_000 // the frame of the HTML, titles and the policy
)

// detail is how finely a result is drawn.
type detail struct{ rows, environments int }

// details lists what is tried in turn: the first is all that a result can
// hold, the last fits two dozen small runs on one page.
func details() []detail {
	return []detail{{2000, 1000}, {1000, 500}, {500, 250}, {250, 100}, {120, 40}}
}

// fit fills in the pages with the finest detail that stays within the bound.
func (doc *document) fit(results []Page, bound int) error {
	for _, d := range details() {
		pages, fits, err := drawn(results, d, bound)
		if err != nil {
			return err
		}
		if fits {
			doc.Pages = pages
			return nil
		}
	}
	return fmt.Errorf("dash: %d results are more than the %d kB of a page, even with few details: write them as several pages",
		len(results), bound/1000)
}

// drawn returns the pages at a detail, if they fit the bound as JSON.
func drawn(results []Page, d detail, bound int) (pages []documentPage, fits bool, err error) {
	size := 0
	for _, p := range results {
		page := documentPage{Title: p.Title, Claims: p.Claims, Result: json.RawMessage("null")}
		if page.Claims == nil {
			page.Claims = []Claim{}
		}
		if p.Result != nil {
			var r *metrics.Result
			r, page.Shown = reduce(p.Result, d)
			if page.Result, err = encode(r); err != nil {
				return nil, false, err
			}
		}
		if size += len(page.Result); size > bound {
			return nil, false, nil
		}
		pages = append(pages, page)
	}
	all, err := marshal(pages)
	return pages, len(all) <= bound, err
}

// reduce returns a copy with at most the detail given, and a sentence on what
// is missing. Figures other than the timeline and the list of environments
// stay as they are.
func reduce(r *metrics.Result, d detail) (*metrics.Result, string) {
	out := *r
	var shown []string
	if rows := len(r.Timeline.TMS); rows > d.rows {
		by := (rows + d.rows - 1) / d.rows
		out.Timeline = coarser(&r.Timeline, by)
		shown = append(shown, fmt.Sprintf("The charts over time are drawn with %d of %d rows: of %d rows in a place, gauges and percentiles show the largest, counts their sum.",
			len(out.Timeline.TMS), rows, by))
	}
	if n := len(r.EnvironmentsDetail); n > d.environments {
		out.EnvironmentsDetail = r.EnvironmentsDetail[:d.environments]
		shown = append(shown, fmt.Sprintf("The first %d of %d recorded environments are shown.", d.environments, n))
	}
	out.Functions = make([]metrics.Function, len(r.Functions))
	for i, f := range r.Functions {
		f.Latency.Histograms = metrics.Histograms{} // drawn for the whole run only
		out.Functions[i] = f
	}
	return &out, strings.Join(shown, " ")
}

// coarser joins each so many rows into one. Percentiles cannot be merged
// without their samples: the largest is an upper bound, an average would be a
// figure of nothing.
func coarser(t *metrics.Timeline, by int) metrics.Timeline {
	out := metrics.Timeline{
		IntervalMS: t.IntervalMS * float64(by),
		Rate:       joined(t.Rate, by, sum[float64]),
		P50MS:      joined(t.P50MS, by, larger[float64]),
		P99MS:      joined(t.P99MS, by, larger[float64]),
	}
	for i := range out.Rate {
		out.Rate[i] /= float64(by)
	}
	for i := 0; i < len(t.TMS); i += by {
		out.TMS = append(out.TMS, t.TMS[i])
	}
	for _, c := range []struct {
		to   *[]int64
		from []int64
		join func(a, b int64) int64
	}{
		{&out.EnvironmentsIdle, t.EnvironmentsIdle, larger[int64]}, {&out.EnvironmentsBusy, t.EnvironmentsBusy, larger[int64]},
		{&out.EnvironmentsStarting, t.EnvironmentsStarting, larger[int64]}, {&out.InFlight, t.InFlight, larger[int64]},
		{&out.Connections, t.Connections, larger[int64]}, {&out.MemoryBytes, t.MemoryBytes, larger[int64]},
		{&out.Cold, t.Cold, sum[int64]}, {&out.Throttled, t.Throttled, sum[int64]}, {&out.Failed, t.Failed, sum[int64]},
		{&out.New, t.New, sum[int64]}, {&out.Rejected, t.Rejected, sum[int64]}, {&out.Hits, t.Hits, sum[int64]}, {&out.Misses, t.Misses, sum[int64]},
	} {
		*c.to = joined(c.from, by, c.join)
	}
	return out
}

func joined[T int64 | float64](column []T, by int, join func(a, b T) T) []T {
	out := make([]T, 0, len(column)/by+1)
	for i, v := range column {
		if i%by == 0 {
			out = append(out, v)
			continue
		}
		out[len(out)-1] = join(out[len(out)-1], v)
	}
	return out
}

func sum[T int64 | float64](a, b T) T    { return a + b }
func larger[T int64 | float64](a, b T) T { return max(a, b) }
