package iac

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

// ReadFile and ReadFolder tell by the content what they are given, whatever it
// is called.
func TestKinds(t *testing.T) {
	template, err := os.ReadFile(filepath.Join(scenarios, "replication-group-tls", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read("template.yaml", template, Options{Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	const vpcs = `{"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "OwnerId": "123456789012"}]}`
	tests := []struct {
		name  string
		files map[string]string
		file  string // "" is the folder
		want  stack.Dialect
	}{
		{"template", map[string]string{"any.txt": string(template)}, "any.txt", stack.CloudFormation},
		{"folder with a template", map[string]string{"template.yaml": string(template), "package.json": "{}"}, "", stack.CloudFormation},
		{"plan", map[string]string{"out": string(tfwrite.Plan(s))}, "out", stack.Terraform},
		{"folder with a plan", map[string]string{"tfplan.json": string(tfwrite.Plan(s)), "main.tf": string(tfwrite.HCL(s))}, "", stack.Terraform},
		{"source", map[string]string{"all.tf": string(tfwrite.HCL(s))}, "all.tf", stack.Terraform},
		{"folder of source", map[string]string{"all.tf": string(tfwrite.HCL(s))}, "", stack.Terraform},
		{"what the CLI printed", map[string]string{"vpcs.json": vpcs}, "vpcs.json", stack.Live},
		{"folder of what the CLI printed", map[string]string{"vpcs.json": vpcs}, "", stack.Live},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := ReadFile(filepath.Join(dir, tt.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Dialect != tt.want || len(got.VPCs) != 1 {
				t.Errorf("dialect %q with %d VPCs, want %q with 1", got.Dialect, len(got.VPCs), tt.want)
			}
		})
	}
}

// A policy of its own may name the role that SAM makes for a function.
func TestGeneratedRole(t *testing.T) {
	s, err := Read("t.yaml", []byte(`
Transform: AWS::Serverless-2016-10-31
Resources:
  Handler:
    Type: AWS::Serverless::Function
    DependsOn: Policy
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: .}
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: p
      Roles: [!Ref HandlerRole]
      PolicyDocument: {Statement: [{Effect: Allow, Action: "s3:*", Resource: !GetAtt HandlerRole.Arn}]}
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Roles[0]
	if r.ID != "HandlerRole" || len(r.Statements) != 1 || len(r.Grants) != 1 || r.Grants[0] != "Policy" {
		t.Errorf("%+v", r)
	}
	if f := s.Functions[0]; f.Role.Or("") != r.ID || len(f.DependsOn) != 1 || f.DependsOn[0] != "Policy" {
		t.Errorf("%+v", f)
	}
}
