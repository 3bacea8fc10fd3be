package check

import "github.com/thawdev/thaw/stack"

// afterJoining lists the rules about what a function loses when it joins a VPC.
func afterJoining() []*Rule {
	return []*Rule{serviceUnreachable(), publicIsNotInternet(), noVPCAccess()}
}

// vpcAccessPolicy is the managed policy with the permissions that Lambda needs
// to attach a function to a VPC. Source: AWS Lambda Developer Guide, "Giving
// Lambda functions access to resources in an Amazon VPC".
const vpcAccessPolicy = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"

// vpcActions are the permissions without which Lambda cannot make and delete
// the interfaces of a function. Same source.
func vpcActions() []string {
	return []string{"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"}
}

// vpcAccess tells whether a role has the permissions to attach a function.
func (p *Pass) vpcAccess(role *stack.Role) answer {
	out := yes
	for _, a := range vpcActions() {
		switch grants(role, a) {
		case no:
			return no
		case maybe:
			out = maybe
		}
	}
	return out
}
