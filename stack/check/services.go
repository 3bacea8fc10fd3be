package check

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// service is an AWS service that a function uses, by the last part of the name
// of its VPC endpoint.
type service struct {
	name     string // s3, dynamodb, secretsmanager
	evidence string // variable TABLE, role HandlerRole
}

// endpointNames translates the prefix of IAM actions and ARNs into the name of
// the VPC endpoint, where the two differ.
func endpointNames() map[string]string {
	return map[string]string{"cloudwatch": "monitoring", "states": "states", "kinesis": "kinesis-streams", "firehose": "kinesis-firehose",
		"execute-api": "execute-api", "ecr": "ecr.api", "kafka": "kafka", "aoss": "aoss", "ses": "email-smtp", "bedrock": "bedrock-runtime"}
}

// ownWay tells the actions that take no way through the function's VPC: what
// Lambda does for the function, and the data path of the cache itself.
func ownWay(action string) bool {
	return slices.ContainsFunc([]string{
		"logs:*",                       // Lambda delivers logs by itself
		"xray:*",                       // so does the X-Ray daemon that Lambda runs
		"ec2:*networkinterface*",       // Lambda's own interfaces
		"ec2:assignprivateipaddresses", //
		"ec2:unassignprivateipaddresses",
		"ec2:describe*", "ec2:getsecuritygroupsforvpc",
		"elasticache:connect", "memorydb:connect", "rds-db:connect", // signed locally
		"elasticfilesystem:client*", "kafka-cluster:*", "neptune-db:*", "dax:*", // to hosts in a VPC, which are no endpoints of a service
		"sqs:receivemessage", "sqs:deletemessage*", "sqs:getqueueattributes", "sqs:changemessagevisibility*", // the event source mapping polls
		"kinesis:getrecords", "kinesis:getsharditerator", "kinesis:describestream*", "kinesis:listshards", "kinesis:liststreams", "kinesis:subscribetoshard",
		"dynamodb:getrecords", "dynamodb:getsharditerator", "dynamodb:describestream", "dynamodb:liststreams",
		"kms:decrypt", "kms:generatedatakey*", "kms:encrypt", "kms:reencrypt*", "kms:describekey", // mostly used by the service that holds the data
		"iam:passrole",
	}, func(pattern string) bool { return wildcard(pattern, action) })
}

// servicesOf lists the AWS services that a function uses, each with the first
// evidence.
func (p *Pass) servicesOf(f *stack.Function) []service {
	found := map[string]string{}
	add := func(name, evidence string) {
		name = cmp.Or(endpointNames()[name], name)
		if name != "" && found[name] == "" {
			found[name] = evidence
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		for _, s := range p.servicesIn(f.Environment[name]) {
			add(s, "variable "+name)
		}
	}
	if role := p.roles[f.Role.Or("")]; role != nil {
		for _, s := range role.Statements {
			for _, a := range known(s.Actions) {
				if prefix, _, ok := strings.Cut(a, ":"); ok && s.Allow && !ownWay(a) && !strings.ContainsAny(prefix, "*?") {
					add(strings.ToLower(prefix), "role "+role.ID)
				}
			}
		}
		for _, arn := range known(role.Managed) {
			for _, a := range managedPolicies()[path.Base(arn)] {
				if prefix, _, ok := strings.Cut(a, ":"); ok && !ownWay(a) && strings.Contains(arn, ":iam::aws:policy/") {
					add(prefix, "policy "+path.Base(arn))
				}
			}
		}
	}
	delete(found, "elasticache")
	delete(found, "iam")
	var out []service
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, service{name, found[name]})
	}
	return out
}

var (
	arnService  = regexp.MustCompile(`\barn:aws[a-z-]*:([a-z0-9-]+):`)
	hostService = regexp.MustCompile(`https?://(?:[a-z0-9-]+\.)*?([a-z0-9-]+)\.[a-z]{2}(?:-[a-z]+)+-\d\.amazonaws\.com`)
)

// servicesIn finds services in the value of a variable: an ARN, the URL of a
// service, or a resource of the same stack.
func (p *Pass) servicesIn(t stack.Text) []string {
	var out []string
	for _, part := range t {
		for _, m := range arnService.FindAllStringSubmatch(part.Literal, -1) {
			if m[1] != "elasticache" && m[1] != "iam" && m[1] != "kms" {
				out = append(out, m[1])
			}
		}
		for _, m := range hostService.FindAllStringSubmatch(part.Literal, -1) {
			out = append(out, m[1])
		}
		if res := p.index[part.Resource]; part.Resource != "" && res != nil {
			out = append(out, typeService(res.Type))
		}
	}
	return out
}

// typeService tells the service that code calls when it is given a resource of
// a type; "" is none or not known.
func typeService(typ string) string {
	switch typ {
	case "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable", "aws_dynamodb_table":
		return "dynamodb"
	case "AWS::S3::Bucket", "aws_s3_bucket":
		return "s3"
	case "AWS::SQS::Queue", "aws_sqs_queue":
		return "sqs"
	case "AWS::SNS::Topic", "aws_sns_topic":
		return "sns"
	case "AWS::SecretsManager::Secret", "aws_secretsmanager_secret", "aws_secretsmanager_secret_version":
		return "secretsmanager"
	case "AWS::SSM::Parameter", "aws_ssm_parameter":
		return "ssm"
	case "AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine", "aws_sfn_state_machine":
		return "states"
	case "AWS::Kinesis::Stream", "aws_kinesis_stream":
		return "kinesis"
	case "AWS::KinesisFirehose::DeliveryStream", "aws_kinesis_firehose_delivery_stream":
		return "firehose"
	case "AWS::Events::EventBus", "aws_cloudwatch_event_bus":
		return "events"
	case "AWS::Lambda::Function", "AWS::Serverless::Function", "aws_lambda_function":
		return "lambda"
	}
	return ""
}

// way asks once how a function reaches a service.
func (p *Pass) way(name string, f *stack.Function) reach.Way {
	key := name + " " + f.ID
	w, ok := p.ways[key]
	if !ok {
		w = p.network.Service(name, f)
		p.ways[key] = w
	}
	return w
}
