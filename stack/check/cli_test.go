package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fakeCLI carries out the commands of a fix on a snapshot: a small shell, and
// of the AWS CLI the commands that fixes use. What it does not know is an
// error.
type fakeCLI struct {
	snapshot struct {
		Format  string                      `json:"format"`
		TakenAt string                      `json:"taken_at"`
		Region  string                      `json:"region"`
		Account string                      `json:"account"`
		Calls   map[string][]map[string]any `json:"calls"`
		Gaps    []any                       `json:"gaps"`
	}
	variables map[string]string
	groups    int
}

func (c *fakeCLI) script(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' || line == "set -eu" {
			continue
		}
		if name, rest, ok := strings.Cut(line, "=$("); ok && !strings.ContainsAny(name, " '\"") {
			out, err := c.command(strings.TrimSuffix(rest, ")"))
			if err != nil {
				return err
			}
			c.variables[name] = out
			continue
		}
		if _, err := c.command(line); err != nil {
			return err
		}
	}
	return nil
}

// split takes a line apart as a shell does.
func (c *fakeCLI) split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case quote == '\'' && b != '\'', quote == '"' && b != '"' && b != '$':
			word.WriteByte(b)
		case quote != 0 && b == quote:
			quote = 0
		case quote == 0 && (b == '\'' || b == '"'):
			quote, in = b, true
		case b == '$' && quote == '"':
			end := i + 1
			for end < len(line) && (line[end] == '_' || line[end] >= 'A' && line[end] <= 'Z' || line[end] >= '0' && line[end] <= '9') {
				end++
			}
			value, ok := c.variables[line[i+1:end]]
			if !ok {
				return nil, fmt.Errorf("%s is not set", line[i:end])
			}
			word.WriteString(value)
			i = end - 1
		case b == '\\' && i+1 < len(line) && line[i+1] == '\'':
			word.WriteByte('\'')
			in = true
			i++
		case b == ' ':
			if in || word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		case strings.IndexByte("$`;&|<>(){}*?!#~\\\"", b) >= 0:
			return nil, fmt.Errorf("an unquoted %q in %s", b, line)
		default:
			word.WriteByte(b)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("an open quote in %s", line)
	}
	if word.Len() > 0 || in {
		words = append(words, word.String())
	}
	return words, nil
}

// arguments are the flags of a command.
type arguments map[string][]string

func (a arguments) one(name string) string { return strings.Join(a[name], " ") }

func (a arguments) number(name string) int {
	n, err := strconv.Atoi(a.one(name))
	if err != nil {
		panic(fmt.Sprintf("%s is %q", name, a.one(name)))
	}
	return n
}

func (c *fakeCLI) command(line string) (string, error) {
	words, err := c.split(line)
	if err != nil {
		return "", err
	}
	if len(words) < 3 || words[0] != "aws" {
		return "", fmt.Errorf("not a command of the AWS CLI: %s", line)
	}
	args := arguments{}
	flag := ""
	for _, w := range words[3:] {
		if strings.HasPrefix(w, "--") {
			flag = strings.TrimPrefix(w, "--")
			args[flag] = []string{}
			continue
		}
		args[flag] = append(args[flag], w)
	}
	return c.run(words[1]+" "+words[2], args)
}

func (c *fakeCLI) run(verb string, args arguments) (string, error) {
	switch verb {
	case "ec2 authorize-security-group-ingress", "ec2 authorize-security-group-egress", "ec2 revoke-security-group-ingress", "ec2 revoke-security-group-egress":
		return "", c.rules(verb, args)
	case "ec2 create-security-group":
		return c.createGroup(args), nil
	case "ec2 create-network-acl-entry":
		return "", c.createEntry(args)
	case "ec2 create-route":
		return "", c.createRoute(args)
	case "ec2 create-vpc-endpoint":
		return "", c.createEndpoint(args)
	case "lambda update-function-configuration":
		return "", c.attach(args)
	case "lambda put-function-concurrency":
		return "", c.reserve(args)
	case "iam attach-role-policy":
		return "", c.attachPolicy(args)
	case "elasticache modify-replication-group":
		return "", c.cacheGroups(args)
	}
	return "", fmt.Errorf("the test does not know aws %s", verb)
}

