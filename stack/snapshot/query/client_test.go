package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
)

// doer answers requests without a network.
type doer func(*http.Request) (*http.Response, error)

func (f doer) Do(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

const (
	vpcs    = `<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-a</vpcId></item></vpcSet></DescribeVpcsResponse>`
	failed  = `<Response><Errors><Error><Code>%s</Code><Message>bob may not</Message></Error></Errors><RequestID>1</RequestID></Response>`
	refused = `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>bob may not</Message></Error><RequestId>1</RequestId></ErrorResponse>`
)

// listVPCs returns the ids of all VPCs.
func listVPCs(t *testing.T, ctx context.Context, cfg aws.Config, filters ...Filter) ([]string, error) {
	t.Helper()
	e, err := NewEC2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for page, err := range e.DescribeVpcs(ctx, filters...) {
		if err != nil {
			return ids, err
		}
		for _, v := range page {
			ids = append(ids, aws.ToString(v.VPCID))
		}
	}
	return ids, nil
}

// answering is a configuration whose AWS answers with f.
func answering(f func(r *http.Request) (*http.Response, error)) aws.Config {
	cfg := config("http://ec2.test")
	cfg.HTTPClient = doer(f)
	return cfg
}

// A request is a form with the filters, and the signature is the one that the
// SDK computes from it.
func TestRequest(t *testing.T) {
	var got http.Header
	var form url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		got = r.Header.Clone()
		signed, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
		}
		signed.Header.Set("Content-Type", r.Header.Get("Content-Type"))
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("signed at %v, %v", at, err)
		}
		hash := sha256.Sum256(body)
		credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI", SessionToken: "session"}
		if err := v4.NewSigner().SignHTTP(context.Background(), credentials, signed, hex.EncodeToString(hash[:]), "ec2", "eu-west-1", at); err != nil {
			t.Error(err)
		}
		if want := signed.Header.Get("Authorization"); r.Header.Get("Authorization") != want {
			t.Errorf("signature\n%s, want\n%s", r.Header.Get("Authorization"), want)
		}
		_, _ = io.WriteString(w, vpcs)
	}))
	defer server.Close()
	cfg := config(server.URL)
	cfg.AppID = "th aw\r\nX-Evil: 1"
	ids, err := listVPCs(t, t.Context(), cfg, Filter{"vpc-id", []string{"vpc-a", "vpc-b"}}, Filter{"tag:Name", []string{"a b&c=d"}})
	if err != nil || !slices.Equal(ids, []string{"vpc-a"}) {
		t.Fatalf("%v, %v", ids, err)
	}
	want := url.Values{"Action": {"DescribeVpcs"}, "Version": {"2016-11-15"}, "MaxResults": {"1000"}, "Filter.1.Name": {"vpc-id"},
		"Filter.1.Value.1": {"vpc-a"}, "Filter.1.Value.2": {"vpc-b"}, "Filter.2.Name": {"tag:Name"}, "Filter.2.Value.1": {"a b&c=d"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	if ua := got.Get("User-Agent"); !strings.HasPrefix(ua, "thaw aws-sdk-go-v2/") || !strings.HasSuffix(ua, "app/th-aw--X-Evil--1") {
		t.Errorf("user agent %q", ua)
	}
	if got.Get("X-Amz-Security-Token") != "session" {
		t.Error("the session token is missing")
	}
}

// Every call reads all pages, by the token that its service has.
func TestPages(t *testing.T) {
	for _, service := range []struct{ token, page, element, result string }{
		{"NextToken", `<DescribeVpcsResponse>%s</DescribeVpcsResponse>`, "nextToken", `<vpcSet><item><vpcId>vpc-%d</vpcId></item></vpcSet>`},
		{"Marker", `<DescribeUserGroupsResponse><DescribeUserGroupsResult>%s</DescribeUserGroupsResult></DescribeUserGroupsResponse>`, "Marker", `<UserGroups><member><UserGroupId>vpc-%d</UserGroupId></member></UserGroups>`},
		{"NextToken", `<DescribeServerlessCachesResponse><DescribeServerlessCachesResult>%s</DescribeServerlessCachesResult></DescribeServerlessCachesResponse>`, "NextToken", `<ServerlessCaches><member><ServerlessCacheName>vpc-%d</ServerlessCacheName></member></ServerlessCaches>`},
	} {
		var tokens []string
		cfg := answering(func(r *http.Request) (*http.Response, error) {
			_ = r.ParseForm()
			tokens = append(tokens, r.PostForm.Get(service.token))
			body := fmt.Sprintf(service.result, len(tokens))
			if len(tokens) < 3 {
				body = fmt.Sprintf("<%s>page/%d+=</%s>", service.element, len(tokens)+1, service.element) + body
			}
			return answer(200, fmt.Sprintf(service.page, body)), nil
		})
		all := calls(t, cfg)
		action := service.page[1:strings.Index(service.page, "Response")]
		got, err := all[action].do()
		if err != nil || !slices.Equal(tokens, []string{"", "page/2+=", "page/3+="}) {
			t.Errorf("%s: tokens %q, %v", action, tokens, err)
		}
		if n := len(all); n != 24 {
			t.Errorf("%d calls", n)
		}
		if s := fmt.Sprint(count(got)); s != "3" {
			t.Errorf("%s: %s items, want those of 3 pages", action, s)
		}
	}
}

func count(v any) int {
	n := 0
	for _, list := range v.(map[string]any) {
		switch list := list.(type) {
		case []VPC:
			n += len(list)
		case []UserGroup:
			n += len(list)
		case []ServerlessCache:
			n += len(list)
		}
	}
	return n
}

// A page that names itself as the next would be read for ever. The pages before
// an error count.
func TestPageOfItself(t *testing.T) {
	cfg := answering(func(*http.Request) (*http.Response, error) {
		return answer(200, strings.Replace(vpcs, "<vpcSet>", "<nextToken>x</nextToken><vpcSet>", 1)), nil
	})
	ids, err := listVPCs(t, t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "names itself") || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

// counting is a retryer that does not wait and notes what it was asked about.
func counting(attempts int) (func() aws.Retryer, *[]error) {
	var asked []error
	return func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.Backoff = retry.BackoffDelayerFunc(func(_ int, err error) (time.Duration, error) {
				asked = append(asked, err)
				return 0, nil
			})
		})
	}, &asked
}

