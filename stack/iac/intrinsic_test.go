package iac

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
)

// frame is a template around one expression, which lands in variable V of
// function F.
const frame = `Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String, Default: ann}
  Open: {Type: String}
  Flag: {Type: String, Default: "true"}
  Names: {Type: CommaDelimitedList, Default: "a, b ,c"}
  Secret: {Type: String, Default: hunter2, NoEcho: true}
  FromSSM: {Type: "AWS::SSM::Parameter::Value<String>", Default: /path}
Mappings:
  M: {one: {a: "1", list: [x, y]}, ann: {a: annie}}
Conditions:
  Yes: !Equals [!Ref Flag, true]
  No: !Not [!Condition Yes]
  Maybe: !Equals [!Ref Open, x]
  YesOrMaybe: !Or [!Condition Maybe, !Condition Yes]
  NoAndMaybe: !And [!Condition Maybe, !Condition No]
  SameUnknown: !Equals [!Ref FromSSM, !Ref FromSSM]
Resources:
  C: {Type: AWS::ElastiCache::CacheCluster, Properties: {Engine: redis}}
  R: {Type: AWS::ElastiCache::ReplicationGroup}
  S: {Type: AWS::ElastiCache::ServerlessCache, Properties: {Engine: valkey}}
  T: {Type: AWS::DynamoDB::Table}
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: !Ref Vpc}}
  Gone: {Type: AWS::SNS::Topic, Condition: No}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Environment:
        Variables:
          V: `

