// Package azure scores by Azure AI Language, or by a service that speaks the older Text Analytics v2.0.
//
// It guarantees what every backend does: one sentiment for each document, in the documents' order. Requests keep within
// the service's limits; what it throttles (429, with Retry-After) or fails at (5xx) is asked again by Azure's own
// pipeline, three times, and is an error after that, so that consumption stops and lag grows. A document that the service
// refuses by itself is unscored with the service's reason.
//
// The score of Azure AI Language is P(positive) + P(neutral)/2 of the document's confidence scores; that of Text
// Analytics v2.0 is the service's own.
package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"golang.org/x/sync/errgroup"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/endpoint"
)

// Name is what the backend is called.
const Name = "azure"

// API is which of the two interfaces is spoken.
type API string

// The interfaces.
const (
	Language        API = "Language"        // Azure AI Language, :analyze-text
	TextAnalyticsV2 API = "TextAnalyticsV2" // Text Analytics v2.0: /text/analytics/v2.0/languages and /sentiment
)

// maxText is how many runes of a text are sent: the service takes 5,120 text elements, of which each has a rune at least.
const maxText = 5_120

// atOnce is how many requests of one batch are under way at the same time.
const atOnce = 4

// applicationID is who asks, at the head of the User-Agent: "feedback-pipelines azsdk-go-scorer/v1.2.3 (go1.26; linux)".
const applicationID = "feedback-pipelines"

// DefaultTimeout is how long one try of a request may take.
const DefaultTimeout = 10 * time.Second

// Options say which service, and who asks.
type Options struct {
	// Endpoint is the resource's address, such as https://example.cognitiveservices.azure.com.
	Endpoint string
	// Key is one of the resource's keys; it goes into the header Ocp-Apim-Subscription-Key. Where it came from is none of
	// this package's business; it stands in no error.
	Key string
	// API is which interface; default Language.
	API API
	// Timeout is how long one try of a request may take; default DefaultTimeout.
	Timeout time.Duration
	// RetryDelay is how long the client waits before it tries a request again, longer each time; default 500 ms.
	RetryDelay time.Duration
	// Setting is where these options stand in the manifest, for errors; default spec.scorer.azure.
	Setting string
	// Version is the program's, for the User-Agent; default what it was built from.
	Version string
}

// Validate says what of the options is wrong, by the name of the field.
func (o Options) Validate() error {
	var errs []error
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		errs = append(errs, fmt.Errorf("endpoint %q: write it as https://<resource>.cognitiveservices.azure.com", o.Endpoint))
	}
	if o.Key == "" {
		errs = append(errs, errors.New("the key is empty: take one of the resource's keys"))
	}
	if o.API != "" && o.API != Language && o.API != TextAnalyticsV2 {
		errs = append(errs, fmt.Errorf("api %q is unknown: use %s or %s", o.API, Language, TextAnalyticsV2))
	}
	return errors.Join(errs...)
}

// Backend scores by Azure. It is safe for concurrent use.
type Backend struct {
	endpoint string
	setting  string
	service  service
	pipeline runtime.Pipeline
}

// service is one of the two interfaces. Each function takes documents with a text and returns one answer for each, in
// their order.
type service interface {
	// detect finds the languages of texts.
	detect(ctx context.Context, b *Backend, texts []string) ([]language, error)
	// score scores texts whose languages are known.
	score(ctx context.Context, b *Backend, texts []text) ([]*feedbackv1.Sentiment, error)
	// limits are how many texts a request for languages and one for scores may hold.
	limits() (languages, scores int)
}

// language is what the service takes a text for; empty where it cannot tell.
type language struct {
	tag        string
	confidence float64
}

// text is one that is sent to be scored.
type text struct {
	text     string
	language *feedbackv1.Language
}

// Open returns a backend. It does no I/O.
func Open(o Options) (*Backend, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	from := strings.Trim(cmp.Or(o.Version, version.Read().Version), "()")
	b := &Backend{endpoint: strings.TrimRight(o.Endpoint, "/"), setting: cmp.Or(o.Setting, "spec.scorer.azure"), service: languageAPI{}}
	if o.API == TextAnalyticsV2 {
		b.service = textAnalyticsAPI{}
	}
	b.pipeline = runtime.NewPipeline("scorer", from, runtime.PipelineOptions{
		PerRetry: []policy.Policy{ownBody{}, noting{}, runtime.NewKeyCredentialPolicy(azcore.NewKeyCredential(o.Key), "Ocp-Apim-Subscription-Key",
			&runtime.KeyCredentialPolicyOptions{InsecureAllowCredentialWithHTTP: strings.HasPrefix(o.Endpoint, "http://")})},
	}, &policy.ClientOptions{
		Telemetry: policy.TelemetryOptions{ApplicationID: applicationID},
		Retry:     policy.RetryOptions{MaxRetries: 3, TryTimeout: timeout, RetryDelay: cmp.Or(o.RetryDelay, 500*time.Millisecond), MaxRetryDelay: 10 * time.Second},
		Transport: endpoint.Client(nil, atOnce),
	})
	return b, nil
}

// Score detects the languages that the sources don't tell, then scores. Of a text longer than 5,120 runes the head is
// read.
func (b *Backend) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, len(documents))
	var texts []text
	var at []int
	for i, d := range documents {
		t := text{text: head(d.Text)}
		if d.Language != "" && d.Language != sentiment.Undetermined {
			t.language = &feedbackv1.Language{Tag: d.Language, Confidence: 1, Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE}
		}
		if t.text == "" {
			out[i] = sentiment.Unscored(Name, unknownUnless(t.language), feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "there is no text to score")
			continue
		}
		texts, at = append(texts, t), append(at, i)
	}
	if err := b.languages(ctx, texts); err != nil {
		return nil, b.explain(ctx, err)
	}
	sentiments, err := b.scores(ctx, texts)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	for n, i := range at {
		out[i] = sentiments[n]
	}
	return out, nil
}

