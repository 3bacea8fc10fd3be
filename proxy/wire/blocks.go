package wire

import (
	"math"
	"strconv"
	"time"
)

// Blocks reports whether the command may wait for something with these arguments,
// and for how long at most; a limit of 0 is for ever. XREAD waits only with BLOCK. A
// limit that cannot be read is for the server to refuse: it counts as for ever.
func (s *Spec) Blocks(args [][]byte) (limit time.Duration, blocks bool) {
	if !s.Flags.Has(Blocking) || !s.ArityOK(len(args)) {
		return 0, false
	}
	switch s.Name {
	case "xread", "xreadgroup":
		return blockOption(args)
	case "blmpop", "bzmpop":
		return duration(args[1], time.Second), true
	case "wait", "waitaof":
		return duration(args[len(args)-1], time.Millisecond), true
	}
	return duration(args[len(args)-1], time.Second), true
}

// blockOption reads BLOCK of XREAD and XREADGROUP, which stands before STREAMS.
func blockOption(args [][]byte) (limit time.Duration, blocks bool) {
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case equalFold(a, "block") && i+1 < len(args):
			limit, blocks = duration(args[i+1], time.Millisecond), true
			i++
		case equalFold(a, "count"):
			i++
		case equalFold(a, "group"):
			i += 2
		case equalFold(a, "streams"):
			return limit, blocks
		}
	}
	return limit, blocks
}

// duration reads a number of units; what is none, or too large for the type, is 0.
func duration(arg []byte, unit time.Duration) time.Duration {
	v, err := strconv.ParseFloat(string(arg), 64)
	if err != nil || !(v > 0) || v*float64(unit) >= math.MaxInt64 {
		return 0
	}
	return max(time.Duration(v*float64(unit)), 1)
}
