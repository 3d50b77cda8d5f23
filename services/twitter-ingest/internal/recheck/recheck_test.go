package recheck

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// world is a recheck with an X that answers what the test says.
type world struct {
	kafka   *xtest.Kafka
	answer  func(ids []snowflake.ID) (string, error)
	asked   [][]snowflake.ID
	deleted []string
	r       *Recheck
	p       *progress.Progress
}

func newWorld(limit uint64) *world {
	w := &world{kafka: &xtest.Kafka{}}
	w.p = progress.Open("mentions", "q", nil, limit, time.Hour, w.kafka.Save)
	w.r = New(Options{
		Progress: w.p,
		Lookup: func(_ context.Context, ids []snowflake.ID) (*xapi.Answer, error) {
			w.asked = append(w.asked, ids)
			body, err := w.answer(ids)
			if err != nil {
				return nil, err
			}
			page, err := post.Parse([]byte(body))
			return &xapi.Answer{Page: page}, err
		},
		Take:   func(context.Context, time.Duration, ...*post.Page) error { return nil },
		Delete: func(_ context.Context, id string) error { w.deleted = append(w.deleted, id); return nil },
	})
	return w
}

// publish has n posts read, paid for and published.
func (w *world) publish(t *testing.T, n int) []snowflake.ID {
	t.Helper()
	var ids []snowflake.ID
	for i := range n {
		id := snowflake.At(time.Now()) + snowflake.ID(i+1)
		page, err := post.Parse(fmt.Appendf(nil, `{"data":[{"id":"%s"}]}`, id))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		w.r.Published(page.Posts[0])
	}
	r, err := w.p.Reserve(t.Context(), n, n)
	if err != nil {
		t.Fatal(err)
	}
	w.p.Settle(r, ids, 0)
	return ids
}

func (w *world) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := w.r.Run(ctx, t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyXsWordDeletes(t *testing.T) {
	for _, c := range []struct {
		name, problem string
		want          bool
	}{
		{"deleted", `"resource_id":"%s","type":"https://api.twitter.com/2/problems/resource-not-found"`, true},
		{"protected", `"value":"%s","type":"https://api.twitter.com/2/problems/not-authorized-for-resource"`, true},
		{"another post", `"resource_id":"1%s","type":"https://api.twitter.com/2/problems/resource-not-found"`, false},
		{"a field", `"resource_id":"%s","type":"https://api.twitter.com/2/problems/not-authorized-for-field"`, false},
		{"not mentioned", `"resource_id":"","title":"%s"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld(100)
				ids := w.publish(t, 2)
				w.answer = func([]snowflake.ID) (string, error) {
					return `{"errors":[{` + fmt.Sprintf(c.problem, ids[0]) + `}]}`, nil
				}
				w.run(t, 10*time.Minute)
				var want []string
				if c.want {
					want = []string{post.EventID(ids[0])}
				}
				if !slices.Equal(w.deleted, want) {
					t.Errorf("deleted %v, want %v", w.deleted, want)
				}
			})
		})
	}
}

func TestLooksUpThreeTimesOnTheDay(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld(1000)
		w.answer = func([]snowflake.ID) (string, error) { return `{}`, nil }
		w.publish(t, 250)
		w.run(t, 11*time.Hour)
		if len(w.asked) != 9 {
			t.Errorf("%d look-ups of 250 posts, want three of up to 100 three times", len(w.asked))
		}
		if got := w.p.Budget().GetUsed(); got != 250 {
			t.Errorf("budget used = %d, want the 250 read before", got)
		}
		w.asked = nil
		w.publish(t, 1) // an hour before midnight
		w.run(t, 20*time.Hour)
		if len(w.asked) != 1 {
			t.Errorf("%d look-ups of a post of the evening, want the first one alone: the day after it costs", len(w.asked))
		}
	})
}

func TestTroubleKeepsThePosts(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld(100)
		ids := w.publish(t, 1)
		down := true
		w.answer = func([]snowflake.ID) (string, error) {
			if down {
				return "", &xapi.Problem{Kind: xapi.Refused, Reason: "TokenRefused"}
			}
			return fmt.Sprintf(`{"errors":[{"resource_id":"%s","type":"x/resource-not-found"}]}`, ids[0]), nil
		}
		w.run(t, 30*time.Minute)
		if n := len(w.asked); n < 2 || n > 120 {
			t.Errorf("%d look-ups in half an hour while X refused, want one in 15 s at most", n)
		}
		if got := w.p.Budget().GetUsed(); got != 1 {
			t.Errorf("budget used = %d, want the refused look-ups given back", got)
		}
		down = false
		w.run(t, 30*time.Minute)
		if len(w.deleted) != 1 {
			t.Errorf("deleted %v, want the post after the trouble", w.deleted)
		}
	})
}

func TestSpentBudgetLooksNothingUp(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld(10)
		w.publish(t, 10)
		w.run(t, 10*time.Hour)
		if len(w.asked) != 0 {
			t.Errorf("%d look-ups with the budget spent", len(w.asked))
		}
	})
}
