package service

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/thawdev/thaw/elasticacheiam"
	"github.com/thawdev/thaw/proxy/upstream"
)

// iamLogin logs in to ElastiCache with the role of the machine or task. The keys
// come from where AWS's SDK looks for them: the environment, the endpoint of an
// ECS task or EKS pod, the instance. They expire, so the SDK keeps and renews them;
// a token is signed with them at each dial.
func iamLogin(ctx context.Context, c IAM) (upstream.Login, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return upstream.Login{}, fmt.Errorf("service: upstream.iam: %w", err)
	}
	if c.Region == "" {
		c.Region = cfg.Region
	}
	token, err := elasticacheiam.Credentials(elasticacheiam.Options{
		User: c.User, Cache: c.Cache, Region: c.Region, Serverless: c.Serverless,
		Keys: func(ctx context.Context) (elasticacheiam.Keys, error) { return keys(ctx, cfg.Credentials) },
	})
	if err != nil {
		return upstream.Login{}, fmt.Errorf("service: upstream.iam: %w", err)
	}
	return upstream.Login{Token: token}, nil
}

func keys(ctx context.Context, p aws.CredentialsProvider) (elasticacheiam.Keys, error) {
	k, err := p.Retrieve(ctx)
	if err != nil {
		return elasticacheiam.Keys{}, fmt.Errorf("no AWS credentials: give the task or instance a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %w", err)
	}
	return elasticacheiam.Keys{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken}, nil
}
