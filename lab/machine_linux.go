package lab

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// totalMemory returns the machine's memory in bytes, or 0.
func totalMemory() int64 {
	n, _ := meminfo("MemTotal:")
	return n
}

// availableMemory returns how much memory new processes can have.
func availableMemory() (int64, bool) { return meminfo("MemAvailable:") }

func meminfo(field string) (int64, bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.Fields(lines.Text())
		if len(parts) >= 2 && parts[0] == field {
			kib, err := strconv.ParseInt(parts[1], 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}

// kernel returns the kernel's name and release.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
