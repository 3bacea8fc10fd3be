package iac

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const function = `Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Code: src
`

func TestErrors(t *testing.T) {
	const sam = "Transform: AWS::Serverless-2016-10-31\n"
	tests := []struct{ name, template, want string }{
		{"wrong Ref", function + "      Handler: !Ref Handlr\n  Handler: {Type: A}\n",
			`t.yaml:6:16: there is no parameter or resource "Handlr"; did you mean "Handler"?`},
		{"wrong GetAtt", function + "      Role: !GetAtt Rol.Arn\n",
			`t.yaml:6:13: there is no resource "Rol"`},
		{"wrong Sub", function + "      Role: !Sub 'x${F.Arn}${Nam}'\nParameters: {Name: {Type: String}}\n",
			`t.yaml:6:13: there is no parameter or resource "Nam"; did you mean "Name"?`},
		{"wrong endpoint", "Resources:\n  C: {Type: AWS::ElastiCache::CacheCluster, Properties: {Engine: redis}}\nOutputs:\n  O: {Value: !GetAtt C.RedisEndPoint.Address}\n",
			`t.yaml:4:14: C: AWS::ElastiCache::CacheCluster has no attribute RedisEndPoint.Address; did you mean "RedisEndpoint.Address"? (it has ConfigurationEndpoint.Address, ConfigurationEndpoint.Port, RedisEndpoint.Address, RedisEndpoint.Port)`},
		{"left out resource", "Conditions: {No: !Equals [a, b]}\nResources:\n  A: {Type: X, Condition: No}\n  B: {Type: X, Properties: {A: !Ref A}}\n",
			"t.yaml:4:32: A is not created, because condition No is false; refer to it only in a branch of Fn::If on No"},
		{"wrong condition", "Conditions: {IsProd: !Equals [a, b]}\nResources:\n  A: {Type: X, Condition: Prod}\n",
			`t.yaml:3:27: A: there is no condition "Prod"; did you mean "IsProd"?`},
		{"wrong If", "Resources:\n  A: {Type: X, Properties: {A: !If [C, 1, 2]}}\n",
			`t.yaml:2:32: Fn::If: there is no condition "C"`},
		{"condition circle", "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\nResources: {R: {Type: X}}\n",
			"t.yaml:2:6: A: the condition depends on itself"},
		{"condition on a resource", "Conditions:\n  A: !Equals [!Ref R, x]\nResources: {R: {Type: X}}\n",
			`t.yaml:2:15: a condition cannot refer to the resource "R"; conditions are decided before resources exist`},
		{"not a condition", "Conditions:\n  A: !Ref X\nResources: {R: {Type: X}}\n",
			"t.yaml:2:6: Conditions: a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition"},
		{"attribute circle", "Resources:\n  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: v, AvailabilityZone: !GetAtt B.AvailabilityZone}}\n  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: v, AvailabilityZone: !GetAtt A.AvailabilityZone}}\n",
			"t.yaml:2:72: B.AvailabilityZone depends on itself\nt.yaml:3:72: A.AvailabilityZone depends on itself"},
		{"misspelled function", function + "      Role: !Jion ['', [a]]\n",
			`t.yaml:6:13: Fn::Jion is not supported; did you mean "Fn::Join"?`},
		{"condition function in a property", function + "      Role: !Equals [a, b]\n",
			"t.yaml:6:13: Fn::Equals belongs in the Conditions section; name a condition in Fn::If here"},
		{"wrong arguments", function + "      Role: !Join [a]\n",
			"t.yaml:6:19: Fn::Join takes a list of 2 arguments"},
		{"select out of range", function + "      Role: !Select [2, [a, b]]\n",
			"t.yaml:6:13: Fn::Select: index 2 is out of range; the list has 2 items"},
		{"wrong key of a map", function + "      Role: !FindInMap [M, prd, x]\nMappings: {M: {prod: {x: 1}}}\n",
			`t.yaml:6:13: Fn::FindInMap: Mappings.M has no key "prd"; did you mean "prod"?`},
		{"cidr", function + "      Role: !Cidr [10.0.0.0/24, 3, 7]\n",
			"t.yaml:6:13: Fn::Cidr: 10.0.0.0/24 has no room for 3 ranges of 7 bits"},
		{"list in Sub", function + "      Role: !Sub '${L}'\nParameters: {L: {Type: CommaDelimitedList, Default: 'a,b'}}\n",
			"t.yaml:6:13: Fn::Sub: ${L} is a list; join it with Fn::Join first"},
		{"ForEach", "Resources:\n  Fn::ForEach::X: [A, [b], {}]\n  B: {Type: X}\n",
			"t.yaml:2:3: Resources: Fn::ForEach::X is not supported; write its resources out, or give the processed template (aws cloudformation get-template --template-stage Processed)"},
		{"macro", "Transform: [MyMacro]\n" + function,
			"t.yaml:1:13: Transform: MyMacro is not supported, because macros run in AWS; give the processed template (aws cloudformation get-template --template-stage Processed)"},
		{"parameter value", function + "Parameters:\n  Stage: {Type: String, Default: tst, AllowedValues: [test, prod]}\n  N: {Type: Number, Default: many}\n  P: {Type: String, Default: abc, AllowedPattern: '[0-9]+'}\n  S: {Type: String, NoEcho: true, Default: abc, AllowedPattern: '[0-9]+'}\n",
			"t.yaml:7:3: Stage: \"tst\" is not one of AllowedValues: test, prod\n" +
				"t.yaml:8:3: N: \"many\" is not a number, and the parameter's type is Number\n" +
				"t.yaml:9:3: P: \"abc\" does not match AllowedPattern [0-9]+\n" +
				"t.yaml:10:3: S: the value does not match AllowedPattern [0-9]+"},
		{"limits", function + "      MemorySize: 64\n      Timeout: 901\n",
			"t.yaml:6:19: F.MemorySize: 64 MB is out of Lambda's range of 128 to 10240\n" +
				"t.yaml:7:16: F.Timeout: 901 s is out of Lambda's range of 1 to 900"},
		{"types", function + "      MemorySize: big\n      Handler: [a]\n      Environment: x\n",
			"t.yaml:6:19: F.MemorySize: \"big\" is not a whole number\n" +
				"t.yaml:7:16: F.Handler: must be a string, not a list or a mapping\n" +
				"t.yaml:8:20: F.Environment: must be a mapping"},
		{"caches", "Resources:\n  A: {Type: AWS::ElastiCache::CacheCluster, Properties: {NumCacheNodes: 2}}\n  B: {Type: AWS::ElastiCache::CacheCluster, Properties: {Engine: redis, NumCacheNodes: 2}}\n  C: {Type: AWS::ElastiCache::ServerlessCache, Properties: {Engine: rediss}}\n",
			"t.yaml:2:3: A: Engine is required: valkey, redis or memcached\n" +
				"t.yaml:3:88: B.NumCacheNodes: 2 nodes, but a redis cache cluster has one; use AWS::ElastiCache::ReplicationGroup for replicas\n" +
				"t.yaml:4:69: C.Engine: \"rediss\" is not an engine of ElastiCache: valkey, redis or memcached"},
		{"provisioned without alias", sam + "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: s\n      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}\n",
			"t.yaml:7:37: F.ProvisionedConcurrencyConfig: needs AutoPublishAlias: provisioned concurrency belongs to an alias"},
		{"schedule", sam + "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: s\n      Events:\n        E: {Type: Schedule, Properties: {Schedule: every minute}}\n",
			"t.yaml:8:52: F.Events.E.Properties.Schedule: \"every minute\" is not a schedule; write rate(5 minutes), cron(0 12 * * ? *) or at(2030-01-01T00:00:00)"},
		{"rule", "Resources:\n  G: {Type: AWS::EC2::SecurityGroup, Properties: {SecurityGroupIngress: [{CidrIp: 0.0.0.0/0}]}}\n",
			"t.yaml:2:74: G.SecurityGroupIngress[0]: a rule needs IpProtocol: tcp, udp, icmp, icmpv6, a number, or -1 for all"},
		{"route", "Resources:\n  T: {Type: AWS::EC2::RouteTable, Properties: {VpcId: v}}\n  R: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref T, DestinationCidrBlock: 0.0.0.0/0}}\n",
			"t.yaml:3:3: R: a route needs a target such as GatewayId or NatGatewayId"},
		{"cidr of a rule", "Resources:\n  G: {Type: AWS::EC2::SecurityGroup, Properties: {SecurityGroupIngress: [{IpProtocol: tcp, CidrIp: 10.0.0.0}]}}\n",
			`t.yaml:2:100: G.SecurityGroupIngress[0].CidrIp: "10.0.0.0" is not a CIDR block such as 10.0.0.0/16`},
		{"metadata", function + "Metadata:\n  Thaw:\n    Database: {Parameter: Url, Seeds: s.sql, Query: SELECT 1, LatencyMs: slow}\n",
			"t.yaml:8:5: Metadata.Thaw.Database: needs Seed\n" +
				"t.yaml:8:27: Metadata.Thaw.Database: there is no parameter \"Url\"\n" +
				"t.yaml:8:32: Metadata.Thaw.Database: there is no Seeds; did you mean \"Seed\"?\n" +
				"t.yaml:8:53: Metadata.Thaw.Database: Query needs exactly one ?, which receives the key\n" +
				"t.yaml:8:74: Metadata.Thaw.Database: LatencyMs: \"slow\" is not a number of milliseconds from 0 to 60000"},
		{"no type", "Resources:\n  A: {Properties: {}}\n  B: text\n",
			"t.yaml:2:3: A: the resource has no Type\nt.yaml:3:3: B: the resource has no Type"},
		{"duplicate key", "Resources:\n  A: {Type: X}\n  A: {Type: Y}\n",
			`t.yaml:3:3: key "A" is declared twice; the first is at line 2`},
		{"two documents", function + "---\n" + function, "t.yaml:7:1: a second YAML document begins here; a template is one document"},
		{"empty", "# nothing\n", "t.yaml: the template is empty"},
		{"not YAML", "Resources: [a\n", "t.yaml:1:12: not valid YAML: sequence end token ']' not found"},
		{"undefined alias", "Resources: *x\n", "t.yaml:1:12: alias *x has no anchor &x before it"},
		{"deep", "Resources: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n", "t.yaml:1:76: the template is nested more than 64 levels deep"},
		{"list", "- a\n", "t.yaml:1:1: not a template: the top level must be a mapping with a Resources section"},
		{"no resources", "Foo: 1\n", "t.yaml:1:1: not a template: there is no Resources section"},
		{"empty resources", "Resources: {}\n", "t.yaml:1:12: Resources: must be a mapping with at least one resource"},
		{"serverless", "service: x\nprovider: {name: aws}\n", "t.yaml:1:1: " + serverlessAdvice},
		{"terraform plan", `{"format_version": "1.2", "terraform_version": "1.9.0"}`, "t.yaml:1:1: " + terraformAdvice},
		{"cdk.json", `{"app": "npx ts-node app.ts"}`, "t.yaml:1:1: " + cdkAdvice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read("t.yaml", []byte(tt.template), Options{})
			if err == nil {
				t.Fatalf("no error, want\n%s", tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
			if one := (*Error)(nil); !errors.As(err, &one) {
				t.Errorf("the error holds no *Error but %T", err)
			}
		})
	}
}

func TestJSONErrors(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"syntax", "{\n  \"Resources\": {,}\n}", "t.json:2:17: not valid JSON: invalid character ',' looking for beginning of object key string"},
		{"early end", "{\n  \"Resources\": {", "t.json:2:16: the JSON ends too early; a bracket or a quote is not closed"},
		{"more", "{}{}", "t.json:1:3: not valid JSON: invalid character '{' after top-level value"},
		{"duplicate", "{\"Resources\": {\"A\": {\"Type\": \"X\"},\n \"A\": 2}}", "t.json:2:2: key \"A\" is declared twice; the first is at line 1"},
		{"reference", "{\"Resources\": {\"F\": {\"Type\": \"X\",\n  \"Properties\": {\"A\": {\"Ref\": \"G\"}}}}}", `t.json:2:23: there is no parameter or resource "G"; did you mean "F"?`},
		{"deep", `{"Resources":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", "t.json:1:77: the template is nested more than 64 levels deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read("t.json", []byte(tt.template), Options{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct{ path, want string }{
		{write("main.tf", ""), "main.tf declares no resource"},
		{write("terraform.tfvars", "a = 1"), terraformAdvice},
		{write("saved.tfplan", "PK\x03\x04…"), "run terraform show -json"},
		{write("newer.json", `{"format_version":"2.0","terraform_version":"9.0.0"}`), "format_version 2.0 is newer"},
		{write("cut.json", `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[{"address":"a`), "the JSON ends in the middle"},
		{write("terraform.json", `{"version":4,"terraform_version":"1.11.4","resources":[]}`), "this is a state file"},
		{write("serverless.yml", ""), serverlessAdvice},
		{write("cdk.json", "{}"), cdkAdvice},
		{filepath.Dir(write("app/cdk.json", "{}")), cdkAdvice},
		{filepath.Dir(write("infra/main.tf", "")), "infra declares no resource"},
		{filepath.Dir(write("sls/serverless.yml", "")), serverlessAdvice},
		{filepath.Dir(write("sam/template.yml", "")), filepath.Join(dir, "sam/template.yml") + ": the template is empty"},
		{filepath.Dir(write("other/x", "")), "holds nothing that can be read"},
		{filepath.Dir(write("foreign/package.json", "{}")), "no file that an AWS describe call printed"},
		{filepath.Dir(write("both/template.yaml", write("both/main.tf", ""))), "holds a template (template.yaml) and Terraform"},
		{write("big.yaml", strings.Repeat("#", maxTemplate+1)), "larger than 1 MB"},
		{filepath.Join(dir, "nothing.yaml"), "iac: cannot read the file"},
	}
	for _, tt := range tests {
		if _, err := ReadFile(tt.path, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.path, err, tt.want)
		}
	}
}

func TestUndeclaredParameter(t *testing.T) {
	_, err := Read("t.yaml", []byte(function+"Parameters: {Stage: {Type: String, Default: x}}\n"), Options{Parameters: map[string]string{"stag": "y"}})
	want := `t.yaml: --parameter stag: the template has no such parameter; did you mean "Stage"?`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
