package terraform

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// maxNesting bounds how deep expressions, locals, modules and resources may
// depend on each other, which is the depth of our own recursion.
const maxNesting = 2000

// enter begins one level of evaluation, and reports whether the budget allows
// it. Each enter that succeeds needs a leave.
func (e *engine) enter() bool {
	e.work++
	if e.depth >= maxNesting || e.work > maxWork {
		return false
	}
	e.depth++
	return true
}

func (e *engine) leave() { e.depth-- }

// spend charges work that has a size, and reports whether the budget allows it.
func (e *engine) spend(n int) bool {
	e.work += n
	return e.work <= maxWork
}

// eval works out an expression. It never fails: what cannot be known is an
// unknown with its reason.
func (e *engine) eval(x hclsyntax.Expression, sc scope) value {
	if !e.enter() {
		return unknownValue("the configuration is too large to evaluate; give the plan")
	}
	defer e.leave()
	v := e.evaluate(x, sc)
	if v.guess != nil { // of a module without source, or an argument of a planned resource
		return value{kind: unknown, why: v.guess.why, text: mentionOf(v.guess.why, v)}
	}
	return v
}

func (e *engine) evaluate(x hclsyntax.Expression, sc scope) value {
	switch x := x.(type) {
	case *hclsyntax.LiteralValueExpr:
		return fromCty(x.Val)
	case *hclsyntax.TemplateExpr:
		return e.template(x.Parts, sc)
	case *hclsyntax.TemplateWrapExpr:
		return e.eval(x.Wrapped, sc)
	case *hclsyntax.ParenthesesExpr:
		return e.eval(x.Expression, sc)
	case *hclsyntax.ScopeTraversalExpr:
		return e.traverse(x.Traversal, sc)
	case *hclsyntax.RelativeTraversalExpr:
		steps, ok := stepsOf(x.Traversal)
		if !ok {
			return failure("a reference that cannot be read")
		}
		return e.follow(e.eval(x.Source, sc), steps)
	case *hclsyntax.FunctionCallExpr:
		return e.function(x, sc)
	case *hclsyntax.ConditionalExpr:
		return e.conditional(x, sc)
	case *hclsyntax.IndexExpr:
		return e.index(e.eval(x.Collection, sc), e.eval(x.Key, sc))
	case *hclsyntax.TupleConsExpr:
		out := value{kind: list, items: make([]value, len(x.Exprs))}
		for i, item := range x.Exprs {
			out.items[i] = e.eval(item, sc)
		}
		return out
	case *hclsyntax.ObjectConsExpr:
		return e.object(x, sc)
	case *hclsyntax.ObjectConsKeyExpr:
		if name := objectKey(x); name != "" {
			return literal(name)
		}
		return e.eval(x.Wrapped, sc)
	case *hclsyntax.ForExpr:
		return e.forExpr(x, sc)
	case *hclsyntax.SplatExpr:
		return e.splat(x, sc)
	case *hclsyntax.AnonSymbolExpr:
		return sc.symbols[x]
	case *hclsyntax.BinaryOpExpr:
		return operate(x.Op, e.eval(x.LHS, sc), e.eval(x.RHS, sc))
	case *hclsyntax.UnaryOpExpr:
		return unary(x.Op, e.eval(x.Val, sc))
	case *hclsyntax.TemplateJoinExpr:
		return e.joined(e.eval(x.Tuple, sc), "")
	}
	return unknownValue("an expression that is not supported")
}

// objectKey returns a key that is written as a bare word.
func objectKey(x *hclsyntax.ObjectConsKeyExpr) string {
	if x.ForceNonLiteral {
		return ""
	}
	t, ok := x.Wrapped.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(t.Traversal) != 1 {
		return ""
	}
	return t.Traversal.RootName()
}

func (e *engine) template(parts []hclsyntax.Expression, sc scope) value {
	texts := make([]stack.Text, len(parts))
	for i, p := range parts {
		t, ok := e.eval(p, sc).asText()
		if !ok {
			return unknownValue("a template of a list or an object")
		}
		texts[i] = t
		if !e.spend(size(t) / 8) {
			return unknownValue("the configuration is too large to evaluate; give the plan")
		}
	}
	return textValue(concat(texts...))
}

