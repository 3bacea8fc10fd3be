package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

func take(t *testing.T, f *fake, opts Options) *Document {
	t.Helper()
	if opts.Region == "" {
		opts.Region = "eu-west-1"
	}
	d, err := Take(context.Background(), f.clients(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func text(t *testing.T, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatalf("not JSON: %s", b.String())
	}
	return b.String()
}

// A snapshot reads every page, has its items in one order, and no gaps.
func TestTake(t *testing.T) {
	f := &fake{}
	d := take(t, f, Options{Now: time.Unix(0, 0)})
	if len(d.Gaps) > 0 {
		t.Errorf("gaps: %v", d.Gaps)
	}
	vpc := func(id string) string {
		return `{"VpcId":"` + id + `","OwnerId":"111122223333","CidrBlock":"10.0.0.0/16","Tags":[{"Key":"Name","Value":"of ` + id + `"},{"Key":"aws:cloudformation:stack-name","Value":"net"}]}`
	}
	if diff := cmp.Diff(vpc("vpc-a")+vpc("vpc-b"), string(d.Calls["ec2:DescribeVpcs"][0])+string(d.Calls["ec2:DescribeVpcs"][1])); diff != "" {
		t.Errorf("VPCs: %s", diff)
	}
	if n := len(d.Calls["lambda:ListFunctions"]); n != 3 {
		t.Errorf("%d functions, want those of both pages", n)
	}
	got := text(t, d)
	for range 20 {
		if again := text(t, take(t, &fake{}, Options{Now: time.Unix(0, 0), Parallel: 16})); again != got {
			t.Fatalf("the same account gives another document: %s", cmp.Diff(got, again))
		}
	}
	for _, want := range []string{
		`"format": "thaw.account/1"`, `"taken_at": "1970-01-01T00:00:00Z"`, `"account": "111122223333"`,
		`"EnableDnsSupport": {`, `"ReservedConcurrentExecutions": 0`, `"PolicyDocument": {`, `"Action": "s3:GetObject"`,
		`"PolicyArn": "arn:aws:iam::111122223333:policy/ours"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if strings.Contains(got, "null") {
		t.Error("something that AWS did not send is written as null")
	}
}

// No secret of an environment and no tag of the user's own but Name is in the
// document; where the cache is, stays.
func TestRedaction(t *testing.T) {
	got := text(t, take(t, &fake{}, Options{}))
	if strings.Contains(got, "hunter2") || strings.Contains(got, `"Key": "password"`) {
		t.Error("a secret is in the document")
	}
	for _, want := range []string{`"CACHE_URL": "rediss://:(redacted)@master.shop.abc.euw1.cache.amazonaws.com:6379"`, `"TOKEN": "(redacted)"`, `"TLS": "true"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Account ids go with RedactIDs, and stay different from each other.
func TestRedactIDs(t *testing.T) {
	got := text(t, take(t, &fake{}, Options{RedactIDs: true}))
	for _, id := range []string{"111122223333", "444455556666"} {
		if strings.Contains(got, id) {
			t.Errorf("%s is in the document", id)
		}
	}
	for _, want := range []string{`"account": "000000000000"`, `function:orders"`, `"OwnerId": "000000000001"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Every call that is made is in the policy that Permissions prints, and every
// permission of the policy is used.
func TestPermissions(t *testing.T) {
	f := &fake{}
	take(t, f, Options{})
	var policy struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal(Permissions(), &policy); err != nil {
		t.Fatal(err)
	}
	var allowed []string
	for _, s := range policy.Statement {
		allowed = append(allowed, s.Action...)
	}
	for name := range f.made {
		if name != "sts:GetCallerIdentity" && !slices.Contains(allowed, name) {
			t.Errorf("%s is called and not in the policy", name)
		}
	}
	for _, name := range allowed {
		if f.made[name] == 0 {
			t.Errorf("%s is in the policy and never called", name)
		}
		verb := name[strings.IndexByte(name, ':')+1:]
		if !strings.HasPrefix(verb, "Describe") && !strings.HasPrefix(verb, "List") && !strings.HasPrefix(verb, "Get") {
			t.Errorf("%s does not only read", name)
		}
	}
}

// A call that is denied becomes a gap, whichever it is, and ends nothing else.
// Its list is left out instead of being empty.
func TestDeniedCalls(t *testing.T) {
	denied := &query.Error{Code: "AccessDenied", Status: 403}
	for _, c := range calls() {
		t.Run(c.name, func(t *testing.T) {
			d := take(t, &fake{errs: map[string]error{c.name: fmt.Errorf("arn:aws:iam::111122223333:user/bob is not authorized: %w", denied)}}, Options{})
			if len(d.Gaps) != 1 || d.Gaps[0].Call != c.name || d.Gaps[0].Error != "AccessDenied" || d.Gaps[0].Unknown == "" {
				t.Errorf("gaps %v", d.Gaps)
			}
			if list, ok := d.Calls[c.name]; ok && len(list) == 0 {
				t.Error("a denied call gives an empty list")
			}
			if strings.Contains(text(t, d), "bob") {
				t.Error("the message of AWS is in the document")
			}
		})
	}
}

// Many resources that fail for one reason are one gap that names them.
func TestGapNamesResources(t *testing.T) {
	d := take(t, &fake{errs: map[string]error{"lambda:GetFunctionConcurrency": &query.Error{Code: "AccessDeniedException"}}}, Options{})
	want := []Gap{{Call: "lambda:GetFunctionConcurrency", Error: "AccessDeniedException", Unknown: "reserved concurrency", Resources: []string{"alone", "elsewhere", "orders"}}}
	if diff := cmp.Diff(want, d.Gaps); diff != "" {
		t.Error(diff)
	}
}

// A refusal of EC2's own is told by its code: one that concerns a call is a gap,
// one that concerns the credentials ends the snapshot.
func TestErrorCodes(t *testing.T) {
	for code, ends := range map[string]bool{
		"UnauthorizedOperation": false, "AccessDenied": false, "OptInRequired": false, "RequestLimitExceeded": false,
		"AuthFailure": true, "ExpiredToken": true, "RequestExpired": true, "InvalidClientTokenId": true,
	} {
		f := &fake{errs: map[string]error{"ec2:DescribeSubnets": &query.Error{Action: "DescribeSubnets", Code: code, Status: 403}}}
		d, err := Take(context.Background(), f.clients(), Options{Region: "eu-west-1"})
		if ends != errors.Is(err, ErrCredentials) || !ends && (err != nil || len(d.Gaps) != 1 || d.Gaps[0].Error != code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	for want, err := range map[string]error{
		"HTTP502": &query.Error{Status: 502}, "Timeout": fmt.Errorf("query: %w", context.DeadlineExceeded), "Failed": errors.New("x"),
	} {
		if got := errorClass(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}

// A region without Lambda or ElastiCache has no such host.
func TestRegionWithoutService(t *testing.T) {
	missing := fmt.Errorf("request send failed, %w", &net.DNSError{Err: "no such host", IsNotFound: true})
	f := &fake{errs: map[string]error{"lambda:ListFunctions": missing, "lambda:GetAccountSettings": missing}}
	d := take(t, f, Options{})
	if len(d.Gaps) != 2 || d.Gaps[0].Error != "NoEndpoint" {
		t.Errorf("gaps %v", d.Gaps)
	}
	if len(d.Calls["elasticache:DescribeCacheClusters"]) == 0 {
		t.Error("the caches are missing too")
	}
}

// Without valid credentials there is no document: at the beginning, or when
// they expire on the way.
func TestCredentials(t *testing.T) {
	for _, call := range []string{"sts:GetCallerIdentity", "ec2:DescribeSubnets", "iam:GetPolicy"} {
		_, err := Take(context.Background(), (&fake{errs: map[string]error{call: &query.Error{Code: "ExpiredToken"}}}).clients(), Options{Region: "eu-west-1"})
		if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "ExpiredToken") {
			t.Errorf("%s: %v", call, err)
		}
	}
	lost := &fake{errs: map[string]error{"ec2:DescribeVpcs": fmt.Errorf("query: %w", query.ErrNoCredentials)}}
	if _, err := Take(context.Background(), lost.clients(), Options{Region: "eu-west-1"}); !errors.Is(err, ErrCredentials) {
		t.Errorf("credentials that cannot be renewed: %v", err)
	}
	_, err := Take(context.Background(), (&fake{}).clients(), Options{})
	if err == nil || !strings.Contains(err.Error(), "--region") {
		t.Errorf("no region: %v", err)
	}
}

// Whenever the context ends, no document comes back, and the reason does.
func TestCancel(t *testing.T) {
	reason := errors.New("out of patience")
	for _, at := range []string{"sts:GetCallerIdentity", "ec2:DescribeVpcs", "lambda:GetFunctionConcurrency", "iam:GetPolicyVersion"} {
		ctx, cancel := context.WithCancelCause(context.Background())
		f := &fake{before: func(call string) {
			if call == at {
				cancel(reason)
			}
		}}
		d, err := Take(ctx, f.clients(), Options{Region: "eu-west-1"})
		if d != nil || !errors.Is(err, reason) {
			t.Errorf("%s: %v, %v", at, d, err)
		}
	}
}

// As many calls run at once as Parallel allows and no more, and progress hears
// of each.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, seen atomic.Int64
		f := &fake{before: func(string) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second) // virtual: all that can run do
			running.Add(-1)
		}}
		take(t, f, Options{Parallel: 3, Progress: func(int, string) { seen.Add(1) }})
		made := -1 // without the identity
		for _, n := range f.made {
			made += n
		}
		if most.Load() != 3 || seen.Load() < int64(len(calls())) || seen.Load() > int64(made) {
			t.Errorf("%d at once, progress heard of %d of %d calls", most.Load(), seen.Load(), made)
		}
	})
}

// A snapshot of one VPC has its functions and caches, those in no VPC, and
// nothing of others.
func TestLimitToVPC(t *testing.T) {
	got := text(t, take(t, &fake{}, Options{VPCs: []string{"vpc-a"}}))
	for _, want := range []string{`"FunctionName": "orders"`, `"FunctionName": "alone"`, `"ReplicationGroupId": "shop"`, `"CacheClusterId": "shop-001"`, `"pcx-1"`, `"vpcs": [`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, unwanted := range []string{"elsewhere", `"other`, "eigw-b", `"far"`, `"in-b"`} {
		if strings.Contains(got, unwanted) {
			t.Errorf("%s is of another VPC", unwanted)
		}
	}
}

// A VPC that is not there is an error and not an empty network, unless nobody
// may look.
func TestMissingVPC(t *testing.T) {
	opts := Options{Region: "eu-west-1", VPCs: []string{"vpc-a", "vpc-typo"}}
	d, err := Take(context.Background(), (&fake{}).clients(), opts)
	if d != nil || err == nil || !strings.Contains(err.Error(), "there is no VPC vpc-typo in eu-west-1") {
		t.Errorf("%v", err)
	}
	denied := &fake{errs: map[string]error{"ec2:DescribeVpcs": &query.Error{Code: "UnauthorizedOperation", Status: 403}}}
	if d, err := Take(context.Background(), denied.clients(), opts); err != nil || len(d.Gaps) != 1 {
		t.Errorf("denied: %v", err)
	}
}

// A serverless cache of which it is not known whether it is in the VPC stays.
func TestLimitWithoutSubnets(t *testing.T) {
	f := &fake{errs: map[string]error{"ec2:DescribeSubnets": &query.Error{Code: "UnauthorizedOperation", Status: 403}}}
	if got := text(t, take(t, f, Options{VPCs: []string{"vpc-a"}})); !strings.Contains(got, `"far"`) {
		t.Error("a cache is missing, and nothing says so")
	}
}

// A gap says in one line what failed, for what, why, and what is unknown.
func TestGapString(t *testing.T) {
	for want, g := range map[string]Gap{
		"ec2:DescribeVpcs was denied (UnauthorizedOperation): the permission ec2:DescribeVpcs is missing; not known: VPCs":    {Call: "ec2:DescribeVpcs", Error: "UnauthorizedOperation", Unknown: "VPCs"},
		"iam:GetPolicy for 2 resources was denied (AccessDenied): the permission iam:GetPolicy is missing; not known: x":      {Call: "iam:GetPolicy", Error: "AccessDenied", Unknown: "x", Resources: []string{"a", "b"}},
		"AWS was too busy for lambda:L for a (HTTP503): try again later, or set AWS_MAX_ATTEMPTS higher than 6; not known: x": {Call: "lambda:L", Error: "HTTP503", Unknown: "x", Resources: []string{"a"}},
		"lambda:L found no host: the region has no lambda, or its name is not resolved here; not known: x":                    {Call: "lambda:L", Error: "NoEndpoint", Unknown: "x"},
		"ec2:D failed (OptInRequired); not known: x":                                                                          {Call: "ec2:D", Error: "OptInRequired", Unknown: "x"},
	} {
		if got := g.String(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// docs/snapshot.md lists the permissions, each with what is unknown without it,
// and its commands of the AWS CLI are calls that a snapshot makes.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/snapshot.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	known := map[string]bool{"iam:GetAccountAuthorizationDetails": true}
	for _, c := range calls() {
		fmt.Fprintf(&table, "| `%s` | %s |\n", c.name, c.unknown)
		known[c.name] = true
	}
	if !strings.Contains(string(data), "|---|---|\n"+table.String()+"\n") {
		t.Errorf("docs/snapshot.md lists other permissions than:\n%s", table.String())
	}
	commands := 0
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "aws" {
			continue
		}
		commands++
		name := words[1] + ":"
		for part := range strings.SplitSeq(words[2], "-") {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		if !known[name] {
			t.Errorf("%s is no call of a snapshot", name)
		}
	}
	if commands < 15 {
		t.Errorf("found only %d commands", commands)
	}
}

// A policy's document is JSON in the document whatever AWS sends, and nothing is
// lost of one that is none.
func FuzzPolicyDocument(f *testing.F) {
	f.Add("%7B%22Statement%22%3A%5B%5D%7D")
	f.Add("%7B")
	f.Add("%zz")
	f.Add("")
	f.Fuzz(func(t *testing.T, escaped string) {
		got := policyDocument(escaped)
		if !json.Valid(got) {
			t.Fatalf("%q gives %s", escaped, got)
		}
		var kept string
		if json.Unmarshal(got, &kept) == nil && utf8.ValidString(escaped) && kept != escaped && !strings.ContainsAny(escaped, `%+"`) {
			t.Errorf("%q gives %q", escaped, kept)
		}
	})
}
