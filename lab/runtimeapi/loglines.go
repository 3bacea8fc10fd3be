package runtimeapi

import (
	"fmt"
	"strings"
	"time"
)

// The lines that Lambda writes to the function's log, without the newline.
// Formats as production logs show them; the emulator's differ.

// StartLine opens an invocation: "START RequestId: <id> Version: $LATEST". An
// empty version is $LATEST.
func StartLine(requestID, version string) string {
	if version == "" {
		version = "$LATEST"
	}
	return "START RequestId: " + requestID + " Version: " + version
}

// EndLine closes an invocation: "END RequestId: <id>".
func EndLine(requestID string) string { return "END RequestId: " + requestID }

// Report is the last line of an invocation.
type Report struct {
	RequestID string
	Duration  time.Duration // from the event's delivery to Done; a suppressed Init counts in
	Billed    time.Duration // printed in whole milliseconds, rounded up
	Init      time.Duration // 0: no Init belongs to this invocation, and none is printed

	MemoryMB    int // configured
	MaxMemoryMB int // most used

	// Status is empty for an invocation that the function answered, even with
	// an error; "timeout" or "error" when the platform ended it.
	Status    string
	ErrorType string // with Status "error": Runtime.ExitError and the like
}

// String is the line as Lambda prints it: fields end in tabs, so that a line
// without Status ends in one.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.RequestID, milliseconds(r.Duration), ceilMilliseconds(r.Billed), r.MemoryMB, r.MaxMemoryMB)
	if r.Init > 0 {
		fmt.Fprintf(&b, "Init Duration: %.2f ms\t", milliseconds(r.Init))
	}
	b.WriteString(statusSuffix(r.Status, r.ErrorType))
	return b.String()
}

// InitReportLine tells of an Init that failed; a successful one on demand has
// no such line. The phase is "init", or "invoke" for the repetition during an
// invocation; the status "timeout" or "error".
func InitReportLine(d time.Duration, phase, status, errorType string) string {
	return fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\t", milliseconds(d), phase) +
		statusSuffix(status, errorType)
}

func statusSuffix(status, errorType string) string {
	if status == "" {
		return ""
	}
	if errorType == "" {
		return "Status: " + status
	}
	return "Status: " + status + "\tError Type: " + errorType
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func ceilMilliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