func size(t stack.Text) int {
	n := 0
	for _, p := range t {
		n += len(p.Literal) + 1
	}
	return n
}

// conditional takes one side; when the condition is not known, both sides
// must agree.
func (e *engine) conditional(x *hclsyntax.ConditionalExpr, sc scope) value {
	c := e.eval(x.Condition, sc)
	is, known := c.isTrue()
	switch {
	case known && is:
		return e.eval(x.TrueResult, sc)
	case known:
		return e.eval(x.FalseResult, sc)
	}
	a, b := e.eval(x.TrueResult, sc), e.eval(x.FalseResult, sc)
	if sa, ok := a.scalar(); ok {
		if sb, ok := b.scalar(); ok && sa == sb && a.kind == b.kind {
			return a
		}
	}
	return unknownValue(orElse(c.reason(), "a condition"))
}

func (e *engine) object(x *hclsyntax.ObjectConsExpr, sc scope) value {
	out := value{kind: object}
	for _, item := range x.Items {
		key := e.eval(item.KeyExpr, sc)
		k, ok := key.scalar()
		v := e.eval(item.ValueExpr, sc)
		if !ok {
			out.why = orElse(key.reason(), "the key of an object")
			continue
		}
		if v.at.line == 0 {
			r := item.ValueExpr.StartRange()
			v.at = place{r.Filename, r.Start.Line}
		}
		out.set(k, v)
		if !e.spend(len(out.keys) / 8) {
			break
		}
	}
	return out
}

// forExpr works out [for …] and {for …}.
func (e *engine) forExpr(x *hclsyntax.ForExpr, sc scope) value {
	over := e.eval(x.CollExpr, sc)
	if over.kind != list && over.kind != object {
		return unknownValue(orElse(over.reason(), "what a for expression goes over"))
	}
	over = sorted(over)
	out := value{kind: list, why: over.why}
	if x.KeyExpr != nil {
		out.kind = object
	}
	for i, item := range over.items {
		key := numberValue(float64(i))
		if over.kind == object {
			key = literal(over.keys[i])
		}
		inner := sc.with(x.ValVar, item)
		if x.KeyVar != "" {
			inner = inner.with(x.KeyVar, key)
		}
		if x.CondExpr != nil {
			c := e.eval(x.CondExpr, inner)
			is, known := c.isTrue()
			if !known {
				out.why = orElse(c.reason(), "the condition of a for expression")
				continue
			}
			if !is {
				continue
			}
		}
		v := e.eval(x.ValExpr, inner)
		if x.KeyExpr == nil {
			out.items = append(out.items, v)
			continue
		}
		k, ok := e.eval(x.KeyExpr, inner).scalar()
		if !ok {
			out.why = "the keys of a for expression"
			continue
		}
		e.grow(&out, k, v, x.Group)
	}
	return out
}

// sorted returns an object with its keys in order, in which Terraform goes over
// it.
func sorted(v value) value {
	if v.kind != object || slices.IsSorted(v.keys) {
		return v
	}
	out := value{kind: object, why: v.why, at: v.at}
	order := make([]int, len(v.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(v.keys[a], v.keys[b]) })
	for _, i := range order {
		out.keys, out.items = append(out.keys, v.keys[i]), append(out.items, v.items[i])
	}
	return out
}

// grow adds a field; with grouping, fields are lists.
func (e *engine) grow(out *value, key string, v value, group bool) {
	e.spend(len(out.keys) / 8)
	if group {
		before := out.get(key)
		v = listOf(append(before.items[:len(before.items):len(before.items)], v)...)
	}
	out.set(key, v)
}

