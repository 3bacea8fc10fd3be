package iac

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// The lexer of goccy/go-yaml takes every colon inside {…} for the end of a key.
// YAML does so only before a space or a bracket, and templates are full of
// {Fn::Sub: x} and {Name: !Ref AWS::Region}. So colons of the first kind are
// replaced by a stand-in, one character for one character to keep the columns,
// and put back in the nodes.

// shieldColons returns the tokens of the source with stand-ins, and the
// stand-in, which is 0 if there was nothing to replace.
func shieldColons(source string) (token.Tokens, rune) {
	const passes = 4 // each pass finds the colons that the one before uncovered
	standIn := rune(0)
	tokens := lexer.Tokenize(source)
	for range passes {
		places := wrongColons(tokens)
		if len(places) == 0 {
			break
		}
		if standIn == 0 {
			if standIn = unusedRune(source); standIn == 0 {
				break
			}
		}
		replaced := replaceColons(source, places, standIn)
		if replaced == source {
			break
		}
		source = replaced
		tokens = lexer.Tokenize(source)
	}
	return tokens, standIn
}

// wrongColons lists the colons that directly follow a plain scalar and precede
// another: line → columns.
func wrongColons(tokens token.Tokens) map[int][]int {
	places := map[int][]int{}
	tags := findTags(tokens)
	for i := 1; i+1 < len(tokens); i++ {
		before, colon, after := tokens[i-1], tokens[i], tokens[i+1]
		if colon.Type != token.MappingValueType || before.Position.Line != colon.Position.Line {
			continue
		}
		switch before.Type {
		case token.SingleQuoteType, token.DoubleQuoteType, token.MappingEndType, token.SequenceEndType, token.AliasType:
			continue // a key like those of JSON may have its value glued to it
		}
		if after.Position.Line == colon.Position.Line {
			at := tags.position(colon.Position)
			places[at.line] = append(places[at.line], at.column)
		}
	}
	return places
}

// replaceColons puts the stand-in at the places that are a colon of a plain
// scalar, and at the colons that follow it without a gap.
func replaceColons(source string, places map[int][]int, standIn rune) string {
	lines := strings.SplitAfter(source, "\n")
	for i := range lines {
		columns := places[i+1]
		if len(columns) == 0 {
			continue
		}
		line := []rune(lines[i])
		for _, column := range columns {
			for at := column - 1; at >= 0 && at+1 < len(line) && line[at] == ':' && !strings.ContainsRune(" \t\r\n,[]{}", line[at+1]); at++ {
				line[at] = standIn
			}
		}
		lines[i] = string(line)
	}
	return strings.Join(lines, "")
}

// unusedRune returns a private-use character that the source does not hold, or
// 0 if it holds them all.
func unusedRune(source string) rune {
	used := map[rune]bool{}
	for _, r := range source {
		used[r] = true
	}
	for r := '\ue000'; r <= '\uf8ff'; r++ {
		if !used[r] {
			return r
		}
	}
	return 0
}

// tagColumns are the columns of the tags on each line. The lexer counts one
// column too few for every tag before a token of the same line; its parser
// works with those columns, so they are corrected only in what we report.
type tagColumns map[int][]int

func findTags(tokens token.Tokens) tagColumns {
	tags := tagColumns{}
	for _, tk := range tokens {
		if tk.Type == token.TagType {
			tags[tk.Position.Line] = append(tags[tk.Position.Line], tk.Position.Column)
		}
	}
	return tags
}

// position returns where a token really is.
func (tags tagColumns) position(p *token.Position) position {
	before, _ := slices.BinarySearch(tags[p.Line], p.Column)
	return position{p.Line, p.Column + before}
}
