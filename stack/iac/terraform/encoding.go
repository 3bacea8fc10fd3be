package terraform

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// plain returns the JSON in data as UTF-8. PowerShell writes what it redirects
// into a file as UTF-16 or with a byte order mark, and the wrapper that CI
// systems put around Terraform prints the command before its output and more
// after it.
func plain(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		data = fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		data = fromUTF16(data[2:], binary.BigEndian)
	default:
		data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	}
	if bytes.HasPrefix(data, []byte("[command]")) {
		_, data, _ = bytes.Cut(data, []byte("\n"))
		data, _, _ = bytes.Cut(data, []byte("\n")) // Terraform prints one line
	}
	return data
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
