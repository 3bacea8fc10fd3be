package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/snapshot"
)

const region = "eu-west-1"

// needs skips a test without a program, unless all of them are required.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("THAW_REQUIRE_REAL") != "" {
		t.Fatalf("%s is not installed and THAW_REQUIRE_REAL is set", program)
	}
	t.Skipf("%s is not installed", program)
}

// moto starts an imitation of AWS and points the AWS SDK and CLI to it.
func moto(t *testing.T) {
	t.Helper()
	needs(t, "moto_server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("moto_server", "-H", "127.0.0.1", "-p", port)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	environment(t, "http://"+address)
	t.Setenv("AWS_MAX_ATTEMPTS", "1") // moto answers what it does not implement with 500
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get("http://" + address + "/moto-api/")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto does not answer: %v\n%s", err, log.String())
		}
		time.Sleep(50 * time.Millisecond) // a real server of another language starts
	}
}

// environment is that of a user of the AWS SDK and CLI whose AWS is a test.
func environment(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_DEFAULT_REGION": region, "AWS_PAGER": "", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		t.Setenv(name, "") // so that it comes back
		os.Unsetenv(name)
	}
}

// deployed are the ids of what deploy made.
type deployed struct{ vpc, subnet, functions, caches, acl, table, nat string }

// deploy makes a VPC with a function, a cache and what is between them.
func deploy(t *testing.T, clients snapshot.Clients) (d deployed) {
	t.Helper()
	ctx := context.Background()
	d.vpc = post(t, "ec2", "CreateVpc", "vpcId", "CidrBlock=10.7.0.0/16&TagSpecification.1.ResourceType=vpc&"+
		"TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=main&TagSpecification.1.Tag.2.Key=owner&TagSpecification.1.Tag.2.Value=hunter2")
	post(t, "ec2", "ModifyVpcAttribute", "requestId", "EnableDnsHostnames.Value=true&VpcId="+d.vpc)
	d.subnet = post(t, "ec2", "CreateSubnet", "subnetId", "CidrBlock=10.7.1.0/24&AvailabilityZone="+region+"a&VpcId="+d.vpc)
	group := func(name string) string {
		return post(t, "ec2", "CreateSecurityGroup", "groupId", "GroupName="+name+"&GroupDescription="+name+"&VpcId="+d.vpc)
	}
	d.functions, d.caches = group("functions"), group("caches")
	post(t, "ec2", "AuthorizeSecurityGroupIngress", "requestId", "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=6379&IpPermissions.1.ToPort=6379&"+
		"IpPermissions.1.Groups.1.GroupId="+d.functions+"&GroupId="+d.caches)
	d.acl = post(t, "ec2", "CreateNetworkAcl", "networkAclId", "VpcId="+d.vpc)
	post(t, "ec2", "CreateNetworkAclEntry", "requestId", "RuleNumber=100&Protocol=6&Egress=false&RuleAction=allow&CidrBlock=10.7.0.0/16&PortRange.From=6379&PortRange.To=6379&NetworkAclId="+d.acl)
	d.nat = post(t, "ec2", "CreateNatGateway", "natGatewayId", "ConnectivityType=private&SubnetId="+d.subnet)
	d.table = post(t, "ec2", "CreateRouteTable", "routeTableId", "VpcId="+d.vpc)
	post(t, "ec2", "CreateRoute", "requestId", "DestinationCidrBlock=0.0.0.0/0&NatGatewayId="+d.nat+"&RouteTableId="+d.table)
	post(t, "ec2", "AssociateRouteTable", "associationId", "RouteTableId="+d.table+"&SubnetId="+d.subnet)

	post(t, "elasticache", "CreateCacheSubnetGroup", "CacheSubnetGroupName", "CacheSubnetGroupName=shop&CacheSubnetGroupDescription=x&SubnetIds.SubnetIdentifier.1="+d.subnet)
	post(t, "elasticache", "CreateCacheCluster", "CacheClusterId", "CacheClusterId=shop&Engine=redis&CacheNodeType=cache.t4g.micro&NumCacheNodes=1&CacheSubnetGroupName=shop&SecurityGroupIds.SecurityGroupId.1="+d.caches)

	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","s3:*"],"Resource":"*"}]}`
	role := post(t, "iam", "CreateRole", "Arn", "RoleName=orders&Path=/app/&AssumeRolePolicyDocument="+url.QueryEscape(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`))
	post(t, "iam", "PutRolePolicy", "RequestId", "RoleName=orders&PolicyName=queue&PolicyDocument="+url.QueryEscape(document))
	policy := post(t, "iam", "CreatePolicy", "Arn", "PolicyName=table&PolicyDocument="+url.QueryEscape(strings.Replace(document, "sqs:SendMessage", "dynamodb:GetItem", 1)))
	post(t, "iam", "AttachRolePolicy", "RequestId", "RoleName=orders&PolicyArn="+policy)

	functions := clients.Lambda.(*lambda.Client)
	must(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: aws.String("orders"), Role: &role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK\x05\x06" + strings.Repeat("\x00", 18))}, VpcConfig: &lambdatypes.VpcConfig{SubnetIds: []string{d.subnet}, SecurityGroupIds: []string{d.functions}},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"CACHE_URL": "redis://:hunter2@shop.abc.0001.euw1.cache.amazonaws.com:6379", "TOKEN": "hunter2"}}}))(t)
	must(functions.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("orders"), ReservedConcurrentExecutions: aws.Int32(7)}))(t)
	return d
}

// post makes a call that changes something, which the clients of a snapshot
// cannot, and returns what stands in the first element of a name.
func post(t *testing.T, service, action, element, params string) string {
	t.Helper()
	versions := map[string]string{"ec2": "2016-11-15", "elasticache": "2015-02-02", "iam": "2010-05-08"}
	body := "Action=" + action + "&Version=" + versions[service] + "&" + params
	req, err := http.NewRequest(http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "testing", SecretAccessKey: "testing"}, req, hex.EncodeToString(hash[:]), service, region, time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<` + element + `>\s*([^<\s]+)\s*</`).FindSubmatch(answer)
	if resp.StatusCode != http.StatusOK || found == nil {
		t.Fatalf("%s: %s, or no %s in %s", action, resp.Status, element, answer)
	}
	return string(found[1])
}

// must returns what a call of the SDK gave, or fails the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func takeSnapshot(t *testing.T, clients snapshot.Clients) []byte {
	t.Helper()
	doc, err := snapshot.Take(context.Background(), clients, snapshot.Options{Region: region})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := doc.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMoto deploys into an imitation of AWS with the real SDK and takes a
// snapshot over HTTP, with the clients that a user has.
func TestMoto(t *testing.T) {
	moto(t)
	clients, _, err := snapshot.Connect(context.Background(), region, "")
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t, clients)
	data := takeSnapshot(t, clients)
	if bytes.Contains(data, []byte("hunter2")) {
		t.Error("a secret is in the snapshot")
	}
	t.Run("ReadsBack", func(t *testing.T) { readsBack(t, data, d) })
	t.Run("AgreesWithCLI", func(t *testing.T) { agreesWithCLI(t, data, d) })
}

