package builtin

import "fmt"

const (
	// mostNames and longestName bound the terms that say nothing.
	mostNames   = 200
	longestName = 6
)

// names are terms, of one or more words each, that carry no sentiment: a product's own name.
type names struct {
	byFirst map[uint64][][]uint64
}

// newNames returns the terms, nil for none.
func newNames(terms []string) (*names, error) {
	if len(terms) == 0 {
		return nil, nil //nolint:nilnil // no terms is no names
	}
	if len(terms) > mostNames {
		return nil, fmt.Errorf("%d neutral terms: at most %d can be given", len(terms), mostNames)
	}
	n := &names{byFirst: map[uint64][][]uint64{}}
	for _, term := range terms {
		var t tokens
		t.scan(term)
		var words []uint64
		for _, k := range t.list {
			words = append(words, k.hash)
		}
		if len(words) == 0 || len(words) > longestName {
			return nil, fmt.Errorf("neutral term %q has %d words and signs: give one to %d", term, len(words), longestName)
		}
		n.byFirst[words[0]] = append(n.byFirst[words[0]], words)
	}
	return n, nil
}

// blank puts a mark that says nothing in the place of each of the terms.
func (n *names) blank(t *tokens) {
	out := t.list[:0]
	for i := 0; i < len(t.list); {
		k := t.list[i]
		length := n.at(t.list[i:])
		if length == 0 {
			if k.is&isWord == 0 && i+1 < len(t.list) && n.tag(k.hash, t.list[i+1]) {
				i++ // the mark of a hashtag goes with its word
				continue
			}
			out = append(out, k)
			i++
			continue
		}
		out = append(out, token{hash: markName})
		i += length
	}
	t.list = out
}

// tag tells whether a token is the mark of a hashtag of which the word is a term.
func (n *names) tag(hash uint64, word token) bool {
	return n.at([]token{word}) == 1 && hash == finish(word.hash^seedTag)
}

// at is how many tokens the longest term at the beginning of a list has.
func (n *names) at(list []token) int {
	longest := 0
	for _, words := range n.byFirst[list[0].hash] {
		if len(words) <= longest || len(words) > len(list) {
			continue
		}
		same := true
		for i, w := range words {
			same = same && list[i].hash == w
		}
		if same {
			longest = len(words)
		}
	}
	return longest
}