func TestIntrinsics(t *testing.T) {
	const open = "parameter Open has no default; pass --parameter Open=…"
	tests := []struct{ expression, want string }{
		{`plain`, "plain"},
		{`0123`, "0123"},
		{`1.10`, "1.10"},
		{`0x1F`, "31"},
		{`True`, "true"},
		{`2012-10-09`, "2012-10-09"},
		{`!Ref Name`, "ann"},
		{`!Ref Open`, "${?" + open + "}"},
		{`!Ref FromSSM`, "${?parameter FromSSM is looked up in SSM; pass --parameter FromSSM=…}"},
		{`!Ref Secret`, "${secret}"},
		{`!Sub "x-${Secret}-y"`, "x-${secret}-y"},
		{`!Select [0, !Split ["t", !Ref Secret]]`, "${secret}"},
		{`!Base64 {Ref: Secret}`, "${secret}"},
		{`!Ref C`, "${C}"},
		{`!Ref AWS::Region`, "us-east-1"},
		{`!Ref AWS::AccountId`, "123456789012"},
		{`!Ref AWS::StackName`, "t"},
		{`!Ref AWS::Partition`, "aws"},
		{`!Ref AWS::URLSuffix`, "amazonaws.com"},
		{`!Ref AWS::StackId`, "${?AWS::StackId}"},
		{`!Ref FRole`, "${FRole}"},
		{`!Ref F.Version`, "${F.Version}"},
		{`!GetAtt C.RedisEndpoint.Address`, "${C.endpoint.address}"},
		{`!GetAtt C.RedisEndpoint.Port`, "${C.endpoint.port}"},
		{`!GetAtt C.ConfigurationEndpoint.Address`, "${C.endpoint.address}"},
		{`!GetAtt [R, PrimaryEndPoint.Address]`, "${R.endpoint.address}"},
		{`!GetAtt [R, ConfigurationEndPoint.Port]`, "${R.endpoint.port}"},
		{`!GetAtt R.ReaderEndPoint.Address`, "${R.reader.address}"},
		{`!GetAtt R.ReadEndPoint.Addresses`, "${R.ReadEndPoint.Addresses}"},
		{`!GetAtt S.Endpoint.Address`, "${S.endpoint.address}"},
		{`!GetAtt S.ReaderEndpoint.Port`, "${S.reader.port}"},
		{`!GetAtt S.ARN`, "${S.ARN}"},
		{`!GetAtt T.Arn`, "${T.Arn}"},
		{`!GetAtt Vpc.CidrBlock`, "10.0.0.0/16"},
		{`!GetAtt Group.VpcId`, "${Vpc}"},
		{`!GetAtt Group.GroupId`, "${Group}"},
		{`{Fn::GetAtt: [T, !Sub "${Name}"]}`, "${T.ann}"},
		{`!Sub "redis://${C.RedisEndpoint.Address}:${C.RedisEndpoint.Port}/${Name}"`, "redis://${C.endpoint.address}:${C.endpoint.port}/ann"},
		{`{Fn::Join: [":", [a, {Fn::Sub: "${Name}"}, {Ref: AWS::Region}, !Ref AWS::Region]]}`, "a:ann:us-east-1:us-east-1"},
		{`{Fn::Sub: ["${R}", {R: !Ref AWS::Region, X: a::b}]}`, "us-east-1"},
		{`{Fn::ImportValue: !Sub x::y}`, "${?ImportValue x::y}"},
		{`!Sub ["${A}-${Name}-${!Name}-${A}", {A: !Ref Open}]`, "${?" + open + "}-ann-${Name}-${?" + open + "}"},
		{`!Sub "a ${ Name } $5 {x} ${"`, "a ann $5 {x} ${"},
		{`!Join [",", !Ref Names]`, "a,b,c"},
		{`!Join ["", [a, !Ref C, !Ref "AWS::NoValue", b]]`, "a${C}b"},
		{`!Select [1, !Ref Names]`, "b"},
		{`!Select ["2", [a, b, c]]`, "c"},
		{`!Select [0, !GetAZs ""]`, "${?item 0 of Fn::GetAZs us-east-1}"},
		{`!Select [1, !Split ["-", a-b-c]]`, "b"},
		{`!Join ["+", !Split [",", !GetAtt T.Arn]]`, "${?Fn::Split of ${T.Arn}}"},
		{`!FindInMap [M, one, a]`, "1"},
		{`!FindInMap [M, !Ref Name, a]`, "annie"},
		{`!FindInMap [M, !Ref Open, a]`, "${?Fn::FindInMap by " + open + "}"},
		{`!FindInMap [M, two, a, {DefaultValue: d}]`, "d"},
		{`!Join ["", !FindInMap [M, one, list]]`, "xy"},
		{`!If [Yes, a, b]`, "a"},
		{`!If [No, a, b]`, "b"},
		{`!If [Maybe, a, b]`, "${?condition Maybe depends on: " + open + "}"},
		{`!If [Maybe, same, same]`, "same"},
		{`!If [YesOrMaybe, a, b]`, "a"},
		{`!If [NoAndMaybe, a, b]`, "b"},
		{`!If [SameUnknown, a, b]`, "${?condition SameUnknown depends on: parameter FromSSM is looked up in SSM; pass --parameter FromSSM=…}"},
		{`!If [Yes, a, !Ref Gone]`, "a"},
		{`!ImportValue x`, "${?ImportValue x}"},
		{`{"Fn::ImportValue": !Sub "${Name}-host"}`, "${?ImportValue ann-host}"},
		{`!Base64 hi`, "aGk="},
		{`!Select [1, !Cidr [10.0.0.0/16, 2, 8]]`, "10.0.1.0/24"},
		{`!Select [255, !Cidr [!GetAtt Vpc.CidrBlock, 256]]`, "10.0.255.0/24"},
		{`!Select [1, !Cidr ["2001:db8::/56", 2, 64]]`, "2001:db8:0:1::/64"},
		{`!Join [",", !GetAZs eu-west-1]`, "${?Fn::GetAZs eu-west-1}"},
		{`!Length [1, 2, 3]`, "3"},
		{`!Length {Ref: Names}`, "3"},
		{`!ToJsonString {b: [1, !Ref Name], a: "q\"uote"}`, `{"b":["1","ann"],"a":"q\"uote"}`},
		{`{"Fn::Transform": {Name: "AWS::Include"}}`, "${?Fn::Transform AWS::Include}"},
		{`"{{resolve:ssm:/a:1}}"`, "${?dynamic reference {{resolve:ssm:/a:1}}}"},
		{`!Sub "u:{{resolve:ssm:/${Name}}}@"`, "u:${?dynamic reference {{resolve:ssm:/ann}}}@"},
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			s, err := Read("t.yaml", []byte(frame+tt.expression+"\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Function("F").Environment["V"].String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestNoValueRemovesTheProperty(t *testing.T) {
	s, err := Read("t.yaml", []byte(frame+"!Ref AWS::NoValue\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if env := s.Function("F").Environment; env != nil {
		t.Errorf("environment is %v, want none", env)
	}
}

func TestOptions(t *testing.T) {
	opts := Options{Region: "cn-north-1", AccountID: "000000000001", StackName: "mine",
		Parameters: map[string]string{"Open": "x", "FromSSM": "7000", "Names": "p,q"}}
	expression := `!Sub ["${AWS::Region} ${AWS::AccountId} ${AWS::StackName} ${AWS::Partition} ${AWS::URLSuffix} ${FromSSM} ${P} ${C}", {P: !Select [1, !Ref Names], C: !If [Maybe, yes, no]}]`
	s, err := Read("t.yaml", []byte(frame+expression+"\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	want := "cn-north-1 000000000001 mine aws-cn amazonaws.com.cn 7000 q yes"
	if got := s.Function("F").Environment["V"].String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.Name != "mine" {
		t.Errorf("the stack is named %q", s.Name)
	}
}

func TestDatabaseParameterIsOverridden(t *testing.T) {
	s, err := ReadFile(scenarios+"/database/template.yaml", Options{Parameters: map[string]string{"OriginUrl": "http://db"}})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Function("Handler").Environment["ORIGIN_URL"]
	if diff := cmp.Diff(stack.Literal("http://db/products"), got); diff != "" {
		t.Error(diff)
	}
}

// TestCacheIsResolved is the promise of the package: the environment names the
// cache, and whoever started it says where it is.
func TestCacheIsResolved(t *testing.T) {
	s, err := ReadFile(scenarios+"/sam-cache-cluster/template.yaml", Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := s.Function("Handler")
	lookup := func(resource, attribute string) (string, bool) {
		return "127.0.0.1", resource == "Cache" && attribute == stack.EndpointAddress
	}
	if got := f.Environment["CACHE_HOST"].Resolve(lookup); got != stack.Known("127.0.0.1") {
		t.Errorf("CACHE_HOST is %v", got)
	}
	if caches := s.CachesOf(f); len(caches) != 1 || caches[0].ID != "Cache" {
		t.Errorf("the function uses the caches %v", caches)
	}
}

// TestTokensAreHidden covers a token that is written out, without NoEcho.
func TestTokensAreHidden(t *testing.T) {
	const template = `
Resources:
  R: {Type: AWS::ElastiCache::ReplicationGroup, Properties: {AuthToken: swordfish-swordfish}}
  F: {Type: AWS::Lambda::Function, Properties: {Code: src, Environment: {Variables: {T: swordfish-swordfish, U: other}}}}
`
	s, err := Read("t.yaml", []byte(template), Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "swordfish") || !strings.Contains(string(out), "other") {
		t.Errorf("the token is in %s", out)
	}
	if got := s.Function("F").Environment["T"].Resolve(nil).Or(""); got != "swordfish-swordfish" {
		t.Errorf("the function gets %q", got)
	}
}

func TestEnvironmentUnderAnUndecidedCondition(t *testing.T) {
	const template = `
Parameters: {Open: {Type: String}}
Conditions: {Maybe: !Equals [!Ref Open, x]}
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Code: src
      Environment:
        Variables: !If [Maybe, {A: a, B: b}, {A: other}]
      VpcConfig: !If [Maybe, {SubnetIds: [subnet-1], SecurityGroupIds: [sg-1]}, !Ref AWS::NoValue]
`
	s, err := Read("t.yaml", []byte(template), Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := s.Function("F")
	if len(f.Environment) != 2 || !strings.HasPrefix(f.Environment["B"].String(), "${?condition Maybe") {
		t.Errorf("environment is %v", f.Environment)
	}
	if f.VPC == nil || f.VPC.Subnets[0].IsKnown() {
		t.Errorf("VPC is %+v, want unknown subnets", f.VPC)
	}
}

func TestStandaloneEgressUnderAnUndecidedCondition(t *testing.T) {
	const template = `
Parameters: {Open: {Type: String}}
Conditions: {Maybe: !Equals [!Ref Open, x]}
Resources:
  G: {Type: AWS::EC2::SecurityGroup, Properties: {SecurityGroupEgress: []}}
  E:
    Type: AWS::EC2::SecurityGroupEgress
    Condition: Maybe
    Properties: {GroupId: !Ref G, IpProtocol: tcp, FromPort: 1, ToPort: 2, CidrIp: 10.0.0.0/8}
`
	s, err := Read("t.yaml", []byte(template), Options{})
	if err != nil {
		t.Fatal(err)
	}
	egress := s.SecurityGroup("G").Egress
	if len(egress) != 2 || egress[0].Protocol.IsKnown() || egress[1].Protocol.IsKnown() || !egress[0].Implicit {
		t.Errorf("egress is %+v, want the default and the rule, both undecided", egress)
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	const template = `
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties: &props
      Code: src
      MemorySize: 512
      Environment: {Variables: &vars {A: a, B: b}}
  G:
    Type: AWS::Lambda::Function
    Properties:
      <<: *props
      MemorySize: 1024
      Environment:
        Variables: {<<: [*vars], B: other}
`
	s, err := Read("t.yaml", []byte(template), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := s.Function("G")
	want := map[string]stack.Text{"A": stack.Literal("a"), "B": stack.Literal("other")}
	if diff := cmp.Diff(want, g.Environment); diff != "" || g.MemoryMB != stack.Known(1024) {
		t.Errorf("memory %v, environment differs:\n%s", g.MemoryMB, diff)
	}
}
