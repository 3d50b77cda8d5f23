// Package llm scores by a language model behind an OpenAI-compatible endpoint: OpenAI, Azure OpenAI, vLLM, Ollama.
//
// It guarantees what every backend does: one sentiment for each document, in the documents' order. What the endpoint
// throttles or fails at is asked again a few times and is an error after that, so that consumption stops and lag grows.
// A text that the model, its content filter or the endpoint refuses by itself is unscored with the reason. A model that
// does not answer as it was asked is told from a text that it cannot answer by a text of our own (see probe), so that a
// wrong model stops the pipeline and never leaves it unscored.
//
// Texts are data: they stand as JSON strings in the user's message and nowhere else, in which no text can end its string
// or write a model's own control token, and the answer holds numbers only. A model may still believe what it reads. What
// it believes of one text can move another's score only where both are in one request, which Options.Documents of 1
// excludes.
//
// The score is (positive + neutral/2) / (positive + neutral + negative) of the shares that the model names: the shape of
// the built-in models' score, so that thresholds read the same. It is what a model says of itself, in few steps and
// calibrated against nothing.
//
// The client is Azure's azcore pipeline, which this program has for another backend already. OpenAI's own Go library
// (openai-go v3.96.0), measured in its place, made the scorer 20 MB larger (33.3 to 53.5 MB) and had it take 5.7 MiB
// (19.2 to 24.9 MiB) before any work, whichever backend was set, for the one request that is needed here.
package llm

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/endpoint"
)

// Name is what the backend is called, and the beginning of the model's name in a sentiment.
const Name = "llm"

// Bounds and defaults of Options.
const (
	MaxDocuments     = 100
	MaxConcurrency   = 64
	DefaultDocuments = 20
	// DefaultConcurrency is little enough for a server with one accelerator.
	DefaultConcurrency = 4
	// DefaultTimeout is below the 45 s in which a fault is to be told.
	DefaultTimeout = 30 * time.Second
)

// maxText is how many runes of a text are sent, maxRequest how many bytes of texts one request holds, unless it is one
// text: some 8,000 tokens.
const (
	maxText    = 4_000
	maxRequest = 32_000
)

// DefaultSetting is where the options stand in the manifest.
const DefaultSetting = "spec.scorer.llm"

// KeyHeader is the header that carries the key.
type KeyHeader string

// The headers.
const (
	Authorization KeyHeader = "Authorization" // Authorization: Bearer <key>
	APIKey        KeyHeader = "api-key"       // Azure OpenAI's
)

// Options say which endpoint, and how it is asked.
type Options struct {
	// Endpoint is the address before /chat/completions: https://api.openai.com/v1,
	// https://<resource>.openai.azure.com/openai/v1, http://vllm:8000/v1, http://ollama:11434/v1.
	Endpoint string
	// APIVersion is sent as the query parameter api-version, unless it is empty: for Azure OpenAI's older addresses,
	// https://<resource>.openai.azure.com/openai/deployments/<deployment>.
	APIVersion string
	// Model is the model's name; with Azure OpenAI the deployment's.
	Model string
	// Key is the endpoint's; empty where it takes none. It stands in no error.
	Key string
	// KeyHeader is the header that carries it; empty: api-key for addresses of Azure, Authorization for all others.
	KeyHeader KeyHeader
	// TLS is how the endpoint proves who it is; nil trusts the system's authorities.
	TLS *tls.Config
	// Timeout is how long one try of a request may take; default DefaultTimeout.
	Timeout time.Duration
	// RetryDelay is how long the client waits before it tries a request again, longer each time; default 500 ms.
	RetryDelay time.Duration
	// Documents is how many texts one request holds at most, up to MaxDocuments; default DefaultDocuments. With 1 no text
	// can reach another's score.
	Documents int
	// Concurrency is how many requests of one batch are under way at a time, up to MaxConcurrency; default
	// DefaultConcurrency.
	Concurrency int
	// Budget pays for requests; nil: they cost nothing.
	Budget Budget
	// Identify tells the language of a text, from the text and what its source says; nil believes the source.
	Identify func(text, source string) *feedbackv1.Language
	// Setting is where these options stand in the manifest, for errors; default spec.scorer.llm.
	Setting string
	// Version is the program's, for the User-Agent.
	Version string
	// Count is told each request's end, and the tokens that it took; nil tells nobody.
	Count func(outcome string, prompt, completion int64)
}

