package dash

import (
	"os"
	"path/filepath"
	"testing"
)

// TestScreenshots writes pictures of all pages to the folder in
// THAW_SCREENSHOTS, to be looked at; it judges nothing.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("THAW_SCREENSHOTS")
	if dir == "" {
		t.Skip("THAW_SCREENSHOTS names no folder")
	}
	b := openBrowser(t)
	failing := small()
	failing.failing, failing.seed, failing.warm = true, 8, 1600000
	one, two := synthetic(t, small()), synthetic(t, failing)
	one.Run.Name, two.Run.Name = "before (made-up figures)", "after"
	pages := map[string]string{
		"run":        page(t, Page{Title: "Burst on the storefront (made-up figures)", Result: synthetic(t, small())}),
		"large":      page(t, Page{Title: "A million invocations", Result: largeRun()}),
		"experiment": page(t, experiment(t)...),
		"compare":    comparisonPage(t, one, two),
	}
	looks := map[string]look{
		"light": {width: 1280, height: 900}, "dark": {width: 1280, height: 900, dark: true},
		"narrow": {width: 390, height: 844}, "narrow-dark": {width: 390, height: 844, dark: true},
		"print": {width: 760, height: 1000, print: true},
	}
	for name, html := range pages {
		b.openPage(html)
		for as, l := range looks {
			b.as(l)
			if l.print {
				b.eval("dispatchEvent(new Event('beforeprint'))", nil)
			} else {
				b.eval("dispatchEvent(new Event('afterprint'))", nil)
			}
			b.settled()
			b.screenshot(filepath.Join(dir, name+"-"+as+".png"), 0)
		}
		b.as(look{width: 1280, height: 900})
		b.pdf(filepath.Join(dir, name+".pdf"))
	}
	b.quiet()
}

func experiment(t testing.TB) []Page {
	naive := small()
	naive.name, naive.seed, naive.failing, naive.warm = "naive", 9, true, 3000000
	return []Page{
		{Title: "storm (made-up figures) · careful", Result: synthetic(t, small()), Claims: []Claim{
			{Claim: "24 concurrent environments open 24 connections with a pool of one", Measured: "24 environments, 24 connections at the peak", Holds: true, Kind: "measured", Chart: "connections"},
			{Claim: "The pool cap bounds each environment", Measured: "at most 1 connection in each of 24 environments", Holds: true, Kind: "measured", Chart: "connections"},
			{Claim: "A burst pays the cold start again in every new environment", Measured: "18 cold starts in the burst, p50 258 ms", Holds: true, Kind: "measured", Chart: "latency"},
		}},
		{Title: "storm (made-up figures) · naive", Result: synthetic(t, naive), Claims: []Claim{
			{Claim: "Past maxclients the server refuses, and refusals are counted", Measured: "0 refused of 24 above the limit", Holds: false, Kind: "modelled", Source: "AWS: ElastiCache quotas, maxclients 65,000 for each node", Chart: "connections"},
		}},
	}
}
