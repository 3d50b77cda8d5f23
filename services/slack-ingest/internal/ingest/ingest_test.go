package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

// bench is an Ingester with the match "azure" and what it wrote.
type bench struct {
	*Ingester
	written []*feedbackv1.Event
	letters []kafka.Record
	roots   map[string]*slack.Msg
	rootErr error
	err     func(r kafka.Record) error
	asked   int
	log     bytes.Buffer
}

func newBench(t *testing.T, match feedback.Match) *bench {
	t.Helper()
	b := &bench{roots: map[string]*slack.Msg{}}
	follow := match
	follow.Keywords = nil
	b.Ingester = New(Options{
		Workspace: event.Workspace{Source: "community", Team: "T1", URL: "https://acme.slack.com/"},
		Rules:     event.Rules{OwnUser: "U0", OwnBot: "B0"},
		ID:        feedback.SlackID, Accepts: match.Event, Follows: follow.Event,
		Channel: func(id string) (string, bool) { return "feedback", id == "C1" },
		User: func(_ context.Context, id string) (*feedbackv1.Author, error) {
			if id == "U404" {
				return nil, errors.New("rate limited")
			}
			return &feedbackv1.Author{Id: id, Handle: strings.ToLower(id), DisplayName: "Person " + id}, nil
		},
		ChannelName: func(_ context.Context, id string) (string, error) { return "name-of-" + id, nil },
		Root: func(_ context.Context, _, ts string) (*slack.Msg, error) {
			b.asked++
			return b.roots[ts], b.rootErr
		},
		Record: func(e *feedbackv1.Event) (kafka.Record, error) {
			return feedback.EventRecord("feedback", feedback.Protobuf, e)
		},
		DeadLetter: func(r kafka.Record, reason string, cause error) kafka.Record {
			return feedback.DeadLetter("dead", r, reason, cause, 1)
		},
		Write: b.write, Metrics: metrics.New(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(&b.log, nil)),
	})
	return b
}

func (b *bench) write(_ context.Context, recs ...kafka.Record) error {
	we := &kafka.WriteError{}
	for i, r := range recs {
		if b.err != nil {
			if err := b.err(r); err != nil {
				we.Failed, we.Err = append(we.Failed, i), err
				continue
			}
		}
		if r.Topic == "dead" {
			b.letters = append(b.letters, r)
			continue
		}
		e, err := feedback.DecodeEvent(r)
		if err != nil {
			return err
		}
		b.written = append(b.written, e)
	}
	if len(we.Failed) > 0 {
		return we
	}
	return nil
}

var azure = feedback.Match{Keywords: []string{"azure"}}

func said(ts, text string) event.Change {
	return event.Change{Kind: event.Posted, Channel: "C1", TS: ts, EventTS: ts, Message: &slack.Msg{User: "U1", Text: text, Timestamp: ts}}
}

func reply(ts, root, text string) event.Change {
	c := said(ts, text)
	c.Message.ThreadTimestamp = root
	return c
}

func edited(ts, at, before, now string) event.Change {
	c := said(ts, now)
	c.Kind, c.EventTS = event.Edited, at
	c.Message.Edited = &slack.Edited{Timestamp: at}
	c.Previous = &slack.Msg{User: "U1", Text: before, Timestamp: ts}
	return c
}

// history is a message as it is read back.
func history(c event.Change) event.Change {
	c.Kind, c.EventTS, c.Previous, c.Backfilled = event.Posted, c.TS, nil, true
	return c
}

func deleted(ts, at, before string) event.Change {
	c := event.Change{Kind: event.Deleted, Channel: "C1", TS: ts, EventTS: at}
	if before != "" {
		c.Previous = &slack.Msg{User: "U1", Text: before, Timestamp: ts}
	}
	return c
}

