package builtin

import "math"

// DenseCount is how many features of a text are numbers of their own, beside those that are hashed.
const DenseCount = 32

// Features are what the model sees of a text.
type Features struct {
	Words []uint32 // hashes of words, of words behind a negation, and of two and three in a row
	Chars []uint32 // hashes of three to five letters in a row
	Dense [DenseCount]float32
	// Net are the rows of the network for one token after the other, and NetEnds where each token's end. Texts in
	// English alone have them.
	Net     []uint32
	NetEnds []int32
}

// seeds of the kinds of features.
const (
	seedOne          uint64 = 0xA24BAED4963EE407
	seedNegated      uint64 = 0x9FB21C651E98DF25
	seedTwo          uint64 = 0x8CB92BA72F3D8DD7
	seedThree        uint64 = 0xD6E8FEB86659FD93
	seedContrast     uint64 = 0xE7037ED1A0B428DB
	seedEnds         uint64 = 0x589965CC75374CC3
	seedThreeLetters uint64 = 0x1D8E4E27C47D124F
	seedFourLetters  uint64 = 0xEB44ACCAB455D165
	seedFiveLetters  uint64 = 0x90ED1765281C388C
)

const (
	negationReach = 4     // words that a negation turns
	flip          = -0.74 // what it makes of a word's valence, as in VADER
	boost         = 0.293 // what a word such as very adds, as in VADER
	shout         = 1.2   // what capitals make of it
)

// extract sets f to the features of the tokens, read as text in that language.
func (f *Features) extract(t *tokens, l *Lexicon, salt uint64) {
	f.Words, f.Chars, f.Net, f.NetEnds = f.Words[:0], f.Chars[:0], f.Net[:0], f.NetEnds[:0]
	f.words(t, l, salt)
	for i := range t.list {
		if k := &t.list[i]; k.is&isWord != 0 && k.last > k.first {
			f.letters(t.symbols[k.first:k.last])
		}
	}
}

// words adds the features of words, and the dense ones.
func (f *Features) words(t *tokens, l *Lexicon, salt uint64) {
	f.Words = append(f.Words, feature(seedEnds))
	before, beforeThat := seedEnds, uint64(0)
	turned, contrast := 0, false
	var m mood
	for i := range t.list {
		k := &t.list[i]
		f.Words = append(f.Words, feature(k.hash^seedOne), feature(before*3^k.hash^seedTwo))
		if beforeThat != 0 {
			f.Words = append(f.Words, feature(beforeThat*5^before*3^k.hash^seedThree))
		}
		word := k.is&isWord != 0
		if k.is&endsClause != 0 {
			turned = 0
		}
		e, known := l.of(k, salt)
		if word && turned > 0 {
			f.Words = append(f.Words, feature(k.hash^seedNegated))
		}
		if word && contrast {
			f.Words = append(f.Words, feature(k.hash^seedContrast))
		}
		if salt == 0 {
			f.token(t, k, e)
		}
		if known {
			m.add(e, k.is&isCapital != 0, turned > 1)
		}
		m.boost = 0
		if word {
			turned = max(0, turned-1)
			switch {
			case k.is&isNegation != 0, e.Does&Negates != 0:
				turned = negationReach
			case e.Does&Strengthens != 0:
				m.boost = boost
			case e.Does&Weakens != 0:
				m.boost = -boost
			}
			if k.hash == wordBut || k.hash == wordHowever {
				contrast = true
				m.contrast()
			}
		}
		beforeThat, before = before, k.hash
	}
	f.Words = append(f.Words, feature(before*3^seedEnds))
	m.dense(&f.Dense, t)
}

var wordBut, wordHowever = hashOf("but"), hashOf("however")

// hashOf is the hash of the one token of a text.
func hashOf(word string) uint64 {
	var t tokens
	t.scan(word)
	return t.list[0].hash
}

func feature(h uint64) uint32 { return uint32(finish(h) >> 32) }

// of returns what is known of a token.
func (l *Lexicon) of(k *token, salt uint64) (Entry, bool) {
	switch {
	case k.is&isPicture != 0:
		v, ok := pictureValence[k.hash]
		return Entry{Valence: v}, ok
	case k.is&isWord != 0:
		e, ok := l.find(lexiconKey(k.hash, salt))
		return e, ok
	}
	return Entry{}, false
}

// mood gathers what the lexicon says of a text.
type mood struct {
	good, bad, most, least, last, boost float32
	goods, bads                         int
}

func (m *mood) add(e Entry, loud, turned bool) {
	v := e.Valence
	if v == 0 {
		return
	}
	if loud {
		v *= shout
	}
	if v > 0 {
		v += m.boost
	} else {
		v -= m.boost
	}
	if turned {
		v *= flip
	}
	if v > 0 {
		m.good += v
		m.goods++
	} else {
		m.bad -= v
		m.bads++
	}
	m.most, m.least, m.last = max(m.most, v), min(m.least, v), v
}

// contrast makes what was said before a but count for half.
func (m *mood) contrast() {
	m.good /= 2
	m.bad /= 2
}

// dense sets the dense features: sums and extremes, and in which of some ranges they are.
func (m *mood) dense(d *[DenseCount]float32, t *tokens) {
	*d = [DenseCount]float32{}
	sum := m.good - m.bad
	compound := sum / float32(math.Sqrt(float64(sum*sum+15)))
	d[0], d[1], d[2] = compound, m.good/(m.good+4), m.bad/(m.bad+4)
	d[3], d[4], d[5] = m.most/4, m.least/4, m.last/4
	const bins, weight = 10, 0.3
	d[6+min(bins-1, int((compound+1)/2*bins))] = weight
	d[16+min(5, m.goods)] = weight
	d[22+min(5, m.bads)] = weight
	words, capitals := 0, 0
	for i := range t.list {
		if t.list[i].is&isWord != 0 {
			words++
			if t.list[i].is&isCapital != 0 {
				capitals++
			}
		}
	}
	d[28] = float32(capitals) / float32(words+1)
	d[29] = float32(math.Log(float64(len(t.list)+1))) / 6
	if words <= 3 {
		d[30] = weight
	}
	if m.goods > 0 && m.bads > 0 {
		d[31] = weight
	}
}

const (
	threeLetters = 1<<36 - 1
	fourLetters  = 1<<48 - 1
	fiveLetters  = 1<<60 - 1
)

// letters adds the features of a word's letters, its boundaries included: all runs of three, four and five.
func (f *Features) letters(symbols []uint16) {
	var run uint64
	for i, s := range symbols {
		run = (run<<12 | uint64(s)) & fiveLetters
		if i >= 2 {
			f.Chars = append(f.Chars, run3(run))
		}
		if i >= 3 {
			f.Chars = append(f.Chars, run4(run))
		}
		if i >= 4 {
			f.Chars = append(f.Chars, run5(run))
		}
	}
}

func run3(run uint64) uint32 { return feature(run&threeLetters ^ seedThreeLetters) }
func run4(run uint64) uint32 { return feature(run&fourLetters ^ seedFourLetters) }
func run5(run uint64) uint32 { return feature(run ^ seedFiveLetters) }
