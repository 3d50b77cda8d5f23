package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

const cardFile = "MODEL_CARD.md"

// The thresholds that channels usually have, and at which recall an alarm's is recommended.
const (
	usualBelow  = 0.3
	usualAbove  = 0.9
	alarmRecall = 0.4
)

// card is what is told of weights.
type card struct {
	options   *options
	data      *data
	figures   []figure
	languages map[string]*told
}

// figure is what was found on some texts.
type figure struct {
	name   string // of the domain and set
	report evaluate.Report
	alarm  evaluate.Channel
	off    [evaluate.Labels]float64 // calibration error at usualMix
}

func newFigure(name string, judged []evaluate.Judged) figure {
	return figure{name: name, report: evaluate.Of(judged, usualBelow, usualAbove), alarm: evaluate.AlarmAt(judged, alarmRecall), off: evaluate.CalibrationAt(judged, usualMix)}
}

// calibrated returns the head of a domain calibrated on points, and notes what it reaches: each half of them judged by
// the calibration of the other half, and each set of texts put aside by that of all.
func (c *card) calibrated(j *job, domain int, head *builtin.Head, points []point, raw *builtin.Model, bySet map[string][]text) builtin.Head {
	h := *head
	h.Calibration, h.Mix = calibrate(points), headMix()
	crossed := newFigure(j.domains[domain]+", each half by the other", crossJudge(points))
	h.Alarm = float32(crossed.alarm.Threshold)
	c.figures = append(c.figures, crossed)
	if j.salts == nil && len(bySet) > 1 {
		for _, set := range sorted(bySet) {
			c.figures = append(c.figures, newFigure(j.domains[domain]+": "+set, judge(j.points(raw, domain, head, bySet[set]), h.Calibration)))
		}
	}
	return h
}

const cardHead = `# The built-in models

Made by hack/train on %s with %d bits, %d epochs and %d seeds. For each kind of English text (tweet, dev, chat), learned
together: a logistic regression over hashed words, negated words, pairs, triples and runs of three to five letters, with
sums over a lexicon, of which the features are scaled by how telling they are, as in NB-SVM; and a small network over three
words in a row, which adds half of its logits. For other languages (world) a regression alone. Weights are a byte each. The
score is P(positive) + P(neutral)/2; the probabilities are calibrated for a stream of which %.0f %% are negative, %.0f %%
neutral and %.0f %% positive. The label is the one whose probability is the greatest multiple of that share.

## Trained on
Only those that were written for this are part of the project; the others are not, and cannot be had back from the weights.

| set | texts | licence | set name | for |
|---|---|---|---|---|
`

const cardTail = `
## Known weaknesses
- Irony, news of bad events that their teller does not judge, and what only the context tells.
- Chat (Slack) has no public test set: it learns from texts that were written for this, from tweets and from Reddit comments,
  on which its probabilities are less well calibrated. The texts that it is measured on were written too, by a language model as
  those that it learned from: real messages are harder, and nobody has measured by how much, see docs/scoring.md.
- Texts of which only the first 4,096 bytes count, and words mixed from two languages.
- Danish and Norwegian are taken for one another; languages without a model are unscored.
- The probabilities assume that many texts are negative, see above. Where few are, most of what lies below 0.3 is not:
  take the recommended threshold there.
`

func (c *card) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, cardHead, c.options.date, c.options.bits, c.options.epochs, c.options.seeds, 100*usualMix[evaluate.Negative], 100*usualMix[evaluate.Neutral], 100*usualMix[evaluate.Positive])
	for _, s := range c.data.sets {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", s.what, len(s.texts), s.licence, s.name, s.use())
	}
	if n := len(c.data.spoken); n > 0 {
		fmt.Fprintf(&b, "| sentences of subtitles and tweets, by language | %d | CC BY 4.0; tweets not passed on | lid_train | language detector |\n", n)
	}
	fmt.Fprint(&b, "| VADER's lexicon, 7,500 words, and some 3,500 words that were chosen by hand | | MIT; own | | lexicon |\n\n## Figures\nOn texts that were not trained on. ", figureHead)
	for _, f := range c.figures {
		b.WriteString(f.row())
	}
	if c.languages != nil {
		fmt.Fprint(&b, "\n## Languages\nOn texts put aside, English assumed where nothing is told.\n\n| | texts | right |\n|---|---|---|\n")
		for _, k := range sorted(c.languages) {
			fmt.Fprintf(&b, "| %s | %d | %.1f %% |\n", k, c.languages[k].texts, 100*c.languages[k].share())
		}
	}
	b.WriteString(cardTail)
	return b.String()
}

const figureHead = `Channels are those below 0.3 and above 0.9; "at 5 %" and "at 10 %" are the precision of a channel below
the recommended threshold where so many texts are negative, at a recall of .40. ECE is the expected calibration error of
negative, neutral and positive, where they are as common as the probabilities assume.

| texts | number | macro recall | macro F1 | below 0.3: precision, recall | above 0.9: precision, recall (negative ones) | threshold | at 5 %, at 10 % | ECE |
|---|---|---|---|---|---|---|---|---|
`

func (f figure) row() string {
	r := f.report
	return fmt.Sprintf("| %s | %d | %.3f | %.3f | %.2f, %.2f | %.2f, %.2f (%d) | %.3f | %.2f, %.2f | %s |\n", f.name, r.Texts-r.Unscored, r.MacroRecall, r.MacroF1,
		r.Negative.Precision, r.Negative.Recall, r.Positive.Precision, r.Positive.Recall, r.Positive.Opposite,
		f.alarm.Threshold, f.alarm.At(0.05), f.alarm.At(0.1), errorsOf(f.off))
}

// errorsOf are the calibration errors, or nothing without probabilities.
func errorsOf(c [evaluate.Labels]float64) string {
	if math.IsNaN(c[0]) {
		return "-"
	}
	return fmt.Sprintf("%.3f, %.3f, %.3f", c[0], c[1], c[2])
}
