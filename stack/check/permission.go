package check

import (
	"path"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// answer is a truth value that may not be known.
type answer uint8

const (
	maybe answer = iota
	no
	yes
)

// grants tells whether a role may take an action, such as
// ec2:CreateNetworkInterface. Managed policies that are not known by name, and
// statements with conditions, leave it open.
func grants(role *stack.Role, action string) answer {
	out := no
	if !role.Complete.IsKnown() || !allKnown(role.Managed) {
		out = maybe
	}
	for _, arn := range known(role.Managed) {
		switch managed(arn, action) {
		case yes:
			return yes
		case maybe:
			out = maybe
		}
	}
	for _, s := range role.Statements {
		if !s.Allow {
			continue
		}
		switch c := covers(s, action); {
		case c == yes && !s.Conditional:
			return yes
		case c != no:
			out = maybe
		}
	}
	return out
}

// managedPolicies are the actions of AWS managed policies that functions often
// carry, by the name of the policy. A policy that is not here may grant
// anything.
func managedPolicies() map[string][]string {
	network := []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"}
	return map[string][]string{
		"AWSLambdaBasicExecutionRole":     {"logs:*"},
		"AWSLambdaVPCAccessExecutionRole": append(slices.Clone(network), "ec2:DescribeSubnets", "logs:*"),
		"AWSLambdaENIManagementAccess":    network,
		"AWSXRayDaemonWriteAccess":        {"xray:*"},
		"AWSLambdaSQSQueueExecutionRole":  {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:*"},
		"AWSLambdaKinesisExecutionRole":   {"kinesis:Get*", "kinesis:Describe*", "kinesis:List*", "logs:*"},
		"AWSLambdaDynamoDBExecutionRole":  {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams", "logs:*"},
		"AdministratorAccess":             {"*"},
		"AmazonDynamoDBFullAccess":        {"dynamodb:*"},
		"AmazonDynamoDBReadOnlyAccess":    {"dynamodb:Get*", "dynamodb:Query", "dynamodb:Scan"},
		"AmazonS3FullAccess":              {"s3:*"},
		"AmazonS3ReadOnlyAccess":          {"s3:Get*", "s3:List*"},
		"AmazonSQSFullAccess":             {"sqs:*"},
		"AmazonSNSFullAccess":             {"sns:*"},
		"SecretsManagerReadWrite":         {"secretsmanager:*"},
		"AmazonSSMReadOnlyAccess":         {"ssm:Get*", "ssm:List*", "ssm:Describe*"},
		"AmazonElastiCacheFullAccess":     {"elasticache:*"},
	}
}

func managed(arn, action string) answer {
	if !strings.Contains(arn, ":iam::aws:policy/") {
		return maybe // a policy of the account
	}
	actions, ok := managedPolicies()[path.Base(arn)]
	if !ok {
		return maybe
	}
	if slices.ContainsFunc(actions, func(pattern string) bool { return wildcard(pattern, action) }) {
		return yes
	}
	return no
}

// wildcard matches an action with a pattern of IAM: * is any text, ? any
// letter, and case does not count.
func wildcard(pattern, action string) bool {
	pattern, action = strings.ToLower(pattern), strings.ToLower(action)
	star, mark, i, j := -1, 0, 0, 0
	for j < len(action) {
		switch {
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == action[j]) && pattern[i] != '*':
			i++
			j++
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// covers tells whether a statement names an action.
func covers(s stack.Statement, action string) answer {
	for _, a := range known(s.Actions) {
		if wildcard(a, action) {
			return yes
		}
	}
	if len(s.NotActions) > 0 {
		if slices.ContainsFunc(known(s.NotActions), func(a string) bool { return wildcard(a, action) }) {
			return no
		}
		if !allKnown(s.NotActions) {
			return maybe
		}
		return yes
	}
	if !allKnown(s.Actions) {
		return maybe
	}
	return no
}
