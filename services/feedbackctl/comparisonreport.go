package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// comparisonReport is what -o json prints. Rates are from 0 to 1; those of nothing are absent.
type comparisonReport struct {
	From *time.Time `json:"from,omitempty"` // when the first and the last compared event came in
	To   *time.Time `json:"to,omitempty"`
	// Compared are the events that both have scored in their highest revision, deletions apart.
	Compared int `json:"compared"`
	Deleted  int `json:"deleted"`
	// Fallback are compared events that the scorer's fallback scored, since its backend was away.
	Fallback int `json:"fallback"`

	Scorer comparedSide `json:"scorer"`
	Shadow comparedSide `json:"shadow"`

	Labels    labelAgreement    `json:"labels"`
	Scores    scoreAgreement    `json:"scores"`
	Languages languageAgreement `json:"languages"`
	Routes    []comparedRoute   `json:"routes"`
	// Apart are the events whose scores lie furthest apart.
	Apart []*comparedText `json:"apart"`
}

// comparedSide is what one side says, and what it lacks of what the other has.
type comparedSide struct {
	Models   []string       `json:"models"`   // the most used first
	Unscored map[string]int `json:"unscored"` // compared events by reason
	// Missing are events that only the other has. Before came before this side began, Pending it has yet to read.
	Missing int `json:"missing"`
	Before  int `json:"before"`
	Pending int `json:"pending"`
}

// labelAgreement is of the events that both give a score.
type labelAgreement struct {
	Events int      `json:"events"`
	Same   int      `json:"same"`
	Rate   *float64 `json:"rate,omitempty"`
	// Kappa is Cohen's: 1 is always the same, 0 as often as chance.
	Kappa *float64 `json:"kappa,omitempty"`
	// Confusion counts all compared events: rows are what the scorer says, columns what its shadow says: negative, neutral,
	// positive, unscored.
	Confusion [4][4]int `json:"confusion"`
}

// scoreAgreement is of the events that both give a score.
type scoreAgreement struct {
	// Correlation is Pearson's.
	Correlation *float64 `json:"correlation,omitempty"`
	// Apart is the mean absolute difference, Higher by how much the shadow's scores are higher on average.
	Apart  *float64 `json:"apart,omitempty"`
	Higher *float64 `json:"higher,omitempty"`
}

// languageAgreement is of all compared events.
type languageAgreement struct {
	Same  int            `json:"same"`
	Other []languagePair `json:"other"` // the most frequent first
}

type languagePair struct {
	Scorer string `json:"scorer"`
	Shadow string `json:"shadow"`
	Events int    `json:"events"`
}

// comparedRoute is what a route would have told with either.
type comparedRoute struct {
	Route   string `json:"route"`
	Channel string `json:"channel,omitempty"`
	Scorer  int    `json:"scorer"`
	Shadow  int    `json:"shadow"`
	Both    int    `json:"both"`
	// OnlyScorer and OnlyShadow are examples of what only one would have told, those furthest apart first.
	OnlyScorer []*comparedText `json:"onlyScorer"`
	OnlyShadow []*comparedText `json:"onlyShadow"`
}

// comparedText is an event with both scores, which are absent where there is none.
type comparedText struct {
	ID     string   `json:"id"`
	Source string   `json:"source,omitempty"`
	Scorer *float64 `json:"scorer,omitempty"`
	Shadow *float64 `json:"shadow,omitempty"`
	Text   string   `json:"text"`

	key      eventKey
	revision uint64
}

// fill takes over what of the event is shown, if it is the revision that was compared.
func (t *comparedText) fill(e *feedbackv1.Event) {
	if e.GetRevision() == t.revision {
		t.ID, t.Source, t.Text = e.GetId(), e.GetSource(), e.GetText()
	}
}

// shown are the events that the report shows, by their keys; one may be shown several times.
func (r *comparisonReport) shown() map[eventKey][]*comparedText {
	all := map[eventKey][]*comparedText{}
	add := func(texts []*comparedText) {
		for _, t := range texts {
			all[t.key] = append(all[t.key], t)
		}
	}
	add(r.Apart)
	for _, route := range r.Routes {
		add(route.OnlyScorer)
		add(route.OnlyShadow)
	}
	return all
}

// report says what was gathered, with so many texts that differ most, and so many examples of each route and side.
func (c *comparison) report(texts, examples int) *comparisonReport {
	t := newTally(c, texts, examples)
	for key, e := range c.events {
		t.event(key, e)
	}
	return t.close()
}

// tally counts the events of a comparison.
type tally struct {
	*comparison
	r           *comparisonReport
	first, last int64
	pairs       map[[2]uint16]int
	apart       top
	only        [][2]top // by route and side
	moments     moments
}

func newTally(c *comparison, texts, examples int) *tally {
	t := &tally{
		comparison: c, first: math.MaxInt64, pairs: map[[2]uint16]int{},
		r:     &comparisonReport{Languages: languageAgreement{Other: []languagePair{}}, Routes: []comparedRoute{}},
		apart: top{n: texts}, only: make([][2]top, len(c.routes)),
	}
	for i, route := range c.routes {
		t.r.Routes = append(t.r.Routes, comparedRoute{Route: route.name, Channel: route.channel})
		t.only[i] = [2]top{{n: examples}, {n: examples}}
	}
	for side, s := range t.sides() {
		s.Unscored = map[string]int{}
		s.Models = slices.AppendSeq([]string{}, maps.Keys(c.models[side]))
		slices.SortFunc(s.Models, func(a, b string) int {
			return cmp.Or(cmp.Compare(c.models[side][b], c.models[side][a]), cmp.Compare(a, b))
		})
	}
	return t
}

