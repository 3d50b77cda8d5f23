package evaluate

import (
	"math"
	"testing"
)

func judged(want, got int, score float64) Judged {
	return Judged{Want: want, Got: got, Score: score, Scored: true}
}

// four are two negative texts, one of them told, and two others, one of them told wrongly.
func four() []Judged {
	return []Judged{
		judged(Negative, Negative, 0.1), judged(Negative, Neutral, 0.5), judged(Neutral, Negative, 0.2), judged(Positive, Positive, 0.95),
	}
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestOf(t *testing.T) {
	r := Of(append(four(), Judged{Want: Neutral}), 0.3, 0.9)
	if r.Texts != 5 || r.Unscored != 1 {
		t.Errorf("%d texts, %d unscored, want 5 and 1", r.Texts, r.Unscored)
	}
	if got, want := r.MacroRecall, (0.5+0+1)/3; !near(got, want) {
		t.Errorf("macro recall %v, want %v", got, want)
	}
	if got, want := r.MacroF1, (0.5+0+1)/3; !near(got, want) {
		t.Errorf("macro F1 %v, want %v", got, want)
	}
	if n := r.Negative; n.Told != 2 || n.Right != 1 || !near(n.Precision, 0.5) || !near(n.Recall, 0.5) || !near(n.FalseAlarms, 1.0/3) || n.Opposite != 0 {
		t.Errorf("negative channel %+v", n)
	}
	if p := r.Positive; p.Told != 1 || !near(p.Precision, 1) || !near(p.Recall, 1) {
		t.Errorf("positive channel %+v", p)
	}
	if off := CalibrationAt(four(), [Labels]float64{1, 1, 1}); !math.IsNaN(off[Negative]) {
		t.Errorf("calibration %v without probabilities, want none", off[Negative])
	}
}

func TestOfTwoLabelsDecidesTheNeutralOnes(t *testing.T) {
	r := Of([]Judged{judged(Negative, Neutral, 0.4), judged(Positive, Neutral, 0.4)}, 0.3, 0.9)
	if got, want := r.MacroRecall, 0.5; !near(got, want) {
		t.Errorf("macro recall %v, want %v", got, want)
	}
}

func TestChannelAtAShare(t *testing.T) {
	c := Channel{Recall: 0.4, FalseAlarms: 0.1}
	if got, want := c.At(0.05), 0.02/(0.02+0.095); !near(got, want) {
		t.Errorf("precision at 5 %% %v, want %v", got, want)
	}
	if got := (Channel{}).At(0.05); got != 0 {
		t.Errorf("precision of nothing %v, want 0", got)
	}
}

func TestAlarmAtTellsNoMoreThanItMust(t *testing.T) {
	c := AlarmAt(four(), 0.4)
	if c.Told != 1 || c.Right != 1 || !near(c.Recall, 0.5) {
		t.Errorf("alarm %+v, want the first text alone", c)
	}
	if got := AlarmAt([]Judged{judged(Positive, Positive, 1)}, 0.4); got.Told != 0 {
		t.Errorf("alarm without negative texts %+v", got)
	}
}

func TestCalibration(t *testing.T) {
	var texts []Judged
	for i := range 1000 {
		p := &[Labels]float64{0.2, 0.3, 0.5}
		want := Positive
		switch i % 10 {
		case 0, 1:
			want = Negative
		case 2, 3, 4:
			want = Neutral
		}
		texts = append(texts, Judged{Want: want, Scored: true, P: p})
	}
	for label, off := range CalibrationAt(texts, [Labels]float64{0.2, 0.3, 0.5}) {
		if off > 1e-9 {
			t.Errorf("%s: calibration error %v at the texts' own mix, want 0", Names[label], off)
		}
	}
	if got, want := CalibrationAt(texts, [Labels]float64{1, 1, 1})[Positive], 0.5-1.0/3; !near(got, want) {
		t.Errorf("calibration error %v where all labels are equally common, want %v", got, want)
	}
}

func TestWorstComesFirst(t *testing.T) {
	texts := append(four(), judged(Negative, Positive, 0.99), Judged{Want: Negative})
	got := Worst(texts, 2)
	if len(got) != 2 || got[0].Score != 0.99 || got[1].Score != 0.5 {
		t.Errorf("worst %+v, want the negative text with 0.99 and then the one with 0.5", got)
	}
	if n := len(Worst(texts, 99)); n != 3 {
		t.Errorf("%d wrong texts, want 3", n)
	}
}

func TestParseLabel(t *testing.T) {
	for label, name := range Names {
		if got, ok := ParseLabel(name); !ok || got != label {
			t.Errorf("ParseLabel(%q) = %d, %v", name, got, ok)
		}
	}
	if _, ok := ParseLabel("none"); ok {
		t.Error("none is a label, want it refused")
	}
}

func TestStandardErrorIsThatOfAShare(t *testing.T) {
	var texts []Judged
	for i := range 400 {
		got := Negative
		if i%4 == 0 {
			got = Positive
		}
		texts = append(texts, judged(Negative, got, 0.5))
	}
	recall := func(texts []Judged) float64 { return Of(texts, 0.3, 0.9).MacroRecall }
	got, want := StandardError(texts, recall), math.Sqrt(0.75*0.25/400)
	if math.Abs(got-want) > 0.1*want {
		t.Errorf("standard error %.4f, want about %.4f", got, want)
	}
	if got := Of(texts, 0.3, 0.9).MacroRecallError; !near(got, want) {
		t.Errorf("standard error of the report %.4f, want %.4f", got, want)
	}
	if again := StandardError(texts, recall); again != got {
		t.Errorf("standard error %v the second time, want %v again", again, got)
	}
}
