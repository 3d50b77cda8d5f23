package sentiment

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func newBuiltin(t testing.TB, o Options) *Builtin {
	t.Helper()
	b, err := NewBuiltin(o)
	if err != nil {
		t.Fatalf("NewBuiltin: %v", err)
	}
	return b
}

func TestBuiltinLabels(t *testing.T) {
	b := newBuiltin(t, Options{AssumeLanguage: "en"})
	const negative, neutral, positive = feedbackv1.Label_LABEL_NEGATIVE, feedbackv1.Label_LABEL_NEUTRAL, feedbackv1.Label_LABEL_POSITIVE
	for _, test := range []struct {
		text, language string
		want           feedbackv1.Label
	}{
		{"I love Azure, it is great!", "en", positive},
		{"This is the WORST service ever. I hate it.", "en", negative},
		{"The portal opens on port 443.", "en", neutral},
		{"The new dashboard is not good.", "en", negative},
		{"😡😡", "en", negative},
		{":)", "en", positive},
		{"Das ist wunderbar, ich freue mich sehr!", "de", positive},
		{"El servicio está caído otra vez, qué asco de plataforma", "es", negative},
	} {
		got := scoreOne(t, b, Document{Text: test.text})
		if got.GetLabel() != test.want || got.Score == nil || got.GetLanguage().GetTag() != test.language {
			t.Errorf("Score(%q) = %v, want label %v in %s and a score", test.text, got, test.want, test.language)
		}
		if !strings.HasPrefix(got.GetModel(), "builtin/") {
			t.Errorf("model %q, want builtin/ before it", got.GetModel())
		}
	}
}

func TestBuiltinLeavesUnscoredWithTheReason(t *testing.T) {
	b := newBuiltin(t, Options{})
	for _, test := range []struct {
		document Document
		reason   feedbackv1.UnscoredReason
		says     string
	}{
		{Document{}, feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "no text"},
		{Document{Text: " \t\xff\x00 "}, feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "no text"},
		{Document{Text: "Azure ligt er weer uit, het hele kantoor staat stil. Wat een ellende."}, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, "Dutch (nl)"},
		{Document{Text: "hello", Language: "ja"}, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, "Japanese (ja), and builtin knows ar, de, en"},
		{Document{Text: "🔥"}, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, "could not be determined"},
	} {
		got := scoreOne(t, b, test.document)
		if got.Score != nil || got.GetUnscoredReason() != test.reason || !strings.Contains(got.GetUnscoredDetail(), test.says) {
			t.Errorf("Score(%+v) = %v, want no score, %v and %q", test.document, got, test.reason, test.says)
		}
	}
}

func TestBuiltinChoosesTheKindBySource(t *testing.T) {
	const slack, x = feedbackv1.SourceKind_SOURCE_KIND_SLACK, feedbackv1.SourceKind_SOURCE_KIND_X
	for _, test := range []struct {
		options Options
		source  feedbackv1.SourceKind
		want    string
	}{
		{Options{}, slack, "builtin/chat-"}, {Options{}, x, "builtin/tweet-"}, {Options{}, 0, "builtin/tweet-"},
		{Options{SlackKind: "dev"}, slack, "builtin/dev-"}, {Options{XKind: "dev"}, x, "builtin/dev-"}, {Options{Kind: "chat"}, 0, "builtin/chat-"},
	} {
		got := scoreOne(t, newBuiltin(t, test.options), Document{Text: "The portal is down again", Kind: test.source})
		if !strings.HasPrefix(got.GetModel(), test.want) {
			t.Errorf("%+v, source %v: model %q, want %s...", test.options, test.source, got.GetModel(), test.want)
		}
	}
	got := scoreOne(t, newBuiltin(t, Options{}), Document{Text: "Das ist wunderbar, ich freue mich", Kind: slack})
	if !strings.HasPrefix(got.GetModel(), "builtin/world-") {
		t.Errorf("German: model %q, want builtin/world-...", got.GetModel())
	}
}

func TestBuiltinNeutralTermsChangeNoScore(t *testing.T) {
	b := newBuiltin(t, Options{NeutralTerms: []string{"awful", "great"}})
	got := scoreOne(t, b, Document{Text: "awful is at nine", Language: "en"})
	want := scoreOne(t, b, Document{Text: "great is at nine", Language: "en"})
	if got.GetScore() != want.GetScore() {
		t.Errorf("scores %v and %v of two terms that say nothing, want them the same", got.GetScore(), want.GetScore())
	}
}

