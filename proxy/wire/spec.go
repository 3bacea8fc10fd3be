package wire

// A Spec is what is known of a command, or of a subcommand, without a server.
type Spec struct {
	// Name is in lower case; a subcommand's is "config|get".
	Name string
	// Arity is the number of arguments with the name (and the subcommand), or the
	// least number when negative.
	Arity int
	Flags Flags
	// Categories are the ACL categories.
	Categories Categories
	// FirstKey, LastKey and Step are the positions of the keys in the form of COMMAND:
	// all 0 without keys or if only Keys can tell. A negative LastKey counts from
	// the end.
	FirstKey, LastKey, Step int
	// KeySpecs say where the keys are and what is done with them.
	KeySpecs []KeySpec
	// Effect is what the command does to the state of its connection.
	Effect Effect
	// Since is the version that brought the command, as "6.2.0".
	Since string

	subs []*Spec
}

// Sub returns the subcommand, in any case of letters; nil if it is unknown or the
// command has none.
func (s *Spec) Sub(name []byte) *Spec {
	prefix := len(s.Name) + 1
	for _, sub := range s.subs {
		if equalFold(name, sub.Name[prefix:]) {
			return sub
		}
	}
	return nil
}

// Subs returns the subcommands in the order of their names. The slice is shared.
func (s *Spec) Subs() []*Spec { return s.subs }

// ArityOK reports whether the server would accept n arguments, the name counted.
func (s *Spec) ArityOK(n int) bool {
	return n == s.Arity || s.Arity < 0 && n >= -s.Arity
}

// equalFold compares with a name in lower case.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if x := c ^ lower[i]; x != 0 && (x != 0x20 || lower[i]-'a' >= 26) {
			return false
		}
	}
	return true
}
