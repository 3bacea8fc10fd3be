package wire

//go:generate go run ./internal/commandgen -commands ${VALKEY}/src/commands -source "Valkey 8.1.1"

// row is a line of the generated table: the facts as the server's metadata has them.
type row struct {
	name       string
	arity      int
	since      string
	flags      Flags
	categories Categories
	keys       []KeySpec
}

// commands is the table made ready for Lookup. It is never written again.
var commands = build(table)

// slots is the size of the hash table: about four times the number of names, so that
// a search seldom meets another name.
const (
	slotBits = 10
	slots    = 1 << slotBits
)

type commandIndex struct {
	all  []*Spec // by name, without subcommands
	hash [slots]*Spec
}

func build(rows []row) *commandIndex {
	x := &commandIndex{}
	for i := range rows {
		s := rows[i].spec()
		if len(x.all) > 0 && isSubOf(s.Name, x.all[len(x.all)-1].Name) {
			parent := x.all[len(x.all)-1]
			parent.subs = append(parent.subs, s)
			continue
		}
		x.all = append(x.all, s)
		at := hash([]byte(s.Name))
		for x.hash[at] != nil {
			at = (at + 1) % slots
		}
		x.hash[at] = s
	}
	return x
}

func (r *row) spec() *Spec {
	s := &Spec{
		Name: r.name, Arity: r.arity, Since: r.since, Flags: r.flags,
		Categories: implied(r.flags, r.categories), KeySpecs: r.keys, Effect: effectOf(r.name),
	}
	if s.Categories&catDangerous != 0 {
		s.Flags |= Dangerous
	}
	if s.Categories&catSlow != 0 {
		s.Flags |= Slow
	}
	s.setRange()
	return s
}

func isSubOf(name, parent string) bool {
	return len(name) > len(parent)+1 && name[:len(parent)] == parent && name[len(parent)] == '|'
}

// hash looks at the length and five letters, whatever the length: enough to keep
// the names apart. It folds letters to one case by a bit, which also folds some
// other bytes: names are compared afterwards.
func hash(name []byte) uint32 {
	n := len(name)
	if n < 2 {
		return 0
	}
	h := uint32(name[0]|0x20) + uint32(name[1]|0x20)<<5 + uint32(name[n/2]|0x20)<<11 +
		uint32(name[n-2]|0x20)<<16 + uint32(name[n-1]|0x20)<<21 + uint32(n)<<27
	return h * 0x9e3779b1 >> (32 - slotBits)
}

// Lookup returns the command of this name, in any case of letters; nil if it is
// unknown. It does not allocate.
func Lookup(name []byte) *Spec {
	if len(name) > 32 {
		return nil
	}
	for at := hash(name); ; at = (at + 1) % slots {
		s := commands.hash[at]
		if s == nil || equalFold(name, s.Name) {
			return s
		}
	}
}

// Commands returns every command by name, without subcommands. The slice is shared.
func Commands() []*Spec { return commands.all }

// Resolve returns the command that the arguments name: the subcommand where there
// are any. It is nil for an unknown command, and for an unknown subcommand of a
// known one: a newer server may give it a meaning. A container alone, as CLIENT
// without more, is itself.
func Resolve(args [][]byte) *Spec {
	if len(args) == 0 {
		return nil
	}
	s := Lookup(args[0])
	if s == nil || len(s.subs) == 0 || len(args) == 1 {
		return s
	}
	return s.Sub(args[1])
}
