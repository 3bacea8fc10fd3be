package workload

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const arrivalForms = `accepted forms:
  constant:200/s
  poisson:200/s
  ramp:0/s..500/s[,over=1m]
  burst:50/s,peak=500/s,every=10s,for=1s
  sine:100/s..400/s,period=30s
  trace:FILE.csv[,spread=poisson|even]
rates are per s, m or h; ",poisson" makes ramp, burst and sine random`

// ParseArrivals reads the syntax of the command line:
//
//	constant:200/s                          one request every 5 ms
//	poisson:200/s                           the same rate, at random
//	ramp:0/s..500/s                         over the whole run; or over=1m, then 500/s
//	burst:50/s,peak=500/s,every=10s,for=1s  a burst ends each 10 s
//	sine:100/s..400/s,period=30s            begins at the lowest rate
//	trace:FILE.csv                          see below
//
// Rates are per second (/s), minute (/m) or hour (/h). ",poisson" after a ramp,
// burst or sine makes its arrivals random. An error names the column and lists
// the forms.
//
// A trace is a CSV file; lines that begin with # and a first line of column
// names are skipped. One column (offset_s) holds offsets in seconds that never
// decrease. Two columns (minute,count) hold counts by minute, as the public
// traces of Azure Functions do; minutes increase, gaps are idle, and the first
// minute in the file is the start of the run. spread= says how a minute's
// count is spread: poisson (default) or even. The file is opened by
// Spec.Arrivals.
func ParseArrivals(text string) (Spec, error) {
	p := arrivalParser{text: text}
	s, err := p.parse()
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		return Spec{}, fmt.Errorf("workload: arrivals %q: column %d: %w; %s", text, p.pos+1, err, arrivalForms)
	}
	return s, nil
}

// arrivalParser knows where it is, for the error.
type arrivalParser struct {
	text string
	pos  int // byte offset of the part under work
}

func (p *arrivalParser) parse() (Spec, error) {
	shape, rest, ok := strings.Cut(p.text, ":")
	if !ok {
		return Spec{}, fmt.Errorf("no \":\" after the shape")
	}
	var s Spec
	start := len(shape) + 1
	switch s.Shape = Shape(shape); s.Shape {
	case Trace:
		p.pos = start
		s.File, s.Even = cutSpread(rest)
		return s, nil
	case "poisson":
		s.Shape, s.Poisson = Constant, true
	case Constant, Ramp, Burst, Sine:
	default:
		return Spec{}, fmt.Errorf("unknown shape %q", shape)
	}
	seen := make(map[string]bool)
	for i, part := range strings.Split(rest, ",") {
		p.pos = start
		start += len(part) + 1
		name, value, _ := strings.Cut(part, "=")
		var err error
		if i == 0 {
			err = p.rates(&s, part)
		} else if seen[name] {
			err = fmt.Errorf("%q is given twice", name)
		} else {
			err = p.option(&s, name, value)
		}
		if err != nil {
			return Spec{}, err
		}
		seen[name] = true
	}
	p.pos = len(shape) + 1 // what validate finds concerns all of it
	return s, nil
}

// cutSpread takes the option off the end of a trace's file name, which may
// itself hold commas.
func cutSpread(text string) (file string, even bool) {
	if file, ok := strings.CutSuffix(text, ",spread=even"); ok {
		return file, true
	}
	return strings.TrimSuffix(text, ",spread=poisson"), false
}

// rates reads "200/s" or, for a ramp or a sine, "0/s..500/s".
func (p *arrivalParser) rates(s *Spec, text string) (err error) {
	first, second, isRange := strings.Cut(text, "..")
	if want := s.Shape == Ramp || s.Shape == Sine; want != isRange {
		if want {
			return fmt.Errorf("%s needs two rates, such as 0/s..500/s", s.Shape)
		}
		return fmt.Errorf("%s needs one rate, such as 200/s", s.Shape)
	}
	if s.Rate, err = parsePerSecond(first); err != nil || !isRange {
		return err
	}
	p.pos += len(first) + 2
	s.Peak, err = parsePerSecond(second)
	return err
}

func (p *arrivalParser) option(s *Spec, name, value string) (err error) {
	switch string(s.Shape) + " " + name {
	case "ramp over":
		s.Over, err = parsePeriod(value)
	case "burst peak":
		s.Peak, err = parsePerSecond(value)
	case "burst every", "sine period":
		s.Period, err = parsePeriod(value)
	case "burst for":
		s.Burst, err = parsePeriod(value)
	case "ramp poisson", "burst poisson", "sine poisson":
		s.Poisson = true
		if value != "" {
			err = fmt.Errorf("poisson takes no value")
		}
	default:
		err = fmt.Errorf("%s has no option %q", s.Shape, name)
	}
	return err
}

// parsePerSecond returns requests per second.
func parsePerSecond(text string) (float64, error) {
	number, unit, _ := strings.Cut(text, "/")
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil || seconds == 0 {
		return 0, fmt.Errorf("%q is no rate such as 200/s", text)
	}
	return rate / seconds, checkRate("the rate", rate/seconds, true)
}

func parsePeriod(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < minPeriod || d > maxOffset {
		return 0, fmt.Errorf("%q is no duration of %v or more such as 10s", text, minPeriod)
	}
	return d, nil
}

// String returns the text that ParseArrivals reads, with rates per second.
func (s Spec) String() string {
	random := ""
	if s.Poisson {
		random = ",poisson"
	}
	switch s.Shape {
	case Constant:
		if s.Poisson {
			return "poisson:" + rateText(s.Rate)
		}
		return "constant:" + rateText(s.Rate)
	case Ramp:
		text := "ramp:" + rateText(s.Rate) + ".." + rateText(s.Peak)
		if s.Over > 0 {
			text += ",over=" + s.Over.String()
		}
		return text + random
	case Burst:
		return fmt.Sprintf("burst:%s,peak=%s,every=%v,for=%v%s", rateText(s.Rate), rateText(s.Peak), s.Period, s.Burst, random)
	case Sine:
		return fmt.Sprintf("sine:%s..%s,period=%v%s", rateText(s.Rate), rateText(s.Peak), s.Period, random)
	case Trace:
		switch file, _ := cutSpread(s.File); {
		case s.Even:
			return "trace:" + s.File + ",spread=even"
		case file != s.File: // the name itself ends like the option
			return "trace:" + s.File + ",spread=poisson"
		}
		return "trace:" + s.File
	}
	return string(s.Shape)
}

func rateText(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) + "/s" }
