// Package metrics holds latency histograms and the one result format that the
// lab (measured), the plan (predicted) and the watch (measured in AWS) write,
// and that the CLI, the HTML report and the dashboard read.
//
//	Outcome, Sample, Environment ──▶ Recorder ──▶ Result ──▶ JSON ──▶ Decode ──▶ report
//	                                                 │
//	                              Expectation ───────┴──▶ Verdict
//
// Rules that every number here follows:
//
//   - Latency is the response time: done minus the intended send time, so a
//     request that had to wait for its turn is not reported as fast.
//   - Cold, warm, init, failed and throttled are separate series.
//   - Percentiles are never averaged: histograms are merged and asked again.
//   - Time is told: no function of this package reads a clock. An offset is a
//     time.Duration since the start of the run.
//   - A unit is part of the JSON key (_ms, _s, _bytes). A key without a unit
//     is a count.
package metrics