func TestWhatIsPublished(t *testing.T) {
	other := said("1.000001", "azure")
	other.Channel = "C2"
	bot := said("1.000001", "azure")
	bot.Message.BotID = "B7"
	for name, c := range map[string]struct {
		changes []event.Change
		want    []string // text@revision, or -@revision for a deletion
	}{
		"a match":                          {[]event.Change{said("1.000001", "Azure!")}, []string{"Azure!@0"}},
		"no match":                         {[]event.Change{said("1.000001", "hello")}, nil},
		"another channel":                  {[]event.Change{other}, nil},
		"a bot":                            {[]event.Change{bot}, nil},
		"delivered twice":                  {[]event.Change{said("1.000001", "azure"), said("1.000001", "azure")}, []string{"azure@0"}},
		"an edit that enters the match":    {[]event.Change{edited("1.000001", "2.000000", "hello", "azure")}, []string{"azure@2000000"}},
		"an edit that leaves the match":    {[]event.Change{edited("1.000001", "2.000000", "azure", "hello")}, []string{"hello@2000000"}},
		"an edit outside the match":        {[]event.Change{edited("1.000001", "2.000000", "a", "b")}, nil},
		"an unfurl":                        {[]event.Change{edited("1.000001", "2.000000", "azure", "azure")}, nil},
		"an edit after it left the match":  {[]event.Change{said("1.000001", "azure"), edited("1.000001", "2.000000", "azure", "b"), edited("1.000001", "3.000000", "b", "c")}, []string{"azure@0", "b@2000000", "c@3000000"}},
		"two edits in the same second":     {[]event.Change{edited("1.000001", "2.000000", "azure", "azure b"), edited("1.000001", "2.000000", "azure b", "azure c")}, []string{"azure b@2000000", "azure c@2000000"}},
		"the original after its edit":      {[]event.Change{edited("1.000001", "2.000000", "azure", "azure b"), said("1.000001", "azure")}, []string{"azure b@2000000"}},
		"an edit that history has as well": {[]event.Change{edited("1.000001", "2.000000", "azure", "azure b"), history(edited("1.000001", "2.000000", "", "azure b"))}, []string{"azure b@2000000"}},
		"an edit of its looks alone":       {[]event.Change{said("1.000001", "azure"), edited("1.000001", "2.000000", "azure", "azure"), history(edited("1.000001", "2.000000", "", "azure"))}, []string{"azure@0"}},
		"an edit back to what it was":      {[]event.Change{said("1.000001", "azure"), edited("1.000001", "2.000000", "azure", "azure b"), edited("1.000001", "3.000000", "azure b", "azure")}, []string{"azure@0", "azure b@2000000", "azure@3000000"}},
		"an edit missed":                   {[]event.Change{said("1.000001", "azure"), history(edited("1.000001", "2.000000", "", "azure b"))}, []string{"azure@0", "azure b@2000000"}},
		"a deletion delivered twice":       {[]event.Change{deleted("1.000001", "5.000000", "azure"), deleted("1.000001", "5.000000", "azure")}, []string{"-@5000000"}},
		"a deletion":                       {[]event.Change{deleted("1.000001", "5.000000", "azure")}, []string{"-@5000000"}},
		"a deletion of no feedback":        {[]event.Change{deleted("1.000001", "5.000000", "hello")}, nil},
		"a deletion of something known":    {[]event.Change{said("1.000001", "azure"), deleted("1.000001", "5.000000", "")}, []string{"azure@0", "-@5000000"}},
		"a deletion of something unknown":  {[]event.Change{deleted("1.000001", "5.000000", "")}, nil},
		"a reply below a match":            {[]event.Change{said("1.000001", "azure"), reply("2.000001", "1.000001", "me too")}, []string{"azure@0", "me too@0"}},
		"a reply below no match":           {[]event.Change{said("1.000001", "lunch"), reply("2.000001", "1.000001", "me too")}, nil},
		"a match below no match":           {[]event.Change{said("1.000001", "lunch"), reply("2.000001", "1.000001", "azure")}, []string{"azure@0"}},
		"a reply below what did match":     {[]event.Change{edited("1.000001", "2.000000", "azure", "b"), reply("3.000001", "1.000001", "me too")}, []string{"b@2000000", "me too@0"}},
		"a reply below a bot's match":      {[]event.Change{bot, reply("2.000001", "1.000001", "me too")}, nil},
		"a reply below what is not loaded": {[]event.Change{reply("2.000001", "0.000009", "me too")}, []string{"me too@0"}},
		"a reply below what is gone":       {[]event.Change{reply("2.000001", "0.000001", "me too")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, azure)
			b.roots["0.000009"] = &slack.Msg{User: "U2", Text: "azure is down", Timestamp: "0.000009"}
			for _, ch := range c.changes {
				for _, r := range b.Handle(t.Context(), []event.Change{ch}) {
					if r.Err != nil {
						t.Fatalf("Handle() = %v, want nil", r.Err)
					}
				}
			}
			var got []string
			for _, e := range b.written {
				text := e.GetText()
				if e.GetDeleted() {
					text = "-"
				}
				got = append(got, text+"@"+strings.TrimLeft(feedbackRevision(e), "+"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("published %q, want %q", got, c.want)
			}
		})
	}
}

func feedbackRevision(e *feedbackv1.Event) string {
	rec, _ := feedback.EventRecord("t", feedback.Protobuf, e)
	_, revision, _ := strings.Cut(feedback.Header(rec, feedback.HeaderID), "@")
	return revision
}

func TestParentAndNames(t *testing.T) {
	b := newBench(t, azure)
	b.roots["0.000009"] = &slack.Msg{User: "U2", Text: "azure is down, <@U5> " + strings.Repeat("x", 400), Timestamp: "0.000009"}
	b.Handle(t.Context(), []event.Change{reply("2.000001", "0.000009", "hi <@U5> and <@U404> in <#C9|> and <#C1>"), reply("3.000001", "0.000009", "two")})
	e := b.written[0]
	if got, want := e.GetText(), "hi @Person U5 and @U404 in #name-of-C9 and #feedback"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if got, want := e.GetParent().GetId(), "slack:T1:C1:0.000009"; got != want {
		t.Errorf("parent = %q, want %q", got, want)
	}
	if got := e.GetParent().GetExcerpt(); !strings.HasPrefix(got, "azure is down, @Person U5 xx") || len(got) != 300 {
		t.Errorf("excerpt = %q (%d), want 300 characters of the root", got, len(got))
	}
	if got, want := b.asked, 1; got != want {
		t.Errorf("the root was read %d times, want %d", got, want)
	}
}

func TestRootThatCannotBeRead(t *testing.T) {
	b := newBench(t, azure)
	b.rootErr = errors.New("Slack is away")
	r := b.Handle(t.Context(), []event.Change{reply("2.000001", "0.000009", "me too"), reply("3.000001", "0.000009", "azure")})
	if r[0].Err == nil {
		t.Error("a reply whose root is unknown is done, want an error: it may be feedback")
	}
	if r[1].Err != nil || len(b.written) != 1 {
		t.Errorf("a reply that matches by itself = %v, want it published without an excerpt", r[1].Err)
	}
}

func TestNotDoneBeforeTheBrokerSaysSo(t *testing.T) {
	b := newBench(t, azure)
	down := errors.New("not enough replicas")
	b.err = func(r kafka.Record) error {
		if strings.HasSuffix(string(r.Key), "2.000001") {
			return down
		}
		return nil
	}
	changes := []event.Change{said("1.000001", "azure"), said("2.000001", "azure"), said("3.000001", "lunch")}
	r := b.Handle(t.Context(), changes)
	if r[0].Err != nil || !r[0].Published || !errors.Is(r[1].Err, down) || r[2].Err != nil {
		t.Errorf("Handle() = %v, want the second alone to fail", r)
	}
	b.err = nil
	if r = b.Handle(t.Context(), changes); r[0].Published || !r[1].Published {
		t.Errorf("Handle() again = %v, want the second alone to be published", r)
	}
}

func TestTooLargeGoesToTheDeadLetters(t *testing.T) {
	b := newBench(t, azure)
	b.err = func(r kafka.Record) error {
		if r.Topic == "feedback" && len(r.Value) > 10_000 || len(r.Value) > 100_000 {
			return kafka.ErrTooLarge
		}
		return nil
	}
	r := b.Handle(t.Context(), []event.Change{said("1.000001", "azure 1"), said("2.000001", "azure "+strings.Repeat("x", 500_000)), said("3.000001", "azure 3")})
	for i := range r {
		if r[i].Err != nil {
			t.Errorf("change %d = %v, want done", i, r[i].Err)
		}
	}
	if len(b.written) != 2 || len(b.letters) != 1 {
		t.Fatalf("written %d, dead letters %d, want 2, 1", len(b.written), len(b.letters))
	}
	letter := b.letters[0]
	if got, want := feedback.Header(letter, feedback.HeaderReason), "TooLarge"; got != want || len(letter.Value) > 100_000 {
		t.Errorf("dead letter for %q of %d bytes, want %q and its head", got, len(letter.Value), want)
	}
	if got, want := testutil.ToFloat64(b.Metrics.DeadLetters.WithLabelValues("TooLarge")), 1.0; got != want {
		t.Errorf("dead letters counted %v, want %v", got, want)
	}
}

// TestDeadLettersAreLogged: a line for each says which, why and how, and not what was said.
func TestDeadLettersAreLogged(t *testing.T) {
	b := newBench(t, azure)
	if err := b.Refuse(t.Context(), "envelope-1", []byte("azure said in private"), errors.New("no channel id in it")); err != nil {
		t.Fatal(err)
	}
	b.err = func(r kafka.Record) error {
		if r.Topic == "feedback" {
			return kafka.ErrTooLarge
		}
		return nil
	}
	b.Handle(t.Context(), []event.Change{said("1700000001.000100", "azure said in private")})
	got := b.log.String()
	for _, want := range []string{
		`level=WARN msg="dead letter" key=envelope-1 reason=Unreadable error="no channel id in it"`,
		`level=WARN msg="dead letter" key=slack:T1:C1:1700000001.000100 reason=TooLarge error="write: 1 records`,
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("log = %s\nwant once %s", got, want)
		}
	}
	if strings.Contains(got, "private") {
		t.Errorf("log = %s\nwant nothing of what was said", got)
	}
	b.log.Reset()
	b.err = func(kafka.Record) error { return errors.New("away") }
	if err := b.Refuse(t.Context(), "envelope-2", nil, errors.New("x")); err == nil || b.log.Len() > 0 {
		t.Errorf("Refuse() = %v, log = %s, want an error and no line: nothing was written", err, b.log.String())
	}
}

