package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// awsThatDenies imitates an account whose user may do what answers say, and is
// denied everything else.
func awsThatDenies(t *testing.T, answers map[string]string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action := r.FormValue("Action")
		if answer, ok := answers[action]; ok {
			fmt.Fprintf(w, "<%[1]sResponse>%[2]s</%[1]sResponse>", action, answer)
			return
		}
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		if action == "" {
			return
		}
		fmt.Fprint(w, "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>bob may not</Message></Error></Errors></Response>")
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_MAX_ATTEMPTS": "1", "AWS_PROFILE": "", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
	} {
		t.Setenv(name, value)
	}
	os.Unsetenv("AWS_PROFILE") // comes back with the end of Setenv
}

// A user who may read VPCs and nothing else gets a file, is told each permission
// that is missing, and exit code 1; the file is for its owner alone and is one
// that thaw check takes.
func TestSnapshotOfDeniedAccount(t *testing.T) {
	awsThatDenies(t, map[string]string{
		"GetCallerIdentity": "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>",
		"DescribeVpcs":      "<vpcSet><item><vpcId>vpc-a</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet>",
	})
	file := filepath.Join(t.TempDir(), "account.json")
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"snapshot", "--region", "eu-west-1", "--output", file}, strings.NewReader(""), &stdout, &stderr)
	if code != exitFindings || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
	for _, want := range []string{
		"thaw: ec2:DescribeSecurityGroups was denied (UnauthorizedOperation): the permission ec2:DescribeSecurityGroups is missing; not known: security groups\n",
		"thaw: lambda:ListFunctions was denied (AccessDeniedException): the permission lambda:ListFunctions is missing; not known: functions\n",
		"the snapshot is incomplete",
		"thaw snapshot --permissions prints the IAM policy",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in\n%s", want, stderr.String())
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(data, []byte(`"vpc-a"`)) || bytes.Contains(data, []byte("bob")) || bytes.Contains(data, []byte("hunter2")) {
		t.Errorf("%v in\n%s", err, data)
	}
	stdout.Reset()
	stderr.Reset()
	if code := run(context.Background(), []string{"check", file}, strings.NewReader(""), &stdout, &stderr); code == exitCannot {
		t.Errorf("thaw check: exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String()+stderr.String(), "ec2:DescribeSecurityGroups") {
		t.Errorf("thaw check does not name what is missing:\n%s", stdout.String())
	}
}

// A snapshot that fails leaves the file of the last one, and nothing beside it.
func TestSnapshotKeepsOldFile(t *testing.T) {
	awsThatDenies(t, map[string]string{
		"GetCallerIdentity": "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>",
		"DescribeVpcs":      "<vpcSet/>",
	})
	folder := t.TempDir()
	file := filepath.Join(folder, "account.json")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := run(context.Background(), []string{"snapshot", "--region", "eu-west-1", "--vpc", "vpc-typo", "-o", file}, strings.NewReader(""), &stderr, &stderr)
	if code != exitCannot || !strings.Contains(stderr.String(), "there is no VPC vpc-typo in eu-west-1") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "old" {
		t.Errorf("%q, %v", data, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	stderr.Reset()
	code = run(context.Background(), []string{"snapshot", "--region", "eu-west-1", "-o", filepath.Join(folder, "none", "account.json")}, strings.NewReader(""), &stderr, &stderr)
	if code != exitCannot || !strings.Contains(stderr.String(), "cannot write the snapshot") {
		t.Errorf("a folder that is not there: exit code %d, %s", code, stderr.String())
	}
}

// What is no file, such as a pipe or /dev/null, is written to and not replaced.
func TestSnapshotToDevice(t *testing.T) {
	awsThatDenies(t, map[string]string{
		"GetCallerIdentity": "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>",
	})
	link := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink(os.DevNull, link); err != nil {
		t.Skip(err)
	}
	var stderr bytes.Buffer
	code := run(context.Background(), []string{"snapshot", "--region", "eu-west-1", "-o", link}, strings.NewReader(""), &stderr, &stderr)
	if info, err := os.Stat(link); code != exitFindings || err != nil || info.Mode().IsRegular() {
		t.Errorf("exit code %d, %v, %v, %s", code, info, err, stderr.String())
	}
}

// docs/snapshot.md has a line for each flag.
func TestSnapshotFlagsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/snapshot.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := 0
	snapshotCommand().Flags().VisitAll(func(f *pflag.Flag) {
		flags++
		if !bytes.Contains(docs, []byte("`--"+f.Name)) {
			t.Errorf("docs/snapshot.md does not have --%s", f.Name)
		}
	})
	if rows := bytes.Count(docs, []byte("\n| `-")); rows != flags {
		t.Errorf("docs/snapshot.md has %d flags, the command %d", rows, flags)
	}
}
