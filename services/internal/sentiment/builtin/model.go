package builtin

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
)

// Head is what a model has for one language, beside its table.
type Head struct {
	Bias  [2]float32             `json:"bias"`
	Dense [DenseCount][2]float32 `json:"dense"`
	// Calibration makes of the two raw logits (negative and positive, over neutral) those that mean what they say: a
	// constant, and what it takes of each.
	Calibration [2][3]float32 `json:"calibration"`
	// Mix is how common negative, neutral and positive texts are where the calibrated logits mean what they say. All zero
	// in older files: equally common.
	Mix [3]float32 `json:"mix,omitzero"`
	// Net are the network's weights: of each filter's greatest response, then of the sum of its responses.
	Net [][2]float32 `json:"net,omitempty"`
	// Alarm is the recommended threshold for a channel that tells negative texts where few are: a text whose score is
	// below it is one.
	Alarm float32 `json:"alarm"`
}

// Header is what stands before the table in a file of weights.
type Header struct {
	Name    string `json:"name"`    // tweet, dev, chat or world
	Version string `json:"version"` // the day it was trained on, and a hash of its weights
	Bits    int    `json:"bits"`    // the table has 2^Bits rows
	// Largest is the largest weight.
	Largest float32 `json:"largest"`
	// Own is what a feature of the language itself weighs beside the one that all languages share; 0 in a model of one
	// language, which has shared ones alone.
	Own float32 `json:"own,omitempty"`
	// Net is the network; nil in a model without one.
	Net   *Net            `json:"net,omitempty"`
	Heads map[string]Head `json:"heads"`
}

// Model is a logistic regression over hashed features, two weights, of a byte each, for every row of a table, and with
// it a small network.
type Model struct {
	Header
	table string // of the regression, then of the network
	net   *network
	value [256]float32 // of a byte of the table
	shift uint32
}

const (
	modelMagic = "FBMD\x01"
	minBits    = 10
	maxBits    = 21
	maxHeader  = 1 << 20
)

// Quantise returns the byte that stands for a weight, of which none is larger than largest: its root in 127 steps, so
// that small weights keep some of their digits.
func Quantise(weight, largest float32) byte {
	q := math.Round(math.Sqrt(math.Abs(float64(weight))/float64(largest)) * 127)
	if weight < 0 {
		q = -q
	}
	return byte(int8(max(-127, min(127, q))))
}

func valueOf(b byte, largest float32) float32 {
	q := float32(int8(b)) / 127
	if q < 0 {
		return -q * q * largest
	}
	return q * q * largest
}

// NewModel returns the model of a table: two bytes a row, then the network's, if there is one.
func NewModel(h Header, table string) (*Model, error) {
	size := 2 << max(0, min(h.Bits, maxBits))
	want := size
	if h.Net != nil {
		want += NetRow << NetBits
	}
	switch {
	case h.Bits < minBits || h.Bits > maxBits:
		return nil, fmt.Errorf("model %q has 2^%d rows, want 2^%d to 2^%d: train it anew with hack/train", h.Name, h.Bits, minBits, maxBits)
	case len(table) != want:
		return nil, fmt.Errorf("model %q has a table of %d bytes, want %d: train it anew with hack/train", h.Name, len(table), want)
	case len(h.Heads) == 0 || h.Largest <= 0:
		return nil, fmt.Errorf("model %q has no heads or no weights: train it anew with hack/train", h.Name)
	}
	m := &Model{Header: h, table: table, shift: uint32(32 - h.Bits)}
	for b := range m.value {
		m.value[b] = valueOf(byte(b), h.Largest)
	}
	return m, m.addNet(table[size:])
}

// addNet makes the network of the model, if it has one.
func (m *Model) addNet(table string) (err error) {
	if m.Net == nil {
		return nil
	}
	for language, h := range m.Heads {
		if len(h.Net) != 2*Filters {
			return fmt.Errorf("model %q has %d weights of its network for %s, want %d: train it anew with hack/train", m.Name, len(h.Net), language, 2*Filters)
		}
	}
	m.net, err = newNetwork(*m.Net, table)
	return err
}

