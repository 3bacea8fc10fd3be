package query

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// source is a configuration file that says what a test tells it to.
type source struct {
	endpoint    string
	ignore      bool
	fips, stack bool
}

func (s source) GetServiceBaseEndpoint(_ context.Context, id string) (string, bool, error) {
	return strings.ReplaceAll(s.endpoint, "ID", id), s.endpoint != "", nil
}

func (s source) GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error) {
	return s.ignore, s.ignore, nil
}

func (s source) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, s.fips, nil
}

func (s source) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, s.stack, nil
}

// Requests go where the SDK would send them, and are signed for that region.
func TestEndpoint(t *testing.T) {
	const general = "http://localhost:4566"
	network, roles := service{id: "EC2", name: "ec2"}, service{id: "IAM", name: "iam", global: true}
	for _, c := range []struct {
		service
		region  string
		base    string // found by the SDK
		source  source
		env     map[string]string
		want    string
		signing string
	}{
		{network, "eu-west-1", "", source{}, nil, "https://ec2.eu-west-1.amazonaws.com/", "eu-west-1"},
		{network, "cn-north-1", "", source{}, nil, "https://ec2.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
		{network, "us-iso-east-1", "", source{}, nil, "https://ec2.us-iso-east-1.c2s.ic.gov/", "us-iso-east-1"},
		{network, "us-isob-east-1", "", source{}, nil, "https://ec2.us-isob-east-1.sc2s.sgov.gov/", "us-isob-east-1"},
		{network, "us-gov-west-1", "", source{fips: true}, nil, "https://ec2.us-gov-west-1.amazonaws.com/", "us-gov-west-1"},
		{network, "us-east-1", "", source{fips: true}, nil, "https://ec2-fips.us-east-1.amazonaws.com/", "us-east-1"},
		{network, "us-east-1", "", source{stack: true}, nil, "https://ec2.us-east-1.api.aws/", "us-east-1"},
		{network, "us-east-1", "", source{fips: true, stack: true}, nil, "https://ec2-fips.us-east-1.api.aws/", "us-east-1"},
		{roles, "eu-west-1", "", source{}, nil, "https://iam.amazonaws.com/", "us-east-1"},
		{roles, "eu-west-1", "", source{fips: true}, nil, "https://iam-fips.amazonaws.com/", "us-east-1"},
		{roles, "cn-northwest-1", "", source{fips: true}, nil, "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
		{roles, "us-gov-east-1", "", source{}, nil, "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"},
		{network, "eu-west-1", general, source{}, nil, general + "/", "eu-west-1"},
		{network, "eu-west-1", general, source{endpoint: "https://ID.test/api"}, nil, "https://EC2.test/api", "eu-west-1"},
		{network, "eu-west-1", general, source{endpoint: "https://profile.test"}, map[string]string{"AWS_ENDPOINT_URL": general}, general + "/", "eu-west-1"},
		{network, "eu-west-1", general, source{endpoint: "https://own.test"}, map[string]string{"AWS_ENDPOINT_URL": general, "AWS_ENDPOINT_URL_EC2": "https://own.test"}, "https://own.test/", "eu-west-1"},
		{network, "eu-west-1", "", source{endpoint: "https://own.test", ignore: true}, nil, "https://ec2.eu-west-1.amazonaws.com/", "eu-west-1"},
		{roles, "eu-west-1", general, source{}, nil, general + "/", "us-east-1"},
		{network, "eu-west-1", "localhost:4566", source{}, nil, "", ""},
		{network, "eu-west-1", "ftp://localhost", source{}, nil, "", ""},
		{network, "evil.test/", "", source{}, nil, "", ""},
		{network, "", "", source{}, nil, "", ""},
	} {
		t.Run(c.region+" "+c.base+" "+c.want, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			cfg := aws.Config{Region: c.region, ConfigSources: []any{c.source}}
			if c.base != "" {
				cfg.BaseEndpoint = &c.base
			}
			got, signing, err := c.service.endpoint(cfg)
			if got != c.want || signing != c.signing || (err == nil) != (c.want != "") {
				t.Errorf("%q, %q, %v", got, signing, err)
			}
		})
	}
}

// Domains are those that the SDK has for a service that every partition has,
// with and without IPv6, and with FIPS where that is not EC2's exception.
func TestDomainsAreOfSDK(t *testing.T) {
	resolver := lambda.NewDefaultEndpointResolverV2()
	for _, region := range strings.Fields("us-east-1 eu-central-2 ap-southeast-7 mx-central-1 il-central-1 cn-north-1 cn-northwest-1 us-gov-east-1 us-gov-west-1 " +
		"us-iso-east-1 us-iso-west-1 us-isob-east-1 eu-isoe-west-1 us-isof-south-1 us-isof-east-1 eusc-de-east-1") {
		for _, c := range []source{{}, {stack: true}, {fips: true}, {fips: true, stack: true}} {
			if c.fips && strings.HasPrefix(region, "us-gov-") {
				continue
			}
			want, err := resolver.ResolveEndpoint(t.Context(), lambda.EndpointParameters{Region: &region, UseDualStack: &c.stack, UseFIPS: &c.fips})
			if err != nil {
				t.Errorf("%s %+v: the SDK does not know it: %v", region, c, err)
				continue
			}
			got, signing, err := service{id: "Lambda", name: "lambda"}.endpoint(aws.Config{Region: region, ConfigSources: []any{c}})
			if err != nil || strings.TrimSuffix(got, "/") != want.URI.String() || signing != region {
				t.Errorf("%s %+v: %s, signed for %s, %v; the SDK has %s", region, c, got, signing, err, want.URI.String())
			}
		}
	}
}
