package account_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/account/awswrite"
	"github.com/thawdev/thaw/stack/reach"
)

// of makes a snapshot of a few calls; the others were not made.
func of(calls string) []byte {
	return []byte(`{"format":"thaw.account/1","region":"eu-west-1","account":"123456789012","calls":{` + calls + `},"gaps":[]}`)
}

func read(t *testing.T, data []byte) *stack.Stack {
	t.Helper()
	s, err := account.Read("account.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Which addresses a cache has comes from the cache of any kind; a replication
// group goes before its nodes, and one of which the group was not read has that
// of a node. Caches that print none are older than the choice.
func TestNetworkType(t *testing.T) {
	s := read(t, of(`"elasticache:DescribeCacheClusters":[
		{"CacheClusterId":"alone","Engine":"valkey","NetworkType":"ipv6"},
		{"CacheClusterId":"old","Engine":"redis"},
		{"CacheClusterId":"shop-001","ReplicationGroupId":"shop","Engine":"valkey","NetworkType":"ipv4"},
		{"CacheClusterId":"lost-001","ReplicationGroupId":"lost","Engine":"valkey","NetworkType":"dual_stack"}],
		"elasticache:DescribeReplicationGroups":[
		{"ReplicationGroupId":"shop","MemberClusters":["shop-001"],"NetworkType":"dual_stack"},
		{"ReplicationGroupId":"gone","MemberClusters":["gone-001"],"NetworkType":"ipv6"},
		{"ReplicationGroupId":"bare","MemberClusters":["bare-001"]}],
		"elasticache:DescribeServerlessCaches":[{"ServerlessCacheName":"cart","Engine":"valkey","NetworkType":"dual_stack"}]`))
	got := map[string]string{}
	for _, c := range s.Caches {
		got[c.ID] = c.NetworkType.Or("unknown")
	}
	want := map[string]string{"alone": "ipv6", "old": "", "shop": "dual_stack", "lost": "dual_stack", "gone": "ipv6", "bare": "unknown", "cart": "dual_stack"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is no snapshot is refused with its place and the way out, never read as
// an empty account.
func TestBadInput(t *testing.T) {
	whole := string(of(`"ec2:DescribeVpcs":[{"VpcId":"vpc-1"}]`))
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "ends in the middle"},
		{"truncated", whole[:len(whole)-30], "ends in the middle; take the snapshot again"},
		{"truncated item", whole[:110], "ends in the middle"},
		{"not JSON", "AWSTemplateFormatVersion: x", "not valid JSON"},
		{"a list", `[{"VpcId":"vpc-1"}]`, "not the output of an AWS describe call"},
		{"foreign", `{"Resources":{}}`, "not the output of an AWS describe call"},
		{"newer format", strings.Replace(whole, "account/1", "account/2", 1), `format "thaw.account/2" and this Thaw reads "thaw.account/1"`},
		{"other format", strings.Replace(whole, "thaw.account/1", "1.2", 1), `the format is "1.2"`},
		{"calls are a list", `{"format":"thaw.account/1","calls":[]}`, "line 1: calls must begin with {"},
		{"items are an object", string(of("\n" + `"ec2:DescribeVpcs":{}`)), "line 2: Vpcs must begin with ["},
		{"item of another type", string(of(`"ec2:DescribeVpcs":["vpc-1"]`)), "which AWS does not print there"},
		{"port is a string", string(of(`"ec2:DescribeSecurityGroups":[{"GroupId":"sg-1","IpPermissions":[{"FromPort":"6379"}]}]`)), "IpPermissions.FromPort holds a string"},
		{"no id", string(of(`"ec2:DescribeVpcs":[{}]`)), "has no id"},
		{"null", string(of(`"ec2:DescribeVpcs":[null]`)), "has no id"},
		{"two documents", whole + whole, "more than one JSON document"},
		{"deep", `{"x":` + strings.Repeat("[", 20_000), "exceeded max depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := account.Read("account.json", []byte(c.data))
			if s != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "account: account.json") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// What was not read is a gap of its part of the stack and an unknown value.
func TestMissingCallsAreGaps(t *testing.T) {
	s := read(t, of(`"ec2:DescribeVpcs":[{"VpcId":"vpc-1","CidrBlock":"10.0.0.0/16"}],
		"lambda:ListFunctions":[{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/f","VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}}],
		"elasticache:DescribeReplicationGroups":[{"ReplicationGroupId":"r","MemberClusters":["r-001"]}]`))
	kinds := map[string]bool{}
	for _, g := range s.Gaps {
		kinds[g.Kind] = true
		if g.What == "" || g.Why == "" {
			t.Errorf("gap %+v", g)
		}
	}
	for _, kind := range []string{"subnets", "security_groups", "network_acls", "route_tables", "endpoints", "peerings", "gateways", "prefix_lists", "interfaces", "caches"} {
		if !kinds[kind] {
			t.Errorf("no gap of %s", kind)
		}
	}
	if kinds["vpcs"] || kinds["functions"] {
		t.Errorf("what was read is a gap: %v", s.Gaps)
	}
	f, c := s.Functions[0], s.Caches[0]
	for name, known := range map[string]bool{
		"DNS support": s.VPCs[0].EnableDNSSupport.IsKnown(), "memory": f.MemoryMB.IsKnown(), "timeout": f.Timeout.IsKnown(),
		"reserved": f.Reserved == nil || f.Reserved.IsKnown(), "provisioned": f.Provisioned.IsKnown(), "alias": f.Alias.IsKnown(),
		"policies": s.Roles[0].Complete.IsKnown(), "concurrency": s.Account.Concurrency.IsKnown(),
		"groups of the cache": c.SecurityGroups[0].IsKnown(), "subnets of the cache": c.Subnets[0].IsKnown(), "port": c.Port.IsKnown(),
		"engine": c.Engine.IsKnown(), "TLS": c.TransitEncryption.IsKnown(), "cluster mode": c.ClusterMode.IsKnown(), "nodes": c.Nodes.IsKnown(),
		"failover": c.AutomaticFailover.IsKnown(),
	} {
		if known {
			t.Errorf("%s is known, and was not read", name)
		}
	}
}

// Every VPC of an account has a network ACL and a route table that AWS makes. A
// list without them, as one gets of a VPC that another account shares or with a
// filter, is not complete: nothing is taken for AWS's default.
func TestListWithoutDefaults(t *testing.T) {
	const acl = `{"NetworkAclId":"acl-1","VpcId":"vpc-1","IsDefault":true,"Associations":[{"SubnetId":"subnet-1"},{"SubnetId":"subnet-2"}],"Entries":[
		{"RuleNumber":100,"Protocol":"-1","RuleAction":"allow","CidrBlock":"0.0.0.0/0"},{"RuleNumber":100,"Egress":true,"Protocol":"-1","RuleAction":"allow","CidrBlock":"0.0.0.0/0"}]}`
	const table = `{"RouteTableId":"rtb-1","VpcId":"vpc-1","Associations":[{"Main":true}],"Routes":[{"DestinationCidrBlock":"10.0.0.0/16","GatewayId":"local"}]}`
	for _, c := range []struct {
		acls, tables string
		want         reach.Verdict
	}{
		{acl, table, reach.Open},
		{"", table, reach.Unknown},
		{acl, "", reach.Unknown},
		{strings.NewReplacer(`,{"SubnetId":"subnet-2"}`, "", "true,\"Assoc", "false,\"Assoc").Replace(acl), table, reach.Unknown},
	} {
		s := read(t, of(`"ec2:DescribeVpcs":[{"VpcId":"vpc-1","CidrBlock":"10.0.0.0/16"}],"ec2:DescribeVpcAttribute":[{"VpcId":"vpc-1","EnableDnsSupport":{"Value":true}}],
			"ec2:DescribeSubnets":[{"SubnetId":"subnet-1","VpcId":"vpc-1","CidrBlock":"10.0.1.0/24"},{"SubnetId":"subnet-2","VpcId":"vpc-1","CidrBlock":"10.0.2.0/24"}],
			"ec2:DescribeSecurityGroups":[{"GroupId":"sg-1","VpcId":"vpc-1","IpPermissions":[{"IpProtocol":"-1","UserIdGroupPairs":[{"GroupId":"sg-1"}]}],"IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}],
			"ec2:DescribeNetworkAcls":[`+c.acls+`],"ec2:DescribeRouteTables":[`+c.tables+`],
			"lambda:ListFunctions":[{"FunctionName":"f","VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}}],
			"elasticache:DescribeServerlessCaches":[{"ServerlessCacheName":"c","Engine":"valkey","SubnetIds":["subnet-2"],"SecurityGroupIds":["sg-1"],"Endpoint":{"Address":"c.x.serverless.euw1.cache.amazonaws.com","Port":6379}}]`))
		n := reach.New(s)
		if p := n.Path(s.Functions[0], s.Caches[0], s.Caches[0].Port); p.Verdict != c.want {
			t.Errorf("ACLs [%s], tables [%s]: %s, want %s: %s", c.acls, c.tables, p.Verdict, c.want, p.Deciding().Reason)
		}
	}
}

// A page is not the list. The last page, which names no next one, makes it whole.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"one":         {[]string{`{"SecurityGroups":[{"GroupId":"sg-1"}]}`}, ""},
		"null":        {[]string{`{"SecurityGroups":[{"GroupId":"sg-1"}],"NextToken":null}`}, ""},
		"cut":         {[]string{`{"SecurityGroups":[{"GroupId":"sg-1"}],"NextToken":"x"}`}, "security_groups"},
		"token first": {[]string{`{"NextToken":"x","SecurityGroups":[{"GroupId":"sg-1"}]}`}, "security_groups"},
		"all":         {[]string{`{"SecurityGroups":[{"GroupId":"sg-1"}],"NextToken":"x"}`, `{"SecurityGroups":[{"GroupId":"sg-2"}]}`}, ""},
		"two of more": {[]string{`{"SecurityGroups":[{"GroupId":"sg-1"}],"NextToken":"x"}`, `{"SecurityGroups":[{"GroupId":"sg-2"}],"NextToken":"y"}`}, "security_groups"},
		"functions":   {[]string{`{"Functions":[{"FunctionName":"f"}],"NextMarker":"x"}`}, "functions"},
		"caches":      {[]string{`{"Marker":"x","CacheClusters":[{"CacheClusterId":"c"}]}`}, "caches"},
	} {
		dir := t.TempDir()
		for i, data := range c.files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", i)), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := account.ReadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, g := range s.Gaps {
			if strings.Contains(g.Why, "ends before the last page") {
				got += g.Kind
			}
		}
		if got != c.want {
			t.Errorf("%s: gap of %q, want %q", name, got, c.want)
		}
	}
}

// A denied call is named with its error; a region without Lambda has no
// functions that anybody knows of.
func TestGapsOfSnapshot(t *testing.T) {
	data := bytes.Replace(of(`"ec2:DescribeSecurityGroups":[]`), []byte(`"gaps":[]`), []byte(`"gaps":[
		{"call":"lambda:ListFunctions","error":"NoEndpoint","unknown":"functions"},
		{"call":"lambda:GetFunctionConcurrency","error":"AccessDenied","unknown":"reserved concurrency","resources":["a","b"]}]`), 1)
	want := []stack.Gap{{What: "functions", Why: "lambda:ListFunctions failed: NoEndpoint", Kind: "functions"},
		{What: "reserved concurrency of a, b", Why: "lambda:GetFunctionConcurrency failed: AccessDenied"}}
	if diff := cmp.Diff(want, read(t, data).Gaps[:2]); diff != "" {
		t.Error(diff)
	}
}

// The environment of a function names the cache by any of its host names. What
// the AWS CLI printed is redacted here, because nobody did before.
func TestEnvironment(t *testing.T) {
	s := read(t, of(`"elasticache:DescribeReplicationGroups":[{"ReplicationGroupId":"r","NodeGroups":[{
			"PrimaryEndpoint":{"Address":"master.R.abc.euw1.cache.amazonaws.com","Port":6380},"ReaderEndpoint":{"Address":"replica.r.abc.euw1.cache.amazonaws.com","Port":6380},
			"NodeGroupMembers":[{"CacheClusterId":"r-001","ReadEndpoint":{"Address":"r-001.abc.0001.euw1.cache.amazonaws.com","Port":6380}}]}]}],
		"elasticache:DescribeServerlessCaches":[{"ServerlessCacheName":"r","ARN":"arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:r",
			"Endpoint":{"Address":"r-x.serverless.euw1.cache.amazonaws.com","Port":6379},"ReaderEndpoint":{"Address":"r-x.serverless.euw1.cache.amazonaws.com","Port":6380}}],
		"lambda:ListFunctions":[{"FunctionName":"f","Environment":{"Variables":{
			"URL":"rediss://app:hunter2@MASTER.r.abc.euw1.cache.amazonaws.com:6380/0","READER":"replica.r.abc.euw1.cache.amazonaws.com","NODE":"r-001.abc.0001.euw1.cache.amazonaws.com:6380",
			"SERVERLESS":"r-x.serverless.euw1.cache.amazonaws.com:6379","OTHER":"x.abc.0001.euw1.cache.amazonaws.com","ADDRESS":"10.0.1.7","PASSWORD":"hunter2","PORT":"6380","EMPTY":""}}}]`))
	const serverless = "arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:r"
	want := map[string]string{
		"URL": "rediss://${secret}:${secret}@${r.endpoint.address}:6380/0", "READER": "${r.reader.address}", "NODE": "${r.node.address}:6380",
		"SERVERLESS": "${" + serverless + ".endpoint.address}:6379", "OTHER": "x.abc.0001.euw1.cache.amazonaws.com", "ADDRESS": "10.0.1.7",
		"PASSWORD": "${?the value of PASSWORD, which is left out because it may be a secret}", "PORT": "6380", "EMPTY": "",
	}
	got := map[string]string{}
	for name, text := range s.Functions[0].Environment {
		got[name] = text.String()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if out, err := json.Marshal(s); err != nil || bytes.Contains(out, []byte("hunter2")) {
		t.Errorf("the stack holds a secret, or cannot be written: %v", err)
	}
	if used := s.CachesOf(s.Functions[0]); len(used) != 2 || used[1].ID != serverless || used[1].ReaderPort.Or(0) != 6380 {
		t.Errorf("caches %v", used)
	}
}

// Network interfaces that a function, a cache, an endpoint or a gateway of the
// stack explains are theirs. What is left may reach the cache: also interfaces
// of Lambda with other groups, which published versions have, and an interface
// that only says that it is a cache's.
func TestInterfaces(t *testing.T) {
	eni := func(id, kind, description, group, more string) string {
		return fmt.Sprintf(`{"NetworkInterfaceId":%q,"InterfaceType":%q,"Description":%q,"SubnetId":"subnet-1","VpcId":"vpc-1","AvailabilityZone":"eu-west-1b","Status":"in-use",
			"Groups":[{"GroupId":%q}],"PrivateIpAddresses":[{"PrivateIpAddress":"10.0.0.9"}]%s}`, id, kind, description, group, more)
	}
	s := read(t, of(`"lambda:ListFunctions":[{"FunctionName":"f","VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-f"]}}],
		"elasticache:DescribeCacheClusters":[{"CacheClusterId":"c","Engine":"redis","NumCacheNodes":1}],
		"ec2:DescribeNetworkInterfaces":[`+strings.Join([]string{
		eni("eni-f", "lambda", "AWS Lambda VPC ENI-f", "sg-f", ""),
		eni("eni-old", "lambda", "AWS Lambda VPC ENI-f", "sg-old", ""),
		eni("eni-c", "interface", "ElastiCache c", "sg-c", `,"RequesterId":"amazon-elasticache","RequesterManaged":true`),
		eni("eni-liar", "interface", "ElastiCache c", "sg-c", ""),
		eni("eni-vpce", "vpc_endpoint", "VPC Endpoint Interface vpce-1", "sg-e", ""),
		eni("eni-nat", "nat_gateway", "Interface for NAT Gateway", "", ""),
		eni("eni-i", "interface", "", "sg-i", `,"Attachment":{"InstanceId":"i-1"}`),
		eni("eni-i", "interface", "", "sg-i", ""), // the same again, as overlapping files have it
		strings.Replace(eni("eni-free", "interface", "", "sg-i", ""), "in-use", "available", 1),
	}, ",")+`]`))
	got := map[string]string{}
	for _, i := range s.Interfaces {
		got[i.ID] = i.Description.Or("")
	}
	want := map[string]string{"eni-old": "functions or published versions that the snapshot does not list (AWS Lambda VPC ENI-f)", "eni-liar": "ElastiCache c", "eni-i": "instance i-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := s.Caches[0]; c.Zones[0].Or("") != "eu-west-1b" || c.Endpoints[0] != "10.0.0.9" {
		t.Errorf("the node is not placed: %v %v", c.Zones, c.Endpoints)
	}
}

// The rules that AWS adds (entry 32767, local routes, routes of gateway
// endpoints) are implied by the model and left out; default groups, ACLs and
// main tables are marked.
func TestImpliedRules(t *testing.T) {
	s := read(t, awswrite.Snapshot(readScenario(t, "acl-routes-endpoints")))
	for _, a := range s.NetworkACLs {
		for _, e := range a.Entries {
			if e.Number.Or(0) >= 32767 {
				t.Errorf("%s has entry %d", a.ID, e.Number.Or(0))
			}
		}
	}
	for _, r := range s.RouteTables {
		for _, route := range r.Routes {
			if route.TargetKind == "endpoint" || route.Target.Or("") == "local" {
				t.Errorf("%s has a route to %v", r.ID, route.Target)
			}
		}
	}
	defaults := 0
	for _, g := range s.SecurityGroups {
		if g.Default {
			defaults++
			if !g.Ingress[0].Implicit || !g.Egress[0].Implicit {
				t.Errorf("the rules of %s are as AWS makes them", g.ID)
			}
		}
	}
	if defaults != 1 || s.Dialect != stack.Live {
		t.Errorf("%d default groups, dialect %q", defaults, s.Dialect)
	}
}

// Origins lead to the line of the file where the resource begins.
func TestOrigins(t *testing.T) {
	data := awswrite.Snapshot(readScenario(t, "memcached"))
	lines := strings.Split(string(data), "\n")
	s := read(t, data)
	for _, g := range s.SecurityGroups {
		end := g.Origin.Line + 50
		if g.Origin.File != "account.json" || !strings.Contains(lines[g.Origin.Line-1], "{") || !strings.Contains(strings.Join(lines[g.Origin.Line-1:min(end, len(lines))], "\n"), g.ID) {
			t.Errorf("%s is not at line %d: %s", g.ID, g.Origin.Line, lines[g.Origin.Line-1])
		}
	}
	if got := s.Functions[0].Origin.Address; got != "arn:aws:lambda:eu-west-1:123456789012:function:handler" {
		t.Errorf("address %s", got)
	}
}

// A folder of what the AWS CLI printed, in any names, with files of something
// else between them and pages that overlap.
func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"1.json":                  `{"Vpcs":[{"VpcId":"vpc-1","CidrBlock":"10.0.0.0/16","OwnerId":"123456789012"}]}`,
		"2.json":                  `{"SecurityGroups":[{"GroupId":"sg-1"},{"GroupId":"sg-2"}],"NextToken":"x"}`,
		"3.JSON":                  "\ufeff" + `{"NextToken":"y","SecurityGroups":[{"GroupId":"sg-2"},{"GroupId":"sg-3"}]}`,
		"orders.json":             `{"Configuration":{"FunctionName":"orders","FunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:orders","Role":"arn:aws:iam::123456789012:role/x/orders","MemorySize":512},"Concurrency":{"ReservedConcurrentExecutions":9}}`,
		"single.json":             `{"FunctionName":"single","Role":"arn:aws:iam::123456789012:role/single"}`,
		"single-concurrency.json": `{"ReservedConcurrentExecutions":3}`,
		"iam.json": `{"UserDetailList":[],"RoleDetailList":[{"RoleName":"orders","RolePolicyList":[{"PolicyName":"p","PolicyDocument":{"Statement":{"Effect":"Deny","NotAction":"s3:*","Resource":"*","Condition":{"Bool":{}}}}}],
			"AttachedManagedPolicies":[{"PolicyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}]}],"Policies":[]}`,
		"pl-7-entries.json": `{"Entries":[{"Cidr":"10.8.0.0/16"}]}`,
		"lists.json":        `{"PrefixLists":[{"PrefixListId":"pl-7","PrefixListName":"office"}]}`,
		"package.json":      `{"name":"something else"}`,
		"readme.txt":        "not read",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := account.ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.SecurityGroups) != 3 || s.Region != "eu-west-1" || s.Account.ID != "123456789012" {
		t.Errorf("%d groups in %s of %s", len(s.SecurityGroups), s.Region, s.Account.ID)
	}
	if f := s.Function("orders"); f.Reserved.Or(0) != 9 || f.MemoryMB.Or(0) != 512 {
		t.Errorf("function %+v", f)
	}
	if f := s.Function("single"); f.Reserved.Or(0) != 3 {
		t.Errorf("reserved %v", f.Reserved)
	}
	role := s.Roles[0]
	if len(role.Managed) != 1 || len(role.Statements) != 1 || role.Statements[0].Allow || !role.Statements[0].Conditional || !role.Complete.Or(false) {
		t.Errorf("role %+v", role)
	}
	if s.PrefixLists[0].Entries[0] != stack.Known(netip.MustParsePrefix("10.8.0.0/16")) {
		t.Errorf("entries %v", s.PrefixLists[0].Entries)
	}
	foreign := s.Gaps[len(s.Gaps)-1]
	if !strings.Contains(foreign.What, "package.json") || strings.Contains(foreign.What, "readme") {
		t.Errorf("last gap %+v", foreign)
	}
}

