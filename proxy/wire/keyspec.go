package wire

// A KeySpec says where some keys of a command are and what is done with them. The
// search begins at a position or behind a keyword, and then finds a range of
// arguments or as many as an argument says.
type KeySpec struct {
	Flags KeyFlags
	// Unknown: the positions cannot be told in this form (SORT … STORE).
	Unknown bool
	// Keyword, in lower case, is searched for from argument Begin on, or from the end
	// backwards when Begin is negative; the search begins behind it. Without a
	// Keyword it begins at argument Begin.
	Keyword string
	Begin   int
	// Counted: the argument at NumAt behind the beginning holds the number of keys,
	// the first of which is at First behind the beginning.
	Counted      bool
	NumAt, First int
	// Last is the last key, counted from the first; counted from the end of the
	// arguments when negative. With a Limit of n only the first nth part of the
	// arguments are keys.
	Last, Limit int
	// Step is the distance from one key to the next.
	Step int
}

// KeyFlags say what a command does with keys.
type KeyFlags uint16

// The flags of the server: one of the first four, then what else is true.
const (
	KeyRead KeyFlags = 1 << iota
	KeyReadWrite
	KeyOverwrite
	KeyRemove
	// KeyAccess: the value reaches the client, or is copied.
	KeyAccess
	KeyUpdate
	KeyInsert
	KeyDelete
	// NotKey: hashed to a slot as a key is, but none (the channel of SPUBLISH).
	NotKey
	// KeysIncomplete: there may be more keys than the spec finds.
	KeysIncomplete
	// KeyVariable: the flags depend on other arguments.
	KeyVariable
)

// keysAt are keys at fixed positions.
func keysAt(f KeyFlags, begin, last, step int) KeySpec {
	return KeySpec{Flags: f, Begin: begin, Last: last, Step: step}
}

// keysCounted are as many keys as an argument says.
func keysCounted(f KeyFlags, begin, numAt, first, step int) KeySpec {
	return KeySpec{Flags: f, Begin: begin, Counted: true, NumAt: numAt, First: first, Step: step}
}

// keysAfter are keys behind a keyword.
func keysAfter(word string, f KeyFlags, from, last, step, limit int) KeySpec {
	return KeySpec{Flags: f, Keyword: word, Begin: from, Last: last, Step: step, Limit: limit}
}

func keysUnknown(f KeyFlags) KeySpec { return KeySpec{Flags: f, Unknown: true} }

// plain reports a range at a fixed position, the only form that COMMAND has words for.
func (k KeySpec) plain() bool { return !k.Unknown && k.Keyword == "" && !k.Counted }

// setRange sets the positions in the form of COMMAND, and MovableKeys when that form
// does not say all, by the server's rules: adjoining ranges are one.
func (s *Spec) setRange() {
	if len(s.KeySpecs) == 1 && s.KeySpecs[0].plain() {
		k := s.KeySpecs[0]
		s.FirstKey, s.LastKey, s.Step = k.Begin, k.lastKey(), k.Step
		if k.Flags&KeysIncomplete != 0 {
			s.Flags |= MovableKeys
		}
		return
	}
	for _, k := range s.KeySpecs {
		if !k.plain() || k.Step != 1 || s.LastKey != 0 && s.LastKey != k.Begin-1 {
			s.Flags |= MovableKeys
			continue
		}
		if k.Flags&KeysIncomplete != 0 {
			s.Flags |= MovableKeys
		}
		if s.FirstKey == 0 {
			s.FirstKey = k.Begin
		}
		s.LastKey, s.Step = k.lastKey(), 1
	}
}

// lastKey is the position of the last key, from the end when negative.
func (k KeySpec) lastKey() int {
	if k.Last >= 0 {
		return k.Begin + k.Last
	}
	return k.Last
}
