package builtin

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomNetwork returns a network with random weights, and its table.
func randomNetwork(t *testing.T) (*network, []byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	table := make([]byte, NetRow<<NetBits)
	for i := range table {
		table[i] = byte(middle - 127 + rng.IntN(255))
	}
	n := Net{Step: 0.01}
	for f := range n.Bias {
		n.Bias[f] = int32(rng.IntN(100) - 50)
	}
	out, err := newNetwork(n, string(table))
	if err != nil {
		t.Fatal(err)
	}
	return out, table
}

// slowly are the responses as they are defined, byte by byte.
func slowly(n *network, table []byte, f *Features) (p pooled) {
	var tokens [][]uint32
	from := int32(0)
	for _, end := range f.NetEnds {
		tokens = append(tokens, f.Net[from:end])
		from = end
	}
	for here := range tokens {
		for filter := range Filters {
			response := n.Bias[filter]
			for place := range NetWidth { // the token behind comes first
				if token := here + 1 - place; token >= 0 && token < len(tokens) {
					for _, x := range tokens[token] {
						response += int32(table[NetRowOf(x)*NetRow+place*Filters+filter]) - middle
					}
				}
			}
			p.add(filter, response)
		}
	}
	return p
}

func TestNetworkRespondsAsDefined(t *testing.T) {
	n, table := randomNetwork(t)
	r := load(t).NewReader()
	for _, text := range append(tweets, "ok", "not good", strings.Repeat("wonderful wasn't ", 300), "🔥", "@you 3 !") {
		r.Read(text)
		f := r.Features(English)
		var got pooled
		n.respond(f, &got)
		if want := slowly(n, table, f); got != want {
			t.Errorf("%.40q: responses %v, want %v", text, got, want)
		}
	}
}

func TestNetworkReadsEnglishAlone(t *testing.T) {
	r := load(t).NewReader()
	r.Read("this is not good")
	if f := r.Features(English); len(f.NetEnds) != 4 || int(f.NetEnds[3]) != len(f.Net) {
		t.Errorf("ends %v of %d rows, want those of 4 tokens", f.NetEnds, len(f.Net))
	}
	if f := r.Features("de"); len(f.Net) != 0 || len(f.NetEnds) != 0 {
		t.Errorf("%d rows of a text in German, want none", len(f.Net))
	}
}

func TestModelWithANetworkIsWrittenAndRead(t *testing.T) {
	n, table := randomNetwork(t)
	head := Head{Net: make([][2]float32, 2*Filters)}
	for i := range head.Net {
		head.Net[i] = [2]float32{float32(i), -1}
	}
	h := Header{Name: "tweet", Bits: minBits, Largest: 1, Net: &n.Net, Heads: map[string]Head{English: head}}
	whole := string(make([]byte, 2<<minBits)) + string(table)
	m, err := NewModel(h, whole)
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadModel(string(file))
	if err != nil {
		t.Fatal(err)
	}
	r := load(t).NewReader()
	r.Read(tweets[0])
	f := r.Features(English)
	got, want := again.Raw(f, &head, 0), m.Raw(f, &head, 0)
	if got != want || math.Abs(float64(got[0])) < 1e-6 {
		t.Errorf("logits %v of what was read, want %v", got, want)
	}
	for says, broken := range map[string]func(h *Header, table *string){
		"a table of":             func(_ *Header, table *string) { *table = whole[:len(whole)-1] },
		"weights of its network": func(h *Header, _ *string) { h.Heads = map[string]Head{English: {}} },
		"step 0":                 func(h *Header, _ *string) { h.Net = &Net{} },
	} {
		other, table := h, whole
		broken(&other, &table)
		if _, err := NewModel(other, table); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want an error with %q", err, says)
		}
	}
}
