package query

import (
	"context"
	"encoding/xml"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// IAM calls AWS IAM, which has one endpoint for all regions of a partition.
type IAM struct{ c *client }

// NewIAM makes a client of the partition of the region of cfg. The error is that
// of a region or an endpoint that cannot be one.
func NewIAM(cfg aws.Config) (*IAM, error) {
	c, err := newClient(service{id: "IAM", name: "iam", version: "2010-05-08", wrapped: true, global: true}, cfg)
	if err != nil {
		return nil, err
	}
	return &IAM{c}, nil
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (i *IAM) ListAttachedRolePolicies(ctx context.Context, role string) iter.Seq2[[]AttachedPolicy, error] {
	return pages[AttachedPolicy](ctx, i.c, listing{"ListAttachedRolePolicies", "AttachedPolicies", "Marker", url.Values{"RoleName": {role}}})
}

// ListRolePolicies lists the names of the inline policies of a role.
func (i *IAM) ListRolePolicies(ctx context.Context, role string) iter.Seq2[[]string, error] {
	return pages[string](ctx, i.c, listing{"ListRolePolicies", "PolicyNames", "Marker", url.Values{"RoleName": {role}}})
}

// GetRolePolicy returns the document of an inline policy, escaped like a part of
// a URL; "" if AWS sent none.
func (i *IAM) GetRolePolicy(ctx context.Context, role, policy string) (document string, err error) {
	err = i.get(ctx, "GetRolePolicy", url.Values{"RoleName": {role}, "PolicyName": {policy}}, "PolicyDocument", &document)
	return document, err
}

// GetPolicy finds the version of a managed policy that holds.
func (i *IAM) GetPolicy(ctx context.Context, arn string) (out Policy, err error) {
	err = i.get(ctx, "GetPolicy", url.Values{"PolicyArn": {arn}}, "Policy", &out)
	return out, err
}

// GetPolicyVersion reads a version of a managed policy.
func (i *IAM) GetPolicyVersion(ctx context.Context, arn, version string) (out PolicyVersion, err error) {
	err = i.get(ctx, "GetPolicyVersion", url.Values{"PolicyArn": {arn}, "VersionId": {version}}, "PolicyVersion", &out)
	return out, err
}

// get makes a call and reads one element of its result.
func (i *IAM) get(ctx context.Context, action string, params url.Values, element string, v any) error {
	data, err := i.c.call(ctx, action, params)
	if err != nil {
		return err
	}
	return i.c.result(action, data, func(d *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != element {
			return d.Skip()
		}
		return d.DecodeElement(v, &e)
	})
}

// AttachedPolicy is an item of ListAttachedRolePolicies.
type AttachedPolicy struct {
	PolicyName *string `xml:"PolicyName" json:"PolicyName,omitzero"`
	PolicyARN  *string `xml:"PolicyArn" json:"PolicyArn,omitzero"`
}

// Policy is the answer of GetPolicy.
type Policy struct {
	ARN              *string `xml:"Arn" json:"Arn,omitzero"`
	DefaultVersionID *string `xml:"DefaultVersionId" json:"DefaultVersionId,omitzero"`
}

// PolicyVersion is the answer of GetPolicyVersion. Document is escaped like a
// part of a URL.
type PolicyVersion struct {
	Document         *string `xml:"Document" json:"Document,omitzero"`
	VersionID        *string `xml:"VersionId" json:"VersionId,omitzero"`
	IsDefaultVersion bool    `xml:"IsDefaultVersion" json:"IsDefaultVersion,omitzero"`
}
