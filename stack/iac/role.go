package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// readRole reads a role with its inline policies.
func (b *builder) readRole(res stack.Resource, p props) *stack.Role {
	r := &stack.Role{Resource: res, Name: p.name("RoleName")}
	for _, arn := range p.ids("ManagedPolicyArns") {
		b.attachManaged(r, arn)
	}
	for _, policy := range p.list("Policies") {
		b.addPolicy(r, policy, "PolicyDocument", "")
	}
	return r
}

// attachManaged adds a managed policy: its statements if the template declares
// it, else its ARN.
func (b *builder) attachManaged(r *stack.Role, arn stack.Value[string]) {
	if declared := b.resources[arn.Or("")]; declared != nil && declared.typ == "AWS::IAM::ManagedPolicy" {
		b.addPolicy(r, b.props(declared), "PolicyDocument", b.exists(declared).why)
		return
	}
	if !arn.IsKnown() {
		r.Complete = stack.Unknown[bool](arn.Why())
	}
	r.Managed = append(r.Managed, arn)
}

// addPolicy adds the statements of a policy document.
func (b *builder) addPolicy(r *stack.Role, p props, key, why string) {
	doc, ok := p.sub(key)
	if !ok {
		return
	}
	if doc.value.kind == unknown {
		r.Complete = stack.Unknown[bool](doc.value.why)
		return
	}
	for _, s := range doc.list("Statement") {
		if s.value.kind == unknown {
			r.Complete = stack.Unknown[bool](s.value.why)
			continue
		}
		r.Statements = append(r.Statements, stack.Statement{
			Allow:       strings.EqualFold(s.str("Effect", "").Or(""), "Allow"),
			Actions:     s.words("Action"),
			NotActions:  s.words("NotAction"),
			Resources:   s.arns("Resource"),
			Conditional: why != "" || s.has("Condition"),
			Origin:      s.origin(),
		})
	}
}

// words returns a list of strings, or a list of one for a string.
func (p props) words(key string) []stack.Value[string] {
	v := p.get(key)
	items := []value{v}
	switch v.kind {
	case absent:
		return nil
	case sequence:
		items = v.items
	}
	var out []stack.Value[string]
	for _, item := range items {
		out = append(out, p.asText(key, item).Resolve(nil))
	}
	return out
}

// arns returns the resources of a statement: of declared ones their logical id.
func (p props) arns(key string) []stack.Value[string] {
	v := p.get(key)
	items := []value{v}
	switch v.kind {
	case absent:
		return nil
	case sequence:
		items = v.items
	}
	var out []stack.Value[string]
	for _, item := range items {
		t := p.asText(key, item)
		if len(t) == 1 && t[0].Resource != "" && (t[0].Attribute == "Arn" || t[0].Attribute == "") {
			out = append(out, stack.Known(t[0].Resource))
			continue
		}
		out = append(out, t.Resolve(nil))
	}
	return out
}

// roleID returns the role that a property names by its ARN or its name.
func (p props) roleID(key string) stack.Value[string] {
	t := p.text(key)
	if len(t) == 1 && t[0].Resource != "" && p.t.typeOf(t[0].Resource) == typeRole {
		return stack.Known(t[0].Resource)
	}
	return t.Resolve(nil)
}

// rolePolicy adds a policy that is a resource of its own to the roles that it
// names, and reports whether one is in the stack.
func (b *builder) rolePolicy(p props, why string) bool {
	named := p.ids("Roles")
	if p.has("RoleName") {
		named = append(named, p.id("RoleName"))
	}
	found := false
	for _, id := range named {
		for _, r := range b.out.Roles {
			name, known := r.Name.Get()
			if id.IsKnown() && (r.ID == id.Or("") || known && name == id.Or("")) {
				found = true
				given := &stack.Role{}
				b.addPolicy(given, p, "PolicyDocument", why)
				r.Give(p.path, given)
			}
		}
	}
	return found
}

// Managed policies that SAM attaches to the role that it makes for a function.
// Source: the "Role" and "Policies" properties of AWS::Serverless::Function in
// the SAM developer guide.
const (
	basicPolicy = "AWSLambdaBasicExecutionRole"
	vpcPolicy   = "AWSLambdaVPCAccessExecutionRole"
	xrayPolicy  = "AWSXRayDaemonWriteAccess"
)

