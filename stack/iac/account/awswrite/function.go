package awswrite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (w *writer) functions() {
	for _, f := range w.s.Functions {
		w.names[f.ID] = name(f.Name, f.ID)
	}
	attached := map[string]bool{}
	for _, f := range w.s.Functions {
		id := w.names[f.ID]
		arn := w.arn("lambda", "function:"+id)
		it := item{
			"FunctionName": id, "FunctionArn": arn, "Version": "$LATEST", "Role": w.role(f),
			"MemorySize": f.MemoryMB.Or(128), "Timeout": f.Timeout.Or(3), "Architectures": []string{f.Architecture.Or("x86_64")},
			"PackageType": "Zip",
		}
		if r := f.Runtime.Or("provided.al2023"); r != "" {
			it["Runtime"], it["Handler"] = r, f.Handler.Or("")
		} else {
			it["PackageType"] = "Image"
		}
		if env := w.environment(f); len(env) > 0 {
			it["Environment"] = item{"Variables": env}
		}
		if f.VPC != nil {
			it["VpcConfig"] = w.vpcConfig(f, attached)
		}
		if n := f.PerEnvironment.Or(1); n != 1 {
			it["CapacityProviderConfig"] = item{"LambdaManagedInstancesCapacityProviderConfig": item{"PerExecutionEnvironmentMaxConcurrency": n}}
		}
		w.add("lambda:ListFunctions", it)
		w.concurrency(f, id, arn)
	}
}

func (w *writer) environment(f *stack.Function) map[string]string {
	env := map[string]string{}
	for variable, text := range f.Environment {
		env[variable] = w.text(variable, text)
	}
	return env
}

// vpcConfig writes where a function is attached, and the network interfaces
// that functions of the same subnets and groups share.
func (w *writer) vpcConfig(f *stack.Function, attached map[string]bool) item {
	subnets, groups := w.ids("subnet", f.VPC.Subnets), w.ids("sg", f.VPC.SecurityGroups)
	slices.Sort(groups)
	for _, subnet := range subnets {
		key := subnet + " " + strings.Join(groups, " ")
		if attached[key] {
			continue
		}
		attached[key] = true
		w.eni(subnet, groups, item{"Description": "AWS Lambda VPC ENI-" + w.names[f.ID], "InterfaceType": "lambda",
			"RequesterManaged": true, "AvailabilityZone": w.zoneOf(subnet)}, key)
	}
	return item{"SubnetIds": subnets, "SecurityGroupIds": w.ids("sg", f.VPC.SecurityGroups), "VpcId": w.vpcOf(f.VPC.Subnets),
		"Ipv6AllowedForDualStack": f.VPC.DualStack.Or(false)}
}

func (w *writer) concurrency(f *stack.Function, id, arn string) {
	reserved := item{"FunctionName": id}
	if f.Reserved != nil {
		reserved["ReservedConcurrentExecutions"] = f.Reserved.Or(0)
	}
	w.add("lambda:GetFunctionConcurrency", reserved)
	provisioned := item{"FunctionName": id, "ProvisionedConcurrencyConfigs": []item{}}
	if n := f.Provisioned.Or(0); n > 0 {
		alias := f.Alias.Or("")
		if alias == "" {
			alias = "live"
		}
		provisioned["ProvisionedConcurrencyConfigs"] = []item{{"FunctionArn": arn + ":" + alias,
			"RequestedProvisionedConcurrentExecutions": n, "AllocatedProvisionedConcurrentExecutions": n, "Status": "READY"}}
	}
	w.add("lambda:ListProvisionedConcurrencyConfigs", provisioned)
}

// role returns the ARN of a function's role. Where the language of the stack
// makes the role by itself, nothing is written of its policies.
func (w *writer) role(f *stack.Function) string {
	id, ok := f.Role.Get()
	switch {
	case ok && strings.HasPrefix(id, "arn:"):
		return id
	case ok && id != "":
		for _, r := range w.s.Roles {
			if r.ID == id {
				return w.roleARN(name(r.Name, r.ID))
			}
		}
		return w.roleARN(name(stack.Known(""), id))
	}
	return w.roleARN(w.names[f.ID] + "-role")
}

func (w *writer) roleARN(name string) string {
	return fmt.Sprintf("arn:aws:iam::%s:role/%s", w.account, name)
}

// roles writes the policies of the roles that functions use. A role whose
// policies the stack does not know in full is left to be unknown.
func (w *writer) roles() {
	for _, r := range w.s.Roles {
		id := name(r.Name, r.ID)
		if strings.HasPrefix(r.ID, "arn:") {
			id = r.ID[strings.LastIndexByte(r.ID, '/')+1:]
		}
		attached := []item{}
		for _, arn := range values(r.Managed) {
			attached = append(attached, item{"PolicyArn": arn, "PolicyName": arn[strings.LastIndexByte(arn, '/')+1:]})
		}
		w.add("iam:ListAttachedRolePolicies", item{"RoleName": id, "AttachedPolicies": attached})
		if !r.Complete.IsKnown() {
			w.add("iam:ListRolePolicies", item{"RoleName": id, "PolicyNames": []string{"inline", "unseen"}})
		} else if len(r.Statements) > 0 {
			w.add("iam:ListRolePolicies", item{"RoleName": id, "PolicyNames": []string{"inline"}})
		} else {
			w.add("iam:ListRolePolicies", item{"RoleName": id, "PolicyNames": []string{}})
		}
		if len(r.Statements) > 0 {
			w.add("iam:GetRolePolicy", item{"RoleName": id, "PolicyName": "inline", "PolicyDocument": policy(r.Statements)})
		}
	}
}

func policy(statements []stack.Statement) item {
	all := []item{}
	for _, s := range statements {
		it := item{"Effect": "Deny", "Resource": values(s.Resources)}
		if s.Allow {
			it["Effect"] = "Allow"
		}
		if len(s.NotActions) > 0 {
			it["NotAction"] = values(s.NotActions)
		} else {
			it["Action"] = values(s.Actions)
		}
		if s.Conditional {
			it["Condition"] = item{"StringEquals": item{"aws:PrincipalTag/thaw": "unknown"}}
		}
		all = append(all, it)
	}
	return item{"Version": "2012-10-17", "Statement": all}
}
