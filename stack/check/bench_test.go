//go:build unix

package check

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account/awswrite"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

// large builds a stack of many functions and caches in one VPC with six
// subnets. Each function has a group of its own that the group of one cache
// lets in; groups is how many groups there are in all, and rules how many
// ingress rules the groups besides have each.
func large(functions, caches, groups, rules int) *stack.Stack {
	ref, res := stack.Known[string], func(id, typ string) stack.Resource {
		return stack.Resource{ID: id, Type: typ, Origin: stack.Origin{File: "template.yaml", Line: 1, Address: id}}
	}
	s := &stack.Stack{Name: "large", Region: "eu-west-1", Dialect: stack.CloudFormation}
	s.VPCs = []*stack.VPC{{Resource: res("Vpc", "AWS::EC2::VPC"), CIDRs: []stack.Value[netip.Prefix]{stack.Known(netip.MustParsePrefix("10.0.0.0/8"))},
		EnableDNSSupport: stack.Known(true), EnableDNSHostnames: stack.Known(true)}}
	var subnets []stack.Value[string]
	for i := range 6 {
		id := fmt.Sprintf("Subnet%d", i)
		subnets = append(subnets, ref(id))
		s.Subnets = append(s.Subnets, &stack.Subnet{Resource: res(id, "AWS::EC2::Subnet"), VPC: ref("Vpc"),
			CIDR: stack.Known(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 20)), Zone: ref(fmt.Sprintf("eu-west-1%c", 'a'+i%3)),
			FreeAddresses: stack.Unknown[int]("what else is there")})
	}
	rule := func(group, address string, from, to int) stack.Rule {
		return stack.Rule{Protocol: ref("tcp"), FromPort: stack.Known(from), ToPort: stack.Known(to), SecurityGroup: ref(group),
			CIDR: ref(""), PrefixList: ref(""), Description: ref(""), Origin: stack.Origin{File: "template.yaml", Line: 1, Address: address}}
	}
	add := func(id string) *stack.SecurityGroup {
		g := &stack.SecurityGroup{Resource: res(id, "AWS::EC2::SecurityGroup"), Name: ref(id), Description: ref("one of many"), VPC: ref("Vpc")}
		s.SecurityGroups = append(s.SecurityGroups, g)
		return g
	}
	for i := range caches {
		id := fmt.Sprintf("Cache%d", i)
		add(id + "Group")
		s.Caches = append(s.Caches, &stack.Cache{Resource: res(id, "AWS::ElastiCache::ReplicationGroup"), Name: ref(fmt.Sprintf("cache-%d", i)), Kind: stack.ReplicationGroup,
			Engine: stack.Known(stack.Valkey), NodeType: ref("cache.m7g.large"), Port: stack.Known(6379), Subnets: subnets, SecurityGroups: []stack.Value[string]{ref(id + "Group")},
			TransitEncryption: stack.Known(true), Shards: stack.Known(1), Replicas: stack.Known(1), Nodes: stack.Known(2), AutomaticFailover: stack.Known(true)})
	}
	for i := range functions {
		id, cache := fmt.Sprintf("Function%d", i), fmt.Sprintf("Cache%d", i%caches)
		g := add(id + "Group")
		g.Egress = append(g.Egress, rule(cache+"Group", id+"ToCache", 6379, 6379))
		target := s.SecurityGroups[i%caches]
		target.Ingress = append(target.Ingress, rule(id+"Group", cache+"From"+id, 6379, 6379))
		role := id + "Role"
		s.Roles = append(s.Roles, &stack.Role{Resource: res(role, "AWS::IAM::Role"), Name: ref(role), Complete: stack.Known(true), Managed: []stack.Value[string]{ref(vpcAccessPolicy)}})
		reserved := stack.Known(10)
		s.Functions = append(s.Functions, &stack.Function{Resource: res(id, "AWS::Lambda::Function"), Name: ref(id), Runtime: ref("provided.al2023"), Handler: ref("bootstrap"), Architecture: ref("arm64"),
			MemoryMB: stack.Known(128), Timeout: stack.Known(3), Role: ref(role), Reserved: &reserved, PerEnvironment: stack.Known(1),
			Environment: map[string]stack.Text{"REDIS_URL": {{Literal: "rediss://"}, {Resource: cache, Attribute: stack.EndpointAddress}, {Literal: ":6379"}}},
			VPC:         &stack.VPCConfig{Subnets: subnets, SecurityGroups: []stack.Value[string]{ref(id + "Group")}}})
	}
	for i := len(s.SecurityGroups); i < groups; i++ {
		g := add(fmt.Sprintf("Other%d", i))
		for j := range rules {
			peer := s.SecurityGroups[(i*31+j)%len(s.SecurityGroups)].ID
			g.Ingress = append(g.Ingress, rule(peer, fmt.Sprintf("Other%dFrom%d", i, j), 1000+j, 1000+j))
		}
	}
	return s
}

// inputs are the sizes of docs/check.md.
func inputs() []struct {
	name  string
	limit time.Duration // of reading, checking and writing the report
	write func() []byte
} {
	return []struct {
		name  string
		limit time.Duration
		write func() []byte
	}{
		// 200 functions, 20 caches, 980 groups, 3,400 rules, 200 roles with an attachment: 5,000 resources.
		{"plan.json", 2 * time.Second, func() []byte { return tfwrite.Plan(large(200, 20, 980, 4)) }},
		// 2,000 groups with 50,000 rules.
		{"account.json", 3 * time.Second, func() []byte { return awswrite.Snapshot(large(200, 20, 2000, 28)) }},
	}
}

func checkFile(path string) (*Report, error) {
	s, err := iac.ReadFile(path, iac.Options{})
	if err != nil {
		return nil, err
	}
	r, err := Run(s, Options{})
	if err != nil {
		return nil, err
	}
	return r, r.Encode(io.Discard)
}

// processorTime is what all threads of this process have used, which does not
// depend on how busy the machine is.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Large inputs must not take more processor time than two cores have in what
// docs/check.md says, and every path in them is open.
func TestLargeInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("large inputs")
	}
	for _, in := range inputs() {
		t.Run(in.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), in.name)
			if keep := os.Getenv("THAW_LARGE_INPUTS"); keep != "" {
				path = filepath.Join(keep, in.name) // to measure the whole command
			}
			if err := os.WriteFile(path, in.write(), 0o600); err != nil {
				t.Fatal(err)
			}
			began := processorTime(t)
			r, err := checkFile(path)
			took := processorTime(t) - began
			if err != nil {
				t.Fatal(err)
			}
			if r.Summary.Functions != 200 || r.Summary.Caches != 20 || r.Summary.Open != 200 {
				t.Errorf("%+v", r.Summary)
			}
			if took > 2*in.limit {
				t.Errorf("%v of processor time, more than two cores have in %v", took, in.limit)
			}
			t.Logf("%v", took)
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, in := range inputs() {
		b.Run(in.name, func(b *testing.B) {
			data := in.write()
			path := filepath.Join(b.TempDir(), in.name)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := checkFile(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
