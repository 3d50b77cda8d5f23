package builtin

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// World is the name of the model for the languages other than English.
const World = "world"

// English is the language of the three kinds' models.
const English = "en"

const (
	// lanes is how many languages a row has room for.
	lanes         = 24
	rowWords      = lanes / 8
	detectorMagic = "FBLD\x01"
	// middle is the byte of weight 0.
	middle = 128
	// maxLanguageSymbols is how many letters of a text are read for its language.
	maxLanguageSymbols = 400
)

// DetectorHeader is what stands before the detector's table.
type DetectorHeader struct {
	Version   string   `json:"version"`
	Bits      int      `json:"bits"`
	Languages []string `json:"languages"` // ISO 639-1, one for each lane, English first
	// Step is the weight of one of the 127 steps of a byte, times the temperature by which logits become probabilities.
	Step float32 `json:"step"`
	// Floor is the probability below which a language is not taken.
	Floor float32 `json:"floor"`
	// Ahead is what English has ahead of the others, as a logit: most of what the sources say is in it.
	Ahead float32 `json:"ahead"`
}

// Detector tells the languages in Latin script apart: a logistic regression over hashed runs of one to four letters
// and whole words.
type Detector struct {
	DetectorHeader
	rows  []uint64
	shift uint32
}

// NewDetector returns the detector of a table of lanes bytes a row.
func NewDetector(h DetectorHeader, table string) (*Detector, error) {
	if h.Bits < minBits || h.Bits > maxBits || len(table) != lanes<<h.Bits || len(h.Languages) < 2 || len(h.Languages) > lanes {
		return nil, fmt.Errorf("language detector of %d languages has a table of %d bytes for 2^%d rows of %d: train it anew with hack/train",
			len(h.Languages), len(table), h.Bits, lanes)
	}
	d := &Detector{DetectorHeader: h, rows: make([]uint64, len(table)/8), shift: uint32(32 - h.Bits)}
	for i := range d.rows {
		for b := range 8 {
			d.rows[i] |= uint64(table[8*i+b]) << (8 * b)
		}
	}
	return d, nil
}

// ReadDetector reads what WriteDetector returned.
func ReadDetector(data string) (*Detector, error) {
	rest, ok := strings.CutPrefix(data, detectorMagic)
	if !ok || len(rest) < 4 {
		return nil, fmt.Errorf("language detector of %d bytes does not begin with %q: train it anew with hack/train", len(data), detectorMagic)
	}
	n := int(binary.LittleEndian.Uint32([]byte(rest[:4])))
	rest = rest[4:]
	if n > maxHeader || n > len(rest) {
		return nil, fmt.Errorf("header of the language detector has %d bytes of %d: the file is cut off; train it anew with hack/train", n, len(rest))
	}
	var h DetectorHeader
	if err := json.Unmarshal([]byte(rest[:n]), &h); err != nil {
		return nil, fmt.Errorf("read header of the language detector: %w", err)
	}
	return NewDetector(h, rest[n:])
}

// WriteDetector returns a detector's file.
func WriteDetector(h DetectorHeader, table []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write header of the language detector: %w", err)
	}
	out := append([]byte(detectorMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[len(detectorMagic):], uint32(len(head)))
	return append(append(out, head...), table...), nil
}

// best returns the most probable language of runs, and how probable it is.
func (d *Detector) best(runs []uint32) (string, float64) {
	var z [lanes]float64
	d.Logits(runs, &z)
	best := 0
	for c := range d.Languages {
		if z[c] > z[best] {
			best = c
		}
	}
	sum := 0.0
	for c := range d.Languages {
		sum += math.Exp(z[c] - z[best])
	}
	return d.Languages[best], 1 / sum
}

// Logits sets z to the logit of each language.
func (d *Detector) Logits(runs []uint32, z *[lanes]float64) {
	var sums [lanes]int
	for from := 0; from < len(runs); from += 256 {
		d.add(runs[from:min(from+256, len(runs))], &sums)
	}
	step := float64(d.Step) / math.Sqrt(float64(len(runs)+1))
	for c := range z {
		z[c] = float64(sums[c]-middle*len(runs)) * step
	}
	z[0] += float64(d.Ahead)
}

