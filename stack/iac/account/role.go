package account

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// roles reads the policies of the roles that functions run under.
func (b *builder) roles() {
	p := b.policies()
	seen := once{}
	for _, f := range b.out.Functions {
		arn := f.Role.Or("")
		if arn == "" || !seen.first(arn) {
			continue
		}
		name := arn[strings.LastIndexByte(arn, '/')+1:]
		role := &stack.Role{Resource: resource(arn, typeRole, arn, f.Origin), Name: stack.Known(name), Complete: stack.Known(true)}
		b.attach(role, name, p)
		b.out.Roles = append(b.out.Roles, role)
	}
}

// policies is what was read of IAM.
type policies struct {
	attached  map[string]at[attachedPolicies]
	inline    map[string]at[inlineNames]
	documents map[string]map[string]at[rolePolicy] // role → policy
	managed   map[string]at[json.RawMessage]       // ARN of a customer managed policy → document
}

func (b *builder) policies() policies {
	p := policies{map[string]at[attachedPolicies]{}, map[string]at[inlineNames]{}, map[string]map[string]at[rolePolicy]{}, map[string]at[json.RawMessage]{}}
	var names []string
	for _, f := range b.in.functions {
		names = append(names, f.v.Role[strings.LastIndexByte(f.v.Role, '/')+1:])
	}
	whose := func(name, file string) string {
		if name == "" {
			return named(file, names)
		}
		return name
	}
	for _, it := range b.in.attached {
		p.attached[whose(it.v.RoleName, it.origin.File)] = it
	}
	for _, it := range b.in.inline {
		p.inline[whose(it.v.RoleName, it.origin.File)] = it
	}
	for _, it := range b.in.documents {
		p.document(it)
	}
	for _, it := range b.in.versions {
		p.managed[it.v.PolicyArn] = at[json.RawMessage]{it.v.PolicyVersion.Document, it.origin}
	}
	for _, it := range b.in.roleDetails {
		p.attached[it.v.RoleName] = at[attachedPolicies]{attachedPolicies{it.v.RoleName, it.v.AttachedManagedPolicies}, it.origin}
		inline := inlineNames{RoleName: it.v.RoleName}
		for _, doc := range it.v.RolePolicyList {
			inline.PolicyNames = append(inline.PolicyNames, doc.PolicyName)
			doc.RoleName = it.v.RoleName
			p.document(at[rolePolicy]{doc, it.origin})
		}
		p.inline[it.v.RoleName] = at[inlineNames]{inline, it.origin}
	}
	for _, it := range b.in.policyDetails {
		for _, v := range it.v.PolicyVersionList {
			if v.IsDefaultVersion {
				p.managed[it.v.Arn] = at[json.RawMessage]{v.Document, it.origin}
			}
		}
	}
	return p
}

func (p policies) document(it at[rolePolicy]) {
	if p.documents[it.v.RoleName] == nil {
		p.documents[it.v.RoleName] = map[string]at[rolePolicy]{}
	}
	p.documents[it.v.RoleName][it.v.PolicyName] = it
}

// attach adds the policies of a role, and says if some could not be seen.
func (b *builder) attach(role *stack.Role, name string, p policies) {
	incomplete := func(call, of string) {
		if role.Complete.IsKnown() {
			role.Complete = stack.Unknown[bool](b.unread(call, of))
		}
	}
	attached, ok := p.attached[name]
	if !ok {
		incomplete("iam:ListAttachedRolePolicies", name)
	} else {
		role.Origin.File, role.Origin.Line = attached.origin.File, attached.origin.Line
	}
	for _, a := range attached.v.AttachedPolicies {
		role.Managed = append(role.Managed, stack.Known(a.PolicyArn))
		doc, ok := p.managed[a.PolicyArn]
		switch {
		case ok && addStatements(role, doc):
		case strings.Contains(a.PolicyArn, ":iam::aws:"): // AWS's own, known by its ARN
		default:
			incomplete("iam:GetPolicyVersion", a.PolicyArn)
		}
	}
	inline, ok := p.inline[name]
	if !ok {
		incomplete("iam:ListRolePolicies", name)
	}
	for _, policy := range inline.v.PolicyNames {
		doc, ok := p.documents[name][policy]
		if !ok || !addStatements(role, at[json.RawMessage]{doc.v.PolicyDocument, doc.origin}) {
			incomplete("iam:GetRolePolicy", policy+" of "+name)
		}
	}
}

// addStatements adds the statements of a policy document, and reports whether
// the document could be read. The AWS CLI prints it as JSON, the API and some
// other tools as a string with %-escapes.
func addStatements(role *stack.Role, doc at[json.RawMessage]) bool {
	data := []byte(doc.v)
	var escaped string
	if json.Unmarshal(data, &escaped) == nil {
		text, err := url.PathUnescape(escaped)
		if err != nil {
			return false
		}
		data = []byte(text)
	}
	var policy struct{ Statement oneOrMany[statement] }
	if json.Unmarshal(data, &policy) != nil || len(policy.Statement) == 0 {
		return false
	}
	for _, s := range policy.Statement {
		role.Statements = append(role.Statements, stack.Statement{
			Allow: s.Effect == "Allow", Actions: knowns(s.Action), NotActions: knowns(s.NotAction), Resources: knowns(s.Resource),
			// What a statement leaves out cannot be told from a resource alone.
			Conditional: len(s.Condition) > 0 || len(s.NotResource) > 0,
			Origin:      stack.Origin{File: doc.origin.File, Line: doc.origin.Line, Address: role.ID},
		})
	}
	return true
}

type statement struct {
	Effect      string
	Action      oneOrMany[string]
	NotAction   oneOrMany[string]
	Resource    oneOrMany[string]
	NotResource oneOrMany[string]
	Condition   map[string]json.RawMessage
}

// oneOrMany is what IAM writes as one value or as a list.
type oneOrMany[T any] []T

func (o *oneOrMany[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(o))
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*o = oneOrMany[T]{one}
	return nil
}
