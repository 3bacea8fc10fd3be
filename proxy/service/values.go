package service

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A value of a setting is one of *string, *bool, *int, *Size, *time.Duration and
// *[]string. parse sets it from text, format writes it as parse reads it.

// parse reads text into p and says what is expected if it cannot.
func parse(p any, text string) error {
	var err error
	switch p := p.(type) {
	case *string:
		*p = text
	case *bool:
		if *p, err = strconv.ParseBool(text); err != nil || text != "true" && text != "false" {
			return fmt.Errorf("%q is not true or false", text)
		}
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
	case *Size:
		*p, err = parseSize(text)
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%q is not a duration; write it like 500ms, 5s, 2m or 1h30m", text)
		}
	case *[]string:
		*p = nil
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
	default:
		panic(fmt.Sprintf("service: no setting is a %T", p))
	}
	return err
}

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func parseSize(text string) (Size, error) {
	number, unit := text, Size(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > int64(maxSize/unit) {
		return 0, fmt.Errorf("%q is not a size; write it like 512KiB, 64MiB or 1GiB", text)
	}
	return Size(n) * unit, nil
}

// maxSize is far beyond any machine, and an int on all of them.
const maxSize = Size(1) << 46

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}

// format is the opposite of parse.
func format(p any) string {
	switch p := p.(type) {
	case *string:
		return *p
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *Size:
		return p.String()
	case *time.Duration:
		return shortDuration(*p)
	case *[]string:
		return strings.Join(*p, ",")
	}
	panic(fmt.Sprintf("service: no setting is a %T", p))
}

// shortDuration writes 1m and not 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// amount is the value as a number for its range; ok is false for what has none.
func amount(p any) (n int64, ok bool) {
	switch p := p.(type) {
	case *int:
		return int64(*p), true
	case *Size:
		return int64(*p), true
	case *time.Duration:
		return int64(*p), true
	}
	return 0, false
}

// kindOf names the type of a value for messages and for the help of flags.
func kindOf(p any) string {
	switch p.(type) {
	case *bool:
		return "true or false"
	case *int:
		return "number"
	case *Size:
		return "size"
	case *time.Duration:
		return "duration"
	case *[]string:
		return "list"
	}
	return "text"
}
