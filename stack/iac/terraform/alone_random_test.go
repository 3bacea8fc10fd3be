package terraform

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// scene is a random configuration, written as source and as the plan that
// Terraform makes of it: blocks with ids that nobody knows yet, and users whose
// one argument picks from them in all ways that look alike in a plan.
type scene struct {
	*rand.Rand
	hcl, child strings.Builder
	changes    []any
	root       map[string]any
	inner      map[string]any
	want       map[string]node // the argument "input" of each user
	sets       bool
}

// tree is a JSON object.
type tree = map[string]any

// node is the value of an argument: the id of id, with text after it; or a list;
// or only text.
type node struct {
	id, text string
	items    []node
	isList   bool
}

// term is an expression with what Terraform says that it refers to.
type term struct {
	hcl  string
	refs [][]string               // each a root and the steps that follow
	at   func(i int) (node, bool) // for one index; false is an error of Terraform's
}

func (n node) show() string {
	if n.isList {
		var all []string
		for _, x := range n.items {
			all = append(all, x.show())
		}
		return "[" + strings.Join(all, " ") + "]"
	}
	if n.id == "" {
		return n.text
	}
	return "${" + n.id + ".id}" + n.text
}

// planned returns what after and after_unknown hold. A provider that is built
// on the older SDK leaves a set with one unknown item unknown as a whole.
func (n node) planned(sdk bool) (after, mask any) {
	if !n.isList {
		if n.id == "" {
			return n.text, false
		}
		return nil, true
	}
	values, masks, open := []any{}, []any{}, false
	for _, x := range n.items {
		v, m := x.planned(sdk)
		values, masks, open = append(values, v), append(masks, m), open || m == true
	}
	switch {
	case !open:
		return values, false
	case sdk:
		return nil, true
	}
	return values, masks
}

// references writes what Terraform writes of references, each with its
// prefixes.
func (t term) references() tree {
	var all []any
	for _, r := range t.refs {
		for n := len(r); n > 0; n-- {
			all = append(all, strings.Join(r[:n], ""))
		}
	}
	if all == nil {
		v, _ := t.at(0)
		return tree{"constant_value": v.text}
	}
	return tree{"references": all}
}

func fixed(n node) func(int) (node, bool) { return func(int) (node, bool) { return n, true } }

// source is what an expression picks from: a counted or keyed block, or a list
// that a variable or an output holds.
type source struct {
	name  string // terraform_data.b0, var.in, module.m.out
	root  []string
	items []node
	id    string // .id of a block, "" of a list
	all   string // the expression for all ids
}

// scalar picks one of s.
func (r *scene) scalar(s source, counted bool) term {
	n := len(s.items)
	index := func(text string, refs [][]string, f func(i int) int) term {
		t := term{hcl: s.name + "[" + text + "]" + s.id, refs: append([][]string{s.root}, refs...)}
		if len(refs) == 0 {
			t.refs = [][]string{append(append([]string{}, s.root...), "["+text+"]")}
			if s.id != "" {
				t.refs[0] = append(t.refs[0], s.id)
			}
		}
		t.at = func(i int) (node, bool) {
			if k := f(i); k >= 0 && k < n {
				return s.items[k], true
			}
			return node{}, false
		}
		if r.IntN(3) == 0 && len(refs) > 0 {
			t.hcl = "element(" + s.all + ", " + text + ")"
			t.at = func(i int) (node, bool) { return s.items[f(i)%n], true }
		}
		return t
	}
	key, by := [][]string{{"count.index"}}, 1+r.IntN(3)
	choice := r.IntN(7)
	if !counted {
		choice = r.IntN(2)
	}
	switch k := r.IntN(n); choice {
	case 0:
		return index(fmt.Sprint(k), nil, func(int) int { return k })
	case 1:
		return index("var.one", [][]string{{"var.one"}}, func(int) int { return 1 })
	case 2:
		return index(fmt.Sprintf("count.index + %d", by), key, func(i int) int { return i + by })
	case 3:
		return index(fmt.Sprintf("(count.index + %d) %% %d", k, by), key, func(i int) int { return (i + k) % by })
	case 4:
		return index("count.index % var.one", append(key, []string{"var.one"}), func(i int) int { return 0 })
	}
	return index("count.index", key, func(i int) int { return i })
}

