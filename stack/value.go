package stack

import "encoding/json"

// Value is a property that may be known only after deployment.
//
// The zero Value is known and holds T's zero value. An unknown Value never
// holds a guess: Get answers false, and Why says what it depends on.
type Value[T any] struct {
	v   T
	why string
}

// Known returns a Value that holds v.
func Known[T any](v T) Value[T] { return Value[T]{v: v} }

// Unknown returns a Value that is decided after deployment. why names what it
// depends on, such as "ImportValue shared-vpc"; it must not be empty.
func Unknown[T any](why string) Value[T] {
	if why == "" {
		why = "known after deployment"
	}
	return Value[T]{why: why}
}

// Get returns the value and whether it is known.
func (v Value[T]) Get() (T, bool) { return v.v, v.why == "" }

// IsKnown reports whether the value is known before deployment.
func (v Value[T]) IsKnown() bool { return v.why == "" }

// Why says what an unknown value depends on; it is empty for a known one.
func (v Value[T]) Why() string { return v.why }

// Or returns the value if it is known, else fallback.
func (v Value[T]) Or(fallback T) T {
	if v.why != "" {
		return fallback
	}
	return v.v
}

// MarshalJSON writes a known value as itself and an unknown one as
// {"unknown": why}.
func (v Value[T]) MarshalJSON() ([]byte, error) {
	if v.why != "" {
		return json.Marshal(map[string]string{"unknown": v.why})
	}
	return json.Marshal(v.v)
}
