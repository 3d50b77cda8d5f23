package sentiment

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate/measured"
)

// textRow is one way to score texts, or to tell their language, for make bench: hack/bench runs each in a process of its
// own, beside libraries of others.
type textRow struct {
	name string
	// on are the sets whose macro recall is told; languages are told if it is empty.
	on []string
	// open returns what does it, for one text, on one goroutine.
	open func(b *testing.B) func(text string) *feedbackv1.Sentiment
}

// ownTexts is the set of package chat.
const ownTexts = "own"

var textRows = []textRow{
	{"builtin-tweet", []string{"tweet", ownTexts}, openReader(builtin.Tweet)},
	{"builtin-dev", []string{"dev", ownTexts}, openReader(builtin.Dev)},
	{"builtin-chat", []string{"chat", ownTexts}, openReader(builtin.Chat)},
	{"builtin-language-and-tweet", []string{"tweet", ownTexts}, func(b *testing.B) func(string) *feedbackv1.Sentiment {
		backend := newBuiltin(b, Options{AssumeLanguage: builtin.English})
		reader := backend.weights.NewReader()
		return func(text string) *feedbackv1.Sentiment { return backend.one(reader, &Document{Text: text}, &answer{}) }
	}},
	{"vader", []string{"tweet", "dev", "chat", ownTexts}, func(b *testing.B) func(string) *feedbackv1.Sentiment {
		backend := newVader(b)
		return func(text string) *feedbackv1.Sentiment {
			return backend.one(Document{Text: text, Language: builtin.English})
		}
	}},
	{"language", nil, func(b *testing.B) func(string) *feedbackv1.Sentiment {
		weights, err := builtin.Load("")
		if err != nil {
			b.Fatal(err)
		}
		reader := weights.NewReader()
		said := &feedbackv1.Sentiment{Language: &feedbackv1.Language{}}
		return func(text string) *feedbackv1.Sentiment {
			reader.Read(text)
			if said.Language.Tag = reader.Language().Tag; said.Language.Tag == "" {
				said.Language.Tag = builtin.English
			}
			return said
		}
	}},
}

// openReader scores by the model of a kind, in English.
func openReader(kind builtin.Kind) func(b *testing.B) func(string) *feedbackv1.Sentiment {
	return func(b *testing.B) func(string) *feedbackv1.Sentiment {
		weights, err := builtin.Load("")
		if err != nil {
			b.Fatal(err)
		}
		reader := weights.NewReader()
		score := 0.0
		said := &feedbackv1.Sentiment{}
		return func(text string) *feedbackv1.Sentiment {
			said.Score = nil
			if !reader.Read(text) {
				return said
			}
			result, _ := reader.Score(kind, builtin.English)
			score = result.Score()
			said.Score, said.Label = &score, labelOf[result.Class]
			return said
		}
	}
}

// BenchmarkRows measures each row on the texts of timing.tsv in the folder BENCH_TEXTS, and how right it is on the sets
// that are there too: tweet.tsv, dev.tsv and chat.tsv of label<TAB>text, and languages.tsv of language<TAB>text.
func BenchmarkRows(b *testing.B) {
	folder := os.Getenv("BENCH_TEXTS")
	if folder == "" {
		b.Skip("BENCH_TEXTS names no folder of texts: run make bench ROWS=scoring,language")
	}
	timing := readPairs(b, filepath.Join(folder, "timing.tsv"))
	for _, row := range textRows {
		b.Run(row.name, func(b *testing.B) {
			do := row.open(b)
			i, before := 0, cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				do(timing[i%len(timing)][1])
				i++
			}
			b.ReportMetric(float64(i)/(cpuTime(b)-before).Seconds(), "texts/cpu-s")
			b.ReportMetric(peakMegabytes(b), "peak-MB")
			for _, set := range row.on {
				if texts := labelledTexts(b, folder, set); len(texts) > 0 {
					b.ReportMetric(recallOf(do, texts), "recall-"+set)
				}
			}
			if len(row.on) == 0 {
				reportLanguages(b, do, readPairs(b, filepath.Join(folder, "languages.tsv")))
			}
		})
	}
}

func recallOf(do func(string) *feedbackv1.Sentiment, texts []evaluate.Judged) float64 {
	for i := range texts {
		s := do(texts[i].Text)
		texts[i].Scored, texts[i].Score, texts[i].Got = s.Score != nil, s.GetScore(), int(s.GetLabel()-feedbackv1.Label_LABEL_NEGATIVE)
	}
	return evaluate.Of(texts, 0.3, 0.9).MacroRecall
}

// reportLanguages tells the share of texts, and of those under 20 characters, whose language is told rightly.
func reportLanguages(b *testing.B, do func(string) *feedbackv1.Sentiment, texts [][2]string) {
	var right, all [2]float64 // of all, and of short ones
	for _, t := range texts {
		short := utf8.RuneCountInString(t[1]) < 20
		told := do(t[1]).GetLanguage().GetTag() == t[0]
		for i, counts := range []bool{true, short} {
			if counts {
				all[i]++
			}
			if counts && told {
				right[i]++
			}
		}
	}
	if len(texts) > 0 {
		b.ReportMetric(right[0]/all[0], "right")
		b.ReportMetric(right[1]/all[1], "right-short")
	}
}

// labelledTexts are those of a set, none if it is not there.
func labelledTexts(b *testing.B, folder, set string) []evaluate.Judged {
	if set == ownTexts {
		texts, err := measured.Chat.Texts()
		if err != nil {
			b.Fatal(err)
		}
		return texts
	}
	var texts []evaluate.Judged
	for _, pair := range readPairs(b, filepath.Join(folder, set+".tsv")) {
		if label, ok := evaluate.ParseLabel(pair[0]); ok {
			texts = append(texts, evaluate.Judged{Want: label, Text: pair[1]})
		}
	}
	return texts
}

// readPairs reads a file of two columns; one that is not there has none.
func readPairs(b *testing.B, file string) (pairs [][2]string) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if first, second, ok := strings.Cut(lines.Text(), "\t"); ok {
			pairs = append(pairs, [2]string{first, second})
		}
	}
	if err := lines.Err(); err != nil {
		b.Fatal(err)
	}
	return pairs
}

// cpuTime is what this process has computed so far, on all cores.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMegabytes is the most memory that this process has had, where the kernel says it.
func peakMegabytes(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("no peak of memory: %v", err)
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kilobytes)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return n / 1024
		}
	}
	return 0
}