// list picks some of s.
func (r *scene) list(s source, counted bool) term {
	all := term{hcl: s.all, refs: [][]string{s.root}, at: fixed(node{isList: true, items: s.items})}
	switch r.IntN(7) {
	case 0:
		from := r.IntN(len(s.items))
		to := from + 1 + r.IntN(len(s.items)-from)
		all.hcl, all.at = fmt.Sprintf("slice(%s, %d, %d)", s.all, from, to), fixed(node{isList: true, items: s.items[from:to]})
	case 1:
		var items []node
		for i := len(s.items) - 1; i >= 0; i-- {
			items = append(items, s.items[i])
		}
		all.hcl, all.at = "reverse("+s.all+")", fixed(node{isList: true, items: items})
	case 2, 3:
		return r.tuple(r.scalar(s, counted))
	case 4:
		return r.tuple(r.choice(s, s, counted), r.scalar(s, counted))
	case 5:
		return r.join(r.tuple(term{hcl: `"constant"`, at: fixed(node{text: "constant"})}), all)
	}
	return all
}

func (r *scene) tuple(terms ...term) term {
	out := term{}
	var parts []string
	for _, t := range terms {
		parts, out.refs = append(parts, t.hcl), append(out.refs, t.refs...)
	}
	out.hcl = "[" + strings.Join(parts, ", ") + "]"
	out.at = func(i int) (node, bool) {
		list, seen := node{isList: true}, map[string]bool{}
		for _, t := range terms {
			v, ok := t.at(i)
			if !ok || seen[v.show()] { // no API takes an id twice
				return node{}, false
			}
			seen[v.show()] = true
			list.items = append(list.items, v)
		}
		return list, true
	}
	return out
}

func (r *scene) join(a, b term) term {
	return term{hcl: "concat(" + a.hcl + ", " + b.hcl + ")", refs: append(append([][]string{}, a.refs...), b.refs...), at: func(i int) (node, bool) {
		x, okX := a.at(i)
		y, okY := b.at(i)
		seen := map[string]bool{}
		out := node{isList: true, items: append(append([]node{}, x.items...), y.items...)}
		for _, n := range out.items {
			okX = okX && !seen[n.show()]
			seen[n.show()] = true
		}
		return out, okX && okY
	}}
}

// choice picks one of two by what is known: a variable, or the index.
func (r *scene) choice(s, other source, counted bool) term {
	a, b := r.scalar(s, counted), r.scalar(other, counted)
	by, hcl, is := "var.kind", `var.kind == "a"`, func(int) bool { return true }
	if counted && r.IntN(2) == 0 {
		by, hcl, is = "count.index", "count.index == 1", func(i int) bool { return i == 1 }
	}
	return term{hcl: "(" + hcl + " ? " + a.hcl + " : " + b.hcl + ")", refs: append(append([][]string{{by}}, a.refs...), b.refs...), at: func(i int) (node, bool) {
		v, okA := a.at(i)
		w, okB := b.at(i)
		if !is(i) {
			v = w
		}
		return v, okA && okB
	}}
}

// input makes the argument of one user.
func (r *scene) input(sources []source, counted bool) term {
	s := sources[r.IntN(len(sources))]
	other := s
	if r.IntN(2) == 0 {
		other = sources[r.IntN(len(sources))]
	}
	switch r.IntN(8) {
	case 0, 1:
		return r.scalar(s, counted)
	case 2: // a text around an id
		t := r.scalar(s, counted)
		at := t.at
		return term{hcl: `"${` + t.hcl + `}-x"`, refs: t.refs, at: func(i int) (node, bool) {
			v, ok := at(i)
			v.text += "-x"
			return v, ok
		}}
	case 3:
		return r.choice(s, other, counted)
	case 4:
		return r.join(r.list(s, counted), r.list(other, counted))
	}
	return r.list(s, counted)
}

// user adds a resource with the argument.
func (r *scene) user(module, name string, sources []source) bool {
	n, count, counted := 1, "", r.IntN(2) == 0
	if counted {
		n = 1 + r.IntN(3)
		count = fmt.Sprintf("count = %d\n", n)
	}
	t := r.input(sources, counted)
	var values []node
	for i := range n {
		v, ok := t.at(i)
		if !ok {
			return false
		}
		values = append(values, v)
	}
	sdk := r.IntN(2) == 0
	for i, v := range values {
		at := module + "terraform_data." + name
		if counted {
			at += fmt.Sprintf("[%d]", i)
		}
		change := r.change(module, name, i, counted)
		after, mask := v.planned(sdk && r.sets)
		change["change"].(tree)["after"] = tree{"input": after}
		change["change"].(tree)["after_unknown"].(tree)["input"] = mask
		r.want[at] = v
	}
	to, text := r.root, &r.hcl
	if module != "" {
		to, text = r.inner, &r.child
	}
	fmt.Fprintf(text, "resource \"terraform_data\" %q {\n%sinput = %s\n}\n", name, count, t.hcl)
	entry := tree{"address": "terraform_data." + name, "expressions": tree{"input": t.references()}}
	to["resources"] = append(to["resources"].([]any), entry)
	return true
}

