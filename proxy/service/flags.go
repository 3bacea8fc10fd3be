package service

// Flag is one flag of the command line, made from the table of settings.
type Flag struct {
	Name  string
	Usage string
	// Default is the default as text; "" means none.
	Default string
	// Kind is text, number, size, duration, list, or true or false.
	Kind string
}

// Flags lists the flags in the order of the file. What was given of them goes into
// Sources.Flags as text.
func Flags() []Flag {
	var c Config
	var l Listener
	var flags []Flag
	for _, s := range listenerSettings {
		f := Flag{Name: s.flag, Usage: s.doc, Default: s.byValue, Kind: kindOf(s.of(&l))}
		if s.flag == listenFlag {
			f.Usage, f.Kind = listenDoc, "list"
		}
		flags = append(flags, f)
	}
	for i := range settings {
		s := &settings[i]
		usage := s.doc
		if s.choices != nil {
			usage = s.allowed(s.at(&c), "") + ". " + usage
		}
		flags = append(flags, Flag{Name: s.flag, Usage: usage, Default: s.byValue, Kind: kindOf(s.at(&c))})
	}
	return flags
}
