//go:build !linux

package lab

func totalMemory() int64 { return 0 }

func availableMemory() (int64, bool) { return 0, false }

func kernel() string { return "" }
