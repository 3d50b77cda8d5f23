// Package evaluate measures scores against labels: what a classifier is judged by, and what the readers of a channel
// feel. All figures are rates from 0 to 1.
package evaluate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// The labels, in the order of a confusion's rows and columns.
const (
	Negative = iota
	Neutral
	Positive
	Labels
)

// Names are the labels as files have them.
var Names = [Labels]string{"negative", "neutral", "positive"}

// ParseLabel returns the label of that name.
func ParseLabel(name string) (int, bool) {
	i := slices.Index(Names[:], name)
	return i, i >= 0
}

// Judged is one text that has a label and may have been scored.
type Judged struct {
	Text   string
	Want   int
	Scored bool
	Got    int     // the label that it got
	Score  float64 // from 0, very negative, to 1
	// P are the probabilities of the labels, where the backend gives any.
	P *[Labels]float64
}

// Report is what was found.
type Report struct {
	Texts, Unscored int
	// Confusion counts by the label wanted, then by the one got.
	Confusion [Labels][Labels]int
	// MacroRecall is the mean recall, and MacroF1 the mean F1, of the labels that occur. Where no text is neutral, the
	// better of the other two labels is taken for those that got neutral.
	MacroRecall, MacroF1 float64
	// MacroRecallError is the standard error of MacroRecall: how far that of other texts like these usually is from it.
	MacroRecallError   float64
	Negative, Positive Channel
}

// Channel is what a channel would be told.
type Channel struct {
	Threshold         float64
	Told, Right       int
	Precision, Recall float64
	// Opposite is how many texts of the opposite label it would be told.
	Opposite int
	// FalseAlarms is the share of the other texts that it would be told.
	FalseAlarms float64
}

// At is the channel's precision where that share of all texts has its label.
func (c Channel) At(share float64) float64 {
	right, wrong := share*c.Recall, (1-share)*c.FalseAlarms
	if right+wrong == 0 {
		return 0
	}
	return right / (right + wrong)
}

// Of judges texts by their scores: below is the negative channel's threshold, above the positive one's.
func Of(texts []Judged, below, above float64) Report {
	r := Report{Texts: len(texts)}
	two := !slices.ContainsFunc(texts, func(t Judged) bool { return t.Want == Neutral })
	for _, t := range texts {
		if !t.Scored {
			r.Unscored++
			continue
		}
		got := t.Got
		if two && got == Neutral {
			got = Negative
			if t.Score > 0.5 {
				got = Positive
			}
		}
		r.Confusion[t.Want][got]++
	}
	r.macro()
	r.Negative = channel(texts, Negative, below)
	r.Positive = channel(texts, Positive, above)
	return r
}

// CalibrationAt is the expected calibration error of each label where the labels are as common as in mix, whatever their
// shares among these texts: the mean difference between how probable a label is said to be and how often it is right. It is
// NaN without probabilities.
func CalibrationAt(texts []Judged, mix [Labels]float64) (off [Labels]float64) {
	for label := range Labels {
		off[label] = calibration(texts, label, &mix)
	}
	return off
}

func (r *Report) macro() {
	occurring := 0.0
	for label := range Labels {
		wanted, got := 0, 0
		for other := range Labels {
			wanted += r.Confusion[label][other]
			got += r.Confusion[other][label]
		}
		if wanted == 0 {
			continue
		}
		occurring++
		right := float64(r.Confusion[label][label])
		recall := right / float64(wanted)
		r.MacroRecall += recall
		r.MacroRecallError += recall * (1 - recall) / float64(wanted)
		r.MacroF1 += 2 * right / float64(wanted+got)
	}
	if occurring > 0 {
		r.MacroRecall /= occurring
		r.MacroRecallError = math.Sqrt(r.MacroRecallError) / occurring
		r.MacroF1 /= occurring
	}
}

// channel is that of a label: scores below the threshold for the negative one, above it for the positive one.
func channel(texts []Judged, label int, threshold float64) Channel {
	c := Channel{Threshold: threshold}
	wanted, others := 0, 0
	for _, t := range texts {
		told := t.Scored && (label == Negative && t.Score < threshold || label == Positive && t.Score > threshold)
		if t.Want == label {
			wanted++
		} else {
			others++
		}
		if !told {
			continue
		}
		c.Told++
		switch t.Want {
		case label:
			c.Right++
		case Negative + Positive - label:
			c.Opposite++
		}
	}
	c.Precision = ratio(c.Right, c.Told)
	c.Recall = ratio(c.Right, wanted)
	c.FalseAlarms = ratio(c.Told-c.Right, others)
	return c
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// AlarmAt returns the negative channel whose threshold is the least that tells that share of the negative texts.
func AlarmAt(texts []Judged, recall float64) Channel {
	var scores []float64
	for _, t := range texts {
		if t.Want == Negative && t.Scored {
			scores = append(scores, t.Score)
		}
	}
	if len(scores) == 0 {
		return Channel{}
	}
	slices.Sort(scores)
	n := min(len(scores), max(1, int(math.Ceil(recall*float64(len(scores))))))
	return channel(texts, Negative, math.Nextafter(scores[n-1], 2))
}

// samples is how many samples a standard error is taken from.
const samples = 500

// StandardError is how far a figure of these texts is usually from that of all texts like them: the standard deviation
// of the figure over samples of as many texts, drawn from these with replacement. It is the same for the same texts.
func StandardError(texts []Judged, figure func([]Judged) float64) float64 {
	random := rand.New(rand.NewPCG(1, uint64(len(texts)))) //nolint:gosec // nobody gains by guessing it
	sample := make([]Judged, len(texts))
	sum, squares := 0.0, 0.0
	for range samples {
		for i := range sample {
			sample[i] = texts[random.IntN(len(texts))]
		}
		v := figure(sample)
		sum += v
		squares += v * v
	}
	mean := sum / samples
	return math.Sqrt(max(0, squares/samples-mean*mean))
}

// calibrationBins is how many bins, with as many texts each, calibration has.
const calibrationBins = 10

// calibration is the mean difference between how probable a label is said to be and how often it is right, with the
// labels as common as in mix.
func calibration(texts []Judged, label int, mix *[Labels]float64) float64 {
	var counts [Labels]float64
	var scored []Judged
	for _, t := range texts {
		if t.Scored && t.P != nil {
			counts[t.Want]++
			scored = append(scored, t)
		}
	}
	if len(scored) == 0 {
		return math.NaN()
	}
	slices.SortStableFunc(scored, func(a, b Judged) int { return cmp.Compare(a.P[label], b.P[label]) })
	total, off := 0.0, 0.0
	for b := range calibrationBins {
		said, was, sum := 0.0, 0.0, 0.0
		for _, t := range scored[b*len(scored)/calibrationBins : (b+1)*len(scored)/calibrationBins] {
			w := mix[t.Want] / counts[t.Want]
			sum += w
			said += w * t.P[label]
			if t.Want == label {
				was += w
			}
		}
		total += sum
		off += math.Abs(said - was)
	}
	return off / total
}

// Worst returns the texts that were judged most wrongly, at most n, the worst first: negative texts with high scores,
// positive ones with low scores, and neutral ones far from the middle.
func Worst(texts []Judged, n int) []Judged {
	wrong := slices.DeleteFunc(slices.Clone(texts), func(t Judged) bool { return !t.Scored || t.Got == t.Want })
	hurt := func(t Judged) float64 { return math.Abs(t.Score - float64(t.Want)/2) }
	slices.SortStableFunc(wrong, func(a, b Judged) int { return cmp.Compare(hurt(b), hurt(a)) })
	return wrong[:min(n, len(wrong))]
}
