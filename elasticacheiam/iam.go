// Package elasticacheiam makes the credentials with which a function logs in to
// ElastiCache by its IAM role, for Options.Credentials of package thaw:
//
//	iam, err := elasticacheiam.Credentials(elasticacheiam.Options{User: "app", Cache: "orders"})
//	…
//	cache := thaw.MustOpen(thaw.Options{URL: "rediss://master.orders.….amazonaws.com", Credentials: iam})
//
// A token is a presigned request that is never sent; making one is a local
// computation of microseconds. So one is made for each connection and none is ever
// kept: a kept token dies with the session that signed it, whatever its own time
// says. It links no SDK; whoever has one passes its credentials in Options.Keys.
//
// The user must exist in ElastiCache with authentication mode IAM and an id that
// equals its name, and the role needs elasticache:Connect on both the cache and the
// user (ElastiCache User Guide, "Authenticating with IAM"). Valkey 7.2 or Redis OSS
// 7.0 at least, and TLS.
package elasticacheiam

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options names the user and the cache.
type Options struct {
	// User is the id, and the name, of the ElastiCache user.
	User string
	// Cache is the name of the replication group or of the serverless cache, not
	// its host name. It is written in lower case, as AWS stores it.
	Cache string
	// Serverless must be set for a serverless cache: its tokens name the type of
	// the resource, and are refused without it.
	Serverless bool
	// Region of the cache; "" means AWS_REGION, which Lambda sets.
	Region string
	// Keys returns the credentials of the role, asked at each dial; nil means the
	// variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,
	// which Lambda sets. With the SDK: call Retrieve of its CredentialsProvider.
	Keys func(context.Context) (Keys, error)
	// Now returns the time of signing; nil means time.Now.
	Now func() time.Time
}

// Keys are AWS credentials.
type Keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// lifetime is that of a token, in seconds: the longest that ElastiCache accepts.
// Nothing is saved by a shorter one, for it is used at once.
const lifetime = "900"

// Credentials returns a function for Options.Credentials of package thaw. Its
// error says which field is missing.
func Credentials(o Options) (func(context.Context) (user, token string, err error), error) {
	if o.Region == "" {
		o.Region = os.Getenv("AWS_REGION")
	}
	switch {
	case o.User == "":
		return nil, errors.New("elasticacheiam: Options.User is empty: give the id of the ElastiCache user")
	case o.Cache == "":
		return nil, errors.New("elasticacheiam: Options.Cache is empty: give the name of the cache, not its host name")
	case strings.ContainsAny(o.Cache, "./:"):
		return nil, fmt.Errorf("elasticacheiam: Options.Cache is %q: give the name of the cache, not its host name", o.Cache)
	case o.Region == "":
		return nil, errors.New("elasticacheiam: Options.Region is empty and AWS_REGION is not set")
	}
	if o.Keys == nil {
		o.Keys = environment
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Cache = strings.ToLower(o.Cache)
	return func(ctx context.Context) (string, string, error) {
		keys, err := o.Keys(ctx)
		if err != nil {
			return "", "", fmt.Errorf("elasticacheiam: getting the role's credentials: %w", err)
		}
		return o.User, token(o, keys, o.Now().UTC()), nil
	}, nil
}

func environment(context.Context) (Keys, error) {
	k := Keys{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}
	if k.AccessKeyID == "" || k.SecretAccessKey == "" {
		return k, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set: outside Lambda set Options.Keys")
	}
	return k, nil
}

// token presigns (Signature Version 4, query string form)
//
//	GET http://<cache>/?Action=connect&User=<user>[&ResourceType=ServerlessCache]
//
// and returns the URL without its scheme, which is what ElastiCache wants.
func token(o Options, k Keys, now time.Time) string {
	day, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	scope := day + "/" + o.Region + "/elasticache/aws4_request"
	q := url.Values{
		"Action": {"connect"}, "User": {o.User},
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {k.AccessKeyID + "/" + scope},
		"X-Amz-Date": {stamp}, "X-Amz-Expires": {lifetime}, "X-Amz-SignedHeaders": {"host"},
	}
	if o.Serverless {
		q.Set("ResourceType", "ServerlessCache")
	}
	if k.SessionToken != "" {
		q.Set("X-Amz-Security-Token", k.SessionToken)
	}
	query := strings.ReplaceAll(q.Encode(), "+", "%20") // sorted; SigV4 escapes a space as %20
	body := sha256.Sum256(nil)                          // a GET has none
	request := strings.Join([]string{"GET", "/", query, "host:" + o.Cache + "\n", "host", hex.EncodeToString(body[:])}, "\n")
	digest := sha256.Sum256([]byte(request))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + k.SecretAccessKey)
	for _, part := range []string{day, o.Region, "elasticache", "aws4_request", text} {
		key = sign(key, part)
	}
	return o.Cache + "/?" + query + "&X-Amz-Signature=" + hex.EncodeToString(key)
}

func sign(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