// What may pass is tried again: throttling, errors of AWS's own, connections
// that break. What will not is not.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		first func() (*http.Response, error)
		again bool
		code  string
	}{
		{"EC2 throttles", func() (*http.Response, error) { return answer(503, fmt.Sprintf(failed, "RequestLimitExceeded")), nil }, true, "RequestLimitExceeded"},
		{"IAM throttles", func() (*http.Response, error) { return answer(400, fmt.Sprintf(refused, "Throttling")), nil }, true, "Throttling"},
		{"broken service", func() (*http.Response, error) { return answer(500, fmt.Sprintf(failed, "InternalError")), nil }, true, "InternalError"},
		{"broken load balancer", func() (*http.Response, error) { return answer(502, "<html><body>Bad Gateway"), nil }, true, ""},
		{"refused connection", func() (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: "x", Err: errors.New("connect: connection refused")}
		}, true, ""},
		{"answer breaks off", func() (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(vpcs[:9]), broken{}))}, nil
		}, true, ""},
		{"denied", func() (*http.Response, error) { return answer(403, fmt.Sprintf(failed, "UnauthorizedOperation")), nil }, false, "UnauthorizedOperation"},
		{"IAM denies", func() (*http.Response, error) { return answer(403, fmt.Sprintf(refused, "AccessDenied")), nil }, false, "AccessDenied"},
		{"expired", func() (*http.Response, error) { return answer(400, fmt.Sprintf(failed, "ExpiredToken")), nil }, false, "ExpiredToken"},
		{"no XML", func() (*http.Response, error) { return answer(200, "{}"), nil }, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			cfg := answering(func(*http.Request) (*http.Response, error) {
				if n++; n < 3 {
					return c.first()
				}
				return answer(200, vpcs), nil
			})
			retryer, asked := counting(3)
			cfg.Retryer = retryer
			ids, err := listVPCs(t, t.Context(), cfg)
			if c.again && (err != nil || n != 3 || len(ids) != 1 || len(*asked) != 2) {
				t.Errorf("%d attempts, %d waits, %v, %v", n, len(*asked), ids, err)
			}
			if !c.again && (err == nil || n != 1) {
				t.Errorf("%d attempts, %v", n, err)
			}
			n = 0
			retryer, _ = counting(1)
			cfg.Retryer = retryer
			_, err = listVPCs(t, t.Context(), cfg)
			var api *Error
			if err == nil || n != 1 || c.code != "" && (!errors.As(err, &api) || api.ErrorCode() != c.code) {
				t.Errorf("one attempt allowed: %d made, %v", n, err)
			}
			if err != nil && strings.Contains(err.Error(), "bob") {
				t.Errorf("the message of AWS is in %v", err)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The configured mode holds, with its number of attempts.
func TestRetryMode(t *testing.T) {
	adaptive := newRetryer(aws.Config{RetryMode: aws.RetryModeAdaptive, RetryMaxAttempts: 7})
	if r, ok := adaptive.(aws.RetryerV2); !ok || r.MaxAttempts() != 7 {
		t.Errorf("%T, %d attempts", adaptive, adaptive.MaxAttempts())
	}
	if _, ok := newRetryer(aws.Config{RetryMode: aws.RetryModeAdaptive}).(*retry.AdaptiveMode); !ok {
		t.Error("not the adaptive mode")
	}
	if r, ok := newRetryer(aws.Config{}).(*retry.Standard); !ok || r.MaxAttempts() != retry.DefaultMaxAttempts {
		t.Error("not the standard mode")
	}
}

// The SDK's standard mode waits between attempts and gives up after the
// configured number. (The adaptive mode asks for waits of 0 until the clock has
// moved on, which virtual time never does.)
func TestBackoff(t *testing.T) {
	for _, mode := range []aws.RetryMode{"", aws.RetryModeStandard} {
		synctest.Test(t, func(t *testing.T) {
			n, begin := 0, time.Now()
			cfg := answering(func(*http.Request) (*http.Response, error) {
				n++
				return answer(503, fmt.Sprintf(failed, "RequestLimitExceeded")), nil
			})
			cfg.RetryMode, cfg.RetryMaxAttempts = mode, 5
			if _, err := listVPCs(t, t.Context(), cfg); err == nil || n != 5 {
				t.Errorf("mode %q: %d attempts, %v", mode, n, err)
			}
			if waited := time.Since(begin); waited == 0 || waited > 5*time.Minute {
				t.Errorf("mode %q: waited %v", mode, waited)
			}
		})
	}
}

// The end of the context ends a wait, and an attempt that hangs is tried again
// after a minute.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := errors.New("out of patience")
		ctx, cancel := context.WithCancelCause(t.Context())
		cfg := answering(func(*http.Request) (*http.Response, error) {
			return answer(503, fmt.Sprintf(failed, "RequestLimitExceeded")), nil
		})
		cfg.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Hour, nil })
			})
		}
		begin := time.Now()
		time.AfterFunc(time.Second, func() { cancel(reason) })
		if _, err := listVPCs(t, ctx, cfg); !errors.Is(err, reason) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n, begin := 0, time.Now()
		cfg := answering(func(r *http.Request) (*http.Response, error) {
			if n++; n > 1 {
				return answer(200, vpcs), nil
			}
			<-r.Context().Done()
			return nil, &url.Error{Op: "Post", URL: "x", Err: r.Context().Err()}
		})
		if _, err := listVPCs(t, t.Context(), cfg); err != nil || time.Since(begin) < requestTimeout || time.Since(begin) > 2*requestTimeout {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// An answer is bounded, after decompression too, however AWS or somebody between
// fills it.
func TestBounds(t *testing.T) {
	const begin, end = "<DescribeVpcsResponse>", "</DescribeVpcsResponse>"
	for _, c := range []struct {
		name string
		body io.Reader
		want string
	}{
		{"endless", io.MultiReader(strings.NewReader(begin), endless(' ')), "larger than 64 MB"},
		{"one too many", io.MultiReader(strings.NewReader(begin), io.LimitReader(endless(' '), MaxAnswer+1-int64(len(begin+end))), strings.NewReader(end)), "larger than 64 MB"},
		{"nested", strings.NewReader(begin + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + end), "nest too deep"},
		{"many elements", io.MultiReader(strings.NewReader(begin), strings.NewReader(strings.Repeat("<a/>", maxElements)), strings.NewReader(end)), "more than 4000000 elements"},
		{"other", strings.NewReader("<html></html>"), "another element than DescribeVpcsResponse"},
		{"cut", strings.NewReader(vpcs[:40]), "unexpected EOF"},
		{"crossed", strings.NewReader("<DescribeVpcsResponse><vpcSet><item></vpcSet></item></DescribeVpcsResponse>"), "syntax error"},
		{"empty", strings.NewReader(""), "EOF"},
	} {
		n := 0
		cfg := answering(func(*http.Request) (*http.Response, error) {
			n++
			return &http.Response{StatusCode: 200, Body: io.NopCloser(c.body)}, nil
		})
		ids, err := listVPCs(t, t.Context(), cfg)
		if err == nil || len(ids) > 0 || n != 1 || !strings.HasPrefix(err.Error(), "query: DescribeVpcs: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v after %d attempts", c.name, ids, err, n)
		}
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// Credentials that are not there, or that cannot be renewed, are told apart from
// a call that is denied.
func TestNoCredentials(t *testing.T) {
	expired := errors.New("the session has expired")
	for name, provider := range map[string]aws.CredentialsProvider{
		"none": nil,
		"expired": aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, expired
		}),
	} {
		cfg := answering(func(*http.Request) (*http.Response, error) { return answer(200, vpcs), nil })
		cfg.Credentials = provider
		if _, err := listVPCs(t, t.Context(), cfg); !errors.Is(err, ErrNoCredentials) || provider != nil && !errors.Is(err, expired) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A clock that is wrong is noticed by what AWS answers, and allowed for; a
// refusal with the right clock is not repeated.
func TestClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wrong = -3 * time.Hour
		n := 0
		cfg := answering(func(r *http.Request) (*http.Response, error) {
			n++
			theirs := time.Now().Add(wrong)
			at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			if at.Sub(theirs).Abs() < 5*time.Minute {
				return answer(200, vpcs), nil
			}
			refusal := answer(403, fmt.Sprintf(refused, "SignatureDoesNotMatch"))
			refusal.Header.Set("Date", theirs.UTC().Format(http.TimeFormat))
			return refusal, nil
		})
		if ids, err := listVPCs(t, t.Context(), cfg); err != nil || len(ids) != 1 || n != 2 {
			t.Errorf("%d attempts, %v, %v", n, ids, err)
		}
		n, cfg.DisableClockSkewCorrection = 0, true
		if _, err := listVPCs(t, t.Context(), cfg); err == nil || n != 1 {
			t.Errorf("without correction: %d attempts, %v", n, err)
		}
		n = 0
		cfg = answering(func(*http.Request) (*http.Response, error) {
			n++
			refusal := answer(401, fmt.Sprintf(failed, "AuthFailure"))
			refusal.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
			return refusal, nil
		})
		if _, err := listVPCs(t, t.Context(), cfg); err == nil || n != 1 {
			t.Errorf("wrong key: %d attempts, %v", n, err)
		}
	})
}

