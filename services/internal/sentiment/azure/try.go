package azure

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// ownBody gives each try a body of its own. azcore's retry rewinds one body for all tries, and net/http may still read the
// last of it (to see that it is no longer than it said) when the service has answered already.
type ownBody struct{}

func (ownBody) Do(request *policy.Request) (*http.Response, error) {
	if request.Raw().Body != nil {
		body, err := io.ReadAll(request.Raw().Body)
		if err != nil {
			return nil, fmt.Errorf("read the request's body: %w", err)
		}
		request.Raw().Body = io.NopCloser(bytes.NewReader(body))
	}
	return request.Next()
}

// noting keeps the status of a request's last answer that was no success, for whoever does not wait until all tries are
// done.
type noting struct{}

// noted is the context's key for it, an *int.
type noted struct{}

func (noting) Do(request *policy.Request) (*http.Response, error) {
	answer, err := request.Next()
	if last, ok := request.Raw().Context().Value(noted{}).(*int); ok && answer != nil && answer.StatusCode != http.StatusOK {
		*last = answer.StatusCode
	}
	return answer, err
}

// lastError is the error of a request of which a try before was answered.
type lastError struct {
	error
	status int
}

func (e *lastError) Unwrap() error { return e.error }