func (t *tally) sides() [2]*comparedSide { return [2]*comparedSide{&t.r.Scorer, &t.r.Shadow} }

func (t *tally) event(key eventKey, e *compared) {
	scorer, shadow := &e.side[scorerSide], &e.side[shadowSide]
	switch {
	case !shadow.known || scorer.known && scorer.revision > shadow.revision:
		t.lone(e, scorerSide)
	case !scorer.known || shadow.revision > scorer.revision:
		t.lone(e, shadowSide)
	case scorer.deleted:
		t.r.Deleted++
	default:
		t.both(key, e)
	}
}

// lone counts an event that only side has, or has in its highest revision.
func (t *tally) lone(e *compared, side int) {
	lacks := t.sides()[1-side]
	switch t.whereabouts(e, side) {
	case before:
		lacks.Before++
	case pending:
		lacks.Pending++
	default:
		lacks.Missing++
	}
}

func (t *tally) both(key eventKey, e *compared) {
	scorer, shadow := &e.side[scorerSide], &e.side[shadowSide]
	t.r.Compared++
	t.first, t.last = min(t.first, scorer.at), max(t.last, scorer.at)
	t.r.Labels.Confusion[scorer.label][shadow.label]++
	for side, s := range t.sides() {
		if j := e.side[side]; j.label == unlabelled {
			s.Unscored[or(reasonWord(&feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason(j.reason)}), "unknown")]++
		}
	}
	if scorer.language == shadow.language {
		t.r.Languages.Same++
	} else {
		t.pairs[[2]uint16{scorer.language, shadow.language}]++
	}
	if scorer.fallback {
		t.r.Fallback++
	}
	apart := e.apart()
	if apart >= 0 {
		t.moments.add(scorer.score, shadow.score)
	}
	if apart > 0 {
		t.apart.offer(key, apart)
	}
	for i := range t.r.Routes {
		r, one, other := &t.r.Routes[i], scorer.told>>i&1 == 1, shadow.told>>i&1 == 1
		switch {
		case one && other:
			r.Scorer, r.Shadow, r.Both = r.Scorer+1, r.Shadow+1, r.Both+1
		case one:
			r.Scorer++
			t.only[i][scorerSide].offer(key, apart)
		case other:
			r.Shadow++
			t.only[i][shadowSide].offer(key, apart)
		}
	}
}

// close makes rates of counts, and names the events that are shown.
func (t *tally) close() *comparisonReport {
	r := t.r
	if r.Compared > 0 {
		r.From, r.To = new(time.UnixMilli(t.first).UTC()), new(time.UnixMilli(t.last).UTC())
	}
	r.Labels.rates()
	r.Scores = t.moments.agreement()
	for pair, n := range t.pairs {
		r.Languages.Other = append(r.Languages.Other, languagePair{t.languages[pair[0]], t.languages[pair[1]], n})
	}
	slices.SortFunc(r.Languages.Other, func(a, b languagePair) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Scorer, b.Scorer), cmp.Compare(a.Shadow, b.Shadow))
	})
	r.Apart = t.texts(t.apart)
	for i := range r.Routes {
		r.Routes[i].OnlyScorer, r.Routes[i].OnlyShadow = t.texts(t.only[i][scorerSide]), t.texts(t.only[i][shadowSide])
	}
	return r
}

func (t *tally) texts(of top) []*comparedText {
	out := []*comparedText{}
	for _, key := range of.keys {
		e := t.events[key]
		text := &comparedText{key: key, revision: e.side[scorerSide].revision}
		for side, score := range [2]**float64{&text.Scorer, &text.Shadow} {
			if j := e.side[side]; j.label != unlabelled {
				*score = new(j.score)
			}
		}
		out = append(out, text)
	}
	return out
}

// rates are those of the confusion's scored part.
func (l *labelAgreement) rates() {
	var rows, columns [3]int
	for i := range 3 {
		for j := range 3 {
			n := l.Confusion[i][j]
			l.Events += n
			rows[i] += n
			columns[j] += n
		}
		l.Same += l.Confusion[i][i]
	}
	if l.Events == 0 {
		return
	}
	n, chance := float64(l.Events), 0.0
	for i := range 3 {
		chance += float64(rows[i]) * float64(columns[i]) / (n * n)
	}
	rate := float64(l.Same) / n
	l.Rate = rounded(rate)
	if chance < 1 {
		l.Kappa = rounded((rate - chance) / (1 - chance))
	}
}

// rounded is x to a millionth: sums depend on their order in the last digits.
func rounded(x float64) *float64 { return new(math.Round(x*1e6) / 1e6) }

// moments are the sums from which correlation and differences are had. Welford's way, so that they are exact for many.
type moments struct {
	n                       float64
	meanX, meanY            float64
	varX, varY, covariance  float64
	differences, difference float64
}

func (m *moments) add(x, y float64) {
	m.n++
	dx, dy := x-m.meanX, y-m.meanY
	m.meanX += dx / m.n
	m.meanY += dy / m.n
	m.varX += dx * (x - m.meanX)
	m.varY += dy * (y - m.meanY)
	m.covariance += dx * (y - m.meanY)
	m.differences += math.Abs(y - x)
	m.difference += y - x
}

func (m *moments) agreement() scoreAgreement {
	var s scoreAgreement
	if m.n == 0 {
		return s
	}
	s.Apart, s.Higher = rounded(m.differences/m.n), rounded(m.difference/m.n)
	if m.varX > 0 && m.varY > 0 {
		s.Correlation = rounded(m.covariance / math.Sqrt(m.varX*m.varY))
	}
	return s
}
