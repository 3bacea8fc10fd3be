package iac

import "slices"

// verdict is a truth value with a third one for what only deployment decides.
type verdict int

const (
	no verdict = iota
	yes
	maybe
)

// truth is a verdict; why says what a maybe depends on.
type truth struct {
	verdict verdict
	why     string
}

// condition is one entry of the Conditions section. Its truth is worked out
// when it is first asked for.
type condition struct {
	node    *node
	truth   truth
	decided bool
	working bool // being worked out: meeting it again is a circle
}

func (t *template) readConditions() {
	section := t.root.get("Conditions")
	for _, name := range section.keys() {
		t.conditions[name] = &condition{node: section.get(name)}
	}
}

// decideAll works out every condition, used or not, to report what is wrong
// with it.
func (t *template) decideAll() {
	t.deciding = true
	for _, name := range t.root.get("Conditions").keys() {
		t.condition(name)
	}
	t.deciding = false
}

// condition returns the truth of a declared condition.
func (t *template) condition(name string) truth {
	c := t.conditions[name]
	switch {
	case c == nil:
		return truth{maybe, "condition " + name + " is not declared"}
	case c.decided:
		return c.truth
	case c.working:
		t.report.add(c.node.position, name, "the condition depends on itself")
		return truth{maybe, "condition " + name + " depends on itself"}
	}
	c.working = true
	c.truth = t.decide(c.node)
	c.decided, c.working = true, false
	if c.truth.verdict == maybe {
		c.truth.why = "condition " + name + " depends on: " + c.truth.why
	}
	return c.truth
}

// decide works out an expression of conditions.
func (t *template) decide(n *node) truth {
	undecided := truth{maybe, "an expression that is not supported"}
	if !t.spend(n.position, 1) {
		return undecided
	}
	if f, ok := n.field("Condition"); ok && len(n.fields) == 1 {
		if t.conditions[f.value.text] == nil {
			t.report.add(f.value.position, "Conditions", "there is no condition %q%s", f.value.text,
				nearest(f.value.text, t.root.get("Conditions").keys()))
			return undecided
		}
		return t.condition(f.value.text)
	}
	name, arg, _ := n.call()
	switch name {
	case "Fn::Equals":
		if args := t.arguments(name, arg, 2, 2); args != nil {
			return t.equals(t.eval(args[0]), t.eval(args[1]))
		}
		return undecided
	case "Fn::Not":
		if args := t.arguments(name, arg, 1, 1); args != nil {
			return negate(t.decide(args[0]))
		}
		return undecided
	case "Fn::And", "Fn::Or":
		return t.combine(name, arg)
	}
	t.report.add(n.position, "Conditions", "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition")
	return undecided
}

func negate(x truth) truth {
	switch x.verdict {
	case yes:
		return truth{no, ""}
	case no:
		return truth{yes, ""}
	}
	return x
}

// combine works out And and Or. One operand that settles the result settles it
// whatever the unknown ones are.
func (t *template) combine(name string, arg *node) truth {
	settles, otherwise := yes, no
	if name == "Fn::And" {
		settles, otherwise = no, yes
	}
	result := truth{verdict: otherwise}
	for _, n := range t.arguments(name, arg, 1, maxNodes) {
		switch x := t.decide(n); {
		case x.verdict == settles:
			result = x
		case x.verdict == maybe && result.verdict == otherwise:
			result = x
		}
	}
	return result
}

// equals compares as CloudFormation does, by text. A reference is never empty
// once it is resolved, which decides the usual !Equals [!Ref X, ""].
func (t *template) equals(a, b value) truth {
	ta, okA := a.asText()
	tb, okB := b.asText()
	if !okA || !okB {
		return t.equalLists(a, b)
	}
	sa, knownA := a.known()
	sb, knownB := b.known()
	switch {
	case knownA && knownB && sa == sb, a.kind == absent && b.kind == absent:
		return truth{yes, ""}
	case knownA && knownB:
		return truth{no, ""}
	case a.kind == text && b.kind == text && slices.Equal(ta, tb) && !hasUnknown(a):
		return truth{yes, ""}
	case knownA && sa == "" && len(tb.References()) > 0, knownB && sb == "" && len(ta.References()) > 0:
		return truth{no, ""}
	case !knownA && a.reason() != "":
		return truth{maybe, a.reason()}
	case b.reason() != "":
		return truth{maybe, b.reason()}
	}
	return truth{no, ""}
}

func (t *template) equalLists(a, b value) truth {
	if a.kind != sequence || b.kind != sequence {
		if why := a.reason() + b.reason(); why != "" {
			return truth{maybe, why}
		}
		return truth{maybe, "a comparison of lists or mappings"}
	}
	if len(a.items) != len(b.items) {
		return truth{no, ""}
	}
	result := truth{yes, ""}
	for i := range a.items {
		switch x := t.equals(a.items[i], b.items[i]); x.verdict {
		case no:
			return x
		case maybe:
			result = x
		}
	}
	return result
}

func hasUnknown(v value) bool {
	for _, p := range v.text {
		if p.Unknown != "" {
			return true
		}
	}
	return false
}
