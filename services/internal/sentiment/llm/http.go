package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// maxRetries is how often a request is tried again that was throttled or failed, maxWait how long the client waits before
// each; of an endpoint that asks for more patience nothing is asked until then, while health says so.
const (
	maxRetries = 3
	maxWait    = 10 * time.Second
)

// post sends a question and returns the answer. It settles what the answer took.
func (b *Backend) post(ctx context.Context, q question) (completion, error) {
	paid := &payment{budget: b.o.Budget, cost: q.cost}
	defer paid.settle(q.cost) // what came of it is not known
	request, err := runtime.NewRequest(context.WithValue(ctx, paymentKey{}, paid), http.MethodPost, b.url)
	if err != nil {
		return completion{}, err
	}
	request.Raw().Header.Set("Accept", "application/json")
	if err := runtime.MarshalAsJSON(request, q.body); err != nil {
		return completion{}, err
	}
	response, err := b.pipeline.Do(request)
	if err != nil && paid.last != 0 {
		err = &lastError{err, paid.last}
	}
	if err != nil {
		return completion{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return completion{}, b.refused(response)
	}
	var answer completion
	body, err := runtime.Payload(response)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		return completion{}, broken("it is no chat completion; is %s the address before /chat/completions?", b.o.Endpoint)
	}
	if u := answer.Usage; u != nil && u.Total+u.Prompt+u.Completion > 0 {
		paid.settle(max(u.Total, u.Prompt+u.Completion))
	}
	return answer, nil
}

// What a 429 says that no patience of a client's helps with: one request takes more than a minute's tokens, or the account
// has none left.
const (
	tooLarge   = "Request too large"
	quotaSpent = "insufficient_quota"
)

// shouldRetry tells whether the client tries again: not where a try timed out, or cannot be paid for, which the caller is to
// hear of early.
func shouldRetry(r *http.Response, err error) bool {
	if err != nil {
		var throttled *ThrottledError
		var unpaid *budgetError
		if errors.As(err, &unpaid) {
			return errors.Is(err, ErrContended)
		}
		return !errors.Is(err, context.DeadlineExceeded) && !isSpent(err) && !errors.As(err, &throttled)
	}
	if r.StatusCode == http.StatusTooManyRequests {
		said, _ := runtime.Payload(r)
		return !bytes.Contains(said, []byte(tooLarge)) && !bytes.Contains(said, []byte(quotaSpent))
	}
	return r.StatusCode == http.StatusRequestTimeout || r.StatusCode >= http.StatusInternalServerError
}

// payment is what a request may cost, what is set aside for its last try, and what came of the one before.
type payment struct {
	budget   Budget // nil where nothing is paid
	cost     int64
	reserved Reservation
	open     bool
	last     int // the status of the last answer, where that was no success
}

// reserve settles the try before, of which nothing is known, and sets aside what another may cost.
func (p *payment) reserve(ctx context.Context) (err error) {
	p.settle(p.cost)
	if p.budget != nil {
		p.reserved, err = p.budget.Reserve(ctx, p.cost)
		p.open = err == nil
	}
	var throttled *ThrottledError
	if err != nil && !isSpent(err) && !errors.As(err, &throttled) {
		return &budgetError{err}
	}
	return err
}

// budgetError is an error of the budget, which says what to do: the endpoint was not asked.
type budgetError struct{ error }

func (e *budgetError) Unwrap() error { return e.error }

// settle puts what was used in the place of what is set aside, the first time that it is called for it.
func (p *payment) settle(used int64) {
	if p.open {
		p.open = false
		p.budget.Settle(p.reserved, used)
	}
}

type paymentKey struct{}

// lastError is the error of a request of which a try before was answered, for whoever does not wait until all are done.
type lastError struct {
	error
	status int
}

func (e *lastError) Unwrap() error { return e.error }

// try is what is done at each try: it is paid for before it goes out, and bears the key.
type try struct{ backend *Backend }

