package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// How the network is trained: what was measured is in docs/scoring.md.
const (
	netEpochs   = 5
	netRate     = 0.05
	netDecay    = 1e-4
	netDamp     = 0.01
	netDrop     = 0.5 // share of the filters that are left out at random
	netWordDrop = 0.1 // share of the tokens of which nothing is known, at random
	netInitial  = 0.1 // standard deviation of the weights at the beginning
	netOwn      = 0.5 // what a domain's own row weighs beside the shared one
	netRare     = 2   // a row that fewer tokens have is not learned
	// netShare is what the network's logits weigh beside the regression's.
	netShare = 0.5
)

// netLearner learns the network: a convolution over three tokens in a row, with rows of the domains' own beside those that
// all share, and for each domain and label a weight for each filter's greatest response and for the sum of its responses.
type netLearner struct {
	shared weights
	own    []weights // for each domain
	bias   weights
	out    weights // by domain, the shared ones behind them; then by label; then greatest responses and sums
	offset weights // by domain, the shared ones behind them; then by label
	often  []int   // how many tokens have a row
	rng    *rand.Rand

	tokens  [][]int     // the rows of each token of the text that is learned
	respond [][]float32 // of each filter to each token
	top     [builtin.Filters]float32
	topAt   [builtin.Filters]int
	sum     [builtin.Filters]float32
	dropped [builtin.Filters]bool
}

// weights are some, with the sums of their squared gradients.
type weights struct{ w, g []float32 }

func newWeights(n int, deviation float64, rng *rand.Rand) weights {
	p := weights{make([]float32, n), make([]float32, n)}
	if deviation > 0 {
		for i := range p.w {
			p.w[i] = float32(rng.NormFloat64() * deviation)
		}
	}
	return p
}

// step is AdaGrad's.
func (p *weights) step(i int, gradient float32) {
	gradient += netDecay * p.w[i]
	p.g[i] += gradient * gradient
	p.w[i] -= netRate * gradient / (netDamp + float32(math.Sqrt(float64(p.g[i]))))
}

const outputs = 2 * builtin.Filters

func newNetLearner(domains int, seed uint64) *netLearner {
	rng := rand.New(rand.NewPCG(seed, 11)) //nolint:gosec // reproducible on purpose
	const table = builtin.NetRow << builtin.NetBits
	l := &netLearner{
		rng: rng, shared: newWeights(table, netInitial, rng), bias: newWeights(builtin.Filters, 0, nil),
		out: newWeights((domains+1)*evaluate.Labels*outputs, 0, nil), offset: newWeights((domains+1)*evaluate.Labels, 0, nil),
		often: make([]int, 1<<builtin.NetBits),
	}
	for range domains {
		l.own = append(l.own, newWeights(table, 0, nil))
	}
	for i := domains * evaluate.Labels * outputs; i < len(l.out.w); i++ {
		l.out.w[i] = float32(rng.NormFloat64() * netInitial)
	}
	return l
}

// fit learns from examples for all epochs, and keeps the mean of the weights in the second half of them.
func (l *netLearner) fit(examples []example, log io.Writer) {
	order := make([]int, 0, len(examples))
	for i := range examples {
		for _, x := range examples[i].net {
			l.often[builtin.NetRowOf(x)]++
		}
		if len(examples[i].netEnds) > 0 {
			order = append(order, i)
		}
	}
	began := time.Now()
	var mean tail
	for epoch := range netEpochs {
		l.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		loss := 0.0
		for n, i := range order {
			e := &examples[i]
			gradient, more := softmaxGradient(l.forward(e), e.label, e.weight)
			loss += more
			l.backward(e, gradient)
			if mean.due(epoch, netEpochs, n, len(order)) {
				mean.add(l.weights)
			}
		}
		fmt.Fprintf(log, "network: epoch %d of %d: loss %.4f, %s\n", epoch+1, netEpochs, loss/float64(len(order)), time.Since(began).Round(time.Second))
	}
	mean.take(l.weights)
	l.forget()
}

// weights yields all that is learned, always in the same order.
func (l *netLearner) weights(yield func(*float32) bool) {
	for _, some := range append([]weights{l.shared, l.bias, l.out, l.offset}, l.own...) {
		for i := range some.w {
			if !yield(&some.w[i]) {
				return
			}
		}
	}
}

// forget makes nothing of the rows that were not learned.
func (l *netLearner) forget() {
	for row, n := range l.often {
		if n < netRare {
			clear(l.shared.w[row*builtin.NetRow : (row+1)*builtin.NetRow])
		}
	}
}

// read sets the rows of the tokens, without those that are rare, and leaves out some at random.
func (l *netLearner) read(e *example) {
	l.tokens = l.tokens[:0]
	from := int32(0)
	for i, end := range e.netEnds {
		if i == cap(l.tokens) {
			l.tokens = append(l.tokens, nil)
		}
		l.tokens = l.tokens[:i+1]
		rows := l.tokens[i][:0]
		if l.rng.Float64() >= netWordDrop {
			for _, x := range e.net[from:end] {
				if row := builtin.NetRowOf(x); l.often[row] >= netRare {
					rows = append(rows, row)
				}
			}
		}
		l.tokens[i], from = rows, end
	}
}

// place is where a token stands in the pattern around another one: see builtin.NetRow. It is outside below 0 and from
// NetWidth.
func place(token, middle int) int { return middle - token + builtin.NetWidth/2 }

// around are the tokens that a pattern around one sees.
func (l *netLearner) around(middle int) (first, last int) {
	return max(0, middle-builtin.NetWidth/2), min(len(l.tokens)-1, middle+builtin.NetWidth/2)
}

