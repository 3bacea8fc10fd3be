package query

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Bounded is the HTTP client of a configuration, the SDK's own if that is nil, whose
// answers end with ErrTooLarge behind MaxAnswer bytes. The SDK's clients read
// whatever comes.
func Bounded(client aws.HTTPClient) aws.HTTPClient {
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	return boundedClient{client}
}

type boundedClient struct{ client aws.HTTPClient }

func (b boundedClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := b.client.Do(req)
	if resp != nil && resp.Body != nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxAnswer}
	}
	return resp, err
}

// boundedBody ends with ErrTooLarge, once: the SDK throws away what is left
// of an answer, and would complain of a second error on the terminal.
type boundedBody struct {
	io.ReadCloser
	left int // negative when there was more
	over bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	switch {
	case b.over:
		return 0, io.EOF
	case b.left < 0:
		b.over = true
		return 0, ErrTooLarge
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	return n, err
}