// Validate says what of the options is wrong, by the name of the field.
func (o Options) Validate() error {
	var errs []error
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, fmt.Errorf("endpoint %q: write what stands before /chat/completions, such as https://api.openai.com/v1 or http://ollama:11434/v1; a key goes into the Secret", shown(o.Endpoint)))
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
		errs = append(errs, fmt.Errorf("endpoint %q: leave /chat/completions out", o.Endpoint))
	}
	if o.Model == "" {
		errs = append(errs, errors.New("the model is empty: name one that the endpoint has, such as gpt-4.1-mini; with Azure OpenAI, the deployment"))
	}
	if h := o.KeyHeader; h != "" && h != Authorization && h != APIKey {
		errs = append(errs, fmt.Errorf("key header %q is unknown: use %s or %s", h, Authorization, APIKey))
	}
	if strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("the key has a blank, a line end or another character that no header takes: write the key alone into the Secret"))
	}
	if o.Documents < 0 || o.Documents > MaxDocuments {
		errs = append(errs, fmt.Errorf("documents %d: set 1 to %d", o.Documents, MaxDocuments))
	}
	if o.Concurrency < 0 || o.Concurrency > MaxConcurrency {
		errs = append(errs, fmt.Errorf("concurrency %d: set 1 to %d", o.Concurrency, MaxConcurrency))
	}
	return errors.Join(errs...)
}

// shown is an address as an error may show it: without what stands before an @ and after a question mark, which may be a
// key.
func shown(address string) string {
	if _, rest, found := strings.Cut(address, "@"); found {
		address = "...@" + rest
	}
	address, query, _ := strings.Cut(address, "?")
	if query != "" {
		address += "?..."
	}
	return address
}

// Backend scores by a model. It is safe for concurrent use.
type Backend struct {
	o        Options
	url      string
	pipeline runtime.Pipeline
	known    *memory

	mu       sync.Mutex
	wait     waiting // while not to be asked
	doubts   int     // how often in a row the probe was not answered as asked
	troubled bool    // whether the last request failed for what no text is to blame for
}

var _ sentiment.Backend = (*Backend)(nil)

// Open returns a backend. It does no I/O.
func Open(o Options) (*Backend, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	b := &Backend{o: o, url: strings.TrimRight(o.Endpoint, "/") + "/chat/completions", known: newMemory()}
	if o.APIVersion != "" {
		b.url += "?" + url.Values{"api-version": {o.APIVersion}}.Encode()
	}
	b.pipeline = runtime.NewPipeline("feedback-pipelines", o.Version, runtime.PipelineOptions{
		PerRetry: []policy.Policy{&try{backend: b}},
	}, &policy.ClientOptions{
		Retry: policy.RetryOptions{
			MaxRetries: maxRetries, TryTimeout: o.Timeout, RetryDelay: cmp.Or(o.RetryDelay, 500*time.Millisecond), MaxRetryDelay: maxWait, ShouldRetry: shouldRetry,
		},
		Transport: endpoint.Client(o.TLS, o.Concurrency),
	})
	return b, nil
}

func (o *Options) setDefaults() {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Documents == 0 {
		o.Documents = DefaultDocuments
	}
	o.Setting = cmp.Or(o.Setting, DefaultSetting)
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	if o.Identify == nil {
		o.Identify = believe
	}
	if o.Count == nil {
		o.Count = func(string, int64, int64) {}
	}
	if u, err := url.Parse(o.Endpoint); o.KeyHeader == "" && err == nil {
		o.KeyHeader = Authorization
		if o.APIVersion != "" || strings.HasSuffix(u.Hostname(), ".azure.com") {
			o.KeyHeader = APIKey
		}
	}
}

// Score asks for all documents, in several requests, some at a time. Of a text longer than 4,000 runes the head is read.
// Equal texts are asked for once, and what was answered lately is not asked for again: a batch of which one request failed
// does not pay for the others twice. After a failure what is remembered is given only once the endpoint answers again: who
// asks for a known text may want to know whether the endpoint works.
func (b *Backend) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	heads := make([]string, len(documents))
	found := map[string]verdict{}
	var ask []string
	for i, d := range documents {
		h := head(d.Text)
		heads[i] = h
		if _, seen := found[h]; seen || h == "" {
			continue
		}
		v, known := b.known.get(h)
		if found[h] = v; !known {
			ask = append(ask, h)
		}
	}
	if len(ask) == 0 && len(found) > 0 {
		if err := b.answers(ctx); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	err := b.askAll(ctx, ask, func(text string, v verdict) {
		b.known.put(text, v)
		mu.Lock()
		defer mu.Unlock()
		found[text] = v
	})
	if err != nil {
		return nil, err
	}
	out := make([]*feedbackv1.Sentiment, len(documents))
	for i, d := range documents {
		language := b.o.Identify(d.Text, d.Language)
		if heads[i] == "" {
			out[i] = sentiment.Unscored(Name, language, feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "there is no text to score")
			continue
		}
		out[i] = found[heads[i]].sentiment(language)
	}
	return out, nil
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

// believe is the language that a text's source names.
func believe(_, source string) *feedbackv1.Language {
	if source == "" {
		return &feedbackv1.Language{Tag: sentiment.Undetermined}
	}
	return &feedbackv1.Language{Tag: source, Confidence: 1, Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE}
}
