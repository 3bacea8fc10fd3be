package workload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// Limits of a trace file.
const (
	maxTraceLine   = 256           // bytes
	maxMinuteCount = 1_000_000_000 // requests
)

const traceForms = `write one column of seconds ("0.25") or two columns ("minute,count")`

// openTrace checks the file up to the duration, then returns its schedule.
func openTrace(file string, even bool, duration time.Duration, random *rand.Rand) (*trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("workload: trace: %w", err)
	}
	check := newTrace(file, f, even, duration, nil)
	if err = check.validate(); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	t := newTrace(file, f, even, duration, random)
	t.closer = f
	return t, nil
}

// trace streams a trace file: it holds one line at a time.
type trace struct {
	name    string
	lines   *bufio.Scanner
	line    int
	columns int // of every row; 0: no row seen yet
	closer  io.Closer
	limit   time.Duration // 0: none
	random  *rand.Rand    // nil: only validate is called
	even    bool
	last    time.Duration
	err     error
	over    bool

	// The minute under way, in a file of minute,count.
	begun         bool
	first, minute int64
	count, left   int64
	position      float64 // of the last arrival in the minute, 0 … 1
}

func newTrace(name string, r io.Reader, even bool, limit time.Duration, random *rand.Rand) *trace {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, maxTraceLine), maxTraceLine)
	return &trace{name: name, lines: lines, even: even, limit: limit, random: random}
}

// validate reads all rows, without making arrivals of them.
func (t *trace) validate() error {
	rows := 0
	for t.row() {
		rows++
	}
	if t.err == nil && rows == 0 {
		t.fail("no rows")
	}
	return t.err
}

// Next implements Arrivals.
func (t *trace) Next() (time.Duration, bool) {
	for !t.over && t.left == 0 {
		if !t.row() {
			t.over = true
		}
	}
	if t.over {
		return 0, false
	}
	offset := t.last
	if t.columns == 2 {
		offset = max(t.last, t.within())
	}
	t.left--
	t.last = offset
	t.over = t.limit > 0 && offset >= t.limit
	return offset, !t.over
}

// within returns the next arrival of the minute.
//
// The arrivals of a Poisson process, given their count in the minute, are
// independent and uniform. Drawn in order, with k left: the lowest of k
// uniforms on (p, 1) is 1 − (1−p)·V^(1/k), V uniform on (0, 1].
func (t *trace) within() time.Duration {
	if t.even {
		t.position = float64(t.count-t.left) / float64(t.count)
	} else {
		v := 1 - t.random.Float64()
		t.position = 1 - (1-t.position)*math.Pow(v, 1/float64(t.left))
	}
	start := time.Duration(t.minute-t.first) * time.Minute
	return start + min(time.Duration(t.position*float64(time.Minute)), time.Minute-1)
}

// row reads the next row with arrivals into left (and last or minute).
func (t *trace) row() bool {
	for t.lines.Scan() {
		t.line++
		text := strings.TrimSpace(t.lines.Text())
		if t.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || text[0] == '#' {
			continue
		}
		left, right, two := strings.Cut(text, ",")
		if t.columns == 0 {
			t.columns = 1
			if two {
				t.columns = 2
			}
			if text == "offset_s" || text == "minute,count" {
				continue
			}
		}
		if two != (t.columns == 2) {
			return t.fail("another number of columns than before")
		}
		if two {
			return t.minuteRow(strings.TrimSpace(left), strings.TrimSpace(right))
		}
		return t.offsetRow(text)
	}
	if err := t.lines.Err(); err != nil {
		t.line++
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", maxTraceLine)
		}
		return t.fail(err.Error())
	}
	return false
}

func (t *trace) offsetRow(text string) bool {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxOffset.Seconds()) {
		return t.fail(fmt.Sprintf("%q is no offset in seconds of 0 … %.0f", text, maxOffset.Seconds()))
	}
	offset := time.Duration(math.Round(seconds * 1e9))
	if offset < t.last {
		return t.fail(fmt.Sprintf("%s s comes after %v: sort the file", text, t.last))
	}
	t.last, t.left = offset, 1
	return t.limit == 0 || offset < t.limit
}

func (t *trace) minuteRow(minuteText, countText string) bool {
	minute, err := strconv.ParseInt(minuteText, 10, 64)
	if err != nil || minute < 0 {
		return t.fail(fmt.Sprintf("%q is no minute", minuteText))
	}
	count, err := strconv.ParseInt(countText, 10, 64)
	if err != nil || count < 0 || count > maxMinuteCount {
		return t.fail(fmt.Sprintf("%q is no count of 0 … %d", countText, maxMinuteCount))
	}
	if !t.begun {
		t.begun, t.first = true, minute
	} else if minute <= t.minute {
		return t.fail(fmt.Sprintf("minute %d comes after minute %d: sort the file", minute, t.minute))
	}
	if minute-t.first >= int64(maxOffset/time.Minute) {
		return t.fail(fmt.Sprintf("minute %d is more than %v after the first", minute, maxOffset))
	}
	t.minute, t.count, t.left, t.position = minute, count, count, 0
	return t.limit == 0 || time.Duration(minute-t.first)*time.Minute < t.limit
}

// fail ends the schedule and keeps the reason.
func (t *trace) fail(reason string) bool {
	t.err = fmt.Errorf("workload: %s:%d: %s; %s", t.name, max(t.line, 1), reason, traceForms)
	t.over = true
	return false
}

// Err tells why the schedule ended early; nil when it did not.
func (t *trace) Err() error { return t.err }

// Close implements io.Closer.
func (t *trace) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}
