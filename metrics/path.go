package metrics

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// path is the way to one number of a Result, as JSON keys.
type path struct {
	keys []string
	unit string // ms, s, bytes or "" for a count
}

// parsePath checks the text against the keys of Result. The series of
// latency_ms may be named without it, as in warm.p99; a function's keys follow
// its name, as in functions.orders.warm.p99.
func parsePath(text string) (path, error) {
	keys := strings.Split(text, ".")
	if keys[0] == "functions" {
		if len(keys) < 3 || keys[1] == "" {
			return path{}, fmt.Errorf("%q is no number: write functions.NAME.warm.p99 or the like", text)
		}
		inner, err := pathIn(reflect.TypeFor[Function](), keys[2:])
		inner.keys = append(keys[:2:2], inner.keys...)
		return inner, err
	}
	return pathIn(reflect.TypeFor[Result](), keys)
}

func pathIn(t reflect.Type, keys []string) (path, error) {
	text := strings.Join(keys, ".")
	latency, _ := fieldByKey(reflect.TypeFor[Latency](), keys[0])
	if latency >= 0 {
		keys = append([]string{"latency_ms"}, keys...)
	}
	p := path{keys: keys}
	for i, key := range keys {
		if t.Kind() == reflect.Map { // the rest is a name, which may hold dots
			p.keys = append(keys[:i:i], strings.Join(keys[i:], "."))
			t = t.Elem()
			if p.keys[i] == "" {
				t = reflect.TypeFor[string]()
			}
			break
		}
		field, ft := fieldByKey(t, key)
		if field < 0 {
			return path{}, unknownPath(text)
		}
		if u := unitOf(key); u != "" {
			p.unit = u
		}
		t = ft
	}
	if p.keys[len(p.keys)-1] == "count" {
		p.unit = ""
	}
	if !isNumber(t) {
		return path{}, unknownPath(text)
	}
	return p, nil
}

// fieldByKey returns the index and type of the struct field with the JSON key,
// or -1.
func fieldByKey(t reflect.Type, key string) (int, reflect.Type) {
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("json") == key && key != "" {
				return i, f.Type
			}
		}
	}
	return -1, nil
}

// unitOf reads the unit that is a part of the key, as in memory_bytes.
func unitOf(key string) string {
	for part := range strings.SplitSeq(key, "_") {
		if part == "ms" || part == "s" || part == "bytes" {
			return part
		}
	}
	return ""
}

func isNumber(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return true
	}
	return false
}

// unknownPath names the paths that are written nearly like the text.
func unknownPath(text string) error {
	names := numbers(reflect.TypeFor[Result](), "")
	distance := make(map[string]int, len(names))
	for _, n := range names {
		distance[n] = editDistance(text, n)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return fmt.Errorf("the result has no number %q; near it: %s", text, strings.Join(names[:4], ", "))
}

// numbers lists the paths below a type, latency_ms left out as it may be.
func numbers(t reflect.Type, prefix string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("json")
		switch {
		case key == "": // a field of time.Time
		case isNumber(f.Type):
			names = append(names, prefix+key)
		case f.Type == reflect.TypeFor[Latency]():
			names = append(names, numbers(f.Type, prefix)...)
		case f.Type.Kind() == reflect.Map:
			names = append(names, prefix+key+".NAME")
		case f.Type.Kind() == reflect.Slice && key == "functions":
			names = append(names, "functions.NAME.warm.p99")
		case f.Type.Kind() == reflect.Struct:
			names = append(names, numbers(f.Type, prefix+key+".")...)
		}
	}
	return names
}

// editDistance is Levenshtein's: insertions, deletions and replacements.
func editDistance(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		diagonal := last[0]
		last[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = last[j+1]
			last[j+1] = min(cost, last[j+1]+1, last[j]+1)
		}
	}
	return last[len(b)]
}
