package terraform

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) role(res stack.Resource, a attrs) {
	r := &stack.Role{Resource: res, Name: a.name("name")}
	for _, arn := range a.ids("managed_policy_arns") {
		b.attachPolicy(r, arn, a, "")
	}
	for _, inline := range a.blocks("inline_policy") {
		if inline.has("policy") {
			b.addPolicy(r, inline, "")
		}
	}
	b.roles[res.ID] = r
	b.out.Roles = append(b.out.Roles, r)
}

// rolePolicy adds a policy to the roles that it names.
func (b *builder) rolePolicy(a attrs, why string) bool {
	name := "role"
	if a.inst.typ == "aws_iam_policy_attachment" {
		name = "roles"
	}
	v := a.get(name)
	items := []value{v}
	if v.kind == list && v.guess == nil {
		items = v.items
	}
	found := false
	for _, item := range items {
		i := b.find("aws_iam_role", item, "name", "id")
		if i == nil {
			if id := b.id(item); !id.IsKnown() {
				b.lost(a, "roles", id)
			}
			continue
		}
		found = true
		given := &stack.Role{}
		if a.inst.typ == "aws_iam_role_policy" {
			b.addPolicy(given, a, why)
		} else {
			b.attachPolicy(given, a.id("policy_arn"), a, why)
		}
		b.roles[i.address].Give(a.inst.address, given)
	}
	return found
}

// attachPolicy adds a managed policy: its statements if the configuration
// declares it, else its ARN.
func (b *builder) attachPolicy(r *stack.Role, arn stack.Value[string], a attrs, why string) {
	id := arn.Or("")
	if p := b.instances[id]; p != nil && p.typ == "aws_iam_policy" && p.mode == "managed" {
		b.addPolicy(r, b.attrs(p), why)
		return
	}
	if p := b.instances[id]; p != nil && p.mode == "data" {
		// aws_iam_policy with the name or the ARN of one of AWS's own.
		arn = stack.Unknown[string](id)
		if s, ok := b.attrs(p).get("arn").scalar(); ok {
			arn = stack.Known(s)
		}
	}
	if !arn.IsKnown() || why != "" {
		r.Complete = stack.Unknown[bool](orElse(why, arn.Why()))
	}
	r.Managed = append(r.Managed, hedge(arn, why))
}

// addPolicy adds the statements of the policy that a holds.
func (b *builder) addPolicy(r *stack.Role, a attrs, why string) {
	v := a.get("policy")
	doc := v
	if v.from != nil {
		doc = *v.from
	} else if s, ok := v.scalar(); ok {
		parsed, err := parseJSON([]byte(s))
		if err != nil {
			parsed = unknownValue("a policy that is not JSON")
		}
		doc = parsed
	}
	if doc.kind != object {
		r.Complete = stack.Unknown[bool](orElse(doc.reason(), a.path+".policy"))
		return
	}
	statements := doc.get("Statement")
	items := []value{statements}
	if statements.kind == list {
		items = statements.items
	}
	if statements.why != "" {
		r.Complete = stack.Unknown[bool](statements.why)
	}
	for _, s := range items {
		if s.kind != object {
			r.Complete = stack.Unknown[bool](orElse(s.reason(), a.path+".policy"))
			continue
		}
		r.Statements = append(r.Statements, b.statement(s, a.origin(), why))
	}
}

func (b *builder) statement(s value, origin stack.Origin, why string) stack.Statement {
	effect, _ := s.get("Effect").scalar()
	return stack.Statement{
		Allow:       strings.EqualFold(effect, "Allow"),
		Actions:     b.words(s.get("Action")),
		NotActions:  b.words(s.get("NotAction")),
		Resources:   b.arns(s.get("Resource")),
		Conditional: why != "" || s.get("Condition").kind != null,
		Origin:      origin,
	}
}

// arns returns resources of a statement: of declared ones their ID.
func (b *builder) arns(v value) []stack.Value[string] {
	items := []value{v}
	switch v.kind {
	case null:
		return nil
	case list:
		items = v.items
	}
	var out []stack.Value[string]
	for _, item := range items {
		if p, ok := computedPath(item); ok && isName(p.Attribute) {
			out = append(out, stack.Known(p.Resource))
			continue
		}
		out = append(out, b.asText(item).Resolve(nil))
	}
	return out
}

// policyDocument works out the JSON of aws_iam_policy_document, which the
// provider makes without asking AWS.
func policyDocument(i *instance) value {
	if i.plan != nil {
		if s, ok := i.arg("json").scalar(); ok && s != "" {
			return literal(s)
		}
	}
	for _, name := range []string{"source_policy_documents", "override_policy_documents", "source_json", "override_json"} {
		v := i.arg(name)
		if _, computed := computedPath(v); v.kind != null && !computed && !(v.kind == list && len(v.items) == 0) {
			return unknownValue(i.address + "." + name)
		}
	}
	all := i.arg("statement")
	if all.kind == unknown {
		return all
	}
	statements := value{kind: list, why: all.why}
	for _, s := range all.items {
		if s.kind != object {
			statements.items = append(statements.items, s)
			continue
		}
		out := value{kind: object}
		effect := s.get("effect")
		if effect.kind == null {
			effect = literal("Allow")
		}
		out.set("Effect", effect)
		for from, to := range map[string]string{"actions": "Action", "not_actions": "NotAction", "resources": "Resource"} {
			if v := s.get(from); v.kind != null {
				out.set(to, v)
			}
		}
		if c := s.get("condition"); len(c.items) > 0 {
			out.set("Condition", value{kind: object})
		}
		statements.items = append(statements.items, out)
	}
	doc := value{kind: object}
	doc.set("Statement", statements)
	v := unknownValue(i.address + ".json")
	v.from = &doc
	return v
}
