package thaw

// Source says where an answer came from.
type Source uint8

const (
	FromNowhere  Source = iota // there is no answer: the call failed
	FromDatabase               // the loader, called by this call
	FromShared                 // the loader, called by another call of this process at the same time
	FromCache                  // the server
	FromStale                  // the server, beyond its TTL: another is loading, or the loader failed
	FromLocal                  // the tier inside the process
)

var sourceNames = [...]string{"none", "database", "shared", "cache", "stale", "local"}

// String returns "none", "database", "shared", "cache", "stale" or "local".
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}
