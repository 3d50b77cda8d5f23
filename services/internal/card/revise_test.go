package card

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func other(s *feedbackv1.ScoredEvent) { s.Event.Id = "x:2"; s.Event.Text = "something else" }

func ids(blocks []slack.Block) string {
	var out []string
	for _, b := range blocks {
		out = append(out, b.ID()[:min(2, len(b.ID()))])
	}
	return strings.Join(out, " ")
}

// again returns blocks as Slack gives them back: through JSON.
func again(t *testing.T, blocks []slack.Block) []slack.Block {
	t.Helper()
	data, err := json.Marshal(slack.Blocks{BlockSet: blocks})
	if err != nil {
		t.Fatal(err)
	}
	var out slack.Blocks
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out.BlockSet
}

func TestWithCount(t *testing.T) {
	s := event()
	id := s.GetEvent().GetId()
	one := Build(s, Options{}).Blocks
	two, ok := WithCount(again(t, one), id, 2)
	if got, want := ids(two), "e- c- n-"; !ok || got != want {
		t.Fatalf("WithCount(one, 2) = %q, %v, want %q, true", got, ok, want)
	}
	if _, ok := WithCount(again(t, two), id, 2); ok {
		t.Error("WithCount(two, 2) changed a card that shows 2 already")
	}
	three, ok := WithCount(again(t, two), id, 3)
	if got, want := ids(three), "e- c- n-"; !ok || got != want {
		t.Errorf("WithCount(two, 3) = %q, %v, want %q, true", got, ok, want)
	}
	back, ok := WithCount(again(t, three), id, 1)
	if got, want := ids(back), "e- c-"; !ok || got != want {
		t.Errorf("WithCount(three, 1) = %q, %v, want %q, true", got, ok, want)
	}
	if _, ok := WithCount(one, "x:unknown", 5); ok {
		t.Error("WithCount of an event that the card does not show reported a change")
	}
}

func TestWithItem(t *testing.T) {
	d := Digest{Route: "r", Count: 2, Items: []Item{{Event: event(), Count: 2}, {Event: event(other), Count: 1}}}.Build()
	edited := event(text("now it works"))
	got, ok := WithItem(again(t, d.Blocks), edited, Options{Count: 2}, false)
	if !ok || !strings.Contains(got[2].(*slack.SectionBlock).Text.Text, "now it works") || len(got) != len(d.Blocks) {
		t.Errorf("WithItem(edited) = %q, %v, want the new text in the same place", ids(got), ok)
	}
	gone := event(text(""), func(s *feedbackv1.ScoredEvent) { s.Event.Deleted = true })
	got, ok = WithItem(again(t, d.Blocks), gone, Options{}, true)
	data, _ := json.Marshal(got)
	if !ok || strings.Contains(string(data), "Azure is down") || !strings.Contains(string(data), "something else") {
		t.Errorf("WithItem(deleted) = %s, %v, want it without its text and the other untouched", data, ok)
	}
	if _, ok := WithItem(d.Blocks, event(func(s *feedbackv1.ScoredEvent) { s.Event.Id = "x:9" }), Options{}, true); ok {
		t.Error("WithItem of an event that the digest does not show reported a change")
	}
}

func TestDigestRanksAndCounts(t *testing.T) {
	score := func(id string, v float64) *feedbackv1.ScoredEvent {
		return event(func(s *feedbackv1.ScoredEvent) { s.Event.Id, s.Sentiment.Score = id, &v })
	}
	none := event(func(s *feedbackv1.ScoredEvent) { s.Event.Id, s.Sentiment.Score = "none", nil })
	order := func(best bool) string {
		items := []Item{{Event: score("b", 0.5)}, {Event: none}, {Event: score("a", 0.1)}, {Event: score("c", 0.9)}}
		Rank(items, best)
		var out []string
		for _, it := range items {
			out = append(out, it.Event.GetEvent().GetId())
		}
		return strings.Join(out, " ")
	}
	if got, want := order(false), "a b c none"; got != want {
		t.Errorf("Rank(worst first) = %q, want %q", got, want)
	}
	if got, want := order(true), "c b a none"; got != want {
		t.Errorf("Rank(best first) = %q, want %q", got, want)
	}
	var items []Item
	for range 8 {
		items = append(items, Item{Event: event(), Count: 2})
	}
	data, _ := json.Marshal(Digest{Route: "r", Items: items, Count: 16}.Build())
	if want := "and 6 more"; !strings.Contains(string(data), want) {
		t.Errorf("digest of 16 with 5 shown of 2 each = %s, want %q in it", data, want)
	}
}
