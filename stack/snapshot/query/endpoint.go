package query

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// What the sources of a configuration may say about endpoints. Environment and
// shared files of the SDK's package config do.
type (
	endpointSource interface {
		GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
	}
	ignoreSource interface {
		GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
	}
	fipsSource interface {
		GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	}
	dualStackSource interface {
		GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
	}
)

// endpoint is where to send requests, and the region to sign them for: what is
// configured, or else the endpoint of the region.
func (s service) endpoint(cfg aws.Config) (address, region string, err error) {
	if !isRegion(cfg.Region) {
		return "", "", fmt.Errorf("query: %q is not the name of a region, such as eu-west-1", cfg.Region)
	}
	p := partitionOf(cfg.Region)
	region = cfg.Region
	if s.global {
		region = p.home
	}
	configured := s.configuredEndpoint(cfg)
	if configured == "" {
		return "https://" + s.host(p, cfg) + "/", region, nil
	}
	u, err := url.Parse(configured)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", fmt.Errorf("query: the endpoint configured for %s is not a URL that begins with http:// or https://; see AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_%s", s.id, strings.ToUpper(s.id))
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), region, nil
}

// isRegion keeps out what would lead to another host.
func isRegion(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// configuredEndpoint follows the order of the SDK: AWS_ENDPOINT_URL_EC2 (or
// that of another service), AWS_ENDPOINT_URL, then the services section and the
// endpoint_url of the profile. The SDK has put what holds for all services into
// BaseEndpoint.
func (s service) configuredEndpoint(cfg aws.Config) string {
	_, all := os.LookupEnv("AWS_ENDPOINT_URL")
	_, own := os.LookupEnv("AWS_ENDPOINT_URL_" + strings.ToUpper(s.id))
	if (own || !all) && !ignored(cfg) {
		for _, source := range cfg.ConfigSources {
			if source, ok := source.(endpointSource); ok {
				if v, found, err := source.GetServiceBaseEndpoint(context.Background(), s.id); found && err == nil {
					return v
				}
			}
		}
	}
	return aws.ToString(cfg.BaseEndpoint)
}

func ignored(cfg aws.Config) bool {
	for _, s := range cfg.ConfigSources {
		if s, ok := s.(ignoreSource); ok {
			if v, found, err := s.GetIgnoreConfiguredEndpoints(context.Background()); found && err == nil {
				return v
			}
		}
	}
	return false
}

// partition is a group of regions that has domains of its own.
type partition struct {
	prefix            string // of the names of its regions
	domain, dualStack string
	home              string // the region of global services
	iam, iamFIPS      string // host names of IAM, which is global
}

// partitionOf finds the partition of a region. Source: the partitions and the
// endpoint rules of the AWS SDKs.
func partitionOf(region string) partition {
	for _, p := range []partition{
		{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-north-1", "iam.cn-north-1.amazonaws.com.cn", ""},
		{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1", "iam.eusc-de-east-1.amazonaws.eu", "iam-fips.amazonaws.eu"},
		{"us-gov-", "amazonaws.com", "api.aws", "us-gov-west-1", "iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com"},
		{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1", "iam.us-iso-east-1.c2s.ic.gov", "iam-fips.us-iso-east-1.c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1", "iam.us-isob-east-1.sc2s.sgov.gov", "iam-fips.us-isob-east-1.sc2s.sgov.gov"},
		{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-west-1", "iam.eu-isoe-west-1.cloud.adc-e.uk", "iam-fips.cloud.adc-e.uk"},
		{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-south-1", "iam.us-isof-south-1.csp.hci.ic.gov", "iam-fips.csp.hci.ic.gov"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p
		}
	}
	return partition{"", "amazonaws.com", "api.aws", "us-east-1", "iam.amazonaws.com", "iam-fips.amazonaws.com"}
}

// host is the name of an endpoint. IAM is asked over IPv4 always.
func (s service) host(p partition, cfg aws.Config) string {
	dual, fips := dualStack(cfg), fips(cfg)
	switch {
	case s.global && fips && p.iamFIPS != "":
		return p.iamFIPS
	case s.global:
		return p.iam
	}
	host, domain := s.name, p.domain
	if dual {
		domain = p.dualStack
	}
	if fips && (p.prefix != "us-gov-" || dual) { // there, all of them are FIPS endpoints
		host += "-fips"
	}
	return host + "." + cfg.Region + "." + domain
}

func fips(cfg aws.Config) bool {
	for _, s := range cfg.ConfigSources {
		if s, ok := s.(fipsSource); ok {
			if v, found, err := s.GetUseFIPSEndpoint(context.Background()); found && err == nil {
				return v == aws.FIPSEndpointStateEnabled
			}
		}
	}
	return false
}

func dualStack(cfg aws.Config) bool {
	for _, s := range cfg.ConfigSources {
		if s, ok := s.(dualStackSource); ok {
			if v, found, err := s.GetUseDualStackEndpoint(context.Background()); found && err == nil {
				return v == aws.DualStackEndpointStateEnabled
			}
		}
	}
	return false
}