func TestCacheForgets(t *testing.T) {
	c := newCache[int](3)
	for i, key := range []string{"a", "b", "c", "d", "a", "e", "f", "g"} {
		c.set(key, i)
	}
	if _, ok := c.get("b"); ok {
		t.Error("b is remembered, want it forgotten")
	}
	if v, ok := c.get("e"); !ok || v != 5 {
		t.Errorf("e = %d, %t, want 5, true", v, ok)
	}
}

func TestThreadHandled(t *testing.T) {
	b := newBench(t, azure)
	b.Handle(t.Context(), []event.Change{said("1.000001", "lunch"), reply("2.000001", "1.000001", "yes"), reply("3.000001", "1.000001", "no")})
	gone := deleted("2.000001", "9.000000", "yes")
	gone.Previous.ThreadTimestamp = "1.000001"
	for _, c := range []struct {
		what   string
		latest string
		count  int
		want   bool
	}{
		{"all arrived", "3.000001", 2, true},
		{"one in between was missed", "3.000001", 3, false},
		{"the newest was missed", "4.000001", 2, false},
		{"unknown", "", 0, false},
	} {
		if got := b.ThreadHandled("C1", "1.000001", c.latest, c.count); got != c.want {
			t.Errorf("%s: ThreadHandled(%s, %d) = %t, want %t", c.what, c.latest, c.count, got, c.want)
		}
	}
	b.Handle(t.Context(), []event.Change{gone})
	if !b.ThreadHandled("C1", "1.000001", "3.000001", 1) {
		t.Error("ThreadHandled() after a deletion = false, want true")
	}
}
