//go:build !linux && !darwin

package sandbox

func processMemory(int) (peakKB, nowKB int) { return 0, 0 }

func processGroup(pgid int) []int { return []int{pgid} }
