package account

import (
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/redact"
)

const (
	getConcurrency  = "lambda:GetFunctionConcurrency"
	listProvisioned = "lambda:ListProvisionedConcurrencyConfigs"
)

func (b *builder) functions() {
	names := make([]string, 0, len(b.in.functions))
	for _, it := range b.in.functions {
		names = append(names, it.v.FunctionName)
	}
	reserved, provisioned := b.concurrency(names)
	keep := map[string]bool{}
	for host := range b.hosts {
		keep[host] = true
	}
	seen := once{}
	for _, it := range b.in.functions {
		f := it.v
		if !seen.first(f.FunctionName) {
			continue
		}
		out := &stack.Function{
			Resource:       resource(f.FunctionName, typeFunction, f.FunctionArn, it.origin),
			Name:           stack.Known(f.FunctionName),
			Runtime:        stack.Known(f.Runtime),
			Handler:        stack.Known(f.Handler),
			Code:           stack.Unknown[string]("the code is in the account"),
			Architecture:   stack.Known("x86_64"), // what AWS runs if it prints none
			MemoryMB:       orUnknown(f.MemorySize, "MemorySize of "+f.FunctionName),
			Timeout:        orUnknown(f.Timeout, "Timeout of "+f.FunctionName),
			Role:           stack.Known(f.Role),
			PerEnvironment: perEnvironment(f),
		}
		if len(f.Architectures) > 0 {
			out.Architecture = stack.Known(f.Architectures[0])
		}
		if c := f.VpcConfig; c != nil && len(c.SubnetIDs)+len(c.SecurityGroupIDs) > 0 {
			out.VPC = &stack.VPCConfig{Subnets: knowns(c.SubnetIDs), SecurityGroups: knowns(c.SecurityGroupIDs), Origin: out.Origin}
			if c.Ipv6AllowedForDualStack != nil {
				out.VPC.DualStack = stack.Known(*c.Ipv6AllowedForDualStack)
			}
		}
		b.environment(out, f, keep)
		b.setConcurrency(out, reserved, provisioned)
		b.out.Functions = append(b.out.Functions, out)
	}
}

// perEnvironment is 1, except on Lambda Managed Instances.
func perEnvironment(f function) stack.Value[int] {
	if f.CapacityProviderConfig == nil {
		return stack.Known(1)
	}
	const key = "PerExecutionEnvironmentMaxConcurrency"
	c := f.CapacityProviderConfig.LambdaManagedInstancesCapacityProviderConfig
	if c == nil {
		return stack.Unknown[int](key + " of " + f.FunctionName)
	}
	return orUnknown(c.PerExecutionEnvironmentMaxConcurrency, key+" of "+f.FunctionName)
}

// concurrency maps function names to what was read of them.
func (b *builder) concurrency(names []string) (map[string]functionConcurrency, map[string]provisionedConfigs) {
	reserved, provisioned := map[string]functionConcurrency{}, map[string]provisionedConfigs{}
	for _, it := range b.in.reserved {
		name := it.v.FunctionName
		if name == "" {
			name = named(it.origin.File, names)
		}
		reserved[name] = it.v
	}
	for _, it := range b.in.provisioned {
		name := it.v.FunctionName
		if name == "" && len(it.v.ProvisionedConcurrencyConfigs) > 0 {
			name, _ = qualified(it.v.ProvisionedConcurrencyConfigs[0].FunctionArn)
		}
		if name == "" {
			name = named(it.origin.File, names)
		}
		provisioned[name] = it.v
	}
	return reserved, provisioned
}

func (b *builder) setConcurrency(f *stack.Function, reserved map[string]functionConcurrency, provisioned map[string]provisionedConfigs) {
	switch c, ok := reserved[f.ID]; {
	case !ok:
		why := stack.Unknown[int](b.unread(getConcurrency, f.ID))
		f.Reserved = &why
	case c.ReservedConcurrentExecutions != nil:
		n := stack.Known(*c.ReservedConcurrentExecutions)
		f.Reserved = &n
	}
	configs, ok := provisioned[f.ID]
	if !ok {
		f.Provisioned = stack.Unknown[int](b.unread(listProvisioned, f.ID))
		f.Alias = stack.Unknown[string](f.Provisioned.Why())
		return
	}
	// A function of the model has one alias; the largest one counts.
	for _, c := range configs.ProvisionedConcurrencyConfigs {
		if n := c.RequestedProvisionedConcurrentExecutions; n > f.Provisioned.Or(0) {
			_, alias := qualified(c.FunctionArn)
			f.Provisioned, f.Alias = stack.Known(n), stack.Known(alias)
		}
	}
}

// qualified splits an ARN that ends in function:name:qualifier.
func qualified(arn string) (name, qualifier string) {
	parts := strings.Split(arn, ":")
	if len(parts) < 8 {
		return "", ""
	}
	return parts[6], parts[7]
}

// environment reads the variables of a function. They are redacted again,
// because what the AWS CLI prints was not.
func (b *builder) environment(out *stack.Function, f function, keep map[string]bool) {
	if f.Environment == nil {
		return
	}
	if e := f.Environment.Error; e != nil {
		b.gap("the environment of "+f.FunctionName, "Lambda could not read it: "+e.ErrorCode, "")
	}
	if len(f.Environment.Variables) == 0 {
		return
	}
	out.Environment = make(map[string]stack.Text, len(f.Environment.Variables))
	for name, value := range f.Environment.Variables {
		out.Environment[name] = b.text(name, redact.Variable(name, value, keep))
	}
}

// text splits a redacted value into references to caches, secrets and literals.
func (b *builder) text(name, s string) stack.Text {
	if s == redact.Mark {
		return stack.Text{{Unknown: "the value of " + name + ", which is left out because it may be a secret"}}
	}
	var out stack.Text
	literal := func(s string) {
		if n := len(out); n > 0 && out[n-1].Literal != "" && !out[n-1].Secret {
			out[n-1].Literal += s
		} else if s != "" {
			out = append(out, stack.Part{Literal: s})
		}
	}
	for s != "" {
		if rest, ok := strings.CutPrefix(s, redact.Mark); ok {
			out = append(out, left(out, rest, name))
			s = rest
			continue
		}
		n := wordEnd(s)
		if n == 0 {
			literal(s[:1])
			s = s[1:]
			continue
		}
		if r, ok := b.hosts[strings.ToLower(s[:n])]; ok {
			out = append(out, stack.Part{Resource: r.resource, Attribute: r.attribute})
		} else {
			literal(s[:n])
		}
		s = s[n:]
	}
	return out
}

// left stands for what was left out: credentials of a URL or a password of a
// connection string, which are there and secret, or something else.
func left(before stack.Text, after, name string) stack.Part {
	credentials := strings.HasPrefix(after, "@") || strings.HasPrefix(after, ":")
	if n := len(before); n > 0 && strings.HasSuffix(before[n-1].Literal, "=") {
		credentials = true
	}
	if credentials {
		return stack.Part{Literal: redact.Mark, Secret: true}
	}
	return stack.Part{Unknown: "a part of " + name + ", which is left out because it may be a secret"}
}

// wordEnd returns how many bytes at the beginning of s could be a host name.
func wordEnd(s string) int {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			continue
		}
		return i
	}
	return len(s)
}
