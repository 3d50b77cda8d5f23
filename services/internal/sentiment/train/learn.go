package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// job is one training: of the three kinds together, or of the other languages together.
type job struct {
	settings
	name    string
	domains []string
	salts   []uint64 // where the domains are languages
	lexicon *builtin.Lexicon
	log     io.Writer
}

// subtitles is the domain of texts beside the kinds, of films: the weights that all share learn from them, and no table
// is made of those of their own. Learned as chat they did harm, as who speaks in a film does not write.
const subtitles = "subtitles"

// subtitlesWeight is what each of their texts weighs in training.
const subtitlesWeight = 0.5

// kindsJob learns the three kinds of English text together, and subtitles beside them.
func kindsJob(s settings, l *builtin.Lexicon, log io.Writer) *job {
	return &job{settings: s, name: "kinds", domains: append(builtin.Kinds(), subtitles), lexicon: l, log: log}
}

// worldJob learns the languages other than English together, with English tweets beside them.
func worldJob(s settings, l *builtin.Lexicon, log io.Writer) *job {
	j := &job{settings: s, name: builtin.World, domains: append(slices.Clone(worldLanguages), builtin.English), lexicon: l, log: log}
	for _, d := range j.domains {
		j.salts = append(j.salts, builtin.Salt(d))
	}
	return j
}

// language is that of a domain's texts.
func (j *job) language(domain int) string {
	if j.salts != nil {
		return j.domains[domain]
	}
	return builtin.English
}

// domainOf returns the place of a set's domain in the job, and what its texts weigh; false if it has none.
func (j *job) domainOf(s *set) (int, float32, bool) {
	if j.salts != nil && s.domain == builtin.Tweet.String() {
		return len(j.domains) - 1, englishBeside * s.weight, !s.validate
	}
	d := slices.Index(j.domains, s.domain)
	return d, s.weight, d >= 0
}

// lent is the place in the job of the kind that a set is lent to; below 0 where there is none.
func (j *job) lent(s *set) int {
	if j.salts != nil {
		return -1
	}
	return slices.Index(j.domains, s.lends)
}

// Beside the texts in other languages, one in englishOneIn English tweets is learned from, with the weight englishBeside.
const (
	englishBeside = 0.4
	englishOneIn  = 5
)

// examples returns what is to be learned from: the texts that are not put aside and that take keeps.
func (j *job) examples(sets []*set, take func(text string) bool) []example {
	reader := (&builtin.Weights{Lexicon: j.lexicon}).NewReader()
	var out []example
	for _, s := range sets {
		domain, weight, ok := j.domainOf(s)
		if !ok || weight == 0 || s.validate {
			continue
		}
		beside := j.salts != nil && j.domains[domain] == builtin.English
		var counts [evaluate.Labels]int
		total := 0
		for _, t := range s.texts {
			if !t.aside && take(t.text) {
				counts[t.label]++
				total++
			}
		}
		for i, t := range s.texts {
			if t.aside || !take(t.text) || beside && i%englishOneIn != 0 || !reader.Read(t.text) {
				continue
			}
			f := reader.Features(j.language(domain))
			balance := float32(total) / evaluate.Labels / float32(counts[t.label])
			e := example{
				words: slices.Clone(f.Words), chars: slices.Clone(f.Chars), net: slices.Clone(f.Net), netEnds: slices.Clone(f.NetEnds), dense: f.Dense,
				label: t.label, domain: domain, weight: weight * balance,
			}
			out = append(out, e)
			if e.domain = j.lent(s); e.domain >= 0 {
				out = append(out, e)
			}
		}
	}
	return out
}

// learn learns from examples with all seeds and returns what they have in the mean, one for each table: for each kind, in
// their order, or one for all languages.
func (j *job) learn(examples []example) []*folded {
	var tables []*folded
	var of [][]int
	if j.salts != nil {
		of = [][]int{nil}
		for d := range j.domains {
			of[0] = append(of[0], d)
		}
	} else {
		for d, name := range j.domains {
			if name != subtitles {
				of = append(of, []int{d})
			}
		}
	}
	for _, domains := range of {
		tables = append(tables, newFolded(j.bits, domains))
	}
	for seed := range j.seeds {
		l := newLearner(j.settings, len(j.domains), j.salts, uint64(seed+1))
		began := time.Now()
		l.weigh(examples)
		l.fit(examples, func(epoch int, loss float64) {
			fmt.Fprintf(j.log, "%s: seed %d of %d, epoch %d of %d: loss %.4f, %s\n", j.name, seed+1, j.seeds, epoch, j.epochs, loss, time.Since(began).Round(time.Second))
		})
		for i, domains := range of {
			l.fold(tables[i], domains, 1/float32(j.seeds))
		}
	}
	if j.salts == nil {
		n := newNetLearner(len(j.domains), 1)
		n.fit(examples, j.log)
		for domain, table := range tables {
			n.fold(table, domain)
		}
	}
	return tables
}

// points returns the raw logits of texts in a domain, by a model.
func (j *job) points(m *builtin.Model, domain int, head *builtin.Head, texts []text) []point {
	reader := (&builtin.Weights{Lexicon: j.lexicon}).NewReader()
	language := j.language(domain)
	var out []point
	for _, t := range texts {
		if !reader.Read(t.text) {
			continue
		}
		f := reader.Features(language)
		out = append(out, point{raw: m.Raw(f, head, builtin.Salt(language)), label: t.label, text: t.text})
	}
	return out
}

// validation returns the texts that are put aside and that a domain is judged by, by set.
func (j *job) validation(sets []*set, domain int) map[string][]text {
	out := map[string][]text{}
	for _, s := range sets {
		if d, _, ok := j.domainOf(s); (!ok || d != domain) && j.lent(s) != domain {
			continue
		}
		for _, t := range s.texts {
			if t.aside {
				out[s.name] = append(out[s.name], t)
			}
		}
	}
	return out
}
