//go:build bench

// Package languages measures libraries that tell a text's language, as services/internal/sentiment measures our own:
// hack/bench runs each row in a process of its own. It is built with the tag bench alone, as one of the libraries makes a
// binary of 130 MB.
package languages

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"
	"github.com/pemistahl/lingua-go"
)

// among are the languages that the texts are in; each library is asked to tell these alone, which favours it.
var among = []string{"ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv"}

// unknown is the language that is taken where a library tells none, as our own does.
const unknown = "en"

// rows are what a library makes of a text: the language's ISO 639-1 code.
var rows = []struct {
	name string
	open func() func(text string) string
}{
	{"lingua-low", func() func(string) string { return openLingua(true) }},
	{"lingua-high", func() func(string) string { return openLingua(false) }},
	{"whatlanggo", openWhatlanggo},
}

// openLingua loads lingua-go with its models of all lengths of runs, or in low-accuracy mode, of three letters alone.
func openLingua(low bool) func(string) string {
	var codes []lingua.IsoCode639_1
	for _, language := range among {
		if language == "no" {
			codes = append(codes, lingua.NB, lingua.NN)
			continue
		}
		codes = append(codes, lingua.GetIsoCode639_1FromValue(strings.ToUpper(language)))
	}
	builder := lingua.NewLanguageDetectorBuilder().FromIsoCodes639_1(codes...).WithPreloadedLanguageModels()
	if low {
		builder = builder.WithLowAccuracyMode()
	}
	detector := builder.Build()
	return func(text string) string {
		language, ok := detector.DetectLanguageOf(text)
		if !ok {
			return unknown
		}
		return norwegian(strings.ToLower(language.IsoCode639_1().String()))
	}
}

func openWhatlanggo() func(string) string {
	only := map[whatlanggo.Lang]bool{}
	for _, language := range whatlanggoLanguages {
		only[language] = true
	}
	return func(text string) string {
		if language := whatlanggo.DetectLangWithOptions(text, whatlanggo.Options{Whitelist: only}); language.Iso6391() != "" {
			return norwegian(language.Iso6391())
		}
		return unknown
	}
}

// whatlanggoLanguages are those of among, as the library names them.
var whatlanggoLanguages = []whatlanggo.Lang{
	whatlanggo.Arb, whatlanggo.Ces, whatlanggo.Dan, whatlanggo.Deu, whatlanggo.Ell, whatlanggo.Eng, whatlanggo.Spa, whatlanggo.Fin, whatlanggo.Fra,
	whatlanggo.Hun, whatlanggo.Ita, whatlanggo.Nld, whatlanggo.Nob, whatlanggo.Nno, whatlanggo.Pol, whatlanggo.Por, whatlanggo.Ron, whatlanggo.Rus, whatlanggo.Swe,
}

// norwegian takes the two ways to write Norwegian for one language.
func norwegian(code string) string {
	if code == "nb" || code == "nn" {
		return "no"
	}
	return code
}

// TestRowsKnowTheLanguages is run by hand, with -tags bench: hack/bench runs the benchmarks alone.
func TestRowsKnowTheLanguages(t *testing.T) {
	for _, row := range rows {
		do := row.open()
		for text, want := range map[string]string{
			"Das ist wirklich ein sehr schönes Wetter heute": "de", "Jeg vet ikke hva jeg skal gjøre med det": "no", "The weather is really very nice today": "en",
		} {
			if got := do(text); got != want {
				t.Errorf("%s: %q is in %q, want %q", row.name, text, got, want)
			}
		}
	}
}

// BenchmarkRows measures each row on the texts of timing.tsv in the folder BENCH_TEXTS, and how right it is on those of
// languages.tsv, lines of language<TAB>text, if that is there.
func BenchmarkRows(b *testing.B) {
	folder := os.Getenv("BENCH_TEXTS")
	if folder == "" {
		b.Skip("BENCH_TEXTS names no folder of texts: run make bench ROWS=scoring,language")
	}
	timing := readPairs(b, filepath.Join(folder, "timing.tsv"))
	for _, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			do := row.open()
			i, before := 0, cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				do(timing[i%len(timing)][1])
				i++
			}
			b.ReportMetric(float64(i)/(cpuTime(b)-before).Seconds(), "texts/cpu-s")
			b.ReportMetric(peakMegabytes(b), "peak-MB")
			reportLanguages(b, do, readPairs(b, filepath.Join(folder, "languages.tsv")))
		})
	}
}

// reportLanguages tells the share of texts, and of those under 20 characters, whose language is told rightly.
func reportLanguages(b *testing.B, do func(string) string, texts [][2]string) {
	var right, all [2]float64 // of all, and of short ones
	for _, t := range texts {
		short := utf8.RuneCountInString(t[1]) < 20
		told := do(t[1]) == t[0]
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

// readPairs reads a file of two columns; one that cannot be opened has none.
func readPairs(b *testing.B, file string) (pairs [][2]string) {
	f, err := os.Open(file)
	if err != nil {
		return nil
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

// peakMegabytes is the most memory that this process has had, 0 where the kernel does not say it.
func peakMegabytes(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
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
