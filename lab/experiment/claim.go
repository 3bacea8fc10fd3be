package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says where a claim's figure comes from.
type Kind string

// The kinds of figures.
const (
	Measured Kind = "measured" // observed by the lab
	Modelled Kind = "modelled" // rests on what the lab injects; Source says where that comes from
)

// Claim is a statement about the system and what the lab found.
type Claim struct {
	Claim    string             `json:"claim"`    // with the bound that decides
	Measured string             `json:"measured"` // the figures, in words
	Holds    bool               `json:"holds"`
	Kind     Kind               `json:"kind"`
	Source   string             `json:"source"`  // of a modelled figure: what is injected, and who says so
	Figures  map[string]float64 `json:"figures"` // names end in the unit; those without one are counts
	Chart    string             `json:"chart"`   // the picture that shows it, as in package dash
	Run      int                `json:"run"`     // index in Report.Runs of the run that shows it
}

// validate holds the rules for claims that a reader relies on.
func (r *Report) validate() error {
	if len(r.Claims) == 0 {
		return errors.New("no claim was judged")
	}
	for _, c := range r.Claims {
		switch {
		case c.Claim == "" || c.Measured == "" || len(c.Figures) == 0:
			return fmt.Errorf("a claim without text or figures: %+v", c)
		case c.Kind == Modelled && c.Source == "":
			return fmt.Errorf("modelled without a source: %q", c.Claim)
		case c.Run < 0 || c.Run >= len(r.Runs):
			return fmt.Errorf("no run %d shows %q", c.Run, c.Claim)
		}
	}
	return nil
}

// MarshalJSON writes the runs in the format of package metrics.
func (r *Report) MarshalJSON() ([]byte, error) {
	type plain Report // without this method
	runs := []json.RawMessage{}
	for _, run := range r.Runs {
		var b bytes.Buffer
		if err := run.Encode(&b); err != nil {
			return nil, err
		}
		runs = append(runs, b.Bytes())
	}
	p := struct {
		plain
		Runs []json.RawMessage `json:"runs"` // takes the place of the field of plain
	}{plain(*r), runs}
	if p.Claims == nil {
		p.Claims = []Claim{}
	}
	if p.Notes == nil {
		p.Notes = []string{}
	}
	return json.Marshal(p)
}

// quantile is the smallest duration that the share q (0 … 1) of the sample does
// not exceed; 0 of an empty sample.
func quantile(sample []time.Duration, q float64) time.Duration {
	if len(sample) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(sample))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func median(sample []time.Duration) time.Duration { return quantile(sample, 0.5) }

// differences are b − a, pair by pair. Paired figures are taken one right after
// the other, so what slows the machine for a while slows both.
func differences(a, b []time.Duration) []time.Duration {
	d := make([]time.Duration, min(len(a), len(b)))
	for i := range d {
		d[i] = b[i] - a[i]
	}
	return d
}

// millis is for figures.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ms writes a duration for people, with three digits that count.
func ms(d time.Duration) string {
	m, digits := millis(d), 0
	switch {
	case math.Abs(m) < 10:
		digits = 2
	case math.Abs(m) < 100:
		digits = 1
	}
	text := strconv.FormatFloat(m, 'f', digits, 64)
	if whole, fraction, _ := strings.Cut(text, "."); strings.Trim(fraction, "0") == "" {
		text = whole
	}
	return text + " ms"
}
