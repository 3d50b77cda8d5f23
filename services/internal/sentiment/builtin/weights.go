package builtin

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Weights are all that is learned: a model for each kind of English text, one for the other languages, the lexicon and
// the language detector. They are only read, by any number of readers.
type Weights struct {
	Kinds    [kinds]*Model
	World    *Model
	Lexicon  *Lexicon
	Detector *Detector

	names *names
}

// The files of a folder of weights, beside one for each kind.
const (
	WorldFile    = "world.bin"
	LexiconFile  = "lexicon.bin"
	DetectorFile = "language.bin"
)

// ModelFile is the file of a kind's model.
func ModelFile(k Kind) string { return k.String() + ".bin" }

//go:embed weights/tweet.bin
var tweetFile string

//go:embed weights/dev.bin
var devFile string

//go:embed weights/chat.bin
var chatFile string

//go:embed weights/world.bin
var worldFile string

//go:embed weights/lexicon.bin
var lexiconFile string

//go:embed weights/language.bin
var detectorFile string

// Load returns the weights in a folder, or those that the program has if it is empty.
func Load(folder string) (*Weights, error) {
	if folder == "" {
		return shipped()
	}
	return read(func(name string) (string, error) {
		data, err := os.ReadFile(filepath.Join(folder, name))
		return string(data), err
	})
}

var shipped = sync.OnceValues(func() (*Weights, error) {
	files := map[string]string{
		ModelFile(Tweet): tweetFile, ModelFile(Dev): devFile, ModelFile(Chat): chatFile,
		WorldFile: worldFile, LexiconFile: lexiconFile, DetectorFile: detectorFile,
	}
	return read(func(name string) (string, error) { return files[name], nil })
})

// Neutral returns the same weights with terms that carry no sentiment.
func (w *Weights) Neutral(terms []string) (*Weights, error) {
	n, err := newNames(terms)
	if err != nil {
		return nil, err
	}
	other := *w
	other.names = n
	return &other, nil
}

// Languages are those that the weights have a model for, in no order.
func (w *Weights) Languages() []string {
	all := []string{English}
	for language := range w.World.Heads {
		all = append(all, language)
	}
	return all
}

// opener returns the content of the file of that name.
type opener func(name string) (string, error)

func read(open opener) (*Weights, error) {
	w := &Weights{}
	var err error
	for k := range kinds {
		if w.Kinds[k], err = parse(open, ModelFile(k), ReadModel); err != nil {
			return nil, err
		}
		if _, ok := w.Kinds[k].Heads[English]; !ok {
			return nil, fmt.Errorf("weights %s: no head for %s: train them anew with hack/train", ModelFile(k), English)
		}
	}
	if w.World, err = parse(open, WorldFile, ReadModel); err != nil {
		return nil, err
	}
	if w.Lexicon, err = parse(open, LexiconFile, ReadLexicon); err != nil {
		return nil, err
	}
	if w.Detector, err = parse(open, DetectorFile, ReadDetector); err != nil {
		return nil, err
	}
	return w, nil
}

func parse[T any](open opener, name string, parse func(string) (T, error)) (T, error) {
	data, err := open(name)
	if err != nil {
		var none T
		return none, fmt.Errorf("read weights: %w", err)
	}
	v, err := parse(data)
	if err != nil {
		return v, fmt.Errorf("weights %s: %w", name, err)
	}
	return v, nil
}