// Whatever an answer holds, each call ends in items or in an error, after one
// page or, if the answer names a next one, two.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(vpcs))
	f.Add(503, fmt.Appendf(nil, failed, "Throttling"))
	f.Add(403, fmt.Appendf(nil, refused, "AccessDenied"))
	f.Add(200, []byte(`<DescribeSecurityGroupsResponse><securityGroupInfo><item><ipPermissions><item><fromPort>x</fromPort></item></ipPermissions></item></securityGroupInfo></DescribeSecurityGroupsResponse>`))
	f.Add(200, []byte(`<DescribeCacheClustersResponse><DescribeCacheClustersResult><Marker>m</Marker><CacheClusters/></DescribeCacheClustersResult></DescribeCacheClustersResponse>`))
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) < 24 {
		f.Fatalf("%d answers in testdata, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, data)
	}
	f.Fuzz(func(t *testing.T, status int, data []byte) {
		n := 0
		cfg := answering(func(*http.Request) (*http.Response, error) {
			n++
			return answer(status, string(data)), nil
		})
		retryer, _ := counting(1)
		cfg.Retryer = retryer
		for action, c := range calls(t, cfg) {
			n = 0
			got, err := c.do()
			if err == nil && (status != 200 || !bytes.Contains(data, []byte(action+"Response"))) {
				t.Errorf("%s of another answer gives %v", action, got)
			}
			if n > 2 {
				t.Errorf("%s read %d pages", action, n)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "query: "+action+": ") {
				t.Errorf("%s: %v", action, err)
			}
		}
	})
}