// ReadModel reads what AppendBinary wrote. The model keeps data.
func ReadModel(data string) (*Model, error) {
	rest, ok := strings.CutPrefix(data, modelMagic)
	if !ok || len(rest) < 4 {
		return nil, fmt.Errorf("%d bytes of weights do not begin with %q: train them anew with hack/train", len(data), modelMagic)
	}
	n := int(binary.LittleEndian.Uint32([]byte(rest[:4])))
	rest = rest[4:]
	if n > maxHeader || n > len(rest) {
		return nil, fmt.Errorf("header of weights has %d bytes of %d: the file is cut off; train it anew with hack/train", n, len(rest))
	}
	var h Header
	if err := json.Unmarshal([]byte(rest[:n]), &h); err != nil {
		return nil, fmt.Errorf("read header of weights: %w", err)
	}
	return NewModel(h, rest[n:])
}

// AppendBinary appends the model as ReadModel reads it.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	h, err := json.Marshal(m.Header)
	if err != nil {
		return nil, fmt.Errorf("write header of weights: %w", err)
	}
	if len(h) > maxHeader {
		return nil, errors.New("write header of weights: too many heads")
	}
	b = append(b, modelMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h)))
	return append(append(b, h...), m.table...), nil
}

// Raw returns the logits of negative and positive over neutral, before they are calibrated.
func (m *Model) Raw(f *Features, h *Head, salt uint64) [2]float32 {
	words := m.sum(f.Words, salt)
	chars := m.sum(f.Chars, salt)
	a, b := GroupWeight(len(f.Words)), GroupWeight(len(f.Chars))
	z := [2]float32{
		h.Bias[0] + a*words[0] + b*chars[0],
		h.Bias[1] + a*words[1] + b*chars[1],
	}
	for i, v := range f.Dense {
		if v != 0 {
			z[0] += v * h.Dense[i][0]
			z[1] += v * h.Dense[i][1]
		}
	}
	if m.net != nil {
		n := m.net.logits(f, h.Net)
		z[0] += n[0]
		z[1] += n[1]
	}
	return z
}

// GroupWeight is what each of n features of a kind weighs.
func GroupWeight(n int) float32 { return float32(1 / math.Sqrt(float64(n+1))) }

func (m *Model) sum(features []uint32, salt uint64) (z [2]float32) {
	table, shift := m.table, m.shift&31
	for _, x := range features {
		i := int(x>>shift) * 2
		z[0] += m.value[table[i]]
		z[1] += m.value[table[i+1]]
	}
	if m.Own == 0 {
		return z
	}
	var own [2]float32
	for _, x := range features {
		i := int(OwnFeature(x, salt)>>shift) * 2
		own[0] += m.value[table[i]]
		own[1] += m.value[table[i+1]]
	}
	return [2]float32{z[0] + m.Own*own[0], z[1] + m.Own*own[1]}
}

// OwnFeature is the feature that a language has for itself.
func OwnFeature(x uint32, salt uint64) uint32 { return feature(uint64(x) ^ salt<<1) }

// Probabilities are those of a text's being negative, neutral and positive; their sum is 1.
type Probabilities [3]float32

// The classes.
const (
	Negative = iota
	Neutral
	Positive
)

// Calibrated makes probabilities of raw logits.
func (h *Head) Calibrated(raw [2]float32) Probabilities {
	c := &h.Calibration
	n := float64(c[0][0] + c[0][1]*raw[0] + c[0][2]*raw[1])
	p := float64(c[1][0] + c[1][1]*raw[0] + c[1][2]*raw[1])
	most := max(n, p, 0)
	en, eu, ep := math.Exp(n-most), math.Exp(-most), math.Exp(p-most)
	sum := en + eu + ep
	return Probabilities{float32(en / sum), float32(eu / sum), float32(ep / sum)}
}

// Score is P(positive) + P(neutral)/2, in [0, 1].
func (p Probabilities) Score() float64 {
	return max(0, min(1, float64(p[Positive])+float64(p[Neutral])/2))
}

// Class is the class that the text speaks for most: whose probability it raised most over the class's share in Mix. Where
// all classes are equally common that is the most probable one.
func (h *Head) Class(p Probabilities) int {
	mix := h.Mix
	if mix == ([3]float32{}) {
		mix = [3]float32{1, 1, 1}
	}
	best := Neutral
	for _, c := range [...]int{Negative, Positive} {
		if p[c]*mix[best] > p[best]*mix[c] {
			best = c
		}
	}
	return best
}

// Fingerprint is a short hash of the weights.
func (m *Model) Fingerprint() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(m.table))
	return fmt.Sprintf("%08x", h.Sum32())
}
