package iac

import "strings"

// node is a piece of a template, the same for YAML and JSON: short tags such
// as !Ref are already in their long form. Nodes are shared where YAML aliases
// share them, so a node must not be changed once it is read.
type node struct {
	position
	kind   nodeKind
	text   string // of a scalar
	items  []*node
	fields []field
	index  map[string]int // key → position in fields
	height int            // levels below and including this one
	size   int            // nodes below and including this one, aliases counted each time they are used
}

type nodeKind int

const (
	null nodeKind = iota
	scalar
	list
	mapping
)

// field is one entry of a mapping, at the position of its key.
type field struct {
	position
	key   string
	value *node
}

// Bounds of a template. An honest template of 1 MB has some 60,000 nodes and
// is about 15 levels deep.
const (
	maxDepth = 64
	maxNodes = 200_000
)

func newScalar(at position, text string) *node {
	return &node{position: at, kind: scalar, text: text, height: 1, size: 1}
}

func newNull(at position) *node { return &node{position: at, height: 1, size: 1} }

func newList(at position) *node { return &node{position: at, kind: list, height: 1, size: 1} }

func newMapping(at position) *node {
	return &node{position: at, kind: mapping, index: map[string]int{}, height: 1, size: 1}
}

// newCall returns the long form of an intrinsic function: {name: arg}.
func newCall(at position, name string, arg *node) *node {
	n := newMapping(at)
	n.set(field{at, name, arg})
	return n
}

func (n *node) add(item *node) {
	n.items = append(n.items, item)
	n.contain(item)
}

// set adds a field, unless the key is there already.
func (n *node) set(f field) {
	if _, taken := n.index[f.key]; taken {
		return
	}
	n.index[f.key] = len(n.fields)
	n.fields = append(n.fields, f)
	n.contain(f.value)
}

// contain keeps height and size, which bound the template: aliases make a tree
// of any size from a few bytes, and this sees it without walking it.
func (n *node) contain(child *node) {
	n.height = max(n.height, child.height+1)
	n.size = min(n.size+child.size, maxNodes+1)
}

// field returns the field with that key.
func (n *node) field(key string) (field, bool) {
	if n == nil || n.kind != mapping {
		return field{}, false
	}
	i, ok := n.index[key]
	if !ok {
		return field{}, false
	}
	return n.fields[i], true
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	f, _ := n.field(key)
	return f.value
}

// keys lists the keys of a mapping in the order of the template.
func (n *node) keys() []string {
	if n == nil {
		return nil
	}
	keys := make([]string, len(n.fields))
	for i, f := range n.fields {
		keys[i] = f.key
	}
	return keys
}

// call returns the name and the argument of an intrinsic function. "Condition"
// is one only inside conditions; elsewhere it is a word of IAM policies.
func (n *node) call() (name string, arg *node, ok bool) {
	if n == nil || n.kind != mapping || len(n.fields) != 1 {
		return "", nil, false
	}
	f := n.fields[0]
	if f.key == "Ref" || strings.HasPrefix(f.key, "Fn::") && !strings.HasPrefix(f.key, "Fn::ForEach::") {
		return f.key, f.value, true
	}
	return "", nil, false
}
