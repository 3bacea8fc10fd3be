package snapshot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/snapshot"
)

// agreesWithCLI compares the items of a snapshot with what the AWS CLI prints
// for the same account, name by name and value by value, and the stacks that are
// read of both.
func agreesWithCLI(t *testing.T, data []byte, d deployed) {
	needs(t, "aws")
	var doc snapshot.Document
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	lists := []struct{ call, key, id, command string }{
		{"ec2:DescribeVpcs", "Vpcs", "VpcId", "ec2 describe-vpcs"},
		{"ec2:DescribeSubnets", "Subnets", "SubnetId", "ec2 describe-subnets"},
		{"ec2:DescribeSecurityGroups", "SecurityGroups", "GroupId", "ec2 describe-security-groups"},
		{"ec2:DescribeNetworkAcls", "NetworkAcls", "NetworkAclId", "ec2 describe-network-acls"},
		{"ec2:DescribeRouteTables", "RouteTables", "RouteTableId", "ec2 describe-route-tables"},
		{"ec2:DescribeNatGateways", "NatGateways", "NatGatewayId", "ec2 describe-nat-gateways"},
		{"ec2:DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId", "ec2 describe-network-interfaces"},
		{"lambda:ListFunctions", "Functions", "FunctionName", "lambda list-functions"},
		{"elasticache:DescribeCacheClusters", "CacheClusters", "CacheClusterId", "elasticache describe-cache-clusters --show-cache-node-info"},
		{"elasticache:DescribeCacheSubnetGroups", "CacheSubnetGroups", "CacheSubnetGroupName", "elasticache describe-cache-subnet-groups"},
	}
	commands := map[string]string{
		"iam.json": "iam get-account-authorization-details", "concurrency-of-orders.json": "lambda get-function-concurrency --function-name orders",
		"dns.json": "ec2 describe-vpc-attribute --attribute enableDnsHostnames --vpc-id " + d.vpc,
	}
	for _, c := range lists {
		commands[c.key+".json"] = c.command
	}
	files := cli(t, commands)
	for name, printed := range files {
		if err := os.WriteFile(filepath.Join(folder, name), printed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range lists {
		want, got := byID(t, listOf(t, files[c.key+".json"], c.key), c.id), byID(t, doc.Calls[c.call], c.id)
		leaveOut(want)
		if len(want) == 0 && c.key != "NetworkInterfaces" {
			t.Errorf("%s: the CLI prints none", c.call)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-CLI +snapshot):\n%s", c.call, diff)
		}
	}
	sameStack(t, data, folder, d)
}

// leftOut are the fields that the CLI prints and no reader of a snapshot needs.
// All others must be in it, with the same values.
var leftOut = strings.Fields(`
	AssociationId DhcpOptionsId InstanceTenancy
	AssignIpv6AddressOnCreation DefaultForAz Ipv6Native PrivateDnsNameOptionsOnLaunch SubnetArn
	SecurityGroupArn NatGatewayAddresses
	MacAddress PrivateDnsName SourceDestCheck
	SnapshotRetentionLimit CacheSubnetGroupDescription SupportedNetworkTypes
`)

// leaveOut removes leftOut from what the CLI printed, at any depth, and the tags
// that a snapshot leaves out.
func leaveOut(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if slices.Contains(leftOut, key) {
				delete(v, key)
				continue
			}
			if tags, ok := inner.([]any); ok && key == "Tags" {
				v[key] = slices.DeleteFunc(tags, func(tag any) bool { return tag.(map[string]any)["Key"] != "Name" })
			}
			leaveOut(inner)
		}
	case []any:
		for _, inner := range v {
			leaveOut(inner)
		}
	}
}

// sameStack compares what is in both: the snapshot and the folder.
func sameStack(t *testing.T, data []byte, folder string, d deployed) {
	t.Helper()
	want, err := account.Read("account.json", data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := account.ReadFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*stack.Stack{want, got} {
		s.Functions[0].Provisioned, s.Functions[0].Alias = stack.Known(0), stack.Known("") // not asked of the CLI
	}
	view := func(s *stack.Stack) map[string]any {
		all := map[string]any{"region": s.Region, "account": s.Account.ID}
		for name, list := range map[string]any{"subnets": s.Subnets, "groups": s.SecurityGroups, "acls": s.NetworkACLs, "tables": s.RouteTables,
			"functions": s.Functions, "caches": s.Caches, "roles": s.Roles} {
			data, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			var items []json.RawMessage
			if err := json.Unmarshal(data, &items); err != nil {
				t.Fatal(err)
			}
			all[name] = byID(t, items, "id")
		}
		return all
	}
	origins := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["origin"]` }, cmp.Ignore())
	if diff := cmp.Diff(view(want), view(got), origins); diff != "" {
		t.Errorf("the stacks differ (-snapshot +folder):\n%s", diff)
	}
	for _, v := range got.VPCs {
		if v.ID == d.vpc && (!v.EnableDNSHostnames.Or(false) || v.EnableDNSSupport.IsKnown()) {
			t.Errorf("DNS hostnames %v, support %v: one was asked of the CLI, the other was not", v.EnableDNSHostnames, v.EnableDNSSupport)
		}
	}
}

// cli returns what each command of the AWS CLI prints. They run at once, because
// each takes half a second to start.
func cli(t *testing.T, commands map[string]string) map[string][]byte {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	printed := map[string][]byte{}
	slots := make(chan struct{}, runtime.NumCPU())
	for name, command := range commands {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			cmd := exec.Command("aws", append(strings.Fields(command), "--region", region, "--output", "json")...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("aws %s: %v %s", command, err, stderr.String())
			}
			mu.Lock()
			defer mu.Unlock()
			printed[name] = out
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return printed
}

func listOf(t *testing.T, data []byte, key string) []json.RawMessage {
	t.Helper()
	var top map[string]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(top[key], &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// byID decodes items. Times and environments differ by intention: the CLI has
// its own format, and a snapshot redacts.
func byID(t *testing.T, items []json.RawMessage, id string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, data := range items {
		var it map[string]any
		if err := json.Unmarshal(data, &it); err != nil {
			t.Fatal(err)
		}
		for key, v := range it {
			if strings.HasSuffix(key, "Time") || strings.HasSuffix(key, "Date") || key == "Environment" {
				delete(it, key)
			}
			if list, ok := v.([]any); ok && len(list) == 0 {
				delete(it, key)
			}
		}
		out[fmt.Sprint(it[id])] = it
	}
	return out
}