// readsBack reads a snapshot as a stack. moto does not imitate serverless
// caches, user groups, provisioned concurrency and the account's settings: those
// are gaps.
func readsBack(t *testing.T, data []byte, d deployed) {
	s, err := account.Read("account.json", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Gaps {
		imitated := g.Kind != "caches" && g.What != "user groups" && g.What != "the concurrency of the account" && !strings.HasPrefix(g.What, "provisioned concurrency")
		if imitated {
			t.Errorf("gap %+v", g)
		}
	}
	f := s.Function("orders")
	if f == nil || f.Reserved == nil || f.Reserved.Or(0) != 7 || f.VPC.Subnets[0].Or("") != d.subnet || f.VPC.SecurityGroups[0].Or("") != d.functions {
		t.Fatalf("function %+v", f)
	}
	if got := s.Roles[0]; len(got.Statements) != 2 || got.Statements[0].Actions[0].Or("") != "dynamodb:GetItem" || got.Statements[1].Actions[0].Or("") != "sqs:SendMessage" || !got.Complete.Or(false) {
		t.Errorf("role %+v", got)
	}
	group := s.SecurityGroup(d.caches)
	if r := group.Ingress[0]; r.SecurityGroup.Or("") != d.functions || r.FromPort.Or(0) != 6379 {
		t.Errorf("ingress %+v", r)
	}
	checkRouting(t, s, d)
	if c := s.Cache("shop"); c == nil || c.Engine.Or("") != stack.Redis || c.Subnets[0].Or("") != d.subnet {
		t.Errorf("cache %+v", c)
	}
}

func checkRouting(t *testing.T, s *stack.Stack, d deployed) {
	t.Helper()
	for _, a := range s.NetworkACLs {
		if a.ID == d.acl && (len(a.Entries) != 1 || a.Entries[0].Number.Or(0) != 100 || a.Default) {
			t.Errorf("ACL %+v", a)
		}
	}
	for _, r := range s.RouteTables {
		if r.ID == d.table && (len(r.Routes) != 1 || r.Routes[0].TargetKind != "nat" || r.Routes[0].Target.Or("") != d.nat || r.Subnets[0].Or("") != d.subnet) {
			t.Errorf("route table %+v", r)
		}
	}
	for _, v := range s.VPCs {
		if v.ID == d.vpc && !v.EnableDNSHostnames.Or(false) {
			t.Errorf("VPC %+v", v)
		}
	}
	for _, g := range s.Gateways {
		if g.ID == d.nat && g.Kind != stack.PrivateNATGateway {
			t.Errorf("gateway %+v", g)
		}
	}
}