// change adds a resource that is created.
func (r *scene) change(module, name string, i int, counted bool) tree {
	c := tree{"address": module + "terraform_data." + name, "mode": "managed", "type": "terraform_data", "name": name,
		"change": tree{"actions": []string{"create"}, "after": tree{}, "after_unknown": tree{"id": true, "output": true}}}
	if module != "" {
		c["module_address"] = strings.TrimSuffix(module, ".")
	}
	if counted {
		c["address"], c["index"] = fmt.Sprintf("%s[%d]", c["address"], i), i
	}
	r.changes = append(r.changes, c)
	return c
}

// block adds what users pick from.
func (r *scene) block(name string, n int) source {
	address := "terraform_data." + name
	s := source{name: address, root: []string{address}, id: ".id", all: address + "[*].id"}
	for i := range n {
		r.change("", name, i, true)
		s.items = append(s.items, node{id: fmt.Sprintf("%s[%d]", address, i)})
	}
	fmt.Fprintf(&r.hcl, "resource \"terraform_data\" %q {\ncount = %d\n}\n", name, n)
	r.root["resources"] = append(r.root["resources"].([]any), tree{"address": address, "expressions": tree{}})
	return s
}

// newScene makes a configuration; sets says that some of its arguments are sets
// of an older SDK, which no provider built into Terraform has.
func newScene(seed uint64, sets bool) *scene {
	r := &scene{Rand: rand.New(rand.NewPCG(seed, 1)), sets: sets, want: map[string]node{},
		root: tree{"resources": []any{}}, inner: tree{"resources": []any{}, "variables": tree{"in": tree{}, "one": tree{"default": 1}, "kind": tree{"default": "a"}}}}
	r.hcl.WriteString("variable \"one\" { default = 1 }\nvariable \"kind\" { default = \"a\" }\n")
	r.child.WriteString("variable \"in\" {}\nvariable \"one\" { default = 1 }\nvariable \"kind\" { default = \"a\" }\n")
	sources := []source{r.block("b0", 1+r.IntN(3)), r.block("b1", 1+r.IntN(3))}

	in := r.list(sources[r.IntN(2)], false)
	for _, ok := in.at(0); !ok; _, ok = in.at(0) {
		in = r.list(sources[r.IntN(2)], false)
	}
	given, _ := in.at(0)
	inside := source{name: "var.in", root: []string{"var.in"}, all: "var.in", items: given.items}
	out := r.list(inside, false)
	for _, ok := out.at(0); !ok; _, ok = out.at(0) {
		out = r.list(inside, false)
	}
	value, _ := out.at(0)
	fmt.Fprintf(&r.child, "output \"out\" { value = %s }\n", out.hcl)
	fmt.Fprintf(&r.hcl, "module \"m\" {\nsource = \"./m\"\nin = %s\n}\n", in.hcl)
	r.inner["outputs"] = tree{"out": tree{"expression": out.references()}}
	r.root["module_calls"] = tree{"m": tree{"source": "./m", "expressions": tree{"in": in.references()}, "module": r.inner}}
	sources = append(sources, source{name: "module.m.out", root: []string{"module.m", ".out"}, all: "module.m.out", items: value.items})

	for i := range 6 {
		for !r.user("", fmt.Sprintf("u%d", i), sources) {
		}
	}
	for !r.user("module.m.", "inner", []source{inside}) {
	}
	return r
}

// plan writes the scene as Terraform does.
func (r *scene) plan() []byte {
	data, err := json.Marshal(tree{"format_version": "1.2", "terraform_version": "1.11.4",
		"variables":        tree{"one": tree{"value": 1}, "kind": tree{"value": "a"}},
		"resource_changes": r.changes, "configuration": tree{"root_module": r.root}})
	if err != nil {
		panic(err) // only maps and lists of text, numbers and truth values
	}
	return data
}
