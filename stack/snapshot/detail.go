package snapshot

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// details makes the calls that ask about one resource of a list.
func (c *collector) details(ctx context.Context) {
	g := &group{c: c}
	for _, v := range c.vpcs {
		c.vpcAttributes(ctx, g, deref(v.VPCID))
	}
	for _, l := range c.prefixLists {
		c.listEntries(ctx, g, deref(l.PrefixListID))
	}
	var roles []string
	for _, f := range c.functions {
		c.concurrency(ctx, g, deref(f.FunctionName))
		if role := roleName(deref(f.Role)); role != "" && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	for _, role := range roles {
		c.rolePolicies(ctx, g, role)
	}
	g.wg.Wait()
}

// roleName is the last part of a role's ARN; its path comes before.
func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (c *collector) vpcAttributes(ctx context.Context, g *group, id string) {
	const call = "ec2:DescribeVpcAttribute"
	for _, name := range []string{"enableDnsSupport", "enableDnsHostnames"} {
		g.run(ctx, call, id, func(ctx context.Context) error {
			out, err := c.EC2.DescribeVpcAttribute(ctx, id, name)
			if err != nil {
				return err
			}
			out.VPCID = &id
			c.add(call, id+" "+name, out)
			return nil
		})
	}
}

func (c *collector) listEntries(ctx context.Context, g *group, id string) {
	const call = "ec2:GetManagedPrefixListEntries"
	g.run(ctx, call, id, func(ctx context.Context) error {
		entries := []query.PrefixListEntry{}
		err := each(c.EC2.GetManagedPrefixListEntries(ctx, id), func(page []query.PrefixListEntry) { entries = append(entries, page...) })
		if err != nil {
			return err // a part of a list would pass for the whole
		}
		c.add(call, id, struct {
			PrefixListId string
			Entries      []query.PrefixListEntry
		}{id, entries})
		return nil
	})
}

func (c *collector) concurrency(ctx context.Context, g *group, name string) {
	const reserved, provisioned = "lambda:GetFunctionConcurrency", "lambda:ListProvisionedConcurrencyConfigs"
	g.run(ctx, reserved, name, func(ctx context.Context) error {
		out, err := c.Lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
		if err != nil {
			return err
		}
		c.add(reserved, name, struct {
			FunctionName                 string
			ReservedConcurrentExecutions *int32
		}{name, out.ReservedConcurrentExecutions})
		return nil
	})
	g.run(ctx, provisioned, name, func(ctx context.Context) error {
		configs := []lambdatypes.ProvisionedConcurrencyConfigListItem{}
		p := lambda.NewListProvisionedConcurrencyConfigsPaginator(c.Lambda, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &name})
		err := pages(ctx, p, func(o *lambda.ListProvisionedConcurrencyConfigsOutput) {
			configs = append(configs, o.ProvisionedConcurrencyConfigs...)
		})
		if err != nil {
			return err
		}
		c.add(provisioned, name, struct {
			FunctionName                  string
			ProvisionedConcurrencyConfigs []lambdatypes.ProvisionedConcurrencyConfigListItem
		}{name, configs})
		return nil
	})
}

// rolePolicies reads the names of a role's policies and the inline documents.
func (c *collector) rolePolicies(ctx context.Context, g *group, role string) {
	const attached, inline = "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"
	g.run(ctx, attached, role, func(ctx context.Context) error {
		policies := []query.AttachedPolicy{}
		err := each(c.IAM.ListAttachedRolePolicies(ctx, role), func(page []query.AttachedPolicy) { policies = append(policies, page...) })
		if err != nil {
			return err
		}
		c.customerManaged(policies)
		c.add(attached, role, struct {
			RoleName         string
			AttachedPolicies []query.AttachedPolicy
		}{role, policies})
		return nil
	})
	g.run(ctx, inline, role, func(ctx context.Context) error {
		names := []string{}
		if err := each(c.IAM.ListRolePolicies(ctx, role), func(page []string) { names = append(names, page...) }); err != nil {
			return err
		}
		c.add(inline, role, struct {
			RoleName    string
			PolicyNames []string
		}{role, names})
		for _, name := range names {
			c.inlinePolicy(ctx, role, name)
		}
		return nil
	})
}

// customerManaged notes the policies whose documents only the account has.
// AWS's own are known by their ARNs.
func (c *collector) customerManaged(policies []query.AttachedPolicy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range policies {
		if arn := deref(p.PolicyARN); arn != "" && !strings.Contains(arn, ":iam::aws:") {
			c.policies[arn] = true
		}
	}
}

// inlinePolicy reads one document in the slot of the call that found its name.
func (c *collector) inlinePolicy(ctx context.Context, role, name string) {
	const call = "iam:GetRolePolicy"
	c.progress(call)
	document, err := c.IAM.GetRolePolicy(ctx, role, name)
	if err != nil {
		if ctx.Err() == nil {
			c.fail(call, role, err)
		}
		return
	}
	c.add(call, role+" "+name, struct {
		RoleName, PolicyName string
		PolicyDocument       json.RawMessage
	}{role, name, policyDocument(document)})
}

// documents reads the customer managed policies.
func (c *collector) documents(ctx context.Context) {
	g := &group{c: c}
	for arn := range c.policies {
		c.managedPolicy(ctx, g, arn)
	}
	g.wg.Wait()
}

func (c *collector) managedPolicy(ctx context.Context, g *group, arn string) {
	const find, call = "iam:GetPolicy", "iam:GetPolicyVersion"
	g.run(ctx, find, arn, func(ctx context.Context) error {
		policy, err := c.IAM.GetPolicy(ctx, arn)
		if err != nil {
			return err
		}
		c.progress(call)
		out, err := c.IAM.GetPolicyVersion(ctx, arn, deref(policy.DefaultVersionID))
		if err != nil {
			if ctx.Err() == nil {
				c.fail(call, arn, err)
			}
			return nil
		}
		c.add(call, arn, struct {
			PolicyArn     string
			PolicyVersion any
		}{arn, struct {
			Document         json.RawMessage
			VersionId        *string
			IsDefaultVersion bool
		}{policyDocument(deref(out.Document)), out.VersionID, out.IsDefaultVersion}})
		return nil
	})
}

// policyDocument is a document as the AWS CLI prints it: the API escapes it like
// a URL. One that is not JSON is kept as a string.
func policyDocument(escaped string) json.RawMessage {
	text, err := url.QueryUnescape(escaped)
	if err != nil || !json.Valid([]byte(text)) {
		return marshal(escaped)
	}
	return json.RawMessage(text)
}
