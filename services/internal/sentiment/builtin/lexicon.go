package builtin

import (
	"encoding/binary"
	"fmt"
	"math"
)

// What a word of the lexicon does to those after it.
const (
	Negates = 1 << iota
	Strengthens
	Weakens
)

// Entry is what is known of a word.
type Entry struct {
	Valence float32 // from -4, very bad, to 4, very good
	Does    uint8
}

// Lexicon tells how good words are, by language. It is only read once it is built.
type Lexicon struct {
	slots []slot
	count int
}

type slot struct {
	key     uint32 // 0 for a free slot
	valence int8   // thirtieths
	does    uint8
}

const (
	lexiconSlots  = 1 << 15
	lexiconMost   = lexiconSlots / 2
	perValence    = 30
	lexiconHeader = "FBLX\x01"
	lexiconEntry  = 6 // bytes of one in the file
)

// NewLexicon returns one without words.
func NewLexicon() *Lexicon { return &Lexicon{slots: make([]slot, lexiconSlots)} }

// Add puts a word of a language (ISO 639-1) in. What isn't one word to the scanner is left out, and so is what was put
// in before.
func (l *Lexicon) Add(language, word string, e Entry) {
	var t tokens
	t.scan(word)
	if len(t.list) != 1 || t.list[0].is&isWord == 0 || l.count >= lexiconMost {
		return
	}
	v := math.Round(float64(e.Valence) * perValence)
	l.put(slot{key: lexiconKey(t.list[0].hash, Salt(language)), valence: int8(max(-127, min(127, v))), does: e.Does})
}

func (l *Lexicon) put(s slot) {
	for i := s.key; ; i++ {
		at := &l.slots[i%lexiconSlots]
		if at.key == s.key {
			return
		}
		if at.key == 0 {
			*at = s
			l.count++
			return
		}
	}
}

// find returns what is known of a word; nothing for an unknown one.
func (l *Lexicon) find(key uint32) (Entry, bool) {
	for i := key; ; i++ {
		s := l.slots[i%lexiconSlots]
		if s.key == key {
			return Entry{Valence: float32(s.valence) / perValence, Does: s.does}, true
		}
		if s.key == 0 {
			return Entry{}, false
		}
	}
}

func lexiconKey(hash, salt uint64) uint32 { return uint32((hash^salt)>>32) | 1 }

// Salt sets the words of a language apart from those of others; English has none.
func Salt(language string) uint64 {
	if language == English {
		return 0
	}
	h := uint64(1)
	for i := range len(language) {
		h = step(h, uint16(language[i]))
	}
	return finish(h)
}

// AppendBinary appends the lexicon as ReadLexicon reads it.
func (l *Lexicon) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, lexiconHeader...)
	for _, s := range l.slots {
		if s.key != 0 {
			b = binary.LittleEndian.AppendUint32(b, s.key)
			b = append(b, byte(s.valence), s.does)
		}
	}
	return b, nil
}

// ReadLexicon reads what AppendBinary wrote.
func ReadLexicon(data string) (*Lexicon, error) {
	if len(data) < len(lexiconHeader) || data[:len(lexiconHeader)] != lexiconHeader {
		return nil, fmt.Errorf("lexicon of %d bytes does not begin with %q: train it anew with hack/train", len(data), lexiconHeader)
	}
	data = data[len(lexiconHeader):]
	if len(data)%lexiconEntry != 0 || len(data)/lexiconEntry > lexiconMost {
		return nil, fmt.Errorf("lexicon has %d bytes of words, want whole entries of %d bytes, at most %d: train it anew with hack/train", len(data), lexiconEntry, lexiconMost)
	}
	l := NewLexicon()
	for ; len(data) > 0; data = data[lexiconEntry:] {
		key := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		if key != 0 {
			l.put(slot{key: key, valence: int8(data[4]), does: data[5]})
		}
	}
	return l, nil
}
