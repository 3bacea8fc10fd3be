package service

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxTokens and maxNesting bound what the YAML parser is given: it recurses with
// the input.
const (
	maxTokens  = 20_000
	maxNesting = 20
)

// file reads the YAML file over what is there.
func (l *loader) file(name string, data []byte) {
	f, err := parseYAML(string(data))
	if err != nil {
		place, message := name, strings.TrimSpace(firstLine(err.Error()))
		var yerr yaml.Error
		if errors.As(err, &yerr) && yerr.GetToken() != nil {
			place, message = at(name, yerr.GetToken()), yerr.GetMessage()
		}
		l.fail(place, "not valid YAML: %s", message)
		return
	}
	r := fileReader{loader: l, name: name}
	for i, doc := range f.Docs {
		if i > 0 && doc.Body != nil {
			r.fail(at(name, doc.Body.GetToken()), "the file holds more than one document; write one")
			return
		}
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			r.section(doc.Body, "")
		}
	}
}

// parseYAML parses within bounds. The parser may panic on input that it was not
// made for; that is a mistake of the file.
func parseYAML(text string) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the YAML parser cannot read it (%v)", p)
		}
	}()
	tokens := lexer.Tokenize(text)
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("it holds more than %d values", maxTokens)
	}
	flow, run := 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType, token.AliasType:
			run++
		default:
			run = 0
		}
		if flow > maxNesting || run > maxNesting {
			return nil, fmt.Errorf("it is nested more than %d levels deep", maxNesting)
		}
	}
	return parser.Parse(tokens, 0)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func at(name string, tk *token.Token) string {
	if tk == nil || tk.Position == nil {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, tk.Position.Line, tk.Position.Column)
}

// fileReader lays the tree of a file over the settings.
type fileReader struct {
	*loader
	name string
}

func (r *fileReader) place(n ast.Node) string { return at(r.name, n.GetToken()) }

// section reads a mapping; path is "" or ends in a dot.
func (r *fileReader) section(n ast.Node, path string) {
	r.mapping(n, path, func(key string, value ast.Node, place string) {
		full := path + key
		switch s := settingAt(full); {
		case full == listenFlag:
			r.listeners(value)
		case s != nil:
			r.value(value, full, func(text, place string) { r.set(s, s.at(&r.cfg), place, full, text) })
		case isSection(full):
			if value.Type() != ast.NullType {
				r.section(value, full+".")
			}
		default:
			r.unknown(place, full, childrenOf(path))
		}
	})
}

// mapping calls f for each key of a mapping.
func (r *fileReader) mapping(n ast.Node, path string, f func(key string, value ast.Node, place string)) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		where := "the file"
		if path != "" {
			where = strings.TrimSuffix(path, ".")
		}
		r.fail(r.place(n), "%s must be a mapping of keys to values, not %s", where, shape(n))
		return
	}
	for _, pair := range pairs {
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			r.fail(r.place(pair.Key), "keys must be plain words, not %s", shape(pair.Key))
			continue
		}
		f(key.Value, pair.Value, r.place(key))
	}
}

// unknown reports a key that is none, with the one that was probably meant.
func (r *fileReader) unknown(place, full string, known []string) {
	path, key := "", full
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		path, key = full[:i+1], full[i+1:]
	}
	meant := ""
	if best := nearest(key, known); best != "" {
		meant = fmt.Sprintf("; did you mean %s%s?", path, best)
	}
	r.fail(place, "there is no setting %s%s (known here: %s)", full, meant, strings.Join(known, ", "))
}

// listeners reads the list of listeners; a plain word is an address.
func (r *fileReader) listeners(n ast.Node) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(r.place(n), "listen must be a list: write - address: host:port")
		return
	}
	if len(seq.Values) == 0 {
		r.fail(r.place(n), "listen is empty: write - address: host:port")
		return
	}
	r.cfg.Listen = nil
	for i, one := range seq.Values {
		r.cfg.Listen = append(r.cfg.Listen, defaultListener())
		if text, ok := scalar(one); ok {
			r.setListener(i, listenerSettings[0], r.place(one), listenKey(i, "address"), text)
			continue
		}
		r.listener(i, one, "")
		if r.from[listenKey(i, "address")] == "" {
			r.fail(r.place(one), "listen[%d] has no address", i)
		}
	}
}

func (r *fileReader) listener(i int, n ast.Node, path string) {
	r.mapping(n, listenKey(i, path), func(key string, value ast.Node, place string) {
		full := path + key
		for _, s := range listenerSettings {
			if s.key == full {
				r.value(value, listenKey(i, full), func(text, place string) {
					r.setListener(i, s, place, listenKey(i, full), text)
				})
				return
			}
		}
		if full == "tls" {
			if value.Type() != ast.NullType {
				r.listener(i, value, "tls.")
			}
			return
		}
		r.unknown(place, listenKey(i, full), listenerKeys(path))
	})
}

// value hands the text of a scalar, or of a list of scalars, to f.
func (r *fileReader) value(n ast.Node, name string, f func(text, place string)) {
	if text, ok := scalar(n); ok {
		f(text, r.place(n))
		return
	}
	if seq, ok := n.(*ast.SequenceNode); ok && isList(name) {
		var parts []string
		for _, v := range seq.Values {
			text, ok := scalar(v)
			if !ok || strings.Contains(text, ",") {
				r.fail(r.place(v), "%s: each entry must be one text without commas; put it in quotes", name)
				return
			}
			parts = append(parts, text)
		}
		f(strings.Join(parts, ","), r.place(n))
		return
	}
	r.fail(r.place(n), "%s must be one value, not %s", name, shape(n))
}

// scalar is the text of a plain value, as it was written.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// shape names a node for a message.
func shape(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which this file does not know"
	case *ast.TagNode:
		return "a tag, which this file does not know"
	}
	return "a single value"
}