// A folder without such files, and one with a broken file, say so.
func TestFolderErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := account.ReadFolder(dir); err == nil || !strings.Contains(err.Error(), "found 0 .json files") {
		t.Errorf("empty folder: %v", err)
	}
	if _, err := account.ReadFolder(filepath.Join(dir, "missing")); err == nil {
		t.Error("no error for a missing folder")
	}
	if err := os.WriteFile(filepath.Join(dir, "vpcs.json"), []byte(`{"Vpcs":[{"VpcId":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := account.ReadFolder(dir); err == nil || !strings.Contains(err.Error(), "vpcs.json:1: the file ends in the middle") {
		t.Errorf("truncated file: %v", err)
	}
}

// What thaw and the AWS CLI write is recognized; templates and plans are not.
func TestRecognize(t *testing.T) {
	for data, want := range map[string]bool{
		string(of("")): true, `{"Vpcs":[]}`: true, `{"NextToken":"x","Functions":[]}`: true, `{"FunctionName":"f"}`: true,
		`{"account":"1","calls":{"ec2:DescribeVpcs":[]},"format":"thaw.account/1"}`: true, `{"format":"thaw.account/9"}`: true,
		`{"Resources":{}}`: false, `{"format_version":"1.2","planned_values":{}}`: false, `[]`: false, "": false, "Resources: {}": false, `{"calls":{}}`: false,
	} {
		if got := account.Recognize([]byte(data)); got != want {
			t.Errorf("%s: got %v", data, got)
		}
	}
}

// large is an account of 2,000 security groups with 25 rules each.
func large() []byte {
	var s stack.Stack
	s.VPCs = []*stack.VPC{{Resource: stack.Resource{ID: "vpc"}}}
	for i := range 2000 {
		g := &stack.SecurityGroup{Resource: stack.Resource{ID: fmt.Sprintf("group %d", i)}, VPC: stack.Known("vpc"), Name: stack.Known(fmt.Sprintf("group-%d", i))}
		for r := range 25 {
			rule := stack.Rule{Protocol: stack.Known("tcp"), FromPort: stack.Known(6000 + r), ToPort: stack.Known(6000 + r), Description: stack.Known("from a neighbour")}
			if r%2 == 0 {
				rule.CIDR = stack.Known(fmt.Sprintf("10.%d.%d.0/24", r, i%256))
			} else {
				rule.SecurityGroup = stack.Known(fmt.Sprintf("group %d", (i*7+r)%2000))
			}
			g.Ingress = append(g.Ingress, rule)
		}
		s.SecurityGroups = append(s.SecurityGroups, g)
	}
	return awswrite.Snapshot(&s)
}

// An account of 50,000 rules is read in well under the three seconds that the
// whole check may take.
func TestLargeAccount(t *testing.T) {
	data := large()
	start := time.Now()
	s := read(t, data)
	took := time.Since(start)
	rules := 0
	for _, g := range s.SecurityGroups {
		rules += len(g.Ingress)
	}
	if rules < 50_000 || len(s.SecurityGroups) < 2000 {
		t.Errorf("%d rules in %d groups", rules, len(s.SecurityGroups))
	}
	if took > 3*time.Second {
		t.Errorf("took %v for %d MB", took, len(data)>>20)
	}
	t.Logf("%v for %d rules in %.1f MB", took, rules, float64(len(data))/(1<<20))
}

func BenchmarkRead(b *testing.B) {
	data := large()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := account.Read("account.json", data); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRead feeds anything to the reader. It must not panic, and returns a stack
// that can be written out, or an error, never both.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"replication-group-tls", "memcached", "acl-routes-endpoints", "serverless-cache", "schedules-provisioned"} {
		f.Add(awswrite.Snapshot(readScenario(f, name)))
	}
	f.Add([]byte(`{"Configuration":{"FunctionName":"f","Role":"r"},"Concurrency":{}}`))
	f.Add([]byte(`{"RoleDetailList":[{"RoleName":"f","RolePolicyList":[{"PolicyName":"p","PolicyDocument":"%7B%7D"}]}],"Functions":[{"FunctionName":"f","Role":"a/f"}]}`))
	f.Add([]byte(`{"EnableDnsSupport":{"Value":true},"VpcId":"vpc-1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		account.Recognize(data)
		s, err := account.Read("account.json", data)
		if (s == nil) == (err == nil) {
			t.Fatalf("stack %v, error %v", s, err)
		}
		if s == nil {
			return
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatalf("the stack cannot be written: %v", err)
		}
	})
}

// A cache that could not be made, or that is being deleted, is none.
func TestCachesThatAreNone(t *testing.T) {
	s, err := account.Read("account.json", []byte(`{"format":"thaw.account/1","region":"eu-west-1","calls":{
 "elasticache:DescribeReplicationGroups":[{"ReplicationGroupId":"failed","Status":"create-failed"}],
 "elasticache:DescribeCacheClusters":[{"CacheClusterId":"failed-001","ReplicationGroupId":"failed","CacheClusterStatus":"creating"},{"CacheClusterId":"old","CacheClusterStatus":"deleted"}],
 "elasticache:DescribeServerlessCaches":[{"ServerlessCacheName":"a","Status":"create-failed"},{"ServerlessCacheName":"b","Status":"DELETING"},{"ServerlessCacheName":"c","Status":"available"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Caches) != 1 || s.Caches[0].ID != "c" {
		t.Errorf("%d caches, the first %+v", len(s.Caches), s.Caches[0])
	}
}
