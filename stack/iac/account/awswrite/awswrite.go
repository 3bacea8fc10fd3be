// Package awswrite writes a stack as the snapshot that a live account with
// these resources would give, for tests and scenarios: what a template declares
// can be checked in the dialect of an account without deploying it.
//
//	stack.Stack ──▶ ids ──▶ items of each describe call ──▶ snapshot
//	 logical ids    sg-…     with what AWS adds by itself     thaw.account/1
//
// AWS adds to each VPC a default security group, a default network ACL and a
// main route table, to functions and cache nodes network interfaces, and to
// caches endpoints. The writer adds them too. Where the stack does not know a
// value, which a live account always does, it writes a plausible one; the same
// stack always gives the same bytes.
package awswrite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/redact"
)

// item is what a describe call prints for one resource.
type item = map[string]any

// document is the file.
type document struct {
	Format  string            `json:"format"`
	TakenAt string            `json:"taken_at"`
	Region  string            `json:"region"`
	Account string            `json:"account"`
	Calls   map[string][]item `json:"calls"`
	Gaps    []item            `json:"gaps"`
}

type writer struct {
	s       *stack.Stack
	region  string
	account string
	calls   map[string][]item
	hosts   map[string]string // resource ID and attribute → value of a cache's endpoint
	known   map[string]bool   // host names of the caches
	names   map[string]string // ID of a cache or function → its name in the account
	used    map[string]int    // addresses taken in each subnet
}

// Snapshot writes s in the format that package stack/snapshot writes and
// package account reads.
func Snapshot(s *stack.Stack) []byte {
	w := &writer{s: s, region: s.Region, account: s.Account.ID, calls: map[string][]item{},
		hosts: map[string]string{}, known: map[string]bool{}, names: map[string]string{}, used: map[string]int{}}
	if w.region == "" {
		w.region = "us-east-1"
	}
	if w.account == "" {
		w.account = "123456789012"
	}
	for _, call := range every() {
		w.calls[call] = []item{}
	}
	w.network()
	w.filters()
	w.routing()
	w.caches()
	w.functions()
	w.roles()
	w.interfaces()
	w.subnets()
	limit := s.Account.Concurrency.Or(0)
	if limit == 0 {
		limit = 1000 // the default of AWS
	}
	w.add("lambda:GetAccountSettings", item{"AccountLimit": item{"ConcurrentExecutions": limit}})
	gaps := []item{}
	for _, g := range s.Gaps {
		gaps = append(gaps, item{"call": g.What, "error": g.Why, "unknown": g.Kind})
	}
	data, err := json.MarshalIndent(document{"thaw.account/1", "2026-01-01T00:00:00Z", w.region, w.account, w.calls, gaps}, "", "  ")
	if err != nil {
		panic("awswrite: " + err.Error()) // maps, strings and numbers always marshal
	}
	return append(data, '\n')
}

// every lists the calls of a snapshot, so that one without resources says that
// there are none instead of not being there.
func every() []string {
	return []string{
		"ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
		"ec2:DescribeNetworkAcls", "ec2:DescribeRouteTables", "ec2:DescribeNatGateways", "ec2:DescribeInternetGateways",
		"ec2:DescribeEgressOnlyInternetGateways", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcPeeringConnections",
		"ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries", "ec2:DescribeNetworkInterfaces",
		"lambda:ListFunctions", "lambda:GetFunctionConcurrency", "lambda:ListProvisionedConcurrencyConfigs",
		"elasticache:DescribeCacheClusters", "elasticache:DescribeReplicationGroups",
		"elasticache:DescribeServerlessCaches", "elasticache:DescribeCacheSubnetGroups", "elasticache:DescribeUserGroups",
		"iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:GetPolicyVersion",
	}
}

func (w *writer) add(call string, it item) { w.calls[call] = append(w.calls[call], it) }

// id returns the AWS id of a resource: the one that it has, or one that
// follows from its kind and its logical id. The id of an unknown resource is
// that of none in the snapshot.
func (w *writer) id(prefix string, v stack.Value[string]) string {
	logical, ok := v.Get()
	switch {
	case !ok:
		logical = "unknown: " + v.Why()
	case logical == "":
		return ""
	case strings.HasPrefix(logical, prefix+"-"):
		return logical
	}
	return prefix + "-" + digest(prefix + ":" + logical)[:17]
}

func (w *writer) ids(prefix string, values []stack.Value[string]) []string {
	ids := make([]string, 0, len(values))
	for _, v := range values {
		ids = append(ids, w.id(prefix, v))
	}
	return ids
}

func (w *writer) own(prefix string, r stack.Resource) string {
	return w.id(prefix, stack.Known(r.ID))
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// name returns the name of a resource in the account: the given one, or one
// made of its logical id.
func name(given stack.Value[string], id string) string {
	if n, ok := given.Get(); ok && n != "" {
		return n
	}
	lower := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, id)
	return strings.Trim(lower, "-")
}

func (w *writer) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, w.region, w.account, resource)
}

func tags(r stack.Resource) []item {
	return []item{{"Key": "aws:cloudformation:logical-id", "Value": r.ID}}
}

// text resolves the references of a text, and leaves secrets out. A port that
// the stack does not know is that of the cache before it.
func (w *writer) text(variable string, t stack.Text) string {
	var b strings.Builder
	cache := ""
	for _, p := range t {
		switch {
		case p.Resource != "":
			cache = p.Resource
			b.WriteString(w.reference(p))
		case p.Unknown != "" && strings.HasSuffix(b.String(), ":") && w.hosts[cache+"."+stack.EndpointPort] != "":
			b.WriteString(w.hosts[cache+"."+stack.EndpointPort])
		case p.Unknown != "":
			b.WriteString(redact.Mark)
		default:
			b.WriteString(p.Literal)
		}
	}
	return redact.Variable(variable, b.String(), w.known)
}

func (w *writer) reference(p stack.Part) string {
	if s, ok := w.hosts[p.Resource+"."+p.Attribute]; ok {
		return s
	}
	if n, ok := w.names[p.Resource]; ok && p.Attribute == "" {
		return n
	}
	return redact.Mark
}
