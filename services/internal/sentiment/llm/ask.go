package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// askAll asks for texts in as many requests as it takes, some at a time, and hands each verdict to set. After an error no
// further request is begun; those that are under way are finished, since they are paid for.
func (b *Backend) askAll(ctx context.Context, texts []string, set func(string, verdict)) error {
	if len(texts) == 0 {
		return nil
	}
	if err := b.held(ctx); err != nil {
		return b.explain(ctx, err)
	}
	var (
		all    sync.WaitGroup
		slots  = make(chan struct{}, b.o.Concurrency)
		failed atomic.Bool
		mu     sync.Mutex
		first  error
	)
	for len(texts) > 0 {
		slots <- struct{}{}
		if failed.Load() || ctx.Err() != nil {
			break
		}
		n := b.fitting(texts)
		part := texts[:n]
		texts = texts[n:]
		all.Go(func() {
			defer func() { <-slots }()
			if err := b.apart(ctx, part, set); err != nil {
				failed.Store(true)
				mu.Lock()
				defer mu.Unlock()
				if first == nil || isSpent(err) {
					first = err
				}
			}
		})
	}
	all.Wait()
	if first == nil && ctx.Err() != nil {
		first = ctx.Err()
	}
	if first != nil {
		return b.explain(ctx, first)
	}
	return nil
}

// fitting is how many of the texts, one at least, one request holds.
func (b *Backend) fitting(texts []string) int {
	bytes := 0
	for i, t := range texts {
		bytes += written(t)
		if i == b.o.Documents || i > 0 && bytes > maxRequest {
			return i
		}
	}
	return len(texts)
}

// written is how many bytes a text takes in a request, about: what is escaped takes six.
func written(text string) int {
	n := len(text)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '<' || c == '>' || c == '&' || c == '[' {
			n += 5
		}
	}
	return n
}

// apart asks for texts in one request. Where it fails for what the texts may be to blame for, they are taken apart, half
// by half, until the one that is stands alone.
func (b *Backend) apart(ctx context.Context, texts []string, set func(string, verdict)) error {
	verdicts, err := b.request(ctx, texts)
	switch {
	case err == nil:
		for i, v := range verdicts {
			set(texts[i], v)
		}
		return nil
	case !blamesText(err):
		return err
	case len(texts) > 1:
		half := len(texts) / 2
		if err := b.apart(ctx, texts[:half], set); err != nil {
			return err
		}
		return b.apart(ctx, texts[half:], set)
	}
	v, err := b.alone(ctx, texts[0], err)
	if err == nil {
		set(texts[0], v)
	}
	return err
}

// alone finds out what became of a text that failed by itself: refused for what it is, or asked with a model or settings
// that fail with all texts, which is an error.
func (b *Backend) alone(ctx context.Context, text string, err error) (verdict, error) {
	var refused *refusedError
	if errors.As(err, &refused) {
		return b.refusal(refused.what), nil
	}
	if err := b.probe(ctx, err); err != nil {
		return verdict{}, err
	}
	verdicts, err := b.request(ctx, []string{text}) // again: an answer may have been broken by chance
	if err == nil {
		return verdicts[0], nil
	}
	if !blamesText(err) {
		return verdict{}, err
	}
	return b.refusal(b.said(err) + ", twice, while another text was answered"), nil
}

func (b *Backend) refusal(why string) verdict {
	return verdict{model: b.model(""), refused: clip(fmt.Sprintf("%s: %s", Name, why))}
}

// probeText is the text that any model must be able to rate.
const probeText = "Thank you, it works very well."

// probe asks for a text of our own after cause. Its error is cause, where that text fails too: then no text is to blame.
// Until it has been answered, texts are not asked for, and the probe itself ever more rarely.
func (b *Backend) probe(ctx context.Context, cause error) error {
	_, err := b.request(ctx, []string{probeText})
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.doubts = 0
		return nil
	case !blamesText(err):
		return err
	}
	if cause == nil {
		cause = err
	}
	pause := min(5*time.Second<<min(b.doubts, 4), time.Minute)
	b.doubts++
	cause = &wrongError{cause}
	b.wait = waiting{time.Now().Add(pause), cause}
	return cause
}

// wrongError says that a plain text of our own fails as well.
type wrongError struct{ error }

func (e *wrongError) Unwrap() error { return e.error }

// waiting is until when nothing is to be asked, and why.
type waiting struct {
	until time.Time
	cause error
}

// held returns why nothing is to be asked now. Where there was doubt whether the model answers at all, it asks the probe
// first.
func (b *Backend) held(ctx context.Context) error {
	b.mu.Lock()
	w, doubts := b.wait, b.doubts
	b.mu.Unlock()
	switch {
	case time.Now().Before(w.until):
		return w.cause
	case doubts > 0:
		return b.probe(ctx, nil)
	}
	return nil
}

// answers returns nil where the endpoint answered when it was asked last, or does now.
func (b *Backend) answers(ctx context.Context) error {
	err := b.held(ctx)
	b.mu.Lock()
	troubled := b.troubled
	b.mu.Unlock()
	if err == nil && troubled {
		err = b.probe(ctx, nil)
	}
	if err != nil {
		return b.explain(ctx, err)
	}
	return nil
}

// blamesText tells whether what was sent may be to blame for err: it was refused, or what came back is not what was asked
// for.
func blamesText(err error) bool {
	var (
		refused *refusedError
		broken  *brokenError
		answer  *statusError
	)
	switch {
	case errors.As(err, &refused), errors.As(err, &broken):
		return true
	case errors.As(err, &answer):
		s := answer.status
		return answer.long || s == http.StatusBadRequest || s == http.StatusRequestEntityTooLarge || s == http.StatusUnprocessableEntity
	}
	return false
}

// request asks for texts once, retries of the client included, and returns their verdicts in their order.
func (b *Backend) request(ctx context.Context, texts []string) ([]verdict, error) {
	verdicts, err := b.requestOnce(ctx, texts)
	if err == nil {
		sentiment.Progress(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubled = err != nil && !blamesText(err)
	return verdicts, err
}

func (b *Backend) requestOnce(ctx context.Context, texts []string) ([]verdict, error) {
	q, err := ask(b.o.Model, texts)
	if err != nil {
		return nil, err
	}
	answer, err := b.post(ctx, q)
	if err != nil {
		b.o.Count(outcome(err), 0, 0)
		return nil, err
	}
	var prompt, completion int64
	if u := answer.Usage; u != nil {
		prompt, completion = u.Prompt, u.Completion
	}
	verdicts, err := q.read(answer)
	b.o.Count(outcome(err), prompt, completion)
	if err != nil {
		return nil, err
	}
	for i := range verdicts {
		verdicts[i].model = b.model(answer.Model)
	}
	return verdicts, nil
}

// Outcomes are the values of Options.Count's outcome.
var Outcomes = []string{"answered", "broken", "refused", "throttled", "failed", "unpaid"}

func outcome(err error) string {
	var (
		refused *refusedError
		broken  *brokenError
		answer  *statusError
	)
	switch {
	case err == nil:
		return "answered"
	case isSpent(err):
		return "unpaid"
	case errors.As(err, &broken):
		return "broken"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &answer) && answer.status == http.StatusTooManyRequests:
		return "throttled"
	}
	return "failed"
}

// model is the model of a sentiment: the one that answered, or else the one that was asked.
func (b *Backend) model(answered string) string {
	if answered == "" {
		answered = b.o.Model
	}
	return Name + "/" + clip(answered)
}
