package query

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the AWS CLI prints for testdata/*.xml to testdata/*.json")

// calls are all calls, each with where the AWS CLI prints what it gives, and the
// command.
func calls(t *testing.T, cfg aws.Config) map[string]call {
	t.Helper()
	e, err := NewEC2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewElastiCache(cfg)
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewIAM(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	one := func(key string, v any, err error) func() (any, error) {
		return func() (any, error) { return map[string]any{key: v}, err }
	}
	return map[string]call{
		"DescribeVpcs":                       {"ec2 describe-vpcs", all("Vpcs", e.DescribeVpcs(ctx))},
		"DescribeSubnets":                    {"ec2 describe-subnets", all("Subnets", e.DescribeSubnets(ctx))},
		"DescribeRouteTables":                {"ec2 describe-route-tables", all("RouteTables", e.DescribeRouteTables(ctx))},
		"DescribeNetworkAcls":                {"ec2 describe-network-acls", all("NetworkAcls", e.DescribeNetworkAcls(ctx))},
		"DescribeSecurityGroups":             {"ec2 describe-security-groups", all("SecurityGroups", e.DescribeSecurityGroups(ctx))},
		"DescribeManagedPrefixLists":         {"ec2 describe-managed-prefix-lists", all("PrefixLists", e.DescribeManagedPrefixLists(ctx))},
		"GetManagedPrefixListEntries":        {"ec2 get-managed-prefix-list-entries --prefix-list-id pl-0a1", all("Entries", e.GetManagedPrefixListEntries(ctx, "pl-0a1"))},
		"DescribeNatGateways":                {"ec2 describe-nat-gateways", all("NatGateways", e.DescribeNatGateways(ctx))},
		"DescribeInternetGateways":           {"ec2 describe-internet-gateways", all("InternetGateways", e.DescribeInternetGateways(ctx))},
		"DescribeEgressOnlyInternetGateways": {"ec2 describe-egress-only-internet-gateways", all("EgressOnlyInternetGateways", e.DescribeEgressOnlyInternetGateways(ctx))},
		"DescribeVpcEndpoints":               {"ec2 describe-vpc-endpoints", all("VpcEndpoints", e.DescribeVpcEndpoints(ctx))},
		"DescribeVpcPeeringConnections":      {"ec2 describe-vpc-peering-connections", all("VpcPeeringConnections", e.DescribeVpcPeeringConnections(ctx))},
		"DescribeNetworkInterfaces":          {"ec2 describe-network-interfaces", all("NetworkInterfaces", e.DescribeNetworkInterfaces(ctx))},
		"DescribeVpcAttribute": {"ec2 describe-vpc-attribute --vpc-id vpc-0a1 --attribute enableDnsSupport", func() (any, error) {
			v, err := e.DescribeVpcAttribute(ctx, "vpc-0a1", "enableDnsSupport")
			return v, err
		}},
		"DescribeCacheClusters":     {"elasticache describe-cache-clusters", all("CacheClusters", c.DescribeCacheClusters(ctx))},
		"DescribeReplicationGroups": {"elasticache describe-replication-groups", all("ReplicationGroups", c.DescribeReplicationGroups(ctx))},
		"DescribeServerlessCaches":  {"elasticache describe-serverless-caches", all("ServerlessCaches", c.DescribeServerlessCaches(ctx))},
		"DescribeCacheSubnetGroups": {"elasticache describe-cache-subnet-groups", all("CacheSubnetGroups", c.DescribeCacheSubnetGroups(ctx))},
		"DescribeUserGroups":        {"elasticache describe-user-groups", all("UserGroups", c.DescribeUserGroups(ctx))},
		"ListAttachedRolePolicies":  {"iam list-attached-role-policies --role-name orders", all("AttachedPolicies", i.ListAttachedRolePolicies(ctx, "orders"))},
		"ListRolePolicies":          {"iam list-role-policies --role-name orders", all("PolicyNames", i.ListRolePolicies(ctx, "orders"))},
		"GetRolePolicy": {"iam get-role-policy --role-name orders --policy-name queue", func() (any, error) {
			v, err := i.GetRolePolicy(ctx, "orders", "queue")
			return map[string]any{"PolicyDocument": unescaped(v)}, err
		}},
		"GetPolicy": {"iam get-policy --policy-arn arn:aws:iam::123456789012:policy/table", func() (any, error) {
			v, err := i.GetPolicy(ctx, "arn:aws:iam::123456789012:policy/table")
			return one("Policy", v, err)()
		}},
		"GetPolicyVersion": {"iam get-policy-version --policy-arn arn:aws:iam::123456789012:policy/table --version-id v3", func() (any, error) {
			v, err := i.GetPolicyVersion(ctx, "arn:aws:iam::123456789012:policy/table", "v3")
			return one("PolicyVersion", map[string]any{"Document": unescaped(aws.ToString(v.Document)), "VersionId": v.VersionID, "IsDefaultVersion": v.IsDefaultVersion}, err)()
		}},
	}
}

type call struct {
	command string
	do      func() (any, error)
}

// all reads a list to its end.
func all[T any](key string, list iter.Seq2[[]T, error]) func() (any, error) {
	return func() (any, error) {
		items := []T{}
		for page, err := range list {
			if err != nil {
				return nil, err
			}
			items = append(items, page...)
		}
		return map[string]any{key: items}, nil
	}
}

// unescaped is a policy document as the AWS CLI prints it; nil if it is none.
func unescaped(document string) json.RawMessage {
	text, err := url.QueryUnescape(document)
	if err != nil {
		return nil
	}
	return json.RawMessage(text)
}

// fixtures answers each call with testdata/<action>.xml.
func fixtures(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(filepath.Join("testdata", filepath.Base(r.FormValue("Action"))+".xml"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return server
}

// leftOut are the fields that the AWS CLI prints for testdata and that no reader
// of a snapshot needs. All others must come out, with the same values.
var leftOut = map[string]string{
	"DescribeVpcs":                  "AssociationId NetworkBorderGroup Ipv6Pool DhcpOptionsId InstanceTenancy",
	"DescribeSubnets":               "AssociationId SubnetArn DefaultForAz AssignIpv6AddressOnCreation Ipv6Native PrivateDnsNameOptionsOnLaunch",
	"DescribeRouteTables":           "InstanceOwnerId PropagatingVgws",
	"DescribeSecurityGroups":        "SecurityGroupArn",
	"DescribeManagedPrefixLists":    "PrefixListArn",
	"DescribeNatGateways":           "CreateTime NatGatewayAddresses",
	"DescribeVpcEndpoints":          "PolicyDocument",
	"DescribeVpcPeeringConnections": "Message",
	"DescribeNetworkInterfaces":     "MacAddress SourceDestCheck",
	"DescribeCacheClusters":         "AutoMinorVersionUpgrade CacheNodeStatus PendingModifiedValues",
	"DescribeReplicationGroups":     "Description",
	"DescribeServerlessCaches":      "Description SnapshotRetentionLimit",
	"DescribeCacheSubnetGroups":     "CacheSubnetGroupDescription SupportedNetworkTypes",
	"DescribeUserGroups":            "MinimumEngineVersion",
	"GetRolePolicy":                 "RoleName PolicyName",
	"GetPolicy":                     "PolicyName PolicyId Path AttachmentCount",
	"GetPolicyVersion":              "CreateDate",
}

func leaveOut(v any, names []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range names {
			delete(v, name)
		}
		for _, inner := range v {
			leaveOut(inner, names)
		}
	case []any:
		for _, inner := range v {
			leaveOut(inner, names)
		}
	}
}

// Each call reads of an answer what the AWS CLI prints of the same answer.
func TestCalls(t *testing.T) {
	server := fixtures(t)
	for action, c := range calls(t, config(server.URL)) {
		t.Run(action, func(t *testing.T) {
			got, err := c.do()
			if err != nil {
				t.Fatal(err)
			}
			printed, err := os.ReadFile(filepath.Join("testdata", action+".json"))
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			want := tree(t, printed)
			leaveOut(want, strings.Fields(leftOut[action]))
			if diff := cmp.Diff(want, tree(t, data)); diff != "" {
				t.Errorf("(-CLI +query):\n%s", diff)
			}
		})
	}
}

func tree(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The expected output in testdata is what the AWS CLI prints today.
func TestTestdataIsOfCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		if os.Getenv("THAW_REQUIRE_REAL") != "" {
			t.Fatal("aws is not installed and THAW_REQUIRE_REAL is set")
		}
		t.Skip("aws is not installed")
	}
	server := fixtures(t)
	for action, c := range calls(t, config(server.URL)) {
		t.Run(action, func(t *testing.T) {
			t.Parallel() // the CLI takes half a second to start
			cmd := exec.Command("aws", append(strings.Fields(c.command), "--region", "eu-west-1", "--output", "json", "--endpoint-url", server.URL)...)
			cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=testing", "AWS_SECRET_ACCESS_KEY=testing", "AWS_CONFIG_FILE="+os.DevNull,
				"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "AWS_MAX_ATTEMPTS=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			printed, err := cmd.Output()
			if err != nil {
				t.Fatalf("aws %s: %v %s", c.command, err, stderr.String())
			}
			name := filepath.Join("testdata", action+".json")
			if *update {
				if err := os.WriteFile(name, printed, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			times := strings.Fields("CreateTime CreateDate") // versions of the CLI write them differently
			want, got := tree(t, kept), tree(t, printed)
			leaveOut(want, times)
			leaveOut(got, times)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-testdata +CLI):\n%s", diff)
			}
		})
	}
}

// testdata has a value for every field, so that none can be wrong unnoticed.
func TestTestdataIsComplete(t *testing.T) {
	server := fixtures(t)
	set, known := map[string]bool{}, map[string]bool{}
	for action, c := range calls(t, config(server.URL)) {
		got, err := c.do()
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		fields(reflect.ValueOf(got), set, known)
	}
	if len(known) < 150 {
		t.Errorf("found only %d fields: the walk is broken", len(known))
	}
	for name := range known {
		if !set[name] {
			t.Errorf("no answer in testdata sets %s", name)
		}
	}
}

func fields(v reflect.Value, set, known map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			fields(v.Elem(), set, known)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			fields(v.MapIndex(key), set, known)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields(v.Index(i), set, known)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := fmt.Sprintf("%s.%s", v.Type().Name(), v.Type().Field(i).Name)
			known[name] = true
			set[name] = set[name] || !v.Field(i).IsZero()
			fields(v.Field(i), set, known)
		}
	}
}

// config is that of a user in eu-west-1 whose AWS is a test.
func config(endpoint string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI", SessionToken: "session"}, nil
	})}
}
