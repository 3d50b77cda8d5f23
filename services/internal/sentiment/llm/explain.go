package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/endpoint"
)

// said is what went wrong, without an address.
func (b *Backend) said(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return strings.TrimRight(b.clean(err.Error()), ".")
}

// explain says in one line what an error means and what to do.
func (b *Backend) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		var last *lastError
		if errors.As(err, &last) {
			return fmt.Errorf("%s: %s answered %d last%w", Name, b.o.Endpoint, last.status, quiet{ctx.Err()})
		}
		return ctx.Err()
	}
	var throttled *ThrottledError
	if isSpent(err) || errors.As(err, &throttled) {
		return fmt.Errorf("%s: %w", Name, err)
	}
	var unpaid *budgetError
	if errors.As(err, &unpaid) {
		return fmt.Errorf("%s: %s%s%w", Name, b.said(err), b.remedy(err), quiet{err})
	}
	explained := fmt.Errorf("%s: %s: %s%s%w", Name, b.o.Endpoint, b.said(err), b.remedy(err), quiet{err})
	var answer *statusError
	if errors.As(err, &answer) && answer.status == http.StatusTooManyRequests {
		b.mu.Lock()
		defer b.mu.Unlock()
		return &ThrottledError{explained, b.wait.until}
	}
	return explained
}

// ThrottledError says that the endpoint asks for patience: no text is to blame, and asking for fewer of them does not show
// that one is.
type ThrottledError struct {
	// Err is what was answered, with what to do.
	Err error
	// Until is when to ask again; in the past or zero where the endpoint does not say.
	Until time.Time
}

func (e *ThrottledError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ThrottledError) Unwrap() error { return e.Err }

// quiet is an error whose text, which was told in other words, is left out.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

func (b *Backend) remedy(err error) string {
	var (
		answer *statusError
		broken *brokenError
		books  *BooksError
		unpaid *budgetError
	)
	switch {
	case errors.As(err, &answer):
		return b.remedyOf(answer)
	case errors.As(err, &broken):
		return fmt.Sprintf("; so does its answer to a plain text, so that no text is to blame: take a model and a server that keep to response_format json_schema with strict, in the place of %s", b.o.Model)
	case errors.As(err, &books):
		return "; is the topic of state there, and may the scorer read and write it?"
	case errors.As(err, &unpaid):
		return ""
	case endpoint.TimedOut(err):
		return fmt.Sprintf("; it took longer than %s: raise %s.timeout, or lower maxDocuments or concurrency", b.o.Timeout, b.o.Setting)
	}
	return endpoint.Remedy(err, b.o.Setting, "give the authority of its certificate as "+b.o.Setting+".tls.caRef")
}

// remedyOf is what to do about an answer that refuses.
func (b *Backend) remedyOf(e *statusError) string {
	switch {
	case e.status == http.StatusUnauthorized && b.o.Key == "":
		return "; it asks for a key: set " + b.o.Setting + ".credentialsSecretRef"
	case e.status == http.StatusUnauthorized:
		return fmt.Sprintf("; it refuses the key of %s.credentialsSecretRef, which was sent in the header %s (%s.keyHeader): is it a key of this endpoint?", b.o.Setting, b.o.KeyHeader, b.o.Setting)
	case e.status == http.StatusForbidden:
		return "; it refuses access: may this key use the model, and do the network rules let us in?"
	case e.status == http.StatusNotFound:
		return fmt.Sprintf("; is %s.model %q one that it has (with Azure OpenAI the deployment's name), and %s.endpoint what stands before /chat/completions?", b.o.Setting, b.o.Model, b.o.Setting)
	case e.redirect != "":
		return "; it sends us elsewhere: set " + b.o.Setting + ".endpoint to where it is"
	case e.code == quotaSpent:
		return "; its own quota is spent: raise it with the provider"
	case e.status == http.StatusTooManyRequests:
		return "; it throttles us: raise its limits, or lower " + b.o.Setting + ".concurrency or the number of replicas"
	case e.long:
		return fmt.Sprintf("; the model's context is too small for one text: take another in the place of %s", b.o.Model)
	case strings.Contains(e.param+e.message, "temperature"):
		return fmt.Sprintf("; %s takes no temperature of 0, which reasoning models do not: set %s.model to one that does, such as gpt-4.1-mini", b.o.Model, b.o.Setting)
	case strings.Contains(e.param+e.message, "response_format"), strings.Contains(e.message, "json_schema"):
		return fmt.Sprintf("; it takes no JSON schema: set %s.model to one that does in the place of %s, or update the server; with Azure OpenAI, %s.apiVersion 2024-10-21 or later", b.o.Setting, b.o.Model, b.o.Setting)
	case e.status >= http.StatusInternalServerError:
		return "; it fails by itself: see its own log or status"
	}
	return fmt.Sprintf("; it does not take what it was asked, not even with a plain text: are %s.endpoint, apiVersion and model %q right?", b.o.Setting, b.o.Model)
}
