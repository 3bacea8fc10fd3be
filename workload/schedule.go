package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is a rule of EventBridge that invokes at a rate or at wall times.
type Schedule struct {
	text  string
	every time.Duration // of a rate; 0 is a cron expression
	cron  cron
}

// ParseSchedule reads rate(5 minutes), cron(0/5 8-18 ? * MON-FRI *) with AWS's
// six fields, or at(2026-11-23T04:44:00). Times are UTC. L, W and # of AWS's
// cron are not supported and are refused by name.
func ParseSchedule(text string) (Schedule, error) {
	kind, body, ok := strings.Cut(strings.TrimSpace(text), "(")
	body, closed := strings.CutSuffix(body, ")")
	if !ok || !closed {
		return Schedule{}, scheduleError(text, "write rate(5 minutes) or cron(0 8 * * ? *)")
	}
	switch strings.TrimSpace(kind) {
	case "rate":
		every, err := parseRate(body)
		if err != nil {
			return Schedule{}, scheduleError(text, err.Error())
		}
		return Schedule{text: text, every: every}, nil
	case "cron":
		c, err := parseCron(body)
		if err != nil {
			return Schedule{}, scheduleError(text, err.Error())
		}
		return Schedule{text: text, cron: c}, nil
	}
	return Schedule{}, scheduleError(text, "only rate(…) and cron(…) repeat")
}

func scheduleError(text, why string) error {
	return fmt.Errorf("workload: schedule %q: %s", text, why)
}

// String returns the text that was parsed.
func (s Schedule) String() string { return s.text }

// Next returns the first time after t, and false if there is none within the
// four years that a leap day may be away. start is when the schedule was
// created: a rate counts from it, and its first time is one period later.
func (s Schedule) Next(start, t time.Time) (time.Time, bool) {
	if s.every == 0 {
		return s.cron.next(t)
	}
	periods := max(0, t.Sub(start)/s.every)
	return start.Add((periods + 1) * s.every), true
}

func parseRate(body string) (time.Duration, error) {
	fields := strings.Fields(body)
	if len(fields) != 2 {
		return 0, fmt.Errorf("a rate is a number and a unit, such as 5 minutes")
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("%q is not a whole number from 1", fields[0])
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	unit, ok := units[strings.TrimSuffix(fields[1], "s")]
	if !ok {
		return 0, fmt.Errorf("%q is not minutes, hours or days", fields[1])
	}
	return time.Duration(n) * unit, nil
}

// cron holds the allowed values of each field as bit sets: bit n is value n.
// Years are counted from firstYear.
type cron struct {
	minutes, hours, days, months, weekdays uint64
	years                                  [4]uint64
	anyDay, anyWeekday                     bool // * or ?: the other field of the two decides
}

const firstYear, lastYear = 1970, 2199

type cronField struct {
	name     string
	low      int
	high     int
	names    []string // from low on
	question bool     // ? is allowed
}

var cronFields = [...]cronField{
	{name: "minutes", low: 0, high: 59},
	{name: "hours", low: 0, high: 23},
	{name: "day of month", low: 1, high: 31, question: true},
	{name: "month", low: 1, high: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{name: "day of week", low: 1, high: 7, question: true, names: strings.Fields("SUN MON TUE WED THU FRI SAT")},
	{name: "year", low: firstYear, high: lastYear},
}

func parseCron(body string) (c cron, err error) {
	fields := strings.Fields(body)
	if len(fields) != len(cronFields) {
		return c, fmt.Errorf("a cron has six fields (minutes hours day-of-month month day-of-week year), not %d", len(fields))
	}
	var sets [len(cronFields)][]int
	for i, f := range cronFields {
		if sets[i], err = f.parse(fields[i]); err != nil {
			return c, err
		}
	}
	c.minutes, c.hours, c.days, c.months, c.weekdays = bits(sets[0]), bits(sets[1]), bits(sets[2]), bits(sets[3]), bits(sets[4])
	for _, year := range sets[5] {
		c.years[(year-firstYear)/64] |= 1 << ((year - firstYear) % 64)
	}
	c.anyDay = fields[2] == "*" || fields[2] == "?"
	c.anyWeekday = fields[4] == "*" || fields[4] == "?"
	return c, nil
}

func bits(values []int) (set uint64) {
	for _, v := range values {
		set |= 1 << v
	}
	return set
}

// parse lists the values of one field: * ? 5 1-5 1,3 0/15 2-10/2, with names.
func (f cronField) parse(text string) (values []int, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if f.question && (strings.Contains(item, "#") || strings.HasSuffix(item, "L") || strings.HasSuffix(item, "W")) {
			return nil, fmt.Errorf("%s %q: L, W and # are not supported", f.name, item)
		}
		low, high, step := f.low, f.high, 1
		span, stepText, stepped := strings.Cut(item, "/")
		switch from, to, ranged := strings.Cut(span, "-"); {
		case span == "*" || span == "?" && f.question:
		case ranged:
			if low, err = f.value(from); err == nil {
				high, err = f.value(to)
			}
		default:
			low, err = f.value(from)
			if !stepped {
				high = low
			}
		}
		if err == nil && stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				err = fmt.Errorf("%s: the step %q is not a number from 1", f.name, stepText)
			}
		}
		if err != nil {
			return nil, err
		}
		if low > high {
			return nil, fmt.Errorf("%s: %d-%d runs backwards", f.name, low, high)
		}
		for v := low; v <= high; v += step {
			values = append(values, v)
		}
	}
	return values, nil
}

func (f cronField) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("%s: %q is not within %d to %d", f.name, text, f.low, f.high)
	}
	return n, nil
}

// next finds the first minute after t that matches. It steps over whole days
// that do not match, so four years are at most some thousand steps.
func (c cron) next(t time.Time) (time.Time, bool) {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	for end := t.AddDate(4, 0, 1); t.Before(end); {
		switch {
		case !c.matchesDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case c.hours>>t.Hour()&1 == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case c.minutes>>t.Minute()&1 == 0:
			t = t.Add(time.Minute)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

func (c cron) matchesDay(t time.Time) bool {
	year := t.Year() - firstYear
	if year < 0 || year > lastYear-firstYear || c.years[year/64]>>(year%64)&1 == 0 || c.months>>int(t.Month())&1 == 0 {
		return false
	}
	day := c.days>>t.Day()&1 == 1
	weekday := c.weekdays>>(int(t.Weekday())+1)&1 == 1
	switch {
	case c.anyDay:
		return weekday
	case c.anyWeekday:
		return day
	}
	return day || weekday
}