func TestBuiltinIsRefusedWhatItCannotBe(t *testing.T) {
	for _, test := range []struct {
		options Options
		says    string
	}{
		{Options{SlackKind: "slack"}, "use one of tweet, dev, chat"}, {Options{NeutralTerms: []string{""}}, "neutral term"},
		{Options{Weights: "/does/not/exist"}, "/does/not/exist"}, {Options{AssumeLanguage: "klingonish"}, "klingonish"},
	} {
		if _, err := NewBuiltin(test.options); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("NewBuiltin(%+v): %v, want an error with %q", test.options, err, test.says)
		}
	}
}

func TestBuiltinBelievesXOnlyWhileNothingElseIsSure(t *testing.T) {
	b := newBuiltin(t, Options{})
	const german = "Der Dienst ist seit gestern Abend nicht mehr erreichbar und niemand sagt uns, warum das so ist"
	for _, test := range []struct {
		document Document
		want     string
	}{
		{Document{Text: german, Language: "en", Kind: feedbackv1.SourceKind_SOURCE_KIND_X}, "de"},
		{Document{Text: german, Language: "en"}, "en"},
		{Document{Text: german, Language: "ca", Kind: feedbackv1.SourceKind_SOURCE_KIND_X}, "ca"},
		{Document{Text: "nein", Language: "en", Kind: feedbackv1.SourceKind_SOURCE_KIND_X}, "en"},
	} {
		if got := scoreOne(t, b, test.document).GetLanguage().GetTag(); got != test.want {
			t.Errorf("%+v is in %s, want %s", test.document, got, test.want)
		}
	}
}

func TestBuiltinIsSafeForConcurrentUse(t *testing.T) {
	b := newBuiltin(t, Options{AssumeLanguage: "en"})
	documents := make([]Document, 200)
	for i := range documents {
		documents[i].Text = []string{"I love it", "I hate it", "it opens at nine", "Das ist schön"}[i%4]
	}
	want, err := b.Score(t.Context(), documents)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := b.Score(t.Context(), documents)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range got {
				if got[i].GetScore() != want[i].GetScore() || got[i].GetModel() != want[i].GetModel() {
					t.Errorf("document %d: %v, want %v", i, got[i], want[i])
				}
			}
		})
	}
	group.Wait()
}

func TestBuiltinEndsWithTheContext(t *testing.T) {
	b := newBuiltin(t, Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	for _, n := range []int{1, 500} {
		if _, err := b.Score(ctx, make([]Document, n)); !errors.Is(err, cause) {
			t.Errorf("Score of %d: %v, want %v", n, err, cause)
		}
	}
}

// BenchmarkBuiltin is the backend beside BenchmarkVaderDetecting, on the same texts.
func BenchmarkBuiltinDetecting(b *testing.B) {
	benchmarkBackend(b, newBuiltin(b, Options{AssumeLanguage: "en"}), "")
}

func BenchmarkBuiltinTaggedByTheSource(b *testing.B) {
	benchmarkBackend(b, newBuiltin(b, Options{AssumeLanguage: "en"}), "en")
}

func FuzzBuiltin(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 300)], "", uint8(0))
	}
	for i, tag := range []string{"es-419", "qme", "de", "xx", "\xff", "zxx"} {
		f.Add("hola, I love it 😂 não", tag, uint8(i))
	}
	b := newBuiltin(f, Options{AssumeLanguage: "en", NeutralTerms: []string{"azure", "front door"}})
	kinds := []feedbackv1.SourceKind{feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, feedbackv1.SourceKind_SOURCE_KIND_SLACK, feedbackv1.SourceKind_SOURCE_KIND_X, 99}
	f.Fuzz(func(t *testing.T, text, language string, kind uint8) {
		s := scoreOne(t, b, Document{Text: text, Language: language, Kind: kinds[int(kind)%len(kinds)]})
		if s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED {
			t.Errorf("Score(%q) was refused: %s", text, s.GetUnscoredDetail())
		}
		if (s.Score == nil) == (s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED) {
			t.Errorf("Score(%q) = %v, want either a score or a reason", text, s)
		}
		if s.Score != nil && !(s.GetScore() >= 0 && s.GetScore() <= 1) {
			t.Errorf("Score(%q) = %v, want it in [0, 1]", text, s.GetScore())
		}
		if s.GetLanguage().GetTag() == "" || s.GetModel() == "" {
			t.Errorf("Score(%q) = %v, want a language tag, und at least, and a model", text, s)
		}
	})
}