// languages gives a language to each text that has none.
func (b *Backend) languages(ctx context.Context, texts []text) error {
	var ask []string
	var at []int
	for i, t := range texts {
		if t.language == nil {
			ask, at = append(ask, t.text), append(at, i)
		}
	}
	size, _ := b.service.limits()
	found := make([]language, len(ask))
	err := inParts(ctx, len(ask), size, func(ctx context.Context, from, to int) error {
		part, err := b.service.detect(ctx, b, ask[from:to])
		copy(found[from:to], part)
		return err
	})
	if err != nil {
		return err
	}
	for n, i := range at {
		texts[i].language = &feedbackv1.Language{Tag: sentiment.Undetermined}
		if found[n].tag != "" {
			texts[i].language = &feedbackv1.Language{Tag: found[n].tag, Confidence: found[n].confidence, Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_DETECTED}
		}
	}
	return nil
}

// scores scores all texts; one whose language is not known is unscored.
func (b *Backend) scores(ctx context.Context, texts []text) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, len(texts))
	var ask []text
	var at []int
	for i, t := range texts {
		if t.language.GetTag() == sentiment.Undetermined {
			out[i] = sentiment.Unscored(Name, t.language, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, "the service cannot tell the text's language")
			continue
		}
		ask, at = append(ask, t), append(at, i)
	}
	_, size := b.service.limits()
	err := inParts(ctx, len(ask), size, func(ctx context.Context, from, to int) error {
		part, err := b.service.score(ctx, b, ask[from:to])
		for n, s := range part {
			out[at[from+n]] = s
		}
		return err
	})
	return out, err
}

// inParts calls f for parts of n things, of size at most, some at the same time. Its error is the first one.
func inParts(ctx context.Context, n, size int, f func(ctx context.Context, from, to int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for from := 0; from < n; from += size {
		group.Go(func() error { return f(ctx, from, min(n, from+size)) })
	}
	return group.Wait()
}

// head is what of a text is sent.
func head(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	n := 0
	for i := range s {
		if n == maxText {
			return s[:i]
		}
		n++
	}
	return s
}

func unknownUnless(l *feedbackv1.Language) *feedbackv1.Language {
	if l == nil {
		return &feedbackv1.Language{Tag: sentiment.Undetermined}
	}
	return l
}

// post sends body to path and reads the answer into out.
func (b *Backend) post(ctx context.Context, path string, body, out any) error {
	var last int
	request, err := runtime.NewRequest(context.WithValue(ctx, noted{}, &last), http.MethodPost, b.endpoint+path)
	if err != nil {
		return err
	}
	request.Raw().Header.Set("Accept", "application/json")
	if err := runtime.MarshalAsJSON(request, body); err != nil {
		return err
	}
	answer, err := b.pipeline.Do(request)
	if err != nil && last != 0 {
		err = &lastError{err, last}
	}
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if !runtime.HasStatusCode(answer, http.StatusOK) {
		return runtime.NewResponseError(answer)
	}
	payload, err := runtime.Payload(answer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return errNoAnswer
	}
	sentiment.Progress(ctx)
	return nil
}

// errNoAnswer is an answer that is not the service's, such as the page of a proxy.
var errNoAnswer = errors.New("it answered 200 OK, but not with an answer of Azure AI Language or Text Analytics")

// explain says in one line what an error means and what to do.
func (b *Backend) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		var last *lastError
		if errors.As(err, &last) {
			return fmt.Errorf("azure: %s answered %d last%w", b.endpoint, last.status, quiet{ctx.Err()})
		}
		return ctx.Err()
	}
	var answer *azcore.ResponseError
	var contract *answerError
	switch {
	case errors.As(err, &answer):
	case errors.Is(err, errNoAnswer), errors.As(err, &contract):
		return fmt.Errorf("azure: %s: %w: is %s.endpoint right, api what it speaks, and does no proxy answer in its place?", b.endpoint, err, b.setting)
	default:
		var place *url.Error
		if errors.As(err, &place) {
			err = place.Err // the address is said already
		}
		return fmt.Errorf("azure: %s: %w%s", b.endpoint, err, endpoint.Remedy(err, b.setting, "its certificate is of an authority that is not trusted here, or for another name: is "+b.setting+".endpoint right?"))
	}
	said := fmt.Sprintf("azure: %s answered %d", b.endpoint, answer.StatusCode)
	if code := answer.ErrorCode; code != "" && code != strconv.Itoa(answer.StatusCode) {
		said += " " + code
	}
	remedy := ""
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized:
		remedy = ": it refuses the key of " + b.setting + ".credentialsSecretRef: is it one of this resource, and of this region?"
	case code == http.StatusForbidden:
		remedy = ": it refuses access: do the resource's network rules let us in, and is its quota not spent?"
	case code == http.StatusNotFound:
		remedy = ": there is no such interface: is " + b.setting + ".endpoint right, and api what it speaks?"
	case code == http.StatusTooManyRequests:
		remedy = ": it throttles us: raise the resource's tier, or run fewer replicas"
	case code == http.StatusBadRequest:
		remedy = ": it does not understand the request: is " + b.setting + ".api what it speaks?"
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest:
		remedy = ": it sends us elsewhere: set " + b.setting + ".endpoint to where it is"
	case code >= http.StatusInternalServerError:
		remedy = ": it fails by itself: see the resource's own health"
	}
	return fmt.Errorf("%s%s%w", said, remedy, quiet{err})
}

// quiet is an error whose text, a whole HTTP answer over many lines, is left out.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }
