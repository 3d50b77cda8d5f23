package sentiment

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func newVader(t testing.TB) *Vader {
	t.Helper()
	v, err := NewVader(Options{AssumeLanguage: "en"})
	if err != nil {
		t.Fatalf("NewVader: %v", err)
	}
	return v
}

func scoreOne(t testing.TB, v Backend, d Document) *feedbackv1.Sentiment {
	t.Helper()
	sentiments, err := v.Score(t.Context(), []Document{d})
	if err != nil {
		t.Fatalf("Score(%.40q): %v", d.Text, err)
	}
	if got, want := len(sentiments), 1; got != want {
		t.Fatalf("Score gave %d sentiments, want %d", got, want)
	}
	return sentiments[0]
}

func TestVaderLabels(t *testing.T) {
	v := newVader(t)
	const negative, neutral, positive = feedbackv1.Label_LABEL_NEGATIVE, feedbackv1.Label_LABEL_NEUTRAL, feedbackv1.Label_LABEL_POSITIVE
	tests := []struct {
		name, text string
		want       feedbackv1.Label
	}{
		{"praise", "I love Azure, it is great!", positive},
		{"rage", "This is the WORST service ever. I hate it.", negative},
		{"neutral", "The portal opens on port 443.", neutral},
		{"negated", "The new dashboard is not good.", negative},
		{"negated with a typographic apostrophe", "It isn’t good", negative},
		{"negated over a line break", "The update is not\ngood", negative},
		{"contrast", "The docs are nice, but the outage was horrible.", negative},
		{"emoji alone", "😭😭", negative},
		{"emoji with a variation selector", "☺️", positive},
		{"emoji that a word follows at once", "😭and it stays so", negative},
		{"emoticon", ":)", positive},
		{"Slack's emoji code", "deploy finished :rage:", negative},
		{"anger by emoji alone", "😡😡", negative},
		{"swearing by emoji alone", "🤬", negative},
		{"thumbs down after a word", "azure👎👎", negative},
		{"fire says nothing", "azure today 🔥🔥🔥🔥", neutral},
		{"fire beside praise", "great🔥", positive},
		{"outage", "Another outage, the third this month.", negative},
		{"crashed", "The agent crashed after the update", negative},
		{"unusable", "The new editor is unusable", negative},
		{"digits alone", "503 503 503", neutral},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := scoreOne(t, v, Document{Text: test.text})
			if got.GetLabel() != test.want || got.Score == nil {
				t.Errorf("Score(%q) = %v, want label %v and a score", test.text, got, test.want)
			}
		})
	}
}

func TestVaderScoreIsHalfOfCompoundPlusOne(t *testing.T) {
	v := newVader(t)
	const text = "VADER is smart, handsome, and funny." // the authors' example: compound 0.8316
	got := scoreOne(t, v, Document{Text: text, Language: "en"})
	if want := (0.8316 + 1) / 2; got.GetScore() < want-0.0001 || got.GetScore() > want+0.0001 {
		t.Errorf("Score(%q) = %v, want %v", text, got.GetScore(), want)
	}
	if got, want := got.GetModel(), vaderModel; got != want {
		t.Errorf("model %q, want %q", got, want)
	}
}

func TestVaderUnscored(t *testing.T) {
	v := newVader(t)
	const lang, none = feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT
	tests := []struct {
		name   string
		in     Document
		want   feedbackv1.UnscoredReason
		detail string
	}{
		{"empty", Document{}, none, "there is no text to score"},
		{"white space", Document{Text: " \t\n\u00a0\u2003"}, none, "there is no text to score"},
		{"invisible", Document{Text: "\ufeff\u200b\ufe0f"}, none, "there is no text to score"},
		{"control characters", Document{Text: "\x00\x1b\x07"}, none, "there is no text to score"},
		{"broken UTF-8 alone", Document{Text: "\xff\xfe\xc3"}, none, "there is no text to score"},
		{"the source says German", Document{Text: "ok", Language: "de"}, lang, "the text is in German (de), and vader knows English only"},
		{"German", Document{Text: "Das Portal ist seit heute Morgen nicht erreichbar"}, lang, "the text is in German (de), and vader knows English only"},
		{"Chinese", Document{Text: "服务器又宕机了"}, lang, "the text is in Chinese (zh), and vader knows English only"},
		{"a script that the detector does not know", Document{Text: "ⴰⵣⵓⵍ ⴼⵍⵍⴰⴽ"}, lang, "the language could not be determined, and vader knows English only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := scoreOne(t, v, test.in)
			if got.Score != nil || got.GetUnscoredReason() != test.want || got.GetLabel() != feedbackv1.Label_LABEL_UNSPECIFIED {
				t.Errorf("Score(%q) = %v, want no score, no label and %v", test.in.Text, got, test.want)
			}
			if diff := cmp.Diff(test.detail, got.GetUnscoredDetail()); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVaderKeepsOrder(t *testing.T) {
	v := newVader(t)
	documents := make([]Document, 4*parallelFrom+1)
	for i := range documents {
		documents[i] = Document{Text: []string{"I love it", "I hate it", "", "c'est très bien ça"}[i%4]}
	}
	got, err := v.Score(t.Context(), documents)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range documents {
		if want := scoreOne(t, v, d); got[i].String() != want.String() {
			t.Fatalf("sentiment %d = %v, want %v", i, got[i], want)
		}
	}
}

func TestVaderEndsWithItsContext(t *testing.T) {
	v := newVader(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := v.Score(ctx, []Document{{Text: "I love it"}}); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("Score after the end of ctx: %v, want its cause", err)
	}
}

// hostile are texts that are big, broken or strange; each must be scored within a bounded time.
func hostile() map[string]string {
	return map[string]string{
		"a megabyte of prose":       strings.Repeat("I hate this horrible outage! ", 1<<20/29),
		"a megabyte of one rune":    strings.Repeat("a", 1<<20),
		"a megabyte of white space": strings.Repeat(" \n", 1<<19),
		"a megabyte of n't":         strings.Repeat("n't", 1<<20/3),
		"emoji alone":               strings.Repeat("😂", 1<<18),
		"exclamation marks":         strings.Repeat("!", 1<<20),
		"broken UTF-8":              strings.Repeat("\xff\xc3(", 1<<18),
		"NUL":                       strings.Repeat("\x00", 1<<20),
		"combining marks":           "a" + strings.Repeat("\u0301", 1<<19),
		"no but":                    strings.Repeat("no but kind of least ", 1<<15),
	}
}

// Whatever follows the head of a text costs nothing and changes nothing.
func TestVaderReadsNoMoreThanTheHead(t *testing.T) {
	v := newVader(t)
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			head := clean(text, maxScored)
			got, want := scoreOne(t, v, Document{Text: text}), scoreOne(t, v, Document{Text: head})
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("the score of all %d bytes is not that of the head (-want +got):\n%s", len(text), diff)
			}
		})
	}
}

