package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/snapshot"
)

// server imitates AWS on the wire: forms in and XML out for EC2, ElastiCache, IAM
// and STS, JSON for Lambda. Answers of the first three are those of package
// query's testdata. fault, if not nil, may answer a call itself, which it gets as
// the permission for it.
type server struct {
	fault func(w http.ResponseWriter, call string) bool

	mu   sync.Mutex
	made map[string]int
}

// refuse answers an error in the form of the service of a call.
func refuse(w http.ResponseWriter, call string, status int, code string) {
	const message = "User: arn:aws:iam::123456789012:user/bob may not"
	switch service, _, _ := strings.Cut(call, ":"); service {
	case "ec2":
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors></Response>", code, message)
	case "lambda":
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Type":"User","Message":%q}`, message)
	default:
		w.WriteHeader(status)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
}

// callOf names a request like the permission for it.
func callOf(r *http.Request) string {
	if action := r.FormValue("Action"); action != "" {
		for _, service := range []string{"ec2", "elasticache", "iam", "sts"} {
			if strings.Contains(r.Header.Get("Authorization"), "/"+service+"/aws4_request") {
				return service + ":" + action
			}
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/provisioned-concurrency"):
		return "lambda:ListProvisionedConcurrencyConfigs"
	case strings.HasSuffix(r.URL.Path, "/concurrency"):
		return "lambda:GetFunctionConcurrency"
	case strings.HasSuffix(r.URL.Path, "/account-settings"):
		return "lambda:GetAccountSettings"
	case strings.HasSuffix(r.URL.Path, "/functions"):
		return "lambda:ListFunctions"
	}
	return "unknown:" + r.Method + r.URL.Path
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := callOf(r)
	s.mu.Lock()
	s.made[call]++
	s.mu.Unlock()
	if s.fault != nil && s.fault(w, call) {
		return
	}
	service, action, _ := strings.Cut(call, ":")
	answers := map[string]string{
		"sts:GetCallerIdentity":                    `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		"lambda:ListFunctions":                     `{"Functions":[{"FunctionName":"orders","Role":"arn:aws:iam::123456789012:role/orders","Environment":{"Variables":{"TOKEN":"hunter2"}}}]}`,
		"lambda:GetFunctionConcurrency":            `{"ReservedConcurrentExecutions":7}`,
		"lambda:ListProvisionedConcurrencyConfigs": `{"ProvisionedConcurrencyConfigs":[]}`,
		"lambda:GetAccountSettings":                `{"AccountLimit":{"ConcurrentExecutions":1000}}`,
	}
	answer := []byte(answers[call])
	if service == "ec2" || service == "elasticache" || service == "iam" {
		var err error
		if answer, err = os.ReadFile(filepath.Join("query", "testdata", filepath.Base(action)+".xml")); err != nil {
			refuse(w, call, http.StatusBadRequest, "InvalidAction")
			return
		}
	}
	if len(answer) == 0 {
		refuse(w, call, http.StatusNotFound, "UnknownOperation")
		return
	}
	_, _ = w.Write(answer)
}

// takeOver takes a snapshot of an imitation of AWS with the clients that a user
// has.
func takeOver(t *testing.T, s *server) (*snapshot.Document, error) {
	t.Helper()
	s.made = map[string]int{}
	aws := httptest.NewServer(s)
	t.Cleanup(aws.Close)
	environment(t, aws.URL)
	t.Setenv("AWS_MAX_ATTEMPTS", "2") // the second after at most a second
	clients, _, err := snapshot.Connect(context.Background(), region, "")
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Take(context.Background(), clients, snapshot.Options{Region: region})
}

// written is a document as its file.
func written(t *testing.T, d *snapshot.Document) string {
	t.Helper()
	var b strings.Builder
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Each call reaches AWS in the form that its service takes, and the answers are
// complete.
func TestWire(t *testing.T) {
	s := &server{}
	d, err := takeOver(t, s)
	if err != nil || len(d.Gaps) > 0 {
		t.Fatalf("%v, gaps %v", err, d.Gaps)
	}
	for call, list := range d.Calls {
		if s.made[call] == 0 || len(list) == 0 {
			t.Errorf("%s: made %d times, %d items", call, s.made[call], len(list))
		}
	}
	data := written(t, d)
	if strings.Contains(data, "hunter2") {
		t.Error("a secret is in the document")
	}
	if _, err := account.Read("account.json", []byte(data)); err != nil {
		t.Error(err)
	}
}

// A call that is refused, for whatever reason, is a gap that says what to do, and
// the rest of the account is read: with one call refused, and with all of them.
func TestRefusedOnTheWire(t *testing.T) {
	denied := func(call string) string {
		switch service, _, _ := strings.Cut(call, ":"); service {
		case "ec2":
			return "UnauthorizedOperation"
		case "lambda":
			return "AccessDeniedException"
		}
		return "AccessDenied"
	}
	for _, c := range []struct {
		name   string
		calls  []string
		status int
		code   func(string) string
		want   string
		times  int // that each call is made
	}{
		{"denied", []string{"ec2:DescribeSecurityGroups", "lambda:GetFunctionConcurrency", "elasticache:DescribeServerlessCaches", "iam:ListRolePolicies"}, 403, denied, "the permission CALL is missing", 1},
		// The last call of its service: the SDK slows down those that follow.
		{"throttled", []string{"iam:GetPolicyVersion"}, 503, func(string) string { return "Throttling" }, "AWS was too busy for CALL", 2},
		{"region not subscribed", []string{"ec2:DescribeVpcs"}, 401, func(string) string { return "OptInRequired" }, "CALL failed (OptInRequired)", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{fault: func(w http.ResponseWriter, call string) bool {
				if !slices.Contains(c.calls, call) {
					return false
				}
				refuse(w, call, c.status, c.code(call))
				return true
			}}
			d, err := takeOver(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Gaps) != len(c.calls) {
				t.Errorf("gaps %v", d.Gaps)
			}
			for _, g := range d.Gaps {
				if want := strings.ReplaceAll(c.want, "CALL", g.Call); g.Error != c.code(g.Call) || !strings.Contains(g.String(), want) || !strings.Contains(g.String(), "; not known: ") {
					t.Errorf("%s: want %s", g, want)
				}
				if s.made[g.Call] != c.times {
					t.Errorf("%s was made %d times, want %d", g.Call, s.made[g.Call], c.times)
				}
			}
			if strings.Contains(written(t, d), "bob") {
				t.Error("the message of AWS is in the document")
			}
		})
	}
	t.Run("everything", func(t *testing.T) {
		d, err := takeOver(t, &server{fault: func(w http.ResponseWriter, call string) bool {
			if call == "sts:GetCallerIdentity" {
				return false
			}
			refuse(w, call, 403, denied(call))
			return true
		}})
		if err != nil {
			t.Fatal(err)
		}
		for call, list := range d.Calls {
			if len(list) == 0 && slices.ContainsFunc(d.Gaps, func(g snapshot.Gap) bool { return g.Call == call }) {
				t.Errorf("%s was denied and is an empty list", call)
			}
		}
		s, err := account.Read("account.json", []byte(written(t, d)))
		if err != nil || len(s.Gaps) < len(d.Gaps) {
			t.Errorf("read back with %d gaps of %d, %v", len(s.Gaps), len(d.Gaps), err)
		}
	})
}

// Credentials that AWS does not accept, or no more, or not in a region that is
// switched off, end the snapshot with one error; an AWS that is too busy to say
// so does not blame them.
func TestCredentialsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		at, code string
		status   int
		want     string
		refused  bool
	}{
		{"sts:GetCallerIdentity", "InvalidClientTokenId", 403, "AWS does not accept the credentials in eu-west-1 (sts:GetCallerIdentity: InvalidClientTokenId); check AWS_PROFILE or --profile, and that the region is enabled", true},
		{"ec2:DescribeRouteTables", "AuthFailure", 401, "AWS does not accept the credentials: ec2:DescribeRouteTables gave AuthFailure", true},
		{"lambda:GetFunctionConcurrency", "ExpiredTokenException", 403, "lambda:GetFunctionConcurrency gave ExpiredTokenException", true},
		{"iam:GetPolicy", "ExpiredToken", 403, "iam:GetPolicy gave ExpiredToken", true},
		{"sts:GetCallerIdentity", "ServiceUnavailable", 503, "AWS in eu-west-1 is too busy to answer (sts:GetCallerIdentity: ServiceUnavailable)", false},
	} {
		t.Run(c.at+" "+c.code, func(t *testing.T) {
			d, err := takeOver(t, &server{fault: func(w http.ResponseWriter, call string) bool {
				if call != c.at {
					return false
				}
				refuse(w, call, c.status, c.code)
				return true
			}})
			if d != nil || err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, snapshot.ErrCredentials) != c.refused || strings.Contains(err.Error(), "bob") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A list of functions that names a next page for ever ends.
func TestEndlessFunctions(t *testing.T) {
	s := &server{fault: func(w http.ResponseWriter, call string) bool {
		if call != "lambda:ListFunctions" {
			return false
		}
		_, _ = w.Write([]byte(`{"Functions":[],"NextMarker":"again"}`))
		return true
	}}
	d, err := takeOver(t, s)
	if err != nil || len(d.Gaps) != 1 || d.Gaps[0].Error != "EndlessList" {
		t.Errorf("%v, gaps %v after %d pages", err, d.Gaps, s.made["lambda:ListFunctions"])
	}
}

// An answer that does not end is a gap and not all of the memory.
func TestEndlessAnswer(t *testing.T) {
	s := &server{fault: func(w http.ResponseWriter, call string) bool {
		if call != "lambda:ListFunctions" {
			return false
		}
		_, _ = w.Write([]byte(`{"Functions":[]`))
		for blank := bytes.Repeat([]byte(" "), 1<<20); ; {
			if _, err := w.Write(blank); err != nil {
				return true
			}
		}
	}}
	d, err := takeOver(t, s)
	if err != nil || len(d.Gaps) != 1 || d.Gaps[0].Call != "lambda:ListFunctions" || d.Gaps[0].Error != "AnswerTooLarge" {
		t.Errorf("%v, gaps %v", err, d.Gaps)
	}
}
