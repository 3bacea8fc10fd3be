package iac

import "strings"

// functions are the intrinsic functions that may stand in a property.
func functions() []string {
	return []string{"Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::If",
		"Fn::ImportValue", "Fn::Base64", "Fn::Cidr", "Fn::GetAZs", "Fn::Length", "Fn::ToJsonString", "Fn::Transform"}
}

// eval works out a node. It never fails: what is wrong is reported and becomes
// an unknown. Depth is bounded by the height of the nodes.
func (t *template) eval(n *node) value {
	if n == nil {
		return value{}
	}
	if !t.spend(n.position, 1+len(n.text)/bytesPerUnit) {
		return unknownValue("the template is too large to evaluate")
	}
	v := t.evalNode(n)
	v.at = n.position
	return v
}

func (t *template) evalNode(n *node) value {
	switch n.kind {
	case null:
		return value{}
	case scalar:
		return literal(n.text)
	case list:
		v := value{kind: sequence}
		for _, item := range n.items {
			if item := t.eval(item); item.kind != absent {
				v.items = append(v.items, item)
			}
		}
		return v
	}
	if name, arg, ok := n.call(); ok {
		return t.call(name, arg, n)
	}
	return t.evalObject(n)
}

func (t *template) evalObject(n *node) value {
	v := value{kind: object, fields: map[string]value{}}
	for _, f := range n.fields {
		if f.key == "Fn::Transform" {
			return t.transform(f.value)
		}
		if strings.HasPrefix(f.key, "Fn::ForEach::") {
			t.report.add(f.position, "", "%s is not supported; write the loop out, or give the processed template "+
				"(aws cloudformation get-template --template-stage Processed)", f.key)
			return unknownValue(f.key + " is not supported")
		}
		item := t.eval(f.value)
		if item.kind == absent {
			continue
		}
		v.keys = append(v.keys, f.key)
		v.fields[f.key] = item
	}
	return v
}

// call works out an intrinsic function.
func (t *template) call(name string, arg, n *node) value {
	switch name {
	case "Ref":
		if arg.kind != scalar {
			return t.misuse(n, "Ref takes the name of a parameter or a resource")
		}
		return t.ref(n, arg.text)
	case "Fn::GetAtt":
		return t.getAtt(n, arg)
	case "Fn::Sub":
		return t.sub(n, arg)
	case "Fn::Join":
		return t.join(n, arg)
	case "Fn::Select":
		return t.selectItem(n, arg)
	case "Fn::Split":
		return t.split(n, arg)
	case "Fn::FindInMap":
		return t.findInMap(n, arg)
	case "Fn::If":
		return t.choose(n, arg)
	case "Fn::ImportValue":
		return unknownValue("ImportValue " + t.show(t.eval(arg)))
	case "Fn::GetAZs":
		return t.zones(arg)
	case "Fn::Base64":
		return t.base64(n, arg)
	case "Fn::Cidr":
		return t.cidr(n, arg)
	case "Fn::Length":
		return t.lengthOf(n, arg)
	case "Fn::ToJsonString":
		return t.toJSON(n, arg)
	case "Fn::Transform":
		return t.transform(arg)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
		return t.misuse(n, "%s belongs in the Conditions section; name a condition in Fn::If here", name)
	}
	return t.misuse(n, "%s is not supported%s", name, nearest(name, functions()))
}

// misuse reports a wrong call and returns what stands in its place.
func (t *template) misuse(n *node, format string, args ...any) value {
	t.report.add(n.position, "", format, args...)
	return unknownValue("a call that is not valid")
}

// arguments returns the elements of a list of arguments, or nil after it
// reported that their number is wrong.
func (t *template) arguments(name string, arg *node, least, most int) []*node {
	if arg.kind == list && len(arg.items) >= least && len(arg.items) <= most {
		return arg.items
	}
	more := ""
	if most > least {
		more = " or more"
	}
	t.report.add(arg.position, "", "%s takes a list of %d%s arguments", name, least, more)
	return nil
}

// transform stands for a macro inside a resource. Its result cannot be known
// here, and the rest of the template can be.
func (t *template) transform(arg *node) value {
	name := "a macro"
	if n := arg.get("Name"); n != nil && n.kind == scalar {
		name = n.text
	}
	return unknownValue("Fn::Transform " + name)
}

// show describes a value in a message.
func (t *template) show(v value) string {
	if s, ok := v.known(); ok && !isSecret(v.text) {
		return s
	}
	if text, ok := v.asText(); ok {
		return text.String()
	}
	return "of a list or mapping"
}