// find returns the item of a call whose field has a value.
func (c *fakeCLI) find(call, field, value string) (map[string]any, error) {
	for _, item := range c.snapshot.Calls[call] {
		if item[field] == value {
			return item, nil
		}
	}
	return nil, fmt.Errorf("%s has nothing with %s %s", call, field, value)
}

// peers are the lists of a permission, each with the field that tells one.
var peers = map[string]string{"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "PrefixListIds": "PrefixListId", "UserIdGroupPairs": "GroupId"}

func (c *fakeCLI) rules(verb string, args arguments) error {
	group, err := c.find("ec2:DescribeSecurityGroups", "GroupId", args.one("group-id"))
	if err != nil {
		return err
	}
	list := "IpPermissions"
	if strings.HasSuffix(verb, "egress") {
		list = "IpPermissionsEgress"
	}
	var wanted []map[string]any
	if err := json.Unmarshal([]byte(args.one("ip-permissions")), &wanted); err != nil {
		return err
	}
	permissions, _ := group[list].([]any)
	for _, w := range wanted {
		if strings.Contains(verb, "authorize") {
			permissions = append(permissions, w)
			continue
		}
		if !revoke(permissions, w) {
			return fmt.Errorf("no such rule in %s: %v", args.one("group-id"), w)
		}
	}
	group[list] = permissions
	return nil
}

// revoke takes the peer of a rule out of the permission that has it.
func revoke(permissions []any, w map[string]any) bool {
	for _, p := range permissions {
		permission := p.(map[string]any)
		if permission["IpProtocol"] != w["IpProtocol"] || w["FromPort"] != permission["FromPort"] || w["ToPort"] != permission["ToPort"] {
			continue
		}
		for list, field := range peers {
			gone, ok := w[list].([]any)
			if !ok {
				continue
			}
			have, _ := permission[list].([]any)
			for i, h := range have {
				if h.(map[string]any)[field] == gone[0].(map[string]any)[field] {
					permission[list] = slices.Delete(slices.Clone(have), i, i+1)
					return true
				}
			}
		}
	}
	return false
}

func (c *fakeCLI) createGroup(args arguments) string {
	c.groups++
	id := fmt.Sprintf("sg-%017d", c.groups)
	all := map[string]any{"IpProtocol": "-1", "IpRanges": []any{map[string]any{"CidrIp": "0.0.0.0/0"}}}
	c.snapshot.Calls["ec2:DescribeSecurityGroups"] = append(c.snapshot.Calls["ec2:DescribeSecurityGroups"], map[string]any{
		"GroupId": id, "GroupName": args.one("group-name"), "Description": args.one("description"), "VpcId": args.one("vpc-id"),
		"IpPermissions": []any{}, "IpPermissionsEgress": []any{all}})
	return id
}

func (c *fakeCLI) createEntry(args arguments) error {
	acl, err := c.find("ec2:DescribeNetworkAcls", "NetworkAclId", args.one("network-acl-id"))
	if err != nil {
		return err
	}
	_, egress := args["egress"]
	from, to, ok := strings.Cut(strings.TrimPrefix(args.one("port-range"), "From="), ",To=")
	low, err1 := strconv.Atoi(from)
	high, err2 := strconv.Atoi(to)
	if !ok || err1 != nil || err2 != nil {
		return fmt.Errorf("port range %q", args.one("port-range"))
	}
	acl["Entries"] = append(acl["Entries"].([]any), map[string]any{"RuleNumber": args.number("rule-number"), "Egress": egress,
		"Protocol": args.one("protocol"), "RuleAction": args.one("rule-action"), "CidrBlock": args.one("cidr-block"),
		"PortRange": map[string]any{"From": low, "To": high}})
	return nil
}

func (c *fakeCLI) createRoute(args arguments) error {
	table, err := c.find("ec2:DescribeRouteTables", "RouteTableId", args.one("route-table-id"))
	if err != nil {
		return err
	}
	table["Routes"] = append(table["Routes"].([]any), map[string]any{"DestinationCidrBlock": args.one("destination-cidr-block"),
		"VpcPeeringConnectionId": args.one("vpc-peering-connection-id"), "State": "active"})
	return nil
}

func (c *fakeCLI) createEndpoint(args arguments) error {
	service := args.one("service-name")
	list := func(name string) []any {
		out := []any{}
		for _, s := range args[name] {
			out = append(out, s)
		}
		return out
	}
	groups := []any{}
	for _, g := range args["security-group-ids"] {
		groups = append(groups, map[string]any{"GroupId": g})
	}
	_, private := args["private-dns-enabled"]
	c.snapshot.Calls["ec2:DescribeVpcEndpoints"] = append(c.snapshot.Calls["ec2:DescribeVpcEndpoints"], map[string]any{
		"VpcEndpointId": "vpce-00000000000000001", "VpcEndpointType": args.one("vpc-endpoint-type"), "VpcId": args.one("vpc-id"), "ServiceName": service,
		"State": "available", "RouteTableIds": list("route-table-ids"), "SubnetIds": list("subnet-ids"), "Groups": groups, "PrivateDnsEnabled": private})
	for _, id := range args["route-table-ids"] {
		table, err := c.find("ec2:DescribeRouteTables", "RouteTableId", id)
		if err != nil {
			return err
		}
		table["Routes"] = append(table["Routes"].([]any), map[string]any{"DestinationPrefixListId": "pl-00000001", "GatewayId": "vpce-00000000000000001", "State": "active"})
	}
	return nil
}

func (c *fakeCLI) attach(args arguments) error {
	f, err := c.find("lambda:ListFunctions", "FunctionName", args.one("function-name"))
	if err != nil {
		return err
	}
	subnets, groups, ok := strings.Cut(strings.TrimPrefix(args.one("vpc-config"), "SubnetIds="), ",SecurityGroupIds=")
	if !ok {
		return fmt.Errorf("--vpc-config %s", args.one("vpc-config"))
	}
	first, err := c.find("ec2:DescribeSubnets", "SubnetId", strings.Split(subnets, ",")[0])
	if err != nil {
		return err
	}
	f["VpcConfig"] = map[string]any{"SubnetIds": strings.Split(subnets, ","), "SecurityGroupIds": strings.Split(groups, ","), "VpcId": first["VpcId"]}
	return nil
}

func (c *fakeCLI) reserve(args arguments) error {
	f, err := c.find("lambda:GetFunctionConcurrency", "FunctionName", args.one("function-name"))
	if err == nil {
		f["ReservedConcurrentExecutions"] = args.number("reserved-concurrent-executions")
	}
	return err
}

func (c *fakeCLI) attachPolicy(args arguments) error {
	role, err := c.find("iam:ListAttachedRolePolicies", "RoleName", args.one("role-name"))
	if err == nil {
		list, _ := role["AttachedPolicies"].([]any)
		role["AttachedPolicies"] = append(list, map[string]any{"PolicyArn": args.one("policy-arn")})
	}
	return err
}

func (c *fakeCLI) cacheGroups(args arguments) error {
	found := false
	for _, node := range c.snapshot.Calls["elasticache:DescribeCacheClusters"] {
		if node["ReplicationGroupId"] != args.one("replication-group-id") {
			continue
		}
		found = true
		groups := []any{}
		for _, g := range args["security-group-ids"] {
			groups = append(groups, map[string]any{"SecurityGroupId": g, "Status": "active"})
		}
		node["SecurityGroups"] = groups
	}
	if !found {
		return fmt.Errorf("no replication group %s", args.one("replication-group-id"))
	}
	return nil
}
