package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// writeData writes texts of two kinds in which one word tells the label, and returns their folder.
func writeData(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, kind := range []string{"tweet", "chat"} {
		var b strings.Builder
		for i := range 600 {
			label, word := [...]string{"negative", "neutral", "positive"}[i%3], [...]string{"blargh", "mumble", "yippee"}[i%3]
			fmt.Fprintf(&b, "%s\tthe %s thing number w%d is here %s%d\n", label, word, i, kind, i*i)
		}
		if err := os.WriteFile(filepath.Join(folder, kind+"_ours.tsv"), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestTrainLearnsOwnTexts(t *testing.T) {
	data := writeData(t)
	var written [2]map[string][]byte
	for i := range written {
		out := t.TempDir()
		if err := run(t.Context(), []string{"--data", data, "--out", out, "--bits", "12", "--epochs", "2", "--seeds", "1", "--date", "2026-01-02"}, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		written[i] = map[string][]byte{}
		for _, name := range []string{"tweet.bin", "dev.bin", "chat.bin", builtin.WorldFile, builtin.LexiconFile, builtin.DetectorFile, cardFile} {
			file, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			written[i][name] = file
		}
		checkLearned(t, out)
	}
	for name := range written[0] {
		if !bytes.Equal(written[0][name], written[1][name]) {
			t.Errorf("%s differs between two trainings with the same data and flags", name)
		}
	}
	card := string(written[0][cardFile])
	for _, want := range []string{"chat_ours", "2026-01-02", "Known weaknesses", "chat, each half by the other", "chat: texts of a product's chat, written to be measured on | 398 |"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card has no %q:\n%s", want, card)
		}
	}
}

func checkLearned(t *testing.T, folder string) {
	t.Helper()
	w, err := builtin.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	r := w.NewReader()
	for text, want := range map[string]int{"the blargh thing is here": builtin.Negative, "the mumble thing is here": builtin.Neutral, "the yippee thing is here": builtin.Positive} {
		r.Read(text)
		for _, kind := range []builtin.Kind{builtin.Tweet, builtin.Chat} {
			if got, ok := r.Score(kind, builtin.English); !ok || got.Class != want || !strings.HasPrefix(got.Model.Version, "2026-01-02-") {
				t.Errorf("%v %q: %v by %s, want class %d", kind, text, got.Probabilities, got.Model.Version, want)
			}
		}
	}
	if m := w.Kinds[builtin.Dev]; strings.HasPrefix(m.Version, "2026-01-02-") {
		t.Error("developers' model is new, want the one that there was: there are no texts")
	}
}

func TestEvaluatePrintsBothBackends(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"--data", writeData(t), "--evaluate"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| chat: chat_ours |", "| tweet: tweet_ours, VADER |", "398 texts of a product's chat", "| builtin, chat | 0.", "| VADER | 0."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("stdout has no %q:\n%s", want, out.String())
		}
	}
}

func TestCrossValidationJudgesTextsThatWereNotLearned(t *testing.T) {
	var out strings.Builder
	args := []string{"--data", writeData(t), "--cross-validate", "2", "--bits", "12", "--epochs", "2"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"tweet", "chat"} { // all texts, of which one word tells the label
		if want := fmt.Sprintf("| %s: %s_ours, ±0.000 | 600 | 1.000 | 1.000 |", kind, kind); !strings.Contains(out.String(), want) {
			t.Errorf("stdout has no %q:\n%s", want, out.String())
		}
	}
}

func TestNetworkLearnsTheOrderOfWords(t *testing.T) {
	reader := (&builtin.Weights{Lexicon: lexicon()}).NewReader()
	var examples []example
	for i := range 400 {
		text, label := "the fast one was slow", evaluate.Negative
		if i%2 == 0 {
			text, label = "the slow one was fast", evaluate.Positive
		}
		reader.Read(text)
		f := reader.Features(builtin.English)
		examples = append(examples, example{net: slices.Clone(f.Net), netEnds: slices.Clone(f.NetEnds), label: label, weight: 1})
	}
	l := newNetLearner(1, 1)
	l.fit(examples, io.Discard)
	f := newFolded(10, []int{0})
	l.fold(f, 0)
	f.rows[0][0] = 1 // a regression without weights is refused
	m, err := f.model(builtin.Header{Name: "tweet", Bits: 10, Heads: map[string]builtin.Head{builtin.English: *f.heads[0]}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{evaluate.Positive, evaluate.Negative} {
		got := m.Raw(&builtin.Features{Net: examples[i].net, NetEnds: examples[i].netEnds}, f.heads[0], 0)
		if bad := got[0] > got[1]; bad != (want == evaluate.Negative) {
			t.Errorf("logits %v of text %d, want label %d ahead", got, i, want)
		}
	}
}

func TestTrainSaysWhatIsWrong(t *testing.T) {
	write := func(name, content string) string {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	for _, test := range []struct {
		name string
		args []string
		says string
	}{
		{"no data", nil, "--data"},
		{"no files", []string{"--data", t.TempDir()}, "no files *.tsv"},
		{"a name of no kind", []string{"--data", write("ours.tsv", "positive\tx\n")}, "<kind>_<name>.tsv"},
		{"no label", []string{"--data", write("chat_ours.tsv", "positive\tx\ngood\ty\n")}, "chat_ours.tsv:2"},
		{"too few", []string{"--data", write("chat_ours.tsv", "positive\tx\n"), "--bits", "10", "--epochs", "1"}, "a training needs some hundred of each label"},
		{"bits", []string{"--data", "x", "--bits", "30"}, "--bits 30"},
		{"parts", []string{"--data", "x", "--cross-validate", "1"}, "--cross-validate 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := run(t.Context(), test.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want an error with %q", err, test.says)
			}
		})
	}
}

func TestTextsThatAreAsideAreNotTrainedOn(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"tweet_a.tsv":     "positive\t@ann SO good!!\npositive\tother\n",
		"tweet_b_val.tsv": "positive\tso good https://x.example\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sets, err := load(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		for _, text := range s.texts {
			if !text.aside && strings.Contains(text.text, "good") {
				t.Errorf("%s trains on %q, which is in another set for validation", s.name, text.text)
			}
		}
	}
}

