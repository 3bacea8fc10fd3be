package snapshot

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// attempts is how often a call is tried that was throttled or met an error of
// AWS's own. With the SDK's waits, which double up to 20 s, that is about half a
// minute.
const attempts = 6

// Connect makes clients as the AWS CLI does: from the environment, the shared
// configuration files, and the roles of the machine. profile "" is AWS_PROFILE
// or the default one; region "" is that of the profile. It returns the region
// that holds.
func Connect(ctx context.Context, region, profile string) (Clients, string, error) {
	options := []func(*config.LoadOptions) error{
		// Adaptive: it slows down for all calls of a service once AWS throttles.
		config.WithRetryMode(aws.RetryModeAdaptive),
		config.WithAppID("thaw"),
	}
	if os.Getenv("AWS_MAX_ATTEMPTS") == "" {
		options = append(options, config.WithRetryMaxAttempts(attempts))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return Clients{}, "", fmt.Errorf("snapshot: cannot load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return Clients{}, "", fmt.Errorf("snapshot: no region; name one with --region, AWS_REGION or the profile")
	}
	network, err := query.NewEC2(cfg)
	if err != nil {
		return Clients{}, "", fmt.Errorf("snapshot: %w", err)
	}
	caches, err := query.NewElastiCache(cfg)
	if err != nil {
		return Clients{}, "", fmt.Errorf("snapshot: %w", err)
	}
	roles, err := query.NewIAM(cfg)
	if err != nil {
		return Clients{}, "", fmt.Errorf("snapshot: %w", err)
	}
	cfg.HTTPClient = query.Bounded(cfg.HTTPClient)
	return Clients{EC2: network, Lambda: lambda.NewFromConfig(cfg), ElastiCache: caches, IAM: roles, STS: sts.NewFromConfig(cfg)}, cfg.Region, nil
}
