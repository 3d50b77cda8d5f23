package main

import (
	"math"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// point is a text's raw logits and its label.
type point struct {
	raw   [2]float32
	label int
	text  string
}

// usualMix is how common negative, neutral and positive texts are in the stream that the probabilities are meant for.
//
// A set's own mix is its makers' choice. Equal shares would make praise as common as complaints, which it isn't in what
// customers say: then every sixth of the tweets above 0.9 would be none, where 32 % are negative and 19 % positive, and a
// tenth now (docs/scoring.md).
var usualMix = [evaluate.Labels]float64{0.39, 0.39, 0.22}

// calibrate returns the calibration under which the points' labels are most likely, with the labels counted as being as
// common as in usualMix: so a probability means the same whatever mix of labels a set happens to have.
func calibrate(points []point) [2][3]float32 {
	var counts [evaluate.Labels]float64
	for _, p := range points {
		counts[p.label]++
	}
	c := [6]float64{0, 1, 0, 0, 0, 1}
	var m, v [6]float64
	const steps, rate, b1, b2 = 800, 0.02, 0.9, 0.99
	for t := 1; t <= steps; t++ {
		g := slope(points, &c, &counts)
		for i := range c {
			m[i] = b1*m[i] + (1-b1)*g[i]
			v[i] = b2*v[i] + (1-b2)*g[i]*g[i]
			step := rate * min(1, 2*(1-float64(t)/steps))
			c[i] -= step * m[i] / (1 - math.Pow(b1, float64(t))) / (math.Sqrt(v[i]/(1-math.Pow(b2, float64(t)))) + 1e-8)
		}
	}
	return [2][3]float32{{float32(c[0]), float32(c[1]), float32(c[2])}, {float32(c[3]), float32(c[4]), float32(c[5])}}
}

// headMix is usualMix as a head has it.
func headMix() (mix [evaluate.Labels]float32) {
	for label, share := range usualMix {
		mix[label] = float32(share)
	}
	return mix
}

// slope is the gradient of the mean loss.
func slope(points []point, c *[6]float64, counts *[evaluate.Labels]float64) (g [6]float64) {
	for i := range points {
		p := &points[i]
		x := [3]float64{1, float64(p.raw[0]), float64(p.raw[1])}
		n, q := c[0]+c[1]*x[1]+c[2]*x[2], c[3]+c[4]*x[1]+c[5]*x[2]
		most := max(n, q, 0)
		en, eu, ep := math.Exp(n-most), math.Exp(-most), math.Exp(q-most)
		pn, pp := en/(en+eu+ep), ep/(en+eu+ep)
		switch p.label {
		case evaluate.Negative:
			pn--
		case evaluate.Positive:
			pp--
		}
		w := usualMix[p.label] / counts[p.label]
		for k := range x {
			g[k] += w * pn * x[k]
			g[3+k] += w * pp * x[k]
		}
	}
	return g
}

// judge applies a calibration.
func judge(points []point, c [2][3]float32) []evaluate.Judged {
	h := builtin.Head{Calibration: c, Mix: headMix()}
	out := make([]evaluate.Judged, len(points))
	for i, p := range points {
		q := h.Calibrated(p.raw)
		out[i] = evaluate.Judged{
			Text: p.text, Want: p.label, Scored: true, Got: h.Class(q), Score: q.Score(),
			P: &[evaluate.Labels]float64{float64(q[0]), float64(q[1]), float64(q[2])},
		}
	}
	return out
}

// crossJudge judges each half of the points by the calibration of the other: what a calibration is worth on texts that
// it has not seen.
func crossJudge(points []point) []evaluate.Judged {
	var halves [2][]point
	for i, p := range points {
		halves[i%2] = append(halves[i%2], p)
	}
	return append(judge(halves[0], calibrate(halves[1])), judge(halves[1], calibrate(halves[0]))...)
}
