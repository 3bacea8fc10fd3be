package terraform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// Bounds of source. The largest files people write by hand have some hundred
// kilobytes; generated ones have more.
const (
	maxSource      = 4 << 20 // bytes of one file
	maxSourceFiles = 1000    // of one module
)

// folder is the source of one module.
type folder struct {
	dir       string
	blocks    map[string]*block // resources: aws_vpc.main, data.aws_vpc.main
	order     []string
	variables map[string]*block
	locals    map[string]hclsyntax.Expression
	outputs   map[string]*block
	calls     map[string]*block
	callOrder []string
	providers []*block
	skipped   []stack.Gap
}

// block is one block of source.
type block struct {
	body    *hclsyntax.Body
	at      place
	until   int // the last line
	ignored []stack.Ignore
}

// attribute returns the expression of an argument, or nil.
func (b *block) attribute(name string) hclsyntax.Expression {
	if b == nil {
		return nil
	}
	if a := b.body.Attributes[name]; a != nil {
		return a.Expr
	}
	return nil
}

func newFolder(dir string) *folder {
	return &folder{dir: dir, blocks: map[string]*block{}, variables: map[string]*block{}, locals: map[string]hclsyntax.Expression{},
		outputs: map[string]*block{}, calls: map[string]*block{}}
}

// readFolder reads the .tf files of a folder.
func readFolder(dir string) (*folder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("terraform: cannot read the folder: %w", err)
	}
	f := newFolder(dir)
	files := 0
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(dir, name)
		switch {
		case entry.IsDir() || strings.HasPrefix(name, "."):
			continue
		case strings.HasSuffix(name, ".tf.json"):
			f.skipped = append(f.skipped, stack.Gap{What: path, Why: "Terraform's JSON syntax is read from a plan only; run terraform show -json on a plan"})
			continue
		case name == "override.tf" || strings.HasSuffix(name, "_override.tf"):
			f.skipped = append(f.skipped, stack.Gap{What: path, Why: "override files are merged in a plan only; run terraform show -json on a plan"})
			continue
		case !strings.HasSuffix(name, ".tf"):
			continue
		}
		if files++; files > maxSourceFiles {
			return nil, fmt.Errorf("terraform: %s holds more than %d files", dir, maxSourceFiles)
		}
		data, err := readBounded(path, maxSource)
		if err != nil {
			return nil, err
		}
		if err := f.parse(path, data); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("terraform: cannot read the file: %w", err)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("terraform: %s has %d MB; at most %d MB are read", path, info.Size()>>20, most>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("terraform: cannot read the file: %w", err)
	}
	return data, nil
}

// parse adds the blocks of one file.
func (f *folder) parse(name string, data []byte) error {
	body, comments, err := parseHCL(name, data)
	if err != nil {
		return err
	}
	var added []*block
	for _, b := range body.Blocks {
		x := &block{body: b.Body, at: place{name, b.TypeRange.Start.Line}, until: b.CloseBraceRange.End.Line}
		f.add(b, x)
		added = append(added, x)
	}
	attachIgnores(added, comments, name)
	return nil
}

// parseHCL parses a file after it checked that the parser, which recurses, can
// bear it.
func parseHCL(name string, data []byte) (*hclsyntax.Body, hclsyntax.Tokens, error) {
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos)
	if err := boundTokens(name, tokens); err != nil {
		return nil, nil, err
	}
	file, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, nil, syntaxError(name, diags)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, nil, fmt.Errorf("terraform: %s: not HCL", name)
	}
	comments := slices.DeleteFunc(tokens, func(t hclsyntax.Token) bool { return t.Type != hclsyntax.TokenComment })
	return body, comments, nil
}

// maxOperators bounds conditionals in one file, and operators that stand in a
// row before a value.
const maxOperators = 5000

// boundTokens refuses what would make the parser recurse without end.
func boundTokens(name string, tokens hclsyntax.Tokens) error {
	depth, questions, unary := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenQuestion:
			questions++
		}
		if t.Type == hclsyntax.TokenBang || t.Type == hclsyntax.TokenMinus {
			unary++
		} else {
			unary = 0
		}
		if depth > maxDepth || unary > maxDepth || questions > maxOperators {
			return fmt.Errorf("terraform: %s:%d: the source is nested too deeply (bound: %d levels)", name, t.Range.Start.Line, maxDepth)
		}
	}
	return nil
}

// syntaxError joins the first errors of the parser.
func syntaxError(name string, diags hcl.Diagnostics) error {
	const shown = 5
	var all []error
	for _, d := range diags {
		if d.Severity != hcl.DiagError || len(all) == shown {
			continue
		}
		line := 0
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		all = append(all, fmt.Errorf("terraform: %s:%d: %s", name, line, d.Summary))
	}
	return errors.Join(all...)
}

func (f *folder) add(b *hclsyntax.Block, x *block) {
	label := func(i int) string {
		if i < len(b.Labels) {
			return b.Labels[i]
		}
		return ""
	}
	switch b.Type {
	case "resource", "data":
		key := label(0) + "." + label(1)
		if b.Type == "data" {
			key = "data." + key
		}
		if f.blocks[key] == nil {
			f.order = append(f.order, key)
		}
		f.blocks[key] = x
	case "variable":
		f.variables[label(0)] = x
	case "output":
		f.outputs[label(0)] = x
	case "locals":
		for name, a := range b.Body.Attributes {
			f.locals[name] = a.Expr
		}
	case "module":
		if f.calls[label(0)] == nil {
			f.callOrder = append(f.callOrder, label(0))
		}
		f.calls[label(0)] = x
	case "provider":
		if label(0) == "aws" {
			f.providers = append(f.providers, x)
		}
	}
}

// attachIgnores gives each block the comments "thaw:ignore RULE reason" that
// stand in it, or directly above it.
func attachIgnores(blocks []*block, comments hclsyntax.Tokens, file string) {
	found := map[int]stack.Ignore{}
	commented := map[int]bool{}
	for _, c := range comments {
		line := c.Range.Start.Line
		commented[line] = true
		if i, ok := parseIgnore(string(c.Bytes)); ok {
			i.Origin = stack.Origin{File: file, Line: line}
			found[line] = i
		}
	}
	if len(found) == 0 {
		return
	}
	for _, b := range blocks {
		first := b.at.line
		for commented[first-1] {
			first--
		}
		for line := first; line <= b.until; line++ {
			if i, ok := found[line]; ok {
				b.ignored = append(b.ignored, i)
			}
		}
	}
}

// parseIgnore reads "# thaw:ignore RULE reason".
func parseIgnore(comment string) (stack.Ignore, bool) {
	text := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(comment), "#/*"))
	text, ok := strings.CutPrefix(strings.TrimSuffix(text, "*/"), "thaw:ignore")
	rule, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
	if !ok || rule == "" {
		return stack.Ignore{}, false
	}
	return stack.Ignore{Rule: rule, Reason: strings.TrimSpace(reason)}, true
}