// forward returns the logits of a text in training.
func (l *netLearner) forward(e *example) (z [evaluate.Labels]float32) {
	l.read(e)
	own := l.own[e.domain].w
	l.top, l.sum = [builtin.Filters]float32{}, [builtin.Filters]float32{}
	for len(l.respond) < len(l.tokens) {
		l.respond = append(l.respond, make([]float32, builtin.Filters))
	}
	for middle := range l.tokens {
		respond := l.respond[middle]
		copy(respond, l.bias.w)
		first, last := l.around(middle)
		for token := first; token <= last; token++ {
			for _, row := range l.tokens[token] {
				at := row*builtin.NetRow + place(token, middle)*builtin.Filters
				a, b := l.shared.w[at:at+builtin.Filters], own[at:at+builtin.Filters]
				for f := range respond {
					respond[f] += a[f] + netOwn*b[f]
				}
			}
		}
		for f, r := range respond {
			if r <= 0 {
				continue
			}
			l.sum[f] += r
			if r > l.top[f] {
				l.top[f], l.topAt[f] = r, middle
			}
		}
	}
	share := builtin.GroupWeight(len(l.tokens))
	for f := range l.sum {
		l.sum[f] *= share / (1 - netDrop)
		l.top[f] /= 1 - netDrop
		l.dropped[f] = l.rng.Float64() < netDrop
	}
	for label := range z {
		mine, all := l.weightsOf(e.domain, label)
		z[label] = l.offset.w[mine/outputs] + l.offset.w[all/outputs]
		for f := range l.top {
			if !l.dropped[f] {
				z[label] += l.top[f]*(l.out.w[mine+f]+l.out.w[all+f]) + l.sum[f]*(l.out.w[mine+builtin.Filters+f]+l.out.w[all+builtin.Filters+f])
			}
		}
	}
	return z
}

// weightsOf is where the weights of a label begin: a domain's own, and those that all share.
func (l *netLearner) weightsOf(domain, label int) (mine, all int) {
	return (domain*evaluate.Labels + label) * outputs, (len(l.own)*evaluate.Labels + label) * outputs
}

// backward learns from the gradient of the logits that forward returned last.
func (l *netLearner) backward(e *example, gradient [evaluate.Labels]float32) {
	var ofTop, ofSum [builtin.Filters]float32
	for label, g := range gradient {
		mine, all := l.weightsOf(e.domain, label)
		l.offset.step(mine/outputs, g)
		l.offset.step(all/outputs, g)
		for f := range ofTop {
			if l.dropped[f] {
				continue
			}
			ofTop[f] += g * (l.out.w[mine+f] + l.out.w[all+f])
			ofSum[f] += g * (l.out.w[mine+builtin.Filters+f] + l.out.w[all+builtin.Filters+f])
			for _, from := range [...]int{mine, all} {
				l.out.step(from+f, g*l.top[f])
				l.out.step(from+builtin.Filters+f, g*l.sum[f])
			}
		}
	}
	share := builtin.GroupWeight(len(l.tokens))
	for middle := range l.tokens {
		for f, r := range l.respond[middle] {
			if r <= 0 || l.dropped[f] {
				continue
			}
			g := ofSum[f] * share
			if l.topAt[f] == middle {
				g += ofTop[f]
			}
			l.learn(e.domain, middle, f, g/(1-netDrop))
		}
	}
}

// learn learns from the gradient of a filter's response to a token.
func (l *netLearner) learn(domain, middle, filter int, gradient float32) {
	l.bias.step(filter, gradient)
	first, last := l.around(middle)
	for token := first; token <= last; token++ {
		for _, row := range l.tokens[token] {
			at := row*builtin.NetRow + place(token, middle)*builtin.Filters + filter
			l.shared.step(at, gradient)
			l.own[domain].step(at, gradient*netOwn)
		}
	}
}

// fold adds the network to what was learned for a domain's table.
func (l *netLearner) fold(f *folded, domain int) {
	f.net = make([]float32, len(l.shared.w))
	for i, w := range l.shared.w {
		f.net[i] = w + netOwn*l.own[domain].w[i]
	}
	f.netBias = l.bias.w
	h := f.heads[domain]
	over := func(p *weights, i, neutral int) float32 { return netShare * (p.w[i] - p.w[neutral]) }
	h.Net = make([][2]float32, outputs)
	neutralMine, neutralAll := l.weightsOf(domain, evaluate.Neutral)
	for side, label := range [...]int{evaluate.Negative, evaluate.Positive} {
		mine, all := l.weightsOf(domain, label)
		h.Bias[side] += over(&l.offset, mine/outputs, neutralMine/outputs) + over(&l.offset, all/outputs, neutralAll/outputs)
		for i := range h.Net {
			h.Net[i][side] = over(&l.out, mine+i, neutralMine+i) + over(&l.out, all+i, neutralAll+i)
		}
	}
}

// leastLargest is what the largest weight is taken for where all are smaller, as after a training without a text.
const leastLargest = 1e-3

// quantiseNet appends the network's table and returns what stands beside it.
func (f *folded) quantiseNet(table []byte) (*builtin.Net, []byte) {
	largest := float32(leastLargest)
	for _, w := range f.net {
		largest = max(largest, w, -w)
	}
	n := &builtin.Net{Step: largest / 127}
	for i, w := range f.netBias {
		n.Bias[i] = int32(math.Round(float64(w / n.Step)))
	}
	for _, w := range f.net {
		table = append(table, builtin.QuantiseNet(w, n.Step))
	}
	return n, table
}
