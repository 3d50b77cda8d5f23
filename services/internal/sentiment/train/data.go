package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate/measured"
)

// set is a file of label<TAB>text lines.
type set struct {
	name     string
	domain   string  // tweet, dev, chat, subtitles, or a language other than English
	weight   float32 // of each of its texts in training, where one is usual
	lends    string  // the kind that learns from its texts too, and is calibrated on those put aside
	validate bool    // is for tuning and calibration alone
	figures  bool    // what is put aside of it is for figures, and calibrated on only where there is nothing else
	split    bool    // has no file for validation beside it: some of its texts are put aside
	fill     bool    // is learned from alone, neither calibrated nor measured on
	written  bool    // is one of those that come with the program
	what     string  // for the model card
	licence  string

	texts []text
}

type text struct {
	label int
	text  string
	aside bool // is for validation
}

// known are the public sets. A file of another name must begin with its domain: chat_ours.tsv.
//
// Chat learns from tweets as well, and is calibrated on them and on what was written for it: who labelled Reddit called a
// sober complaint neutral, which a customer's is not.
var known = []set{
	{name: "semeval1316_train", domain: "tweet", lends: "chat", weight: 1, what: "tweets of SemEval 2013-2016", licence: "X's terms: not passed on"},
	{name: "tweeteval_val", domain: "tweet", lends: "chat", validate: true, what: "tweets of TweetEval, validation", licence: "X's terms: not passed on"},
	{name: "goemotions_train", domain: "chat", weight: 0.5, what: "Reddit comments of GoEmotions", licence: "Apache-2.0"},
	{name: "goemotions_dev", domain: "chat", validate: true, figures: true, what: "Reddit comments of GoEmotions, development", licence: "Apache-2.0"},
	{name: "xed_en", domain: subtitles, weight: subtitlesWeight, what: "subtitles of XED", licence: "CC BY 4.0"},
	{name: "senti4sd_train", domain: "dev", weight: 1, split: true, what: "Stack Overflow posts of Senti4SD", licence: "MIT"},
	{name: "se_gh_train", domain: "dev", weight: 1, split: true, what: "GitHub comments", licence: "research use, not passed on"},
}

// files are the languages of XLM-T's tweets, as its files name them.
var files = map[string]string{
	"arabic": "ar", "french": "fr", "german": "de", "hindi": "hi", "italian": "it", "portuguese": "pt", "spanish": "es",
}

// worldLanguages are those that are learned. Hindi is not: its few texts, in Latin letters, gave no better than chance.
var worldLanguages = []string{"ar", "de", "es", "fr", "it", "pt"}

// asideShare is the share of a set's texts that are put aside for validation, in thousandths.
const asideShare = 150

// describe returns what is known of a set by its name. One whose name is in leftOut is for validation alone.
func describe(name string, leftOut []string) (set, error) {
	s, err := named(name)
	if slices.Contains(leftOut, name) {
		s.validate, s.figures = true, true // calibrated on, its figures would be better than those of a place never seen
	}
	return s, err
}

func named(name string) (set, error) {
	if i := slices.IndexFunc(known, func(s set) bool { return s.name == name }); i >= 0 {
		return known[i], nil
	}
	if rest, ok := strings.CutPrefix(name, "xlmt_"); ok {
		language, role, _ := strings.Cut(rest, "_")
		if tag, ok := files[language]; ok {
			return set{
				name: name, domain: tag, weight: 1, validate: role == "val", what: "tweets of XLM-T, " + language, licence: "X's terms: not passed on",
			}, nil
		}
	}
	domain, _, _ := strings.Cut(name, "_")
	if what, ok := subjects[name]; ok {
		kind := slices.Contains(builtin.Kinds(), domain)
		s := set{name: name, domain: domain, weight: 1, split: kind, fill: !kind, what: what + ", written for this", licence: "Apache-2.0"}
		if kind {
			s.weight = writtenWeight
		}
		return s, nil
	}
	if slices.Contains(builtin.Kinds(), domain) {
		return set{name: name, domain: domain, weight: 1, validate: strings.HasSuffix(name, "_val"), split: !strings.HasSuffix(name, "_val"), what: "own texts", licence: "own"}, nil
	}
	return set{}, fmt.Errorf("set %q is of no known kind: name the file <kind>_<name>.tsv, with a kind of %s", name, strings.Join(builtin.Kinds(), ", "))
}

