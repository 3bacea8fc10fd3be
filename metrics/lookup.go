package metrics

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// value returns the number, or the reason why there is none. A number that
// nothing was measured for is none: an expectation about it could not fail.
func (p path) value(r *Result) (number float64, reason string) {
	root, leaf := p.keys[0], p.keys[len(p.keys)-1]
	switch root {
	case "run", "machine", "invocations", "latency_ms", "functions":
	default:
		if r.Invocations.Total == 0 {
			return 0, "no samples: the run has no invocations"
		}
	}
	if (root == "connections" || root == "cache") && r.Mechanisms.Cache == "" {
		return 0, "no samples: the run has no cache (mechanisms.cache is empty)"
	}
	v, keys := reflect.ValueOf(r).Elem(), p.keys
	if root == "functions" {
		i := slices.IndexFunc(r.Functions, func(f Function) bool { return f.Name == keys[1] })
		if i < 0 {
			return 0, fmt.Sprintf("the run has no function %q", keys[1])
		}
		v, keys = reflect.ValueOf(r.Functions[i]), keys[2:]
	}
	for _, key := range keys {
		switch at := v.Interface().(type) {
		case Summary:
			if at.Count == 0 && leaf != "count" {
				return 0, "no samples"
			}
		case Invocations:
			if at.Total == 0 && leaf != "total" {
				return 0, "no samples"
			}
		case map[string]int64:
			n, ok := at[key]
			if !ok {
				return 0, fmt.Sprintf("no %q in this run, only %s", key, strings.Join(slices.Sorted(maps.Keys(at)), ", "))
			}
			return float64(n), ""
		}
		field, _ := fieldByKey(v.Type(), key)
		v = v.Field(field)
	}
	switch {
	case v.CanInt():
		return float64(v.Int()), ""
	case v.CanUint():
		return float64(v.Uint()), ""
	}
	return v.Float(), ""
}
