package snapshot

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// marshal writes a value of the SDK or of package query as the AWS CLI prints it: the names of the
// API, and nothing for what AWS did not send. encoding/json would write null
// and "" there, which a reader could take for answers.
func marshal(v any) json.RawMessage {
	return appendValue(nil, reflect.ValueOf(v))
}

func appendValue(out []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(out, "null"...)
		}
		return appendValue(out, v.Elem())
	case reflect.Struct:
		return appendStruct(out, v)
	case reflect.Map:
		return appendMap(out, v)
	case reflect.Slice:
		switch list := v.Interface().(type) {
		case json.RawMessage:
			return append(out, list...)
		case query.Set[query.Tag]:
			v = reflect.ValueOf(keptTags(list)) // here, so that no resource is forgotten
		}
		out = append(out, '[')
		for i := range v.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, v.Index(i))
		}
		return append(out, ']')
	case reflect.String:
		return appendString(out, v.String())
	case reflect.Bool:
		return strconv.AppendBool(out, v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(out, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(out, v.Float(), 'g', -1, 64)
	}
	return append(out, "null"...) // nothing else is in the types of the SDK
}

// appendStruct writes the fields that AWS sent.
func appendStruct(out []byte, v reflect.Value) []byte {
	if t, ok := v.Interface().(time.Time); ok {
		return appendString(out, t.UTC().Format(time.RFC3339Nano))
	}
	out = append(out, '{')
	first := true
	for i := range v.NumField() {
		field, f := v.Type().Field(i), v.Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" || unsent(f) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = appendString(out, printedName(field))
		out = append(out, ':')
		out = appendValue(out, f)
	}
	return append(out, '}')
}

// printedName is the name of a field in the output of the AWS CLI: that of the
// SDK, or what a type of package query says.
func printedName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return cmp.Or(name, f.Name)
}

// keptTags are the tags of a resource that say what it is. Others are left out:
// people write everything into tags, passwords too.
func keptTags(all query.Set[query.Tag]) []query.Tag {
	kept := []query.Tag{}
	for _, t := range all {
		if key := deref(t.Key); key == "Name" || strings.HasPrefix(key, "aws:cloudformation:") {
			kept = append(kept, t)
		}
	}
	return kept
}

// unsent reports whether a field holds nothing: enumerations are strings
// without a pointer, and empty if AWS sent none.
func unsent(f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return f.IsNil()
	case reflect.String:
		return f.Len() == 0
	}
	return false
}

func appendMap(out []byte, v reflect.Value) []byte {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	out = append(out, '{')
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, k)
		out = append(out, ':')
		out = appendValue(out, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())))
	}
	return append(out, '}')
}

func appendString(out []byte, s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return append(out, `""`...) // a string always marshals
	}
	return append(out, data...)
}
