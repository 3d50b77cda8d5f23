package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

// detectorLanguages are those between which the detector decides, in the order of its lanes.
var detectorLanguages = []string{
	"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "no", "da", "fi", "cs", "ro", "hu", "tr", "vi", "id", "tl", "hr",
}

// otherScripts are languages that are told by their script.
var otherScripts = []string{"ar", "el", "ru"}

// spoken is a text whose language is known.
type spoken struct {
	language, kind, text string
	aside                bool
}

const (
	detectorBits   = 16
	detectorEpochs = 4
	detectorRate   = 0.3
	// madeUp is how many texts are made of the words of a language of which there are none.
	madeUp = 400
	// partsOf is the share of the texts, in hundredths, of which a few words are learned from too.
	partsOf = 40
	// asideLanguages is the share of the texts that is put aside, in thousandths.
	asideLanguages = 80
	// englishMore is how many English texts of each set for sentiment are added, so that the detector has seen more of
	// English than subtitles.
	englishMore = 2500
	// detectorFloor is the probability below which no language is told, and englishAhead what English has ahead, as a
	// logit: an English complaint that is dropped as foreign costs more than a foreign text scored as English.
	detectorFloor = 0.3
	englishAhead  = 1
)

// notProse is what has no language in a post.
var notProse = regexp.MustCompile(`https?\S*|@\w+|#`)

// misaligned is what the lines of a corpus of subtitles have that are a record of its alignment: their text is of the
// other language as often as not.
var misaligned = regexp.MustCompile(`\S+\.xml\.gz\b`)

// loadLanguages reads a file of language<TAB>kind<TAB>text, but for the lines that name no language rightly.
func loadLanguages(file string) ([]spoken, error) {
	var out []spoken
	err := lines(file, func(n int, line string) error {
		columns := strings.SplitN(line, "\t", 3)
		if len(columns) != 3 {
			return fmt.Errorf("%s:%d: no language<TAB>kind<TAB>text", file, n)
		}
		if !slices.Contains(detectorLanguages, columns[0]) && !slices.Contains(otherScripts, columns[0]) {
			return fmt.Errorf("%s:%d: language %q is none of %v", file, n, columns[0], detectorLanguages)
		}
		if misaligned.MatchString(columns[2]) {
			return nil
		}
		content := strings.TrimSpace(notProse.ReplaceAllString(columns[2], " "))
		out = append(out, spoken{columns[0], columns[1], content, thousandth(content) < asideLanguages})
		return nil
	})
	aside := map[string]bool{}
	for _, s := range out {
		aside[gist(s.text)] = aside[gist(s.text)] || s.aside
	}
	return slices.DeleteFunc(out, func(s spoken) bool { return !s.aside && aside[gist(s.text)] || gist(s.text) == "" }), err
}

// more adds texts that the file has none of: English of other kinds, and made-up ones of listed languages.
func more(sets []*set, rng *rand.Rand) []spoken {
	var out []spoken
	for _, s := range sets {
		if s.validate || !slices.Contains(builtin.Kinds(), s.domain) {
			continue
		}
		for i := range min(englishMore, len(s.texts)) {
			content := notProse.ReplaceAllString(s.texts[i*len(s.texts)/min(englishMore, len(s.texts))].text, " ")
			out = append(out, spoken{builtin.English, s.name, content, false})
		}
	}
	for _, l := range listed {
		words := strings.Fields(l.words)
		for range madeUp {
			var b strings.Builder
			for range 1 + rng.IntN(9) {
				b.WriteString(words[rng.IntN(len(words))] + " ")
			}
			out = append(out, spoken{l.language, "list", b.String(), false})
		}
	}
	return out
}

// sample is what the detector learns from.
type sample struct {
	runs     []uint32
	language int
	weight   float64
}

// samples are the texts whole and, of each, a few words in a row: short texts are where a detector is needed.
func samples(texts []spoken, rng *rand.Rand) []sample {
	reader := (&builtin.Weights{}).NewReader()
	counts := make([]float64, len(detectorLanguages))
	var out []sample
	add := func(language int, text string) {
		reader.Read(text)
		if runs := reader.LanguageRuns(); len(runs) > 0 {
			out = append(out, sample{runs: slices.Clone(runs), language: language})
			counts[language]++
		}
	}
	for _, t := range texts {
		language := slices.Index(detectorLanguages, t.language)
		if t.aside || language < 0 {
			continue
		}
		add(language, t.text)
		if words := strings.Fields(t.text); len(words) > 3 && rng.IntN(100) < partsOf {
			n := min(len(words)-1, 2+rng.IntN(4))
			first := rng.IntN(len(words) - n + 1)
			add(language, strings.Join(words[first:first+n], " "))
		}
	}
	for i := range out {
		out[i].weight = math.Sqrt(float64(len(out)) / float64(len(counts)) / counts[out[i].language])
	}
	return out
}

// lanes is how many languages a row has room for.
const lanes = 24

// detectorRow is a feature's weights for the languages, with the sums of their squared gradients.
type detectorRow struct{ w, g [lanes]float32 }