func TestMeasuredTextsAreNotTrainedOn(t *testing.T) {
	notLearned, err := measuredTexts()
	if err != nil {
		t.Fatal(err)
	}
	var own strings.Builder
	for _, m := range notLearned {
		fmt.Fprintf(&own, "%s\t%s\n", evaluate.Names[m.Want], strings.ToUpper(m.Text))
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "chat_ours.tsv"), []byte(own.String()+"neutral\tnobody has measured this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sets, err := load(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := false
	for _, text := range sets[0].texts {
		kept = kept || text.text == "nobody has measured this"
		if !text.aside && len(gist(text.text)) >= fewestTelling && text.text != "nobody has measured this" {
			t.Errorf("trains on %q, which is measured on", text.text)
		}
	}
	if !kept {
		t.Error("a text of one's own is dropped, want it kept")
	}
}

func TestWrittenTextsJoinWhereThereAreMany(t *testing.T) {
	texts := func(each int) (out []text) {
		for i := range evaluate.Labels * each {
			out = append(out, text{label: i % evaluate.Labels})
		}
		return out
	}
	ours := set{name: "chat_ours", domain: "chat", weight: 1}
	of := func(s set, texts []text) []*set { s.texts = texts; return []*set{&s} }
	validation, german := ours, ours
	validation.validate, german.domain = true, "de"
	for _, test := range []struct {
		name string
		sets []*set
		want bool
	}{
		{"many of the kind", of(ours, texts(fewestBeside)), true},
		{"few", of(ours, texts(fewestBeside-1)), false},
		{"none of a label", of(ours, make([]text, 10*fewestBeside)), false},
		{"many for validation", of(validation, texts(fewestBeside)), false},
		{"many of another language", of(german, texts(fewestBeside)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			sets, err := addWritten(test.sets, nil)
			if err != nil {
				t.Fatal(err)
			}
			added := 0
			for _, s := range sets[len(test.sets):] {
				if s.domain != test.sets[0].domain || s.licence != "Apache-2.0" {
					t.Errorf("set %s of %s under %q joined, want the chat's that were written for this", s.name, s.domain, s.licence)
				}
				added += len(s.texts)
			}
			if got := added > 0; got != test.want {
				t.Errorf("%d written texts joined, want some: %t", added, test.want)
			}
		})
	}
}

func TestWrittenTextsAreCleanAndKnown(t *testing.T) {
	files, err := written.ReadDir("written")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".tsv")
		s, err := describe(name, nil)
		if err != nil || s.weight == 0 || s.licence != "Apache-2.0" {
			t.Errorf("set %s: %v, weight %v, licence %q, want one of known", name, err, s.weight, s.licence)
		}
		content, err := written.ReadFile("written/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := scan(file.Name(), bytes.NewReader(content), s.take(file.Name())); err != nil {
			t.Error(err)
		}
		for _, text := range s.texts {
			key := strings.ToLower(text.text)
			if before, ok := seen[key]; ok && before == name {
				t.Errorf("%s: %q is there twice", name, text.text)
			}
			seen[key] = name
			if !utf8.ValidString(text.text) || strings.ContainsAny(text.text, "\t\r") || strings.TrimSpace(text.text) != text.text || text.text == "" {
				t.Errorf("%s: %q is no clean line", name, text.text)
			}
		}
	}
}
