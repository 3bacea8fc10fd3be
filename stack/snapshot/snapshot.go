// Package snapshot reads what a live account has of VPCs, functions and caches,
// and writes it to one file that package account turns into a stack. It is the
// only part of Thaw that talks to AWS, and it only reads.
//
//	describe calls ──▶ items ──▶ redacted ──▶ one JSON document
//	 paged, retried,    as the    environments    thaw.account/1
//	 a few at a time    AWS CLI   of functions
//	                    prints
//
// A call that is denied, or a service that the region does not have, is recorded
// as a Gap in the document and does not end the snapshot: what depends on it is
// unknown later, not assumed.
package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// Format names the format of the document.
const Format = "thaw.account/1"

// Options say what a snapshot covers. Region is required; the rest may be zero.
type Options struct {
	Region string

	// VPCs limits the snapshot to these VPCs: their networks, the functions and
	// caches in them, and the functions in no VPC. Empty is the whole region.
	VPCs []string

	// RedactIDs replaces account ids with made-up ones of the same length: the
	// account's own becomes 000000000000.
	RedactIDs bool

	// Parallel is how many calls run at once; 0 is 4. Lambda's control plane
	// takes 15 requests a second over all its calls, so more gains little.
	Parallel int

	// Now is the time written into the document; the zero time is left out.
	Now time.Time

	// Progress is called when a call begins, from several goroutines, with the
	// number of calls that are done; nil: nobody looks.
	Progress func(done int, call string)
}

// Clients are the services that a snapshot asks. The clients that Connect makes
// satisfy them, and so does what a test puts in their place.
type Clients struct {
	EC2         EC2
	Lambda      Lambda
	ElastiCache ElastiCache
	IAM         IAM
	STS         STS
}

// EC2 is what a snapshot calls of Amazon EC2. A list comes page by page.
type EC2 interface {
	DescribeVpcs(context.Context, ...query.Filter) iter.Seq2[[]query.VPC, error]
	DescribeVpcAttribute(ctx context.Context, vpc, attribute string) (query.VPCAttribute, error)
	DescribeSubnets(context.Context, ...query.Filter) iter.Seq2[[]query.Subnet, error]
	DescribeRouteTables(context.Context, ...query.Filter) iter.Seq2[[]query.RouteTable, error]
	DescribeNetworkAcls(context.Context, ...query.Filter) iter.Seq2[[]query.NetworkACL, error]
	DescribeSecurityGroups(context.Context, ...query.Filter) iter.Seq2[[]query.SecurityGroup, error]
	DescribeManagedPrefixLists(context.Context, ...query.Filter) iter.Seq2[[]query.PrefixList, error]
	GetManagedPrefixListEntries(ctx context.Context, list string) iter.Seq2[[]query.PrefixListEntry, error]
	DescribeNatGateways(context.Context, ...query.Filter) iter.Seq2[[]query.NATGateway, error]
	DescribeInternetGateways(context.Context, ...query.Filter) iter.Seq2[[]query.InternetGateway, error]
	DescribeEgressOnlyInternetGateways(context.Context, ...query.Filter) iter.Seq2[[]query.EgressOnlyInternetGateway, error]
	DescribeVpcEndpoints(context.Context, ...query.Filter) iter.Seq2[[]query.VPCEndpoint, error]
	DescribeVpcPeeringConnections(context.Context, ...query.Filter) iter.Seq2[[]query.Peering, error]
	DescribeNetworkInterfaces(context.Context, ...query.Filter) iter.Seq2[[]query.NetworkInterface, error]
}

// Lambda is what a snapshot calls of AWS Lambda.
type Lambda interface {
	lambda.ListFunctionsAPIClient
	lambda.ListProvisionedConcurrencyConfigsAPIClient
	GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
}

// ElastiCache is what a snapshot calls of Amazon ElastiCache.
type ElastiCache interface {
	DescribeCacheClusters(context.Context) iter.Seq2[[]query.CacheCluster, error]
	DescribeReplicationGroups(context.Context) iter.Seq2[[]query.ReplicationGroup, error]
	DescribeServerlessCaches(context.Context) iter.Seq2[[]query.ServerlessCache, error]
	DescribeCacheSubnetGroups(context.Context) iter.Seq2[[]query.CacheSubnetGroup, error]
	DescribeUserGroups(context.Context) iter.Seq2[[]query.UserGroup, error]
}

// IAM is what a snapshot calls of AWS IAM.
type IAM interface {
	ListAttachedRolePolicies(ctx context.Context, role string) iter.Seq2[[]query.AttachedPolicy, error]
	ListRolePolicies(ctx context.Context, role string) iter.Seq2[[]string, error]
	GetRolePolicy(ctx context.Context, role, policy string) (document string, err error)
	GetPolicy(ctx context.Context, arn string) (query.Policy, error)
	GetPolicyVersion(ctx context.Context, arn, version string) (query.PolicyVersion, error)
}

// STS is what a snapshot calls of AWS STS.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Document is a snapshot. Calls maps each call to the items that it gave, in
// the AWS CLI's spelling. Where the output of a call does not say whom it was
// asked about, the item has that parameter too.
type Document struct {
	Format  string                       `json:"format"`
	TakenAt *time.Time                   `json:"taken_at,omitempty"`
	Region  string                       `json:"region"`
	Account string                       `json:"account"`
	VPCs    []string                     `json:"vpcs,omitempty"` // what the snapshot was limited to
	Calls   map[string][]json.RawMessage `json:"calls"`
	Gaps    []Gap                        `json:"gaps"`

	redactIDs bool
}

// Gap is a call that gave nothing, or not all.
type Gap struct {
	Call      string   `json:"call"`                // such as ec2:DescribeVpcs
	Error     string   `json:"error"`               // AWS's error code; NoEndpoint: the region does not have the service
	Unknown   string   `json:"unknown"`             // what is not known without it
	Resources []string `json:"resources,omitempty"` // of which resources; empty: of all
}

// ErrCredentials is wrapped by the error of a snapshot that could not begin
// because AWS did not accept the credentials.
var ErrCredentials = errors.New("AWS does not accept the credentials")

// Take takes a snapshot. It returns an error if the credentials are not
// accepted, one of Options.VPCs is not there or ctx ends; calls that fail
// otherwise are in Document.Gaps.
func Take(ctx context.Context, clients Clients, opts Options) (*Document, error) {
	if opts.Region == "" {
		return nil, errors.New("snapshot: no region; name one with --region")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newCollector(clients, opts, cancel)
	account, err := c.identity(ctx)
	if err != nil {
		return nil, err
	}
	c.lists(ctx)
	if missing := c.missingVPCs(); ctx.Err() == nil && len(missing) > 0 {
		return nil, fmt.Errorf("snapshot: there is no VPC %s in %s; aws ec2 describe-vpcs lists those that are", strings.Join(missing, ", "), opts.Region)
	}
	c.limit()
	c.details(ctx)
	c.documents(ctx)
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("snapshot: stopped before it was complete: %w", err)
	}
	return c.document(account), nil
}

// WriteTo writes the document as indented JSON. The same account gives the same
// bytes, but for the time.
func (d *Document) WriteTo(w io.Writer) (int64, error) {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("snapshot: cannot write the document: %w", err)
	}
	if d.redactIDs {
		data = redactIDs(data, d.Account)
	}
	n, err := w.Write(append(data, '\n'))
	return int64(n), err
}