// learnLanguages returns the weights of the detector.
func learnLanguages(data []sample, rng *rand.Rand, log io.Writer) []detectorRow {
	rows := make([]detectorRow, 1<<detectorBits)
	kept := make([]uint32, 0, 4096)
	for epoch := range detectorEpochs {
		rng.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
		loss := 0.0
		for i := range data {
			kept = kept[:0]
			for _, x := range data[i].runs {
				kept = append(kept, x>>(32-detectorBits))
			}
			loss += learnLanguage(rows, kept, &data[i])
		}
		fmt.Fprintf(log, "language: epoch %d of %d: loss %.4f\n", epoch+1, detectorEpochs, loss/float64(len(data)))
	}
	return rows
}

func learnLanguage(rows []detectorRow, kept []uint32, s *sample) float64 {
	scale := float32(1 / math.Sqrt(float64(len(kept)+1)))
	var z [lanes]float32
	for _, x := range kept {
		row := &rows[x]
		for c := range detectorLanguages {
			z[c] += row.w[c]
		}
	}
	var p [lanes]float64
	most, sum := math.Inf(-1), 0.0
	for c := range detectorLanguages {
		most = max(most, float64(z[c]*scale))
	}
	for c := range detectorLanguages {
		p[c] = math.Exp(float64(z[c]*scale) - most)
		sum += p[c]
	}
	for c := range detectorLanguages {
		g := p[c] / sum
		if c == s.language {
			g--
		}
		gradient := float32(g*s.weight) * scale
		if gradient < 1e-4 && gradient > -1e-4 {
			continue
		}
		for _, x := range kept {
			row := &rows[x]
			row.g[c] += gradient * gradient
			row.w[c] -= detectorRate * gradient / (0.1 + float32(math.Sqrt(float64(row.g[c]))))
		}
	}
	return -math.Log(p[s.language]/sum + 1e-12)
}

// quantiseRows returns the rows as bytes, and the weight of a step.
func quantiseRows(rows []detectorRow) ([]byte, float64) {
	largest := 0.0
	for i := range rows {
		for c := range detectorLanguages {
			largest = max(largest, math.Abs(float64(rows[i].w[c])))
		}
	}
	step := largest / 127
	table := make([]byte, 0, lanes*len(rows))
	for i := range rows {
		for c := range lanes {
			table = append(table, byte(128+int(math.Round(float64(rows[i].w[c])/step))))
		}
	}
	return table, step
}

// trainDetector returns the detector's file.
func trainDetector(texts []spoken, sets []*set, version string, log io.Writer) ([]byte, error) {
	rng := rand.New(rand.NewPCG(1, 11)) //nolint:gosec // reproducible on purpose
	data := samples(append(slices.Clone(texts), more(sets, rng)...), rng)
	fmt.Fprintf(log, "language: %d texts and parts of texts\n", len(data))
	table, step := quantiseRows(learnLanguages(data, rng, log))
	h := builtin.DetectorHeader{Version: version, Bits: detectorBits, Languages: detectorLanguages, Step: float32(step), Floor: detectorFloor, Ahead: englishAhead}
	d, err := builtin.NewDetector(h, string(table))
	if err != nil {
		return nil, err
	}
	h.Step *= float32(temperature(d, texts))
	return builtin.WriteDetector(h, table)
}

// temperature returns by what the logits must be multiplied for the texts put aside to be most likely.
func temperature(d *builtin.Detector, texts []spoken) float64 {
	plain := *d
	plain.Ahead = 0
	reader := (&builtin.Weights{}).NewReader()
	type logits struct {
		z    [lanes]float64
		want int
	}
	var all []logits
	for _, t := range texts {
		want := slices.Index(detectorLanguages, t.language)
		if !t.aside || want < 0 {
			continue
		}
		reader.Read(t.text)
		l := logits{want: want}
		plain.Logits(reader.LanguageRuns(), &l.z)
		all = append(all, l)
	}
	best, least := 1.0, math.Inf(1)
	for by := 0.2; by < 4; by *= 1.05 {
		loss := 0.0
		for i := range all {
			sum := 0.0
			for c := range detectorLanguages {
				sum += math.Exp(by * (all[i].z[c] - all[i].z[all[i].want]))
			}
			loss += math.Log(sum)
		}
		if loss < least {
			best, least = by, loss
		}
	}
	return best
}

// told counts how often a language was told rightly.
type told struct{ texts, right int }

func (t told) share() float64 { return float64(t.right) / float64(max(1, t.texts)) }

// judgeLanguages counts over the texts put aside, by language, kind and length. Where nothing is told, assume is.
func judgeLanguages(w *builtin.Weights, texts []spoken, assume string) map[string]*told {
	reader := w.NewReader()
	out := map[string]*told{}
	for _, t := range texts {
		if !t.aside {
			continue
		}
		reader.Read(t.text)
		got := reader.Language().Tag
		if got == "" {
			got = assume
		}
		length := "20 characters and more"
		if len([]rune(t.text)) < 20 {
			length = "under 20 characters"
		}
		for _, group := range []string{"all", t.language, t.kind, length} {
			if out[group] == nil {
				out[group] = &told{}
			}
			out[group].texts++
			if got == t.language {
				out[group].right++
			}
		}
	}
	return out
}
