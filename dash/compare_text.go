package dash

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	bold  = "1"
	faint = "2"
	blue  = "34"
)

// WriteText writes the comparison for a terminal of so many columns; 0 is 100.
// color is with ANSI escapes.
func (c Comparison) WriteText(w io.Writer, color bool, width int) {
	if width <= 0 {
		width = 100
	}
	style := func(code, s string) string {
		if !color || s == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	paragraph := func(code, indent, text string) {
		for _, line := range wrap(text, max(40, width-len(indent))) {
			fmt.Fprintln(w, indent+style(code, line))
		}
	}
	paragraph(bold, "", c.Title)
	paragraph("", "", c.Sentence)
	fmt.Fprintln(w)
	fmt.Fprintln(w, "  "+style(faint, fmt.Sprintf("%-28s%12s%12s%9s  %-17s%s", "", "A", "B", "B/A", "95 % interval", "the difference is")))
	for _, r := range c.Rows {
		ratio, bounds, code, verdict := "–", "–", faint, r.Verdict
		if r.Ratio > 0 {
			ratio = figure(r.Ratio) + " ×"
		}
		if r.Low > 0 {
			bounds = figure(r.Low) + " – " + figure(r.High)
		}
		switch r.Verdict {
		case Larger:
			code = blue
		case "":
			verdict = r.Reason
		}
		fmt.Fprintf(w, "  %s%s%s%s  %s%s\n", left(r.Name, 28), right(withUnit(r.A, r.Unit), 12), right(withUnit(r.B, r.Unit), 12),
			right(ratio, 9), left(bounds, 17), style(code, verdict))
	}
	if len(c.Differences) > 0 {
		fmt.Fprintln(w)
		paragraph(bold, "", "The runs were not made alike:")
		for _, d := range c.Differences {
			paragraph("", "  ", d)
		}
	}
	fmt.Fprintln(w)
	paragraph(faint, "", c.Method)
}

func withUnit(v float64, unit string) string {
	if unit == "" {
		return figure(v)
	}
	return figure(v) + " " + unit
}

// figure writes three significant digits, as far as they matter, and separators
// between thousands. page/format.js has the same rule.
func figure(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(round3(v), 'f', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func round3(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return out
}

// left and right pad to a width in characters, not bytes.
func left(s string, width int) string {
	return s + strings.Repeat(" ", max(1, width-len([]rune(s))))
}

func right(s string, width int) string {
	return strings.Repeat(" ", max(1, width-len([]rune(s)))) + s
}

// wrap breaks text between words into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
