package wire

// Keys appends the positions of the keys in args to dst. args is the whole command,
// the name first, also for a subcommand. The positions are those that the server
// uses to route and check the command. Arguments without sense yield none: the
// server will refuse them.
func (s *Spec) Keys(args [][]byte, dst []int) []int {
	if !s.ArityOK(len(args)) {
		return dst
	}
	switch s.Name {
	case "sort":
		return sortKeys(args, dst)
	case "sort_ro":
		return append(dst, 1)
	case "migrate":
		if s.KeySpecs[1].search(args) == 0 {
			return append(dst, 3)
		}
		return migrateKeys(args, dst)
	}
	found := dst
	for i := range s.KeySpecs {
		k := &s.KeySpecs[i]
		if k.Flags&NotKey != 0 {
			continue
		}
		var ok bool
		if found, ok = k.find(args, found); !ok {
			return dst
		}
	}
	return found
}

// find appends the positions of one spec; !ok means that the arguments have no
// sense. A keyword that is not there is an option not taken.
func (k *KeySpec) find(args [][]byte, dst []int) (_ []int, ok bool) {
	first := k.Begin
	if k.Keyword != "" {
		if first = k.search(args); first == 0 {
			return dst, true
		}
	}
	last := k.Last
	switch {
	case k.Unknown:
		return dst, false
	case k.Counted:
		if first+k.NumAt >= len(args) {
			return dst, false
		}
		n, ok := parseInt(args[first+k.NumAt])
		if !ok || n < 1 || n > int64(len(args)) {
			return dst, false
		}
		first += k.First
		last = first + int(n) - 1
	case k.Last >= 0:
		last += first
	case k.Limit > 0:
		last = first + (len(args)-first)/k.Limit - 1
	default:
		last += len(args)
	}
	if last >= len(args) || last < first {
		return dst, false
	}
	for i := first; i <= last; i += k.Step {
		dst = append(dst, i)
	}
	return dst, true
}

// search returns the position behind the keyword, 0 if it is not there. Neither the
// first nor the last argument can be it.
func (k *KeySpec) search(args [][]byte) int {
	if k.Begin > 0 {
		for i := k.Begin; i < len(args)-1; i++ {
			if equalFold(args[i], k.Keyword) {
				return i + 1
			}
		}
		return 0
	}
	for i := len(args) + k.Begin; i > 1; i-- {
		if equalFold(args[i], k.Keyword) {
			return i + 1
		}
	}
	return 0
}

// sortKeys finds the key of SORT and that of its last STORE.
func sortKeys(args [][]byte, dst []int) []int {
	store := 0
	for i := 2; i < len(args); i++ {
		switch a := args[i]; {
		case equalFold(a, "limit"):
			i += 2
		case equalFold(a, "get"), equalFold(a, "by"):
			i++
		case equalFold(a, "store") && i+1 < len(args):
			store = i + 1
		}
	}
	dst = append(dst, 1)
	if store > 0 {
		dst = append(dst, store)
	}
	return dst
}

// migrateKeys finds the key of MIGRATE, or with an empty one those behind KEYS, a
// word that may also be a password.
func migrateKeys(args [][]byte, dst []int) []int {
	for i := 6; i < len(args); i++ {
		switch a := args[i]; {
		case equalFold(a, "auth"):
			i++
		case equalFold(a, "auth2"):
			i += 2
		case equalFold(a, "keys"):
			if len(args[3]) > 0 {
				return dst // the server calls it a syntax error
			}
			for j := i + 1; j < len(args); j++ {
				dst = append(dst, j)
			}
			return dst
		}
	}
	return append(dst, 3)
}
