package elasticacheiam

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
)

var signedAt = time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC)

// The SDK signs the same request: the tokens must be equal, parameter by parameter.
func TestTokenAgainstTheSDK(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, o := range []Options{
		{User: "app", Cache: "orders", Region: "eu-west-1"},
		{User: "an app+user/1", Cache: "orders", Region: "us-east-1", Serverless: true},
	} {
		for _, k := range []Keys{
			{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""},
			{"ASIAEXAMPLE", "secret", "session/token+with=characters=="},
		} {
			o.Keys = func(context.Context) (Keys, error) { return k, nil }
			o.Now = func() time.Time { return signedAt }
			make, err := Credentials(o)
			if err != nil {
				t.Fatal(err)
			}
			user, got, err := make(t.Context())
			if err != nil || user != o.User {
				t.Fatal(user, err)
			}
			q := url.Values{"Action": {"connect"}, "User": {o.User}, "X-Amz-Expires": {lifetime}}
			if o.Serverless {
				q.Set("ResourceType", "ServerlessCache")
			}
			req, _ := http.NewRequest(http.MethodGet, "http://"+o.Cache+"/?"+q.Encode(), nil)
			want, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken},
				req, empty, "elasticache", o.Region, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := url.Parse(want)
			b, _ := url.Parse("http://" + got)
			if diff := cmp.Diff(a.Query(), b.Query()); diff != "" || a.Host != b.Host || a.Path != b.Path {
				t.Errorf("%s\n%s\n%s", diff, want, got)
			}
			if strings.Contains(got, k.SecretAccessKey) {
				t.Error("the token contains the secret")
			}
		}
	}
}

func TestBadOptions(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	for _, o := range []Options{{}, {User: "u"}, {User: "u", Cache: "c"}, {User: "u", Cache: "master.orders.cache.amazonaws.com", Region: "r"}} {
		if _, err := Credentials(o); err == nil || !strings.HasPrefix(err.Error(), "elasticacheiam: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	failing := errors.New("no session")
	make, err := Credentials(Options{User: "u", Cache: "c", Region: "r", Keys: func(context.Context) (Keys, error) { return Keys{}, failing }})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := make(t.Context()); !errors.Is(err, failing) {
		t.Error(err)
	}
}

// The session behind the credentials changes between two dials: each token is
// signed with the one of its own moment.
func TestEachTokenIsNew(t *testing.T) {
	n := 0
	make, _ := Credentials(Options{User: "u", Cache: "c", Region: "r", Keys: func(context.Context) (Keys, error) {
		n++
		return Keys{"id", "secret", strings.Repeat("s", n)}, nil
	}})
	_, a, _ := make(t.Context())
	_, b, _ := make(t.Context())
	if a == b || n != 2 {
		t.Error("a token was kept")
	}
}

func BenchmarkToken(b *testing.B) {
	o := Options{User: "u", Cache: "c", Region: "r"}
	for b.Loop() {
		token(o, Keys{"id", "secret", "session"}, signedAt)
	}
}
