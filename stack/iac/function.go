package iac

import (
	"fmt"
	"path/filepath"

	"github.com/thawdev/thaw/stack"
)

// Limits of Lambda. Source: "Lambda quotas" in the AWS Lambda developer guide.
const (
	minMemory        = 128    // MB
	maxMemory        = 10_240 // MB
	maxManagedMemory = 32_768 // MB, on Lambda Managed Instances
	maxTimeout       = 900    // seconds
)

// function reads the properties that AWS::Lambda::Function and
// AWS::Serverless::Function share.
func (b *builder) function(res stack.Resource, p props) *stack.Function {
	f := &stack.Function{
		Resource:       res,
		Name:           p.name("FunctionName"),
		Runtime:        p.str("Runtime", ""),
		Handler:        p.str("Handler", ""),
		Architecture:   architecture(p),
		MemoryMB:       p.integer("MemorySize", 128),
		Timeout:        p.integer("Timeout", 3),
		Environment:    environment(p),
		VPC:            vpcConfig(p),
		PerEnvironment: perEnvironment(p),
	}
	if p.has("ReservedConcurrentExecutions") {
		reserved := p.integer("ReservedConcurrentExecutions", 0)
		f.Reserved = &reserved
	}
	checkFunction(f, p)
	return f
}

// checkFunction reports settings that no function can have. Too many subnets or
// security groups are left to the checker, which has a rule for that.
func checkFunction(f *stack.Function, p props) {
	most := maxMemory
	if p.has("CapacityProviderConfig") {
		most = maxManagedMemory
	}
	if mb, ok := f.MemoryMB.Get(); ok && (mb < minMemory || mb > most) {
		p.errorf("MemorySize", "%d MB is out of Lambda's range of %d to %d", mb, minMemory, most)
	}
	if s, ok := f.Timeout.Get(); ok && (s < 1 || s > maxTimeout) {
		p.errorf("Timeout", "%d s is out of Lambda's range of 1 to %d", s, maxTimeout)
	}
	if f.Reserved != nil && f.Reserved.Or(0) < 0 {
		p.errorf("ReservedConcurrentExecutions", "must not be negative")
	}
}

func architecture(p props) stack.Value[string] {
	v := p.get("Architectures")
	switch v.kind {
	case absent:
		return stack.Known("x86_64")
	case unknown:
		return stack.Unknown[string](v.why)
	case sequence:
		if len(v.items) == 1 {
			return p.asText("Architectures", v.items[0]).Resolve(nil)
		}
	}
	p.errorf("Architectures", "must be a list of one: x86_64 or arm64")
	return stack.Known("x86_64")
}

// environment reads the variables. Under an Fn::If that is not decided, the
// variables of both branches are there and unknown.
func environment(p props) map[string]stack.Text {
	config, ok := p.sub("Environment")
	if !ok {
		return nil
	}
	v := config.get("Variables")
	if config.value.kind == unknown {
		v = config.value
	}
	env := map[string]stack.Text{}
	config.variables(v, env)
	if len(env) == 0 {
		return nil
	}
	return env
}

func (p props) variables(v value, env map[string]stack.Text) {
	switch v.kind {
	case absent:
	case object:
		vars := props{t: p.t, path: p.path + ".Variables", value: v, at: v.at}
		for _, name := range v.keys {
			env[name] = vars.text(name)
		}
	case unknown:
		if len(v.either) == 0 {
			p.t.report.add(v.at, p.path, "the variables depend on %s; thaw must know their names, so pass it with --parameter or write them out", v.why)
		}
		for _, branch := range v.either {
			if inner, ok := branch.fields["Variables"]; ok && branch.kind == object {
				branch = inner
			}
			branchEnv := map[string]stack.Text{}
			p.variables(branch, branchEnv)
			for name := range branchEnv {
				env[name] = stack.Text{{Unknown: v.why}}
			}
		}
	default:
		p.t.report.add(v.at, p.path+".Variables", "must be a mapping of names and values")
	}
}

// vpcConfig returns nil for a function outside a VPC, which Lambda also takes
// two empty lists for.
func vpcConfig(p props) *stack.VPCConfig {
	config, ok := p.sub("VpcConfig")
	if !ok {
		return nil
	}
	v := &stack.VPCConfig{Subnets: config.ids("SubnetIds"), SecurityGroups: config.ids("SecurityGroupIds"),
		DualStack: config.boolean("Ipv6AllowedForDualStack", false), Origin: config.origin()}
	if len(v.Subnets) == 0 && len(v.SecurityGroups) == 0 {
		return nil
	}
	return v
}

// perEnvironment is one invocation at a time, except on Lambda Managed
// Instances. SAM writes the setting flat, CloudFormation one level deeper.
func perEnvironment(p props) stack.Value[int] {
	config, ok := p.sub("CapacityProviderConfig")
	if !ok {
		return stack.Known(1)
	}
	if inner, ok := config.sub("LambdaManagedInstancesCapacityProviderConfig"); ok {
		config = inner
	}
	const key = "PerExecutionEnvironmentMaxConcurrency"
	if !config.has(key) {
		return stack.Unknown[int](key + ", which the template leaves to Lambda Managed Instances")
	}
	n := config.integer(key, 1)
	if n.Or(1) < 1 {
		config.errorf(key, "must be 1 or more")
	}
	return n
}

// codePath makes a local path of the template absolute.
func (b *builder) codePath(v stack.Value[string]) stack.Value[string] {
	path, ok := v.Get()
	if !ok || filepath.IsAbs(path) {
		return v
	}
	return stack.Known(filepath.Join(b.dir, filepath.FromSlash(path)))
}

// inBucket says why code in S3 is not there.
func inBucket(bucket, key stack.Value[string]) stack.Value[string] {
	return stack.Unknown[string](fmt.Sprintf("the code is in S3 at s3://%s/%s; give the template as it is before packaging",
		bucket.Or("…"), key.Or("…")))
}

// inImage says why code in a container image is not there.
func inImage(uri stack.Value[string]) stack.Value[string] {
	return stack.Unknown[string]("the code is in container image " + uri.Or("…"))
}
