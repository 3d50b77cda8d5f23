package main

import (
	"math"
	"math/rand/v2"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// settings are what training is done with.
type settings struct {
	bits   int
	epochs int
	seeds  int
	rate   float64 // of learning
	decay  float64
	drop   float64 // share of the features that are left out at random
	own    float64 // what a domain's own feature weighs beside the shared one
}

var defaults = settings{bits: 20, epochs: 6, seeds: 2, rate: 0.1, decay: 1e-4, drop: 0.3, own: 0.5}

// example is one text to learn from.
type example struct {
	words, chars []uint32
	net          []uint32 // see builtin.Features
	netEnds      []int32
	dense        [builtin.DenseCount]float32
	label        int
	domain       int
	weight       float32
}

// cell is one feature's weights for the labels, with the sums of their squared gradients.
type cell struct{ w, g [evaluate.Labels]float32 }

// learner learns a logistic regression of which each domain has weights of its own beside those that all share.
type learner struct {
	settings
	shift  uint32
	shared []cell
	apart  [][]cell // the domains' own; nil where they lie among the shared ones, by salt
	salts  []uint64
	bias   []cell // for each domain, and a shared one behind them
	dense  [][builtin.DenseCount]cell
	scale  []float32 // of each row's features
	rng    *rand.Rand
}

// newLearner returns one that has learned nothing. With salts the domains' own features lie in the shared table.
func newLearner(s settings, domains int, salts []uint64, seed uint64) *learner {
	l := &learner{
		settings: s, shift: uint32(32 - s.bits), shared: make([]cell, 1<<s.bits), salts: salts,
		bias: make([]cell, domains+1), dense: make([][builtin.DenseCount]cell, domains+1),
		rng: rand.New(rand.NewPCG(seed, 7)), //nolint:gosec // reproducible on purpose
	}
	if salts == nil {
		l.apart = make([][]cell, domains)
		for d := range l.apart {
			l.apart[d] = make([]cell, 1<<s.bits)
		}
	}
	return l
}

// rows returns the rows of a feature's shared weights and of a domain's own.
func (l *learner) rows(x uint32, domain int) (shared, own uint32) {
	shared = x >> l.shift
	if l.salts != nil {
		return shared, builtin.OwnFeature(x, l.salts[domain]) >> l.shift
	}
	return shared, shared
}

// fit learns from examples for all epochs, and keeps the mean of the weights in the second half of them.
func (l *learner) fit(examples []example, progress func(epoch int, loss float64)) {
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	kept := kept{}
	var mean tail
	for epoch := range l.epochs {
		l.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		loss := 0.0
		for n, i := range order {
			loss += l.learn(&examples[i], &kept)
			if mean.due(epoch, l.epochs, n, len(order)) {
				mean.add(l.weights)
			}
		}
		progress(epoch+1, loss/float64(len(examples)))
	}
	mean.take(l.weights)
}

// weights yields all that is learned, always in the same order.
func (l *learner) weights(yield func(*float32) bool) {
	cells := append([][]cell{l.shared, l.bias}, l.apart...)
	for i := range l.dense {
		cells = append(cells, l.dense[i][:])
	}
	for _, some := range cells {
		for i := range some {
			for c := range some[i].w {
				if !yield(&some[i].w[c]) {
					return
				}
			}
		}
	}
}

// kept are the features of an example that are not dropped.
type kept struct {
	cells []pair
}

type pair struct {
	shared, own     *cell
	value, ownValue float32
}

func (l *learner) learn(e *example, k *kept) float64 {
	k.cells = k.cells[:0]
	l.keep(e.words, e.domain, k)
	l.keep(e.chars, e.domain, k)
	own := float32(l.own)
	var z [evaluate.Labels]float32
	for c := range z {
		z[c] = l.bias[e.domain].w[c] + l.bias[len(l.bias)-1].w[c]
	}
	shared := &l.dense[len(l.dense)-1]
	for i, v := range e.dense {
		for c := range z {
			z[c] += v * (shared[i].w[c] + own*l.dense[e.domain][i].w[c])
		}
	}
	for _, p := range k.cells {
		for c := range z {
			z[c] += p.value*p.shared.w[c] + p.ownValue*p.own.w[c]
		}
	}
	gradient, loss := softmaxGradient(z, e.label, e.weight)
	l.step(&l.bias[e.domain], gradient, 1, 1)
	l.step(&l.bias[len(l.bias)-1], gradient, 1, 1)
	for i, v := range e.dense {
		if v != 0 {
			l.step(&shared[i], gradient, v, 0.1)
			l.step(&l.dense[e.domain][i], gradient, v*own, 0.1)
		}
	}
	for _, p := range k.cells {
		l.step(p.shared, gradient, p.value, 0.1)
		l.step(p.own, gradient, p.ownValue, 0.1)
	}
	return loss
}

// keep adds the features that are not dropped.
func (l *learner) keep(features []uint32, domain int, k *kept) {
	value := builtin.GroupWeight(len(features)) / float32(1-l.drop)
	for _, x := range features {
		if l.rng.Float64() < l.drop {
			continue
		}
		shared, own := l.rows(x, domain)
		p := pair{shared: &l.shared[shared], value: value * l.scale[shared], ownValue: value * l.scale[own] * float32(l.own)}
		if l.salts != nil {
			p.own = &l.shared[own]
		} else {
			p.own = &l.apart[domain][own]
		}
		k.cells = append(k.cells, p)
	}
}

// step is AdaGrad's.
func (l *learner) step(c *cell, gradient [evaluate.Labels]float32, v, damp float32) {
	rate, decay := float32(l.rate), float32(l.decay)
	for i := range gradient {
		g := (gradient[i] + decay*c.w[i]) * v
		c.g[i] += g * g
		c.w[i] -= rate * g / (damp + float32(math.Sqrt(float64(c.g[i]))))
	}
}

func softmaxGradient(z [evaluate.Labels]float32, label int, weight float32) ([evaluate.Labels]float32, float64) {
	most := max(z[0], z[1], z[2])
	sum := 0.0
	var p [evaluate.Labels]float64
	for c := range z {
		p[c] = math.Exp(float64(z[c] - most))
		sum += p[c]
	}
	var gradient [evaluate.Labels]float32
	for c := range z {
		gradient[c] = float32(p[c]/sum) * weight
	}
	gradient[label] -= weight
	return gradient, -math.Log(p[label]/sum+1e-12) * float64(weight)
}

// folded is what a learner has learned for one table: the weights of negative and positive over neutral.
type folded struct {
	rows    [][2]float32
	heads   map[int]*builtin.Head // by domain, not calibrated
	net     []float32             // the network's table, if there is one
	netBias []float32
}

// fold adds a share of what was learned to f: for a domain alone, or for all where their own features lie in the table.
func (l *learner) fold(f *folded, domains []int, share float32) {
	own := float32(0)
	if l.salts == nil {
		own = float32(l.own)
	}
	over := func(c *cell, weight float32) [2]float32 {
		return [2]float32{weight * (c.w[evaluate.Negative] - c.w[evaluate.Neutral]), weight * (c.w[evaluate.Positive] - c.w[evaluate.Neutral])}
	}
	add := func(to *[2]float32, v [2]float32) { to[0] += v[0]; to[1] += v[1] }
	for i := range l.shared {
		weight := share * l.scale[i]
		add(&f.rows[i], over(&l.shared[i], weight))
		if own != 0 {
			add(&f.rows[i], over(&l.apart[domains[0]][i], weight*own))
		}
	}
	for _, d := range domains {
		h := f.heads[d]
		add(&h.Bias, over(&l.bias[d], share))
		add(&h.Bias, over(&l.bias[len(l.bias)-1], share))
		for i := range h.Dense {
			add(&h.Dense[i], over(&l.dense[len(l.dense)-1][i], share))
			add(&h.Dense[i], over(&l.dense[d][i], share*float32(l.own)))
		}
	}
}

func newFolded(bits int, domains []int) *folded {
	f := &folded{rows: make([][2]float32, 1<<bits), heads: map[int]*builtin.Head{}}
	for _, d := range domains {
		f.heads[d] = &builtin.Head{Calibration: [2][3]float32{{0, 1, 0}, {0, 0, 1}}}
	}
	return f
}

// model quantises what was learned.
func (f *folded) model(h builtin.Header) (*builtin.Model, error) {
	for _, row := range f.rows {
		for _, w := range row {
			h.Largest = max(h.Largest, w, -w)
		}
	}
	table := make([]byte, 0, 2*len(f.rows))
	for _, row := range f.rows {
		table = append(table, builtin.Quantise(row[0], h.Largest), builtin.Quantise(row[1], h.Largest))
	}
	if f.net != nil {
		h.Net, table = f.quantiseNet(table)
	}
	return builtin.NewModel(h, string(table))
}
