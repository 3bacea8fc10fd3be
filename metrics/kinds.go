package metrics

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of Result.Errors.
const (
	maxErrorKinds   = 20
	maxErrorMessage = 500 // bytes
	otherKind       = "other"
)

// errorKinds groups failures. The zero value is empty.
type errorKinds struct {
	index map[string]int // signature → place in list
	list  []ErrorKind
}

func (k *errorKinds) add(o *Outcome) {
	e := ErrorKind{Type: o.ErrorType, Message: clip(o.ErrorMessage), Count: 1, FirstRequestID: o.RequestID, Place: o.Place}
	if e.Type == "" && o.Status == Timeout {
		e.Type = "timeout"
	}
	signature := e.Type + "\x00" + withoutDigits(e.Message) + "\x00" + e.Place
	if i, ok := k.index[signature]; ok {
		k.list[i].Count++
		return
	}
	if k.index == nil {
		k.index = make(map[string]int)
	}
	switch {
	case len(k.list) == maxErrorKinds:
		k.list[maxErrorKinds-1].Count++
		return
	case len(k.list) == maxErrorKinds-1: // the last place is for all that follow
		e.Type, e.Message, e.Place = otherKind, "further kinds of errors", ""
	default:
		k.index[signature] = len(k.list)
	}
	k.list = append(k.list, e)
}

// result returns the kinds, most frequent first and "other" last.
func (k *errorKinds) result() []ErrorKind {
	list := slices.Clone(k.list)
	sorted := list[:min(len(list), maxErrorKinds-1)]
	slices.SortStableFunc(sorted, func(a, b ErrorKind) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

// withoutDigits replaces each run of digits by one 0: ports, ids and times
// would otherwise make every message a kind of its own.
func withoutDigits(s string) string {
	var b strings.Builder
	inNumber := false
	for _, r := range s {
		digit := r >= '0' && r <= '9'
		switch {
		case !digit:
			b.WriteRune(r)
		case !inNumber:
			b.WriteByte('0')
		}
		inNumber = digit
	}
	return b.String()
}

// clip bounds a message without cutting a character in two.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= maxErrorMessage {
		return s
	}
	end := maxErrorMessage - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