// splat works out a[*].b.
func (e *engine) splat(x *hclsyntax.SplatExpr, sc scope) value {
	over := e.eval(x.Source, sc)
	switch over.kind {
	case null:
		return value{kind: list}
	case unknown:
		return over
	case object, resource, call, str, number, boolean:
		if p, ok := computedPath(over); ok { // blocks that AWS fills in; there is one of most
			over = value{kind: list, items: []value{reference(p.Resource, p.Attribute+"[0]")}, why: over.reason()}
			break
		}
		over = listOf(over)
	}
	out := value{kind: list, items: make([]value, 0, len(over.items)), why: over.why}
	for _, item := range over.items {
		inner := sc
		inner.symbols = map[*hclsyntax.AnonSymbolExpr]value{x.Item: item}
		for k, v := range sc.symbols {
			if k != x.Item {
				inner.symbols[k] = v
			}
		}
		out.items = append(out.items, e.eval(x.Each, inner))
	}
	return out
}

func numberValue(f float64) value {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return failure("a division by zero")
	}
	return value{kind: number, lit: strconv.FormatFloat(f, 'f', -1, 64)}
}

// operate works out an operator. And and or may be known with one side unknown.
func operate(op *hclsyntax.Operation, a, b value) value {
	switch op {
	case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
		settles := op == hclsyntax.OpLogicalOr
		ta, ka := a.isTrue()
		tb, kb := b.isTrue()
		switch {
		case ka && ta == settles || kb && tb == settles:
			return truth(settles)
		case ka && kb:
			return truth(!settles)
		}
		return unknownValue(orElse(a.reason(), orElse(b.reason(), "a condition")))
	case hclsyntax.OpEqual:
		return equal(a, b)
	case hclsyntax.OpNotEqual:
		return unary(hclsyntax.OpLogicalNot, equal(a, b))
	}
	x, okA := float(a)
	y, okB := float(b)
	if !okA || !okB {
		return unknownValue(orElse(a.reason(), orElse(b.reason(), "an operation on what is not a number")))
	}
	switch op {
	case hclsyntax.OpAdd:
		return numberValue(x + y)
	case hclsyntax.OpSubtract:
		return numberValue(x - y)
	case hclsyntax.OpMultiply:
		return numberValue(x * y)
	case hclsyntax.OpDivide:
		return numberValue(x / y)
	case hclsyntax.OpModulo:
		return numberValue(math.Mod(x, y))
	case hclsyntax.OpGreaterThan:
		return truth(x > y)
	case hclsyntax.OpGreaterThanOrEqual:
		return truth(x >= y)
	case hclsyntax.OpLessThan:
		return truth(x < y)
	case hclsyntax.OpLessThanOrEqual:
		return truth(x <= y)
	}
	return unknownValue("an operator that is not supported")
}

func float(v value) (float64, bool) {
	s, ok := v.scalar()
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// equal compares in three values. What AWS decides is never empty or null.
func equal(a, b value) value {
	if a.literalOnly() && b.literalOnly() {
		return truth(toCty(a).RawEquals(toCty(b)))
	}
	if sa, ok := a.scalar(); ok { // a secret is known, and whether it is empty is none
		if sb, ok := b.scalar(); ok {
			return truth(sa == sb)
		}
	}
	for _, p := range [][2]value{{a, b}, {b, a}} {
		refers := p[0].kind == resource || p[0].kind == call || len(p[0].text.References()) > 0
		if s, ok := p[1].scalar(); refers && (p[1].kind == null || ok && s == "") {
			return truth(false)
		}
		if p[0].kind == list && p[1].kind == null || p[0].kind == object && p[1].kind == null {
			return truth(false)
		}
	}
	return unknownValue(orElse(a.reason(), orElse(b.reason(), "a comparison")))
}

func unary(op *hclsyntax.Operation, v value) value {
	if op == hclsyntax.OpLogicalNot {
		is, known := v.isTrue()
		if !known {
			return unknownValue(orElse(v.reason(), "a condition"))
		}
		return truth(!is)
	}
	f, ok := float(v)
	if !ok {
		return unknownValue(orElse(v.reason(), "an operation on what is not a number"))
	}
	return numberValue(-f)
}
