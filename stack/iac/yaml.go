package iac

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlReader turns a syntax tree of goccy/go-yaml into nodes.
type yamlReader struct {
	anchors map[string]*node
	report  *problems
	failed  bool
	tags    tagColumns
	standIn rune // for colons, see shieldColons
}

func parseYAML(data []byte, report *problems) *node {
	r := &yamlReader{anchors: map[string]*node{}, report: report}
	file, err := r.tree(data)
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	if file == nil {
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		report.add(position{}, "", "the template is empty")
		return nil
	case len(bodies) > 1:
		report.add(r.position(bodies[1]), "", "a second YAML document begins here; a template is one document")
		return nil
	}
	n := r.node(bodies[0], 1)
	if r.failed {
		return nil
	}
	return n
}

// tree runs the parser. The parser is not ours: it recurses, so its input
// is bounded first, and a panic in it becomes an error about the template.
func (r *yamlReader) tree(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser cannot read this template (%v)", p)
		}
	}()
	tokens, standIn := shieldColons(string(data))
	r.standIn, r.tags = standIn, findTags(tokens)
	if at, message := boundTokens(tokens, r.tags); message != "" {
		r.report.add(at, "", "%s", message)
		return nil, nil
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// boundTokens refuses what would make the parser recurse without end: flow
// brackets, and runs of tokens that each open a level on the same line.
func boundTokens(tokens token.Tokens, tags tagColumns) (position, string) {
	flow, run := 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
			run++
		case token.MappingEndType, token.SequenceEndType:
			flow--
			run = 0
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType, token.AliasType:
			run++
		default:
			run = 0
		}
		if flow > maxDepth || run > maxDepth {
			return tags.position(tk.Position), fmt.Sprintf("the template is nested more than %d levels deep", maxDepth)
		}
	}
	if len(tokens) > maxNodes {
		return position{}, fmt.Sprintf("the template holds more than %d values", maxNodes)
	}
	return position{}, ""
}

// syntaxError keeps the first line of a parser's message; the rest is a drawing
// of the source.
func (r *yamlReader) syntaxError(err error) {
	var yerr yaml.Error
	if errors.As(err, &yerr) && yerr.GetToken() != nil {
		r.report.add(r.tags.position(yerr.GetToken().Position), "", "not valid YAML: %s", r.restore(yerr.GetMessage()))
		return
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	r.report.add(position{}, "", "not valid YAML: %s", r.restore(message))
}

// restore puts the colons back that shieldColons replaced.
func (r *yamlReader) restore(s string) string {
	if r.standIn == 0 {
		return s
	}
	return strings.ReplaceAll(s, string(r.standIn), ":")
}

func (r *yamlReader) fail(at position, format string, args ...any) *node {
	r.failed = true
	r.report.add(at, "", format, args...)
	return newNull(at)
}

func (r *yamlReader) node(n ast.Node, depth int) *node {
	at := r.position(n)
	if depth > maxDepth {
		return r.fail(at, "the template is nested more than %d levels deep", maxDepth)
	}
	if r.failed {
		return newNull(at)
	}
	var out *node
	switch n := n.(type) {
	case *ast.MappingNode:
		out = r.mapping(at, n.Values, depth)
	case *ast.MappingValueNode:
		out = r.mapping(at, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out = newList(at)
		for _, item := range n.Values {
			out.add(r.node(item, depth+1))
		}
	case *ast.TagNode:
		out = r.tag(at, n, depth)
	case *ast.AnchorNode:
		out = r.node(n.Value, depth)
		r.anchors[n.Name.GetToken().Value] = out
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		shared, ok := r.anchors[name]
		if !ok {
			return r.fail(at, "alias *%s has no anchor &%s before it", name, name)
		}
		out = shared
	default:
		out = yamlScalar(at, n)
		out.text = r.restore(out.text)
	}
	if out.height > maxDepth || out.size > maxNodes {
		return r.fail(at, "the template is too deep or too large once its aliases are expanded (bounds: %d levels, %d values)", maxDepth, maxNodes)
	}
	return out
}

func (r *yamlReader) mapping(at position, values []*ast.MappingValueNode, depth int) *node {
	out := newMapping(at)
	var merged []*node
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, r.merge(v.Value, depth)...)
			continue
		}
		f := field{r.position(v.Key), r.restore(yamlKey(v.Key)), r.node(v.Value, depth+1)}
		if first, twice := out.field(f.key); twice {
			r.fail(f.position, "key %q is declared twice; the first is at line %d", f.key, first.line)
		}
		out.set(f)
	}
	// Merged keys come last: those written out win, wherever the << stands.
	for _, m := range merged {
		for _, f := range m.fields {
			out.set(f)
		}
	}
	return out
}

// merge returns the mappings that a << key names.
func (r *yamlReader) merge(n ast.Node, depth int) []*node {
	v := r.node(n, depth+1)
	switch v.kind {
	case mapping:
		return []*node{v}
	case list:
		return v.items
	}
	r.fail(r.position(n), "<< takes a mapping or a list of mappings")
	return nil
}

// tag writes a short form in its long form. Tags of YAML itself (!!str) only
// name a type that the text shows anyway.
func (r *yamlReader) tag(at position, n *ast.TagNode, depth int) *node {
	name := strings.TrimPrefix(n.Start.Value, "!")
	if name == "" || strings.HasPrefix(name, "!") {
		return r.node(n.Value, depth)
	}
	arg := newNull(at)
	if n.Value != nil {
		arg = r.node(n.Value, depth+1)
	}
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	return newCall(at, name, arg)
}

func yamlKey(key ast.MapKeyNode) string {
	if k, ok := key.(*ast.MappingKeyNode); ok && k.Value != nil {
		return yamlScalar(position{}, k.Value).text
	}
	return yamlScalar(position{}, key).text
}

// yamlScalar keeps a scalar as the text that CloudFormation would see: numbers
// as written, so that an account id keeps its leading zero, truth values in
// lower case.
func yamlScalar(at position, n ast.Node) *node {
	switch n := n.(type) {
	case *ast.NullNode:
		return newNull(at)
	case *ast.StringNode:
		return newScalar(at, n.Value)
	case *ast.LiteralNode:
		return newScalar(at, n.Value.Value)
	case *ast.BoolNode:
		return newScalar(at, strconv.FormatBool(n.Value))
	case *ast.IntegerNode:
		raw := n.GetToken().Value
		if strings.ContainsAny(raw, "xXoObB_") {
			raw = fmt.Sprint(n.Value)
		}
		return newScalar(at, raw)
	}
	if n == nil || n.GetToken() == nil {
		return newNull(at)
	}
	return newScalar(at, n.GetToken().Value)
}

// position is where n begins. A block mapping's own token is its first
// colon, which is not where a reader looks.
func (r *yamlReader) position(n ast.Node) position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return r.position(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return r.position(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return position{}
	}
	return r.tags.position(n.GetToken().Position)
}
