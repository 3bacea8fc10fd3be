// Package dash draws runs: a page for one run or an experiment, the same page
// with a live feed, and two runs laid side by side.
//
//	metrics.Result ──▶ fit ──▶ document (JSON) ──┐
//	page/*.js, page/*.css ──▶ assets ────────────┴─▶ page.html ──▶ one file
//
// A page is one HTML file that needs no network and no server: script, style
// and data are inside. Its Content-Security-Policy allows exactly that script
// and that style, by hash, so a text in a result can never run. The drawing is
// done in the browser by the scripts in page/, which know nothing but the
// result format of package metrics; every figure on the page carries its path
// in that format.
package dash