// add adds the rows of at most 256 runs to sums, eight bytes at a time: two words have four sums of sixteen bits each.
func (d *Detector) add(runs []uint32, sums *[lanes]int) {
	var even, odd [rowWords]uint64
	for _, x := range runs {
		i := int(x>>(d.shift&31)) * rowWords
		row := d.rows[i : i+rowWords : i+rowWords]
		for k, w := range row {
			even[k] += w & evenBytes
			odd[k] += w >> 8 & evenBytes
		}
	}
	for k := range rowWords {
		for b := range 4 {
			sums[8*k+2*b] += int(even[k] >> (16 * b) & 0xFFFF)
			sums[8*k+2*b+1] += int(odd[k] >> (16 * b) & 0xFFFF)
		}
	}
}

// languageRuns appends the features of the words that are prose and no abbreviations, or of all if none is.
func (t *tokens) languageRuns(runs []uint32) []uint32 {
	read := 0
	for _, without := range [...]uint8{isCode | isAbbreviation, 0} {
		for i := range t.list {
			k := &t.list[i]
			if k.is&isWord == 0 || k.is&without != 0 || read > maxLanguageSymbols {
				continue
			}
			read += int(k.last - k.first)
			runs = wordRuns(runs, t.symbols[k.first:k.last], k.hash)
		}
		if len(runs) > 0 {
			break
		}
	}
	return runs
}

// everywhere are words that people of all languages write where they write of software, and that say nothing of the
// language: the detector takes lgtm for Hungarian.
var everywhere = func() map[uint64]bool {
	words := map[uint64]bool{}
	for word := range strings.FieldsSeq("afaik asap brb btw fyi idk iirc imho imo lgtm lmao lol meh null nvm omg oof plz ptal rofl smh tbh til tldr wip wtf yolo") {
		var t tokens
		t.scan(word)
		words[t.list[0].hash] = true
	}
	return words
}()

// longDrawn is how many letters a word of two different ones has, as hahaha, that is in no language.
const longDrawn = 6

// outcry tells whether all words are written everywhere, of one letter again and again, or long and of two: lol, aaaah,
// hahaha, zzz. The detector would take some for Finnish.
func (t *tokens) outcry() bool {
	for i := range t.list {
		if k := &t.list[i]; k.is&isWord != 0 && !t.drawn(k) && !everywhere[k.hash] {
			return false
		}
	}
	return true
}

// drawn tells whether a word is of one letter, or long and of two.
func (t *tokens) drawn(k *token) bool {
	var first, second uint16
	letters := 0
	for _, s := range t.symbols[k.first:k.last] {
		switch {
		case s == boundary:
			continue
		case first == 0 || s == first:
			first = s
		case second == 0 || s == second:
			second = s
		default:
			return false
		}
		letters++
	}
	return second == 0 || letters >= longDrawn
}

const (
	oneLetter  = 1<<12 - 1
	twoLetters = 1<<24 - 1
)

// wordRuns appends the features of one word, its boundaries included.
func wordRuns(runs []uint32, symbols []uint16, hash uint64) []uint32 {
	var run uint64
	for i, s := range symbols {
		run = (run<<12 | uint64(s)) & fiveLetters
		if i >= 1 {
			if s != boundary {
				runs = append(runs, feature(run&oneLetter^seedOneLetter))
			}
			runs = append(runs, feature(run&twoLetters^seedTwoLetters))
		}
		if i >= 2 {
			runs = append(runs, run3(run))
		}
		if i >= 3 {
			runs = append(runs, run4(run))
		}
	}
	return append(runs, feature(hash^seedOne))
}

const (
	seedOneLetter  uint64 = 0x2545F4914F6CDD1D
	seedTwoLetters uint64 = 0x4F1BBCDCBFA53E0B
)

// Binary returns the detector's file.
func (d *Detector) Binary() ([]byte, error) {
	table := make([]byte, 0, 8*len(d.rows))
	for _, w := range d.rows {
		table = binary.LittleEndian.AppendUint64(table, w)
	}
	return WriteDetector(d.DetectorHeader, table)
}
