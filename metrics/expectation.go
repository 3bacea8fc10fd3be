package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const expectationForm = `write a number of the result, a comparison (< <= > >= == !=) and a limit, such as warm.p99<25ms or sources.database/invocations.total<5%`

// maxExpectation bounds the text of an expectation, in bytes.
const maxExpectation = 500

// Expectation is a comparison that a Result is to pass, such as warm.p99<25ms.
type Expectation struct {
	text     string
	value    path
	divisor  *path // nil: value is not divided
	operator string
	limit    float64 // in the unit of value, or a share for a division
	percent  bool    // the limit was written in %: report in it
}

// ParseExpectation reads a comparison:
//
//	warm.p99<25ms                              a series of latency_ms
//	connections.peak<=100                      any number of the result, by its keys
//	functions.orders.cold.max<1.5s             of one function
//	sources.database/invocations.total<5%      one number divided by another
//
// Comparisons are < <= > >= == (or =) and !=. Units of time are ns, us, ms and
// s; of sizes B, kB, MB, GB, KiB, MiB and GiB; of counts k and M; of shares %.
// A limit without a unit is in the unit of the key. A number that the result
// does not have is an error that lists those with a similar name.
func ParseExpectation(text string) (Expectation, error) {
	e, err := parseExpectation(strings.TrimSpace(text))
	if err != nil {
		return Expectation{}, fmt.Errorf("metrics: expectation %q: %w", text, err)
	}
	return e, nil
}

func parseExpectation(text string) (e Expectation, err error) {
	if len(text) > maxExpectation {
		return e, fmt.Errorf("longer than %d bytes", maxExpectation)
	}
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return e, errors.New("no comparison; " + expectationForm)
	}
	e.text, e.operator = text, text[at:at+1]
	rest := text[at+1:]
	if after, ok := strings.CutPrefix(rest, "="); ok {
		e.operator, rest = e.operator+"=", after
	}
	switch e.operator {
	case "=":
		e.operator = "=="
	case "!":
		return e, errors.New("! is no comparison; " + expectationForm)
	}
	left, right, divided := strings.Cut(text[:at], "/")
	if e.value, err = parsePath(strings.TrimSpace(left)); err != nil {
		return e, err
	}
	unit := e.value.unit
	if divided {
		divisor, err := parsePath(strings.TrimSpace(right))
		if err != nil {
			return e, err
		}
		if divisor.unit != unit {
			return e, fmt.Errorf("%s and %s have different units", strings.TrimSpace(left), strings.TrimSpace(right))
		}
		e.divisor, unit = &divisor, "share"
	}
	e.limit, e.percent, err = parseLimit(strings.TrimSpace(rest), unit)
	return e, err
}

// parseLimit returns the number in the unit of the key; unit is ms, s, bytes,
// share or "" for a count.
func parseLimit(text, unit string) (limit float64, percent bool, err error) {
	end := len(text) - len(strings.TrimLeft(text, "+-.0123456789"))
	limit, err = strconv.ParseFloat(text[:end], 64)
	if err != nil || math.IsInf(limit, 0) {
		return 0, false, fmt.Errorf("%q is no limit; %s", text, expectationForm)
	}
	suffix := strings.TrimSpace(text[end:])
	factor := 1.0
	if suffix != "" {
		factor = unitFactor(suffix, unit)
	}
	if factor == 0 {
		return 0, false, fmt.Errorf("the unit %q does not fit: this number is %s", suffix, unitName(unit))
	}
	if limit *= factor; math.IsInf(limit, 0) {
		return 0, false, fmt.Errorf("%q is too large", text)
	}
	return limit, suffix == "%", nil
}

// unitFactor converts a limit's unit to the key's; 0 when it does not fit.
func unitFactor(suffix, unit string) float64 {
	switch unit {
	case "ms":
		return map[string]float64{"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3}[suffix]
	case "s":
		return map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1}[suffix]
	case "bytes":
		return map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[suffix]
	case "share":
		return map[string]float64{"%": 0.01}[suffix]
	}
	return map[string]float64{"k": 1e3, "M": 1e6}[suffix]
}

func unitName(unit string) string {
	switch unit {
	case "ms", "s":
		return "a time, in ns, us, ms or s"
	case "bytes":
		return "a size, in B, kB, MB, GB, KiB, MiB or GiB"
	case "share":
		return "a share, in % or without a unit"
	}
	return "a count, in k, M or without a unit"
}

// String returns the expectation as it was written.
func (e Expectation) String() string { return e.text }

// Evaluate judges the result. What was not measured does not hold, with the
// reason: an expectation that cannot fail is worse than none.
func (e Expectation) Evaluate(r *Result) Verdict {
	v := Verdict{Expression: e.text, Unit: e.value.unit}
	if e.text == "" {
		v.Reason = "no expectation: it was not made by ParseExpectation"
		return v
	}
	value, reason := e.value.value(r)
	if e.divisor != nil {
		v.Unit = ""
		if e.percent {
			v.Unit = "%"
		}
		divisor, why := e.divisor.value(r)
		reason = cmp.Or(reason, why)
		if reason == "" && divisor == 0 {
			reason = "no samples: the divisor is 0"
		}
		value /= divisor
	}
	if reason != "" {
		v.Reason = reason
		return v
	}
	v.Holds = compare(value, e.operator, e.limit)
	v.Value = value
	if e.percent {
		v.Value = 100 * value
	}
	return v
}

func compare(value float64, operator string, limit float64) bool {
	switch operator {
	case "<":
		return value < limit
	case "<=":
		return value <= limit
	case ">":
		return value > limit
	case ">=":
		return value >= limit
	case "!=":
		return value != limit
	}
	return value == limit
}
