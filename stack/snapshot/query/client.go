// Package query asks Amazon EC2, ElastiCache and IAM in their Query protocol: a
// form goes out, signed with Signature Version 4, and XML comes back. It has the
// calls that a snapshot makes and no other, all of which read.
//
//	call ──▶ form ──▶ signed, sent ──▶ XML, at most 64 MB ──▶ items of a page
//	 ▲                  ▲      │                                  │
//	 │                  └──────┘ throttled, unreachable, 5xx:     │
//	 │                           again, as the SDK's retryer says │
//	 └─────────────────── token of the next page ◀────────────────┘
//
// The SDK's packages for these services have 1,000 calls. They take minutes of
// CPU and, for EC2, gigabytes to compile, which everybody who builds Thaw would
// pay for these twenty-four. Credentials, signature, retries and the HTTP client
// are the SDK's.
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
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// requestTimeout bounds one attempt. A page of 1,000 items takes EC2 a few
	// seconds.
	requestTimeout = time.Minute

	// MaxAnswer bounds an answer, after decompression, in bytes. 1,000 security
	// groups with 60 rules each have about 20 MB.
	MaxAnswer = 64 << 20
)

// ErrNoCredentials is wrapped by the error of a call for which there were no
// credentials, or for which they could not be renewed.
var ErrNoCredentials = errors.New("no credentials")

// ErrTooLarge is wrapped by the error of a call whose answer, or one page of it,
// has more than MaxAnswer bytes.
var ErrTooLarge = fmt.Errorf("the answer is larger than %d MB", MaxAnswer>>20)

// service is what the protocol needs to know of a service.
type service struct {
	id      string // in the configuration, such as EC2 of AWS_ENDPOINT_URL_EC2
	name    string // in host names and signatures
	version string // of the API
	wrapped bool   // whether an answer holds its result in an element of its own
	global  bool   // whether one endpoint serves all regions
}

// client calls a service in one region. It is safe for concurrent use; the calls
// share what the retryer has learned about throttling.
type client struct {
	service
	endpoint    string
	region      string // that of the signature
	userAgent   string
	credentials aws.CredentialsProvider
	http        aws.HTTPClient
	retryer     aws.Retryer
	signer      *v4.Signer

	correctSkew bool
	skew        atomic.Int64 // the clock of AWS less that of this machine, in nanoseconds
}

// newClient makes a client of a configuration that the SDK loaded. It follows
// the region, the credentials, the HTTP client, the retry mode with its number
// of attempts, and the endpoints of the configuration, but not its middleware.
// The error is that of a region or an endpoint that cannot be one.
func newClient(s service, cfg aws.Config) (*client, error) {
	address, region, err := s.endpoint(cfg)
	if err != nil {
		return nil, err
	}
	c := &client{service: s, endpoint: address, region: region, userAgent: userAgent(cfg.AppID), credentials: cfg.Credentials,
		http: Bounded(cfg.HTTPClient), retryer: newRetryer(cfg), signer: v4.NewSigner(), correctSkew: !cfg.DisableClockSkewCorrection}
	return c, nil
}

func newRetryer(cfg aws.Config) aws.Retryer {
	var r aws.Retryer
	switch {
	case cfg.Retryer != nil:
		return cfg.Retryer()
	case cfg.RetryMode == aws.RetryModeAdaptive:
		r = retry.NewAdaptiveMode()
	default:
		r = retry.NewStandard()
	}
	if cfg.RetryMaxAttempts > 0 {
		r = retry.AddWithMaxAttempts(r, cfg.RetryMaxAttempts)
	}
	return r
}

// userAgent is what CloudTrail shows of a call. Only letters, digits and a few
// signs of the application's name can stand in a header.
func userAgent(app string) string {
	ua := fmt.Sprintf("thaw aws-sdk-go-v2/%s os/%s lang/go#%s", aws.SDKVersion, runtime.GOOS, strings.TrimPrefix(runtime.Version(), "go"))
	if app == "" {
		return ua
	}
	return ua + " app/" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, app)
}

// attempt sends a call once and returns the body of an answer that is no error.
func (c *client) attempt(ctx context.Context, action, form string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := c.request(ctx, action, form)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("query: %s: %w", action, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, fmt.Errorf("query: %s: %w", action, err)
	case err != nil:
		return nil, &brokenError{fmt.Errorf("query: %s: the answer broke off: %w", action, err)}
	case resp.StatusCode != http.StatusOK:
		return nil, c.failure(action, resp, body)
	}
	return body, nil
}

// request is a signed request.
func (c *client) request(ctx context.Context, action, form string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader([]byte(form)))
	if err != nil {
		return nil, fmt.Errorf("query: %s: %w", action, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("User-Agent", c.userAgent)
	if c.credentials == nil {
		return nil, fmt.Errorf("query: %s: %w", action, ErrNoCredentials)
	}
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("query: %s: %w: %w", action, ErrNoCredentials, err)
	}
	hash := sha256.Sum256([]byte(form))
	now := time.Now().Add(time.Duration(c.skew.Load()))
	if err := c.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(hash[:]), c.name, c.region, now); err != nil {
		return nil, fmt.Errorf("query: %s: cannot sign: %w", action, err)
	}
	return req, nil
}

// form is the body of a call.
func (s service) form(action string, params url.Values) string {
	all := url.Values{"Action": {action}, "Version": {s.version}}
	for name, values := range params {
		all[name] = values
	}
	return all.Encode()
}
