package check

import (
	"encoding/json"
	"io"
)

// Encode writes the report as one JSON document. The keys paths (from, to,
// port, verdict, factors) and findings (id, severity, message, file, line,
// resource, fix) are stable.
func (r *Report) Encode(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
