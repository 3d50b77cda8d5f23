package traffic

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

type world struct {
	slack  *slack.Workspace
	x      *x.Network
	faults *fault.Set
	*Traffic
}

func newWorld(t *testing.T, seed uint64, scenario bool) *world {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	f := fault.New(time.Now)
	w, err := slack.Open(slack.Options{Channels: []string{"feedback", "support", "random"}, NotInvited: []string{"feedback", "support", "random"}, Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n, err := x.Open(x.Options{Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(); _ = n.Close() })
	corpus, err := Corpus("")
	if err != nil {
		t.Fatal(err)
	}
	return &world{w, n, f, New(Options{Slack: w, X: n, Faults: f, Log: log, Corpus: corpus, Channels: []string{"feedback", "support", "random"}, Scenario: scenario, Seed: seed})}
}

// talk has people talk for d of simulated time.
func (w *world) talk(d time.Duration, rate float64) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	w.Set(true, rate)
	<-time.After(d)
	w.Set(false, 0)
	cancel()
	<-done
}

func TestEverythingIsSeenWithinTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, true)
		started := map[fault.Kind]int{}
		for _, k := range []fault.Kind{fault.Redeliver, fault.Slack429, fault.Drop, fault.X503, fault.Disconnect} {
			w.faults.On(k, func(f fault.Fault) { started[f.Kind]++ })
		}
		w.talk(2*time.Minute, 5)

		seen := map[string]int{}
		texts := map[string][]string{}
		for _, s := range w.slack.Said() {
			count(seen, map[string]bool{"slack post": true, "reply": s.ThreadTS != "", "bot": s.Bot, "deleted": s.Deleted, "edited": len(s.Revisions) > 1 && !s.Revisions[1].Deleted,
				"without keyword": !hasKeyword(s.FinalText), "in another channel": s.Channel != "feedback", "empty": s.FinalText == "" && !s.Deleted})
			texts[s.FinalText] = append(texts[s.FinalText], s.User)
		}
		for _, s := range w.x.Said() {
			count(seen, map[string]bool{"x post": true, "retweet": s.RetweetOf != "", "x deleted": s.Deleted, "x edited": len(s.Revisions) > 1, "long": len([]rune(s.FinalText)) > 280,
				"x reply": s.ReplyTo != "", "x not English": s.Lang != "en"})
			texts[s.FinalText] = append(texts[s.FinalText], s.Author)
		}
		for text, users := range texts {
			slices.Sort(users)
			if hasKeyword(text) && len(slices.Compact(users)) >= 3 && !strings.HasPrefix(text, "RT ") {
				seen["identical texts"]++
			}
		}
		standing, _ := w.slack.Standing("feedback", false)
		for _, m := range standing {
			count(seen, map[string]bool{"text in blocks": m.Text == "" && len(m.Blocks) > 0, "file": len(m.Files) > 0})
		}
		for _, what := range []string{"slack post", "reply", "bot", "deleted", "edited", "without keyword", "in another channel", "x post", "retweet", "x deleted", "x edited",
			"long", "x reply", "x not English", "identical texts", "text in blocks", "file", "empty"} {
			if seen[what] == 0 {
				t.Errorf("in two minutes there was no %s, want some", what)
			}
		}
		for _, k := range []fault.Kind{fault.Redeliver, fault.Slack429, fault.Drop, fault.Disconnect} {
			if started[k] < 2 {
				t.Errorf("fault %s came %d times in two minutes, want at least 2", k, started[k])
			}
		}
		if posts := seen["slack post"] + seen["x post"]; posts < 500 || posts > 600 {
			t.Errorf("posts = %d, want a little less than 600: 5 a second, edits and deletions among them", posts)
		}
		if share := seen["x post"] * 100 / (seen["slack post"] + seen["x post"]); share < 25 || share > 55 {
			t.Errorf("%d%% of the posts are on X, want about 40", share)
		}
	})
}

func count(seen map[string]int, is map[string]bool) {
	for what, yes := range is {
		if yes {
			seen[what]++
		}
	}
}

func TestSameSeedSameWords(t *testing.T) {
	said := func(seed uint64) (out []string) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, true)
			w.talk(19950*time.Millisecond, 10) // between two words
			for _, s := range w.slack.Said() {
				out = append(out, s.Channel+" "+s.User+" "+s.FinalText)
			}
			for _, s := range w.x.Said() {
				out = append(out, s.Author+" "+s.FinalText)
			}
		})
		return out
	}
	a, b, c := said(7), said(7), said(8)
	if !slices.Equal(a, b) {
		t.Error("the same seed said different things")
	}
	if slices.Equal(a, c) {
		t.Error("another seed said the same things")
	}
}

func TestWithoutScenarioOnlyTheCorpusIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, false)
		w.talk(time.Duration(len(w.o.Corpus))*time.Second, 1)
		known := map[string]bool{"": true}
		for _, c := range w.o.Corpus {
			known[c.Text] = true
		}
		for _, s := range w.slack.Said() {
			if !known[s.FinalText] || len(s.Revisions) > 1 || s.Bot || s.ThreadTS != "" {
				t.Errorf("said %+v, want a text of the corpus as it is", s)
			}
		}
	})
}

func TestSilenceIsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, true)
		w.talk(time.Second, 50)
		before := w.slack.Counts()["posts"] + w.x.Counts()["posts"]
		<-time.After(time.Minute)
		if after := w.slack.Counts()["posts"] + w.x.Counts()["posts"]; after != before || before == 0 {
			t.Errorf("posts = %d, and a minute later %d, want no more", before, after)
		}
		if running, rate := w.Status(); running || rate != 50 {
			t.Errorf("Status() = %v %v, want silent with the rate kept", running, rate)
		}
	})
}

func TestCorpus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "corpus.tsv")
	if err := os.WriteFile(path, []byte("plain \\n text\n\nnegative\tone\\ntwo\\tthree \\\\n\r\nnone\t\n#Azure ist wirklich nicht gut und das ist schlecht\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Corpus(path)
	want := []Text{{"", "plain \\n text", "en"}, {"negative", "one\ntwo\tthree \\n", "en"}, {"none", "", "und"}, {"", "#Azure ist wirklich nicht gut und das ist schlecht", "de"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Corpus = %+v %v, want %+v", got, err, want)
	}
	if _, err := Corpus(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "read the corpus") {
		t.Errorf("Corpus of a missing file = %v, want an error", err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Corpus(empty); err == nil || !strings.Contains(err.Error(), "no texts") {
		t.Errorf("Corpus of an empty file = %v, want an error", err)
	}
	if own, err := Corpus(""); err != nil || len(own) != 40 {
		t.Errorf("the built-in corpus has %d texts (%v), want 40", len(own), err)
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"Azure is down again": "en",
		"lol ok":              "en",
		"Azure ist wieder nicht da, wir sind raus":             "de",
		"Encore une panne, c'est vraiment nul et je suis déçu": "fr",
		"La consola no funciona y es un desastre":              "es",
		"またAzureが落ちてる":                                         "ja",
		"非常感谢 Azure 支持团队，问题解决了":                                "zh",
		"Azure 팀 정말 감사합니다":                                     "ko",
		"Спасибо команде Azure за помощь":                      "ru",
		"🔥🔥🔥": "und",
		"":    "und",
	} {
		if got := language(text); got != want {
			t.Errorf("language(%q) = %q, want %q", text, got, want)
		}
	}
}
