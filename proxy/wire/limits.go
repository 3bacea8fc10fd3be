package wire

import "math"

// Limits bound what a CommandParser accepts. The zero value of each field is the
// default of Redis 7 and Valkey 8.
type Limits struct {
	// Bulk is the longest argument in bytes, proto-max-bulk-len. Default 512 MiB.
	Bulk int
	// Args is the largest number of arguments of a command. Default 2^31-1.
	Args int
	// Line is the longest inline command, and the longest line with a length, in
	// bytes. Default 64 KiB.
	Line int
	// Command is the longest whole command in bytes, client-query-buffer-limit.
	// Default 1 GiB.
	Command int
}

const (
	defaultBulk    = 512 << 20
	defaultArgs    = math.MaxInt32
	defaultLine    = 64 << 10
	defaultCommand = 1 << 30

	// What a client may send before it has authenticated, in every server since
	// Redis 6.2.6: 10 arguments of 16 KiB.
	unauthenticatedArgs = 10
	unauthenticatedBulk = 16 << 10
)

func (l Limits) bulk() int    { return or(l.Bulk, defaultBulk) }
func (l Limits) args() int    { return or(l.Args, defaultArgs) }
func (l Limits) line() int    { return or(l.Line, defaultLine) }
func (l Limits) command() int { return or(l.Command, defaultCommand) }

func or(v, otherwise int) int {
	if v > 0 {
		return v
	}
	return otherwise
}

// ReplyLimits bound what a ReplyScanner and ParseValue accept.
type ReplyLimits struct {
	// Bulk is the longest string in bytes, default 4 GiB: a reply may be longer than
	// any argument (DUMP of a large key).
	Bulk int64
	// Elements is the largest number of elements of one aggregate; the pair of a
	// map counts as two. Default 2^32.
	Elements int64
	// Depth is how deep aggregates may nest. Default 1024 for a ReplyScanner, 128
	// for ParseValue, which uses the stack of the goroutine.
	Depth int
}

const (
	defaultReplyBulk     = 1 << 32
	defaultReplyElements = 1 << 32
	defaultScanDepth     = 1024
	defaultValueDepth    = 128
)

func (l ReplyLimits) bulk() int64 {
	if l.Bulk > 0 {
		return l.Bulk
	}
	return defaultReplyBulk
}

func (l ReplyLimits) elements() int64 {
	if l.Elements > 0 {
		return l.Elements
	}
	return defaultReplyElements
}
