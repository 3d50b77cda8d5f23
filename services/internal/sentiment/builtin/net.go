package builtin

import (
	"fmt"
	"math"
)

// Sizes of the network.
const (
	// NetBits is the power of two that tells how many rows its table has.
	NetBits = 14
	// Filters is how many patterns of words it knows.
	Filters = 32
	// NetWidth is how many tokens in a row a pattern spans.
	NetWidth = 3
	// NetRow is the length of a row in bytes: what each filter makes of a token as the first behind, within and before
	// the middle of the pattern.
	NetRow = NetWidth * Filters
	// maxNetTokens is how many tokens of a text it reads.
	maxNetTokens = 120
	// maxNetRows is how many rows a token has: itself, its beginning, its end, its valence and whether it negates.
	maxNetRows = 5

	filterWords = Filters / 8
	netWords    = NetRow / 8
	evenBytes   = 0x00FF00FF00FF00FF
)

// seeds of the rows.
const (
	seedNet      uint64 = 0xD1B54A32D192ED03
	seedBegins   uint64 = 0xAEF17502108EF2D9
	seedStops    uint64 = 0x94D049BB133111EB
	seedValence  uint64 = 0xBF58476D1CE4E5B9
	seedNegating uint64 = 0xC2B2AE3D27D4EB4F
)

// Net is what a network has beside its table and the heads: a convolution over three tokens in a row, of which for each
// filter the greatest response and the sum of all count.
type Net struct {
	// Step is the weight of one of the 127 steps of a byte.
	Step float32 `json:"step"`
	// Bias is what each filter responds before it has seen anything, in steps.
	Bias [Filters]int32 `json:"bias"`
}

// network is a Net with its table.
type network struct {
	Net
	table string
}

func newNetwork(n Net, table string) (*network, error) {
	if len(table) != NetRow<<NetBits || n.Step <= 0 {
		return nil, fmt.Errorf("network of step %v has a table of %d bytes, want %d: train it anew with hack/train", n.Step, len(table), NetRow<<NetBits)
	}
	return &network{Net: n, table: table}, nil
}

// QuantiseNet returns the byte that stands for a weight of the network's table.
func QuantiseNet(weight, step float32) byte {
	return byte(middle + int(max(-127, min(127, math.Round(float64(weight/step))))))
}

// NetRowOf is the row of the table in which a token's feature lies.
func NetRowOf(feature uint32) int { return int(feature >> (32 - NetBits)) }

// token adds the rows of one token.
func (f *Features) token(t *tokens, k *token, e Entry) {
	if len(f.NetEnds) >= maxNetTokens {
		return
	}
	f.Net = append(f.Net, feature(k.hash^seedNet))
	if s := t.symbols[k.first:k.last]; len(s) > beginning {
		f.Net = append(f.Net, part(seedBegins, s[:beginning]), part(seedStops, s[len(s)-ending:]))
	}
	if c := valenceClass(e.Valence); c != 0 {
		f.Net = append(f.Net, feature(seedValence+c))
	}
	if k.is&isWord != 0 && k.is&isNegation != 0 || e.Does&Negates != 0 {
		f.Net = append(f.Net, feature(seedNegating))
	}
	f.NetEnds = append(f.NetEnds, int32(len(f.Net)))
}

// How many symbols of a word are its beginning and its end, its boundaries included.
const (
	beginning = 5
	ending    = 4
)

func part(seed uint64, symbols []uint16) uint32 {
	for _, s := range symbols {
		seed = step(seed, s)
	}
	return feature(seed)
}

// strong is the valence above which a word tells a strong opinion.
const strong = 1.9

// valenceClass is 0 for a word without valence.
func valenceClass(v float32) uint64 {
	switch {
	case v > strong:
		return 1
	case v > 0:
		return 2
	case v < -strong:
		return 3
	case v < 0:
		return 4
	}
	return 0
}

// lanesOfToken are the sums of a token's rows, four of sixteen bits in a word: those of the even bytes, then of the odd.
type lanesOfToken struct {
	even, odd [netWords]uint64
	rows      int32
}

func (n *network) token(rows []uint32, out *lanesOfToken) {
	*out = lanesOfToken{rows: int32(len(rows))}
	for _, x := range rows {
		row := n.table[NetRowOf(x)*NetRow:][:NetRow]
		for k := range netWords {
			w := word(row[8*k:])
			out.even[k] += w & evenBytes
			out.odd[k] += w >> 8 & evenBytes
		}
	}
}

// word has eight bytes in a row, the first as the lowest.
func word(s string) uint64 {
	s = s[:8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// pooled are the responses of the filters to a text, in steps.
type pooled struct{ top, sum [Filters]int32 }

// respond gathers the responses at each token.
func (n *network) respond(f *Features, out *pooled) {
	var window [NetWidth]lanesOfToken
	from := int32(0)
	for i := 0; i <= len(f.NetEnds); i++ {
		next := &window[i%NetWidth]
		if i < len(f.NetEnds) {
			n.token(f.Net[from:f.NetEnds[i]], next)
			from = f.NetEnds[i]
		} else {
			*next = lanesOfToken{}
		}
		if i > 0 {
			n.at(next, &window[(i+2)%NetWidth], &window[(i+1)%NetWidth], out)
		}
	}
}

// at adds the responses at the token that stands between two others.
func (n *network) at(after, here, before *lanesOfToken, out *pooled) {
	off := middle * (after.rows + here.rows + before.rows)
	for j := range filterWords {
		even := after.even[j] + here.even[filterWords+j] + before.even[2*filterWords+j]
		odd := after.odd[j] + here.odd[filterWords+j] + before.odd[2*filterWords+j]
		for b := 0; b < 8; b += 2 {
			out.add(8*j+b, int32(even&0xFFFF)-off+n.Bias[8*j+b])
			out.add(8*j+b+1, int32(odd&0xFFFF)-off+n.Bias[8*j+b+1])
			even >>= 16
			odd >>= 16
		}
	}
}

func (p *pooled) add(filter int, response int32) {
	response = max(response, 0)
	p.sum[filter] += response
	p.top[filter] = max(p.top[filter], response)
}

// logits are what the network adds to those of negative and positive over neutral. weights are a head's, for the greatest
// responses and then for the sums.
func (n *network) logits(f *Features, weights [][2]float32) (z [2]float32) {
	var p pooled
	n.respond(f, &p)
	share := GroupWeight(len(f.NetEnds))
	for i := range Filters {
		top, sum := float32(p.top[i])*n.Step, float32(p.sum[i])*n.Step*share
		z[0] += top*weights[i][0] + sum*weights[Filters+i][0]
		z[1] += top*weights[i][1] + sum*weights[Filters+i][1]
	}
	return z
}
