package iac

import (
	"path/filepath"
	"strings"
)

// What to do about each kind of project that is not a CloudFormation template.
const (
	terraformAdvice  = "this is a file of Terraform that cannot be read alone; give the folder of its .tf files, or the output of terraform show -json"
	cdkAdvice        = "this is a CDK app, not a template; run `cdk synth` first and give cdk.out/<stack>.template.json"
	serverlessAdvice = "this is a Serverless Framework file; run `serverless package` first and give .serverless/cloudformation-template-update-stack.json"
)

// foreignName recognizes files that are not templates by their name.
func foreignName(name string) string {
	base := strings.ToLower(filepath.Base(name))
	switch {
	case hasExtension(base, ".tf", ".tf.json", ".tfvars", ".tfstate", ".tfplan", ".hcl"):
		return terraformAdvice
	case base == "cdk.json":
		return cdkAdvice
	case base == "serverless.yml", base == "serverless.yaml", base == "serverless.json":
		return serverlessAdvice
	}
	return ""
}

// recognize reports whether root looks like a template, and says what it looks
// like otherwise.
func recognize(root *node, report *problems) bool {
	has := func(keys ...string) bool {
		for _, k := range keys {
			if _, ok := root.field(k); !ok {
				return false
			}
		}
		return true
	}
	switch {
	case root.kind != mapping:
		report.add(root.position, "", "not a template: the top level must be a mapping with a Resources section")
	case has("planned_values") || has("terraform_version"):
		report.add(root.position, "", terraformAdvice)
	case has("service", "provider"):
		report.add(root.position, "", serverlessAdvice)
	case has("app") && !has("Resources"):
		report.add(root.position, "", cdkAdvice)
	case !has("Resources"):
		report.add(root.position, "", "not a template: there is no Resources section")
	case root.get("Resources").kind != mapping || len(root.get("Resources").fields) == 0:
		report.add(root.get("Resources").position, "Resources", "must be a mapping with at least one resource")
	default:
		return true
	}
	return false
}

func hasExtension(name string, extensions ...string) bool {
	for _, ext := range extensions {
		if strings.HasSuffix(strings.ToLower(name), ext) {
			return true
		}
	}
	return false
}
