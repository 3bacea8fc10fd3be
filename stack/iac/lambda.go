package iac

import (
	"github.com/thawdev/thaw/stack"
)

// lambdaFunction reads AWS::Lambda::Function.
func (b *builder) lambdaFunction(res stack.Resource, r *resource, p props) *stack.Function {
	f := b.function(res, p)
	f.Code, f.InlineCode = b.lambdaCode(r, p)
	f.Role = p.roleID("Role")
	return f
}

// lambdaCode finds the code of a function. A template that was not packaged
// yet holds a local path in its place, and one that the CDK wrote names the
// local path in its metadata.
func (b *builder) lambdaCode(r *resource, p props) (path, inline stack.Value[string]) {
	if asset := r.metadata.get("aws:asset:path"); asset != nil && asset.kind == scalar {
		return b.codePath(stack.Known(asset.text)), inline
	}
	switch v := p.get("Code"); v.kind {
	case absent:
		return stack.Unknown[string]("the template names no code"), inline
	case text:
		return b.codePath(p.str("Code", "")), inline
	case sequence:
		p.errorf("Code", "must be a mapping, or a local path")
		return stack.Unknown[string]("Code is not valid"), inline
	}
	code, _ := p.sub("Code")
	switch {
	case code.value.kind == unknown:
		return stack.Unknown[string](code.value.why), inline
	case code.has("ZipFile"):
		return stack.Unknown[string]("the code is written into the template (ZipFile)"), code.str("ZipFile", "")
	case code.has("ImageUri"):
		return inImage(code.str("ImageUri", "")), inline
	case code.has("S3Bucket"), code.has("S3Key"):
		return inBucket(code.str("S3Bucket", ""), code.str("S3Key", "")), inline
	}
	return stack.Unknown[string]("the template names no code"), inline
}

// functionNamed returns the function that a property names: by reference, by
// its ARN, by its name, or through a version or an alias of it. It returns nil
// if the function is not in the stack.
func (b *builder) functionNamed(t stack.Text) *stack.Function {
	for range maxDepth { // alias → version → function; bounded against circles
		ids := t.References()
		if len(ids) == 0 {
			name, ok := t.Resolve(nil).Get()
			if !ok {
				return nil
			}
			return b.out.Function(name)
		}
		r := b.resources[ids[0]]
		if r == nil || r.typ != typeAlias && r.typ != typeVersion {
			return b.out.Function(ids[0])
		}
		next, ok := b.eval(r.properties.get("FunctionName")).asText()
		if !ok {
			return nil
		}
		t = next
	}
	return nil
}

// alias reads the provisioned concurrency of AWS::Lambda::Alias and Version. A
// function holds one; another alias with provisioned concurrency is kept aside.
func (b *builder) alias(r *resource, p props, why string) bool {
	f := b.functionNamed(p.text("FunctionName"))
	if f == nil {
		return false
	}
	config, ok := p.sub("ProvisionedConcurrencyConfig")
	if !ok {
		return true
	}
	if f.Provisioned != stack.Known(0) {
		return false
	}
	f.Provisioned = hedge(provisioned(config), why)
	f.Alias = stack.Known(r.id)
	if r.typ == typeAlias {
		f.Alias = p.str("Name", "")
	}
	return true
}

func provisioned(config props) stack.Value[int] {
	const key = "ProvisionedConcurrentExecutions"
	n := config.integer(key, 0)
	if n.IsKnown() && n.Or(0) < 1 {
		config.errorf(key, "must be 1 or more; leave ProvisionedConcurrencyConfig out for none")
	}
	return n
}