func TestVaderReadsTheHeadOfALongText(t *testing.T) {
	v := newVader(t)
	got := scoreOne(t, v, Document{Text: strings.Repeat("I love it. ", 1000) + strings.Repeat("I hate it. ", 100_000)})
	if got.GetLabel() != feedbackv1.Label_LABEL_POSITIVE {
		t.Errorf("label %v, want that of the head", got.GetLabel())
	}
}

func TestVaderSurvivesAPanic(t *testing.T) {
	v := newVader(t)
	v.analyzer.Constants = nil // what the library dereferences for each text
	got := scoreOne(t, v, Document{Text: "I love it"})
	if got.GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED || got.GetUnscoredDetail() == "" {
		t.Errorf("Score = %v, want it refused with a reason", got)
	}
}

func TestVaderIsSafeForConcurrentUse(t *testing.T) {
	v := newVader(t)
	want := scoreOne(t, v, Document{Text: "I really LOVE it 😂"}).GetScore()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				s, err := v.Score(t.Context(), []Document{{Text: "I really LOVE it 😂"}})
				if err != nil || s[0].GetScore() != want {
					t.Errorf("Score = %v, %v, want %v", s, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	for _, name := range Names() {
		if _, err := Open(name, Options{AssumeLanguage: "en"}); err != nil {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
	for name, o := range map[string]Options{"vadre": {}, VaderName: {AssumeLanguage: "klingonish"}} {
		if _, err := Open(name, o); err == nil {
			t.Errorf("Open(%q, %v) gave no error", name, o)
		}
	}
}

func FuzzVader(f *testing.F) {
	for _, seed := range []string{"I love it", "", "\xff", "no but kind of", "❤️ 😡", "least at the", "never so good", "die Suppe", "日本語です", "n't", "the bomb yeah right"} {
		f.Add(seed, "")
	}
	f.Add("hola", "es-419")
	f.Add("x", "qme")
	v := newVader(f)
	f.Fuzz(func(t *testing.T, text, language string) {
		s := scoreOne(t, v, Document{Text: text, Language: language})
		if s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED {
			t.Fatalf("Score(%q) was refused: %s", text, s.GetUnscoredDetail())
		}
		if (s.Score == nil) == (s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED) {
			t.Fatalf("Score(%q) = %v, want either a score or a reason", text, s)
		}
		if s.Score != nil && !(s.GetScore() >= 0 && s.GetScore() <= 1) {
			t.Fatalf("Score(%q) = %v, want it in [0, 1]", text, s.GetScore())
		}
		if s.GetLanguage().GetTag() == "" {
			t.Fatalf("Score(%q) = %v, want a language tag, und at least", text, s)
		}
	})
}

var benchmarkTexts = []string{
	"Azure portal is down again, this is the third time this week. Really frustrating!",
	"@AzureSupport any news on the 503s in westeurope? https://status.azure.com",
	"Loving the new container apps, the deployment took 2 minutes 🎉",
	"lol ok",
	"pods stuck in ContainerCreating since 14:00 UTC",
}

func benchmarkBackend(b *testing.B, v Backend, language string) {
	b.Helper()
	documents := make([]Document, 500)
	for i := range documents {
		documents[i] = Document{Text: benchmarkTexts[i%len(benchmarkTexts)], Language: language}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := v.Score(b.Context(), documents); err != nil {
			b.Fatal(err)
		}
		n += len(documents)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}

func BenchmarkVaderTaggedByTheSource(b *testing.B) { benchmarkBackend(b, newVader(b), "en") }
func BenchmarkVaderDetecting(b *testing.B)         { benchmarkBackend(b, newVader(b), "") }