// load reads all sets of a folder. A set of which the name is in leftOut is for validation alone.
func load(folder string, leftOut []string) ([]*set, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tsv"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder %s has no files *.tsv: give one with --data", folder)
	}
	var sets []*set
	var errs []error
	for _, file := range files {
		s, err := describe(strings.TrimSuffix(filepath.Base(file), ".tsv"), leftOut)
		if err == nil {
			err = s.readFile(file)
		}
		errs = append(errs, err)
		sets = append(sets, &s)
	}
	sets, err = addWritten(sets, leftOut)
	errs = append(errs, err)
	notLearned, err := measuredTexts()
	dropTwice(sets, notLearned)
	dropAlike(sets, notLearned)
	return sets, errors.Join(append(errs, err)...)
}

func (s *set) readFile(file string) error { return lines(file, s.take(file)) }

// take returns what reads a line of the set's file.
func (s *set) take(file string) func(n int, line string) error {
	return func(n int, line string) error {
		name, content, ok := strings.Cut(line, "\t")
		label, isLabel := evaluate.ParseLabel(name)
		if !ok || !isLabel {
			return fmt.Errorf("%s:%d: %.80q is no label<TAB>text, with a label of %s", file, n, line, strings.Join(evaluate.Names[:], ", "))
		}
		aside := s.validate || s.split && thousandth(content) < asideShare
		s.texts = append(s.texts, text{label: label, text: content, aside: aside})
		return nil
	}
}

// lines calls do for each line of a file.
func lines(file string, do func(n int, line string) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return scan(file, f, do)
}

// scan calls do for each line of what is read that is not empty.
func scan(file string, f io.Reader, do func(n int, line string) error) error {
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	n := 1
	for ; scanner.Scan(); n++ {
		line := scanner.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // with which some programs begin a file
		}
		if line == "" {
			continue
		}
		if err := do(n, line); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read %s:%d: %w", file, n, err)
	}
	return nil
}

// thousandth is a number below 1000 that a text always has, whatever its case, signs and mentions.
func thousandth(text string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(gist(text)))
	return int(h.Sum32() % 1000)
}

// gist is what is left of a text that is posted again with other mentions, addresses and signs.
func gist(text string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if word[0] == '@' || strings.HasPrefix(word, "http") {
			continue
		}
		for _, r := range word {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 0x80 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// measuredTexts are all that there are to be measured on.
func measuredTexts() (texts []evaluate.Judged, err error) {
	for _, s := range measured.Sets() {
		of, failed := s.Texts()
		texts, err = append(texts, of...), errors.Join(err, failed)
	}
	return texts, err
}

// fewestTelling is how many letters a text has that nobody else has written by chance, as they have "ok, thanks".
const fewestTelling = 15

// dropTwice drops of the texts for training those that stand among those for validation too, or among those that are never
// learned.
func dropTwice(sets []*set, notLearned []evaluate.Judged) {
	aside := map[string]bool{}
	for _, t := range notLearned {
		if g := gist(t.Text); len(g) >= fewestTelling {
			aside[g] = true
		}
	}
	for _, s := range sets {
		for _, t := range s.texts {
			if t.aside {
				aside[gist(t.text)] = true
			}
		}
	}
	for _, s := range sets {
		s.texts = slices.DeleteFunc(s.texts, func(t text) bool { return !t.aside && aside[gist(t.text)] })
	}
}

// use is what the texts of a set are for, in words.
func (s *set) use() string {
	aside := 0
	for _, t := range s.texts {
		if t.aside {
			aside++
		}
	}
	switch {
	case s.domain == subtitles && !s.validate:
		return "training of what all kinds share"
	case !slices.Contains(builtin.Kinds(), s.domain) && !slices.Contains(worldLanguages, s.domain):
		return "not used"
	case s.validate && s.figures:
		return "figures"
	case s.validate:
		return "calibration and figures"
	case s.weight == 0:
		return "not used"
	case aside > 0:
		return fmt.Sprintf("training, %d for calibration and figures", aside)
	}
	return "training"
}
