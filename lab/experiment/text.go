package experiment

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// TextOptions says how a Report is written for people.
type TextOptions struct {
	Color bool // with ANSI escapes
	Width int  // columns; 0 is 100
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"

	verdictColumn = 7  // "holds" or "FAILS", and a gap
	kindColumn    = 11 // "measured", a mark and a gap
	gap           = 2
	narrowest     = 60 // below it a table of words cannot be read
)

// WriteText writes the table of claims:
//
//	holds  kind      claim, wrapped               measured, wrapped
func (r *Report) WriteText(w io.Writer, o TextOptions) {
	if o.Width <= 0 {
		o.Width = 100
	}
	style := func(code, s string) string {
		if !o.Color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	fmt.Fprintf(w, "%s\n%s\n\n", style(bold, r.Experiment+" · "+r.Title),
		style(dim, fmt.Sprintf("%d claims in %.1f s · seed %d%s", len(r.Claims), r.DurationS, r.Seed, r.mechanisms())))

	cells := max(narrowest, o.Width) - 2 - verdictColumn - kindColumn - gap
	left := cells / 2
	row := func(code, verdict, kind, claim, measured string) {
		a, b := wrap(claim, left), wrap(measured, cells-left)
		for i := range max(len(a), len(b)) {
			if i > 0 {
				verdict, kind = "", ""
			}
			line := "  " + style(code, pad(verdict, verdictColumn)) + style(dim, pad(kind, kindColumn)) + pad(at(a, i), left+gap) + at(b, i)
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
	row(dim, "", "", "claim", "measured")
	var sources []string
	for _, c := range r.Claims {
		verdict, code := "holds", green
		if !c.Holds {
			verdict, code = "FAILS", red
		}
		kind := string(c.Kind)
		if c.Source != "" {
			if !slices.Contains(sources, c.Source) {
				sources = append(sources, c.Source)
			}
			kind += superscript(slices.Index(sources, c.Source))
		}
		row(code, verdict, kind, c.Claim, c.Measured)
	}
	if len(sources)+len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for i, source := range sources {
		paragraph(w, style(dim, superscript(i)), source, o.Width)
	}
	for _, note := range r.Notes {
		paragraph(w, style(dim, "→"), note, o.Width)
	}
}

// mechanisms says by what the runs were made.
func (r *Report) mechanisms() string {
	if len(r.Runs) == 0 {
		return ""
	}
	m := r.Runs[0].Mechanisms
	return fmt.Sprintf(" · %s · freeze: %s · limits: %s", m.Cache, m.Freeze, m.Limits)
}

func paragraph(w io.Writer, mark, text string, width int) {
	for i, line := range wrap(text, max(narrowest, width)-4) {
		if i > 0 {
			mark = " "
		}
		fmt.Fprintf(w, "  %s %s\n", mark, line)
	}
}

func superscript(i int) string { return string([]rune("¹²³⁴⁵⁶⁷⁸⁹")[min(i, 8)]) }

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// pad fills up to width columns; what is longer gets one space.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s)))
}

// wrap breaks s between words, but not between a number and its unit, into lines
// of at most width columns.
func wrap(s string, width int) []string {
	units := []string{"ms", "s", "%", "MB", "GB"}
	var words []string
	for word := range strings.FieldsSeq(s) {
		if n := len(words); n > 0 && slices.Contains(units, strings.TrimRight(word, ",;:.)")) {
			words[n-1] += " " + word
			continue
		}
		words = append(words, word)
	}
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
