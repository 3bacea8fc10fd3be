// Package workload says when requests come, which keys they touch and what
// their events hold. The load is open: the schedule is fixed before the run
// and does not wait for replies, as callers of a Lambda function do not, so
// latency can be measured from the intended send time.
//
//	Spec ──▶ Arrivals ─┐
//	Keys ──────────────┼──▶ Generator ──▶ Pacer ──▶ lab (real time)
//	Events ────────────┘        └─────────────────▶ plan (virtual time)
//
// The same options give the same stream, on every machine. Arrivals, keys and
// events draw from random streams of their own: changing one leaves the others
// as they were, so two runs that differ in one choice can be compared.
//
// Nothing here sleeps or reads a clock.
package workload