// samRole returns the role of a function, which SAM makes unless the template
// names one.
func (b *builder) samRole(f *stack.Function, p props) stack.Value[string] {
	if p.has("Role") {
		return p.roleID("Role")
	}
	res := f.Resource
	res.ID, res.Type, res.Ignored = f.ID+"Role", typeRole, nil
	res.Origin.Address = res.ID
	r := &stack.Role{Resource: res, Name: stack.Unknown[string]("the name that CloudFormation generates")}
	attached := []string{basicPolicy}
	if f.VPC != nil {
		attached = append(attached, vpcPolicy)
	}
	if p.str("Tracing", "").Or("") == "Active" {
		attached = append(attached, xrayPolicy)
	}
	for _, name := range attached {
		r.Managed = append(r.Managed, stack.Known(b.managedARN(name)))
	}
	b.samPolicies(r, p)
	b.out.Roles = append(b.out.Roles, r)
	return stack.Known(r.ID)
}

// managedARN returns the ARN of a managed policy of AWS that is named without
// it, as SAM lets one do.
func (b *builder) managedARN(name string) string {
	partition, _ := b.pseudo("AWS::Partition")
	p, _ := partition.known()
	if strings.HasPrefix(name, "AWSLambda") && strings.HasSuffix(name, "Role") {
		name = "service-role/" + name
	}
	return "arn:" + p + ":iam::aws:policy/" + name
}

// samPolicies reads Policies: names or ARNs of managed policies, policy
// documents, and SAM's policy templates.
func (b *builder) samPolicies(r *stack.Role, p props) {
	v := p.get("Policies")
	items := []value{v}
	switch v.kind {
	case absent:
		return
	case sequence:
		items = v.items
	}
	for _, item := range items {
		one := props{t: p.t, path: p.path + ".Policies", value: value{kind: object, fields: map[string]value{"Policy": item}}, at: item.at}
		switch {
		case item.kind == unknown:
			r.Complete = stack.Unknown[bool](item.why)
		case item.kind == text:
			id := one.id("Policy")
			if name := id.Or(""); name != "" && !strings.HasPrefix(name, "arn:") && b.resources[name] == nil {
				id = stack.Known(b.managedARN(name))
			}
			b.attachManaged(r, id)
		case item.fields["Statement"].kind != absent:
			b.addPolicy(r, one, "Policy", "")
		default:
			for _, name := range item.keys {
				b.policyTemplate(r, name, one.origin())
			}
		}
	}
}

// policyTemplate adds what one of SAM's policy templates allows. Each template
// is about one service, which its name begins with; of its actions only the
// service is kept.
func (b *builder) policyTemplate(r *stack.Role, name string, origin stack.Origin) {
	services := [][2]string{
		{"DynamoDB", "dynamodb"}, {"S3", "s3"}, {"SQS", "sqs"}, {"SNS", "sns"}, {"SSM", "ssm"}, {"AWSSecretsManager", "secretsmanager"},
		{"KMS", "kms"}, {"Kinesis", "kinesis"}, {"Firehose", "firehose"}, {"Lambda", "lambda"}, {"StepFunctions", "states"},
		{"EventBridge", "events"}, {"CloudWatch", "cloudwatch"}, {"SES", "ses"}, {"Athena", "athena"}, {"Comprehend", "comprehend"},
		{"Rekognition", "rekognition"}, {"Textract", "textract"}, {"Elasticsearch", "es"}, {"VPCAccess", "ec2"}, {"Codepipeline", "codepipeline"},
	}
	for _, s := range services {
		if strings.HasPrefix(name, s[0]) {
			r.Statements = append(r.Statements, stack.Statement{Allow: true, Actions: []stack.Value[string]{stack.Known(s[1] + ":*")},
				Resources: []stack.Value[string]{stack.Unknown[string]("SAM policy template " + name)}, Origin: origin})
			return
		}
	}
	r.Complete = stack.Unknown[bool]("SAM policy template " + name)
}
