package runtimeapi

import (
	"testing"
	"time"
)

func TestLogLines(t *testing.T) {
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	for want, got := range map[string]string{
		"START RequestId: r Version: $LATEST": StartLine("r", ""),
		"START RequestId: r Version: 7":       StartLine("r", "7"),
		"END RequestId: r":                    EndLine("r"),
		// The samples of the developer guide and of production logs.
		"REPORT RequestId: r\tDuration: 38.66 ms\tBilled Duration: 39 ms\tMemory Size: 128 MB\tMax Memory Used: 54 MB\tInit Duration: 203.69 ms\t": Report{
			RequestID: "r", Duration: ms(38.66), Billed: ms(38.66), Init: ms(203.69), MemoryMB: 128, MaxMemoryMB: 54}.String(),
		"REPORT RequestId: r\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 73 MB\tStatus: timeout": Report{
			RequestID: "r", Duration: 3 * time.Second, Billed: 3 * time.Second, MemoryMB: 128, MaxMemoryMB: 73, Status: "timeout"}.String(),
		"REPORT RequestId: r\tDuration: 1248.31 ms\tBilled Duration: 1542 ms\tMemory Size: 128 MB\tMax Memory Used: 94 MB\tInit Duration: 293.05 ms\tStatus: error\tError Type: Runtime.ExitError": Report{
			RequestID: "r", Duration: ms(1248.31), Billed: ms(1541.36), Init: ms(293.05), MemoryMB: 128, MaxMemoryMB: 94, Status: "error", ErrorType: "Runtime.ExitError"}.String(),
		"INIT_REPORT Init Duration: 154.03 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError":                  InitReportLine(ms(154.03), "init", "error", "Runtime.ExitError"),
		"INIT_REPORT Init Duration: 10000.00 ms\tPhase: invoke\tStatus: timeout":                                           InitReportLine(10*time.Second, "invoke", "timeout", ""),
		`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: exit status 1"}`:  string(ExitError("r", "exit status 1").Payload),
		`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited without providing a reason"}`: string(ExitError("r", "").Payload),
		"Sandbox.Timedout: RequestId: r Error: Task timed out after 1.50 seconds":                                          TimeoutError("r", 1500*time.Millisecond).Error(),
	} {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestErrorType(t *testing.T) {
	for header, want := range map[string]string{
		"Runtime.ImportModuleError": "Runtime.ImportModuleError",
		"Function.Bad":              "Function.Bad",
		"Function.bad":              "Function.Unknown",
		"Runtime.A":                 "Runtime.Unknown",
		"Runtime.Ab.Cd":             "Runtime.Unknown",
		"XRuntime.Ab":               "Runtime.Unknown",
		"TypeError":                 "Runtime.Unknown",
		"":                          "Runtime.Unknown",
	} {
		if got := errorType(header); got != want {
			t.Errorf("%q gives %q, want %q", header, got, want)
		}
	}
}
