package snapshot

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// bounded gives the clients of the SDK, which read whatever comes, the bound that
// those of package query have.
type bounded struct{ client aws.HTTPClient }

func (b bounded) Do(req *http.Request) (*http.Response, error) {
	resp, err := b.client.Do(req)
	if resp != nil && resp.Body != nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: query.MaxAnswer}
	}
	return resp, err
}

// boundedBody ends with query.ErrTooLarge, once: the SDK throws away what is left
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
		return 0, query.ErrTooLarge
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	return n, err
}