// Do implements policy.Policy. What a try may have cost although no answer came stays paid; what was refused, or never
// went out, is paid back.
func (t *try) Do(request *policy.Request) (*http.Response, error) {
	b := t.backend
	raw := request.Raw()
	switch {
	case b.o.Key == "":
	case b.o.KeyHeader == APIKey:
		raw.Header.Set("api-key", b.o.Key)
	default:
		raw.Header.Set("Authorization", "Bearer "+b.o.Key)
	}
	paid, _ := raw.Context().Value(paymentKey{}).(*payment)
	var sent atomic.Bool
	traced := request.WithContext(httptrace.WithClientTrace(raw.Context(), &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}))
	if err := paid.reserve(raw.Context()); err != nil {
		return nil, err
	}
	response, err := traced.Next()
	if err != nil && !sent.Load() || err == nil && response.StatusCode != http.StatusOK {
		paid.settle(0)
	}
	if err == nil && response.StatusCode != http.StatusOK {
		paid.last = response.StatusCode
	}
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		b.throttled(response)
	}
	return response, err
}

// throttled makes of the rate limits' headers what the client waits by, and keeps those from asking whom it would take
// longer.
func (b *Backend) throttled(r *http.Response) {
	wait := patience(r.Header)
	if wait <= 0 {
		return
	}
	r.Header.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds()+1, 10))
	if wait <= maxWait {
		return
	}
	until := time.Now().Add(wait)
	cause := &statusError{status: r.StatusCode, message: "it asks not to be asked before " + until.UTC().Format(time.RFC3339)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wait = waiting{until, cause}
}

// patience is how long an endpoint asks to be left alone: by Retry-After, else until the limit of requests or tokens
// that is used up is renewed.
func patience(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	if after := h.Get("Retry-After"); after != "" {
		if at, err := http.ParseTime(after); err == nil {
			return time.Until(at)
		}
		return span(after)
	}
	var longest time.Duration
	for _, of := range []string{"requests", "tokens"} {
		if left, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining-" + of)); err == nil && left > 0 {
			continue
		}
		longest = max(longest, span(h.Get("X-Ratelimit-Reset-"+of)))
	}
	return longest
}

// span is a time as headers write it, 12 (seconds), 0.5 or 6m0s; a day at most.
func span(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if seconds, bad := strconv.ParseFloat(s, 64); bad == nil && seconds < 1e6 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil {
		return 0
	}
	return min(max(d, 0), 24*time.Hour)
}

// statusError is an answer without the status 200.
type statusError struct {
	status   int
	code     string
	message  string
	param    string
	redirect string
	long     bool // what was sent is longer than it takes
}

func (e *statusError) Error() string {
	said := "it answered " + strconv.Itoa(e.status)
	if text := http.StatusText(e.status); text != "" {
		said += " " + text
	}
	if e.message != "" {
		said += ": " + e.message
	}
	return said
}

// refused reads an answer that refuses.
func (b *Backend) refused(r *http.Response) error {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	var detail struct {
		Code    any    `json:"code"`
		Message string `json:"message"`
		Param   string `json:"param"`
		Type    string `json:"type"`
		Inner   struct {
			Filters map[string]struct {
				Filtered bool `json:"filtered"`
			} `json:"content_filter_result"`
		} `json:"innererror"`
	}
	payload, _ := runtime.Payload(r)
	if json.Unmarshal(payload, &body) == nil && json.Unmarshal(body.Error, &detail) != nil {
		_ = json.Unmarshal(body.Error, &detail.Message) // some write a string
	}
	e := &statusError{status: r.StatusCode, param: detail.Param, redirect: r.Header.Get("Location")}
	if code, ok := detail.Code.(string); ok {
		e.code = code
	}
	if e.status != http.StatusUnauthorized { // whose words tend to quote the key
		e.message = b.clean(detail.Message)
	}
	switch {
	case e.code == "content_filter":
		var filters []string
		for name, f := range detail.Inner.Filters {
			if f.Filtered {
				filters = append(filters, name)
			}
		}
		return &refusedError{what: strings.TrimSpace("the service's content filter refused it " + listed(filters))}
	case e.code == "context_length_exceeded", e.status == http.StatusRequestEntityTooLarge, strings.Contains(detail.Message, "maximum context length"), strings.Contains(detail.Message, tooLarge):
		e.long = true
	}
	return e
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("(%s)", clip(strings.Join(names, ", ")))
}

// clean is what an endpoint says, in one line, short, and without the key.
func (b *Backend) clean(s string) string {
	if b.o.Key != "" {
		s = strings.ReplaceAll(s, b.o.Key, "***")
	}
	return clip(s)
}

// clip makes one line of at most 200 printable characters.
func clip(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return s
}
