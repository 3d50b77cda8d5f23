package llm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
)

// purse is a budget that notes what is paid.
type purse struct {
	mu             sync.Mutex
	limit          int64
	used, reserved int64
	times          int
	open           int
}

func (p *purse) Reserve(_ context.Context, n int64) (llm.Reservation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used+n > p.limit {
		return llm.Reservation{}, &llm.SpentError{Used: p.used, Limit: p.limit}
	}
	p.used, p.reserved, p.times, p.open = p.used+n, n, p.times+1, p.open+1
	return llm.Reservation{Tokens: n}, nil
}

func (p *purse) Settle(r llm.Reservation, used int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used += used - r.Tokens
	p.open--
}

func TestEachTryIsPaidForBeforeItGoesOut(t *testing.T) {
	status := func(code int) func(asked, http.ResponseWriter) bool {
		return func(_ asked, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(code)
			return true
		}
	}
	for _, c := range []struct {
		name   string
		broken func(asked, http.ResponseWriter) bool
		o      llm.Options
		times  int
		used   func(p *purse) int64
	}{
		{"answered", nil, llm.Options{}, 1, func(*purse) int64 { return 120 }},
		{"refused", status(401), llm.Options{}, 1, func(*purse) int64 { return 0 }},
		{"throttled", status(429), llm.Options{}, 4, func(*purse) int64 { return 0 }},
		{"failing", status(500), llm.Options{}, 4, func(*purse) int64 { return 0 }},
		{"nobody there", nil, llm.Options{Endpoint: "http://127.0.0.1:1/v1"}, 4, func(*purse) int64 { return 0 }},
		{"timed out", func(asked, http.ResponseWriter) bool { <-release; return true }, llm.Options{Timeout: 50 * time.Millisecond}, 1, func(p *purse) int64 { return p.reserved }},
	} {
		t.Run(c.name, func(t *testing.T) {
			release = make(chan struct{})
			p := &purse{limit: 1_000_000}
			c.o.Budget = p
			b := open(t, &stand{broken: c.broken}, c.o)
			_, err := b.Score(t.Context(), documents("I love it"))
			close(release)
			if (err == nil) != (c.name == "answered") || p.times != c.times || p.used != c.used(p) || p.open != 0 {
				t.Errorf("got %v, %d tokens used in %d tries, %d not settled; want %d in %d, none", err, p.used, p.times, p.open, c.used(p), c.times)
			}
		})
	}
}

func TestWhatARequestMayTakeIsNoLessThanItTakes(t *testing.T) {
	for _, text := range append([]string{"ok", strings.Repeat("漢字", 3_000), strings.Repeat("\x00", 3_000)}, hostile...) {
		p := &purse{limit: 1_000_000}
		s := &stand{}
		if _, err := open(t, s, llm.Options{Budget: p}).Score(t.Context(), documents(text)); err != nil {
			t.Fatal(err)
		}
		a := s.requests()[0]
		content := 0
		for _, m := range a.Messages {
			content += len(m.Content)
		}
		if least := int64(content + a.MaxTokens); p.reserved < least { // a token for each byte
			t.Errorf("%d tokens are reserved for %d bytes and an answer of %d", p.reserved, content, a.MaxTokens)
		}
	}
}

func TestASpentBudgetAsksNothing(t *testing.T) {
	s := &stand{}
	_, err := open(t, s, llm.Options{Budget: &purse{limit: 100}}).Score(t.Context(), documents("I love it"))
	var spent *llm.SpentError
	if !errors.As(err, &spent) || len(s.requests()) != 0 {
		t.Errorf("got %v after %d requests, want that the budget is spent after none", err, len(s.requests()))
	}
}

// failing is a budget that fails with the errors given, one after the other, and then pays.
type failing struct{ errs []error }

func (f *failing) Reserve(_ context.Context, n int64) (llm.Reservation, error) {
	if len(f.errs) == 0 {
		return llm.Reservation{Tokens: n}, nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return llm.Reservation{}, err
}

func (*failing) Settle(llm.Reservation, int64) {}

func TestABudgetsErrorIsNoFaultOfTheEndpoint(t *testing.T) {
	for _, c := range []struct {
		name, want string
		errs       []error
	}{
		{"no books", "llm: topic state does not exist; nothing is asked without; is the topic of state there, and may the scorer read and write it?", []error{&llm.BooksError{Err: errors.New("topic state does not exist; nothing is asked without")}}},
		{"too dear", "llm: one request may take 9 tokens: raise tokensPerDay", []error{errors.New("one request may take 9 tokens: raise tokensPerDay")}},
		{"set aside", "llm: the rest is set aside", []error{&llm.ThrottledError{Err: errors.New("the rest is set aside")}}},
		{"too late", "llm: it was waited for in vain: context deadline exceeded", []error{fmt.Errorf("it was waited for in vain: %w", context.DeadlineExceeded)}},
		{"contended", "llm: too many replicas take of the budget of tokens at a time; it is tried again", slices.Repeat([]error{llm.ErrContended}, 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stand{}
			budget := &failing{c.errs}
			_, err := open(t, s, llm.Options{Budget: budget}).Score(t.Context(), documents("I love it"))
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := len(s.requests()); n != 0 || len(budget.errs) != 0 {
				t.Errorf("got %d requests and %d errors left, want none", n, len(budget.errs))
			}
		})
	}
}

func TestABudgetThatOthersTakeOfIsAskedAgain(t *testing.T) {
	got, err := open(t, &stand{}, llm.Options{Budget: &failing{[]error{llm.ErrContended, llm.ErrContended}}}).Score(t.Context(), documents("I love it"))
	if want := []string{"positive 0.95"}; err != nil || !slices.Equal(words(got), want) {
		t.Errorf("got %q %v, want %q", words(got), err, want)
	}
}
