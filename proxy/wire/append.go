package wire

import (
	"math"
	"strconv"
)

// The Append functions write one piece of a reply or a command to b and return it.
// Those that differ between the protocol versions take the version, 2 or 3.

// AppendCommand appends a command with these arguments, the name first.
func AppendCommand[T ~[]byte | ~string](b []byte, args ...T) []byte {
	b = AppendArray(b, len(args))
	for _, a := range args {
		b = AppendBulk(b, a)
	}
	return b
}

// AppendArray appends the header of an array of n elements.
func AppendArray(b []byte, n int) []byte { return appendHeader(b, '*', int64(n)) }

// AppendBulk appends a bulk string.
func AppendBulk[T ~[]byte | ~string](b []byte, v T) []byte {
	b = appendHeader(b, '$', int64(len(v)))
	b = append(b, v...)
	return append(b, '\r', '\n')
}

// AppendSimple appends a simple string, as "+OK". Line ends become spaces.
func AppendSimple(b []byte, s string) []byte { return appendLine(b, '+', s) }

// AppendError appends an error; s begins with its code, as "ERR no such key". Line
// ends become spaces.
func AppendError(b []byte, s string) []byte { return appendLine(b, '-', s) }

// AppendInt appends an integer.
func AppendInt(b []byte, v int64) []byte { return appendHeader(b, ':', v) }

// AppendNull appends the null that stands for a string.
func AppendNull(b []byte, resp int) []byte {
	if resp >= 3 {
		return append(b, "_\r\n"...)
	}
	return append(b, "$-1\r\n"...)
}

// AppendNullArray appends the null that stands for an array.
func AppendNullArray(b []byte, resp int) []byte {
	if resp >= 3 {
		return append(b, "_\r\n"...)
	}
	return append(b, "*-1\r\n"...)
}

// AppendMapHeader appends the header of a map of n pairs; an array of twice as
// many elements in RESP2.
func AppendMapHeader(b []byte, resp, n int) []byte {
	if resp >= 3 {
		return appendHeader(b, '%', int64(n))
	}
	return AppendArray(b, 2*n)
}

// AppendSetHeader appends the header of a set of n elements; an array in RESP2.
func AppendSetHeader(b []byte, resp, n int) []byte {
	if resp >= 3 {
		return appendHeader(b, '~', int64(n))
	}
	return AppendArray(b, n)
}

// AppendPushHeader appends the header of a push message of n elements; an array in
// RESP2.
func AppendPushHeader(b []byte, resp, n int) []byte {
	if resp >= 3 {
		return appendHeader(b, '>', int64(n))
	}
	return AppendArray(b, n)
}

// AppendBool appends a boolean; the integer 1 or 0 in RESP2.
func AppendBool(b []byte, resp int, v bool) []byte {
	switch {
	case resp >= 3 && v:
		return append(b, "#t\r\n"...)
	case resp >= 3:
		return append(b, "#f\r\n"...)
	case v:
		return append(b, ":1\r\n"...)
	}
	return append(b, ":0\r\n"...)
}

// AppendDouble appends a number; a bulk string in RESP2.
func AppendDouble(b []byte, resp int, v float64) []byte {
	var buf [32]byte
	text := formatDouble(buf[:0], v)
	if resp < 3 {
		return AppendBulk(b, text)
	}
	b = append(b, ',')
	b = append(b, text...)
	return append(b, '\r', '\n')
}

// AppendVerbatim appends text with its format of three letters, as "txt"; a bulk
// string without the format in RESP2.
func AppendVerbatim(b []byte, resp int, format, v string) []byte {
	if resp < 3 {
		return AppendBulk(b, v)
	}
	b = appendHeader(b, '=', int64(len(format)+1+len(v)))
	b = append(b, format...)
	b = append(b, ':')
	b = append(b, v...)
	return append(b, '\r', '\n')
}

func formatDouble(b []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	case math.IsNaN(v):
		return append(b, "nan"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendHeader(b []byte, kind byte, n int64) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, n, 10)
	return append(b, '\r', '\n')
}

func appendLine[T ~[]byte | ~string](b []byte, kind byte, s T) []byte {
	b = append(b, kind)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		b = append(b, c)
	}
	return append(b, '\r', '\n')
}
