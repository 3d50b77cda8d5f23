package builtin

import (
	"slices"
	"strings"
	"testing"
)

// scanned is what a text is taken apart into: words by their letters, and signs by their hashes.
func scanned(text string) *tokens {
	t := &tokens{}
	t.scan(text)
	return t
}

func hashes(text string) []uint64 {
	var out []uint64
	for _, k := range scanned(text).list {
		out = append(out, k.hash)
	}
	return out
}

func words(text string) []string {
	t := scanned(text)
	var out []string
	for _, k := range t.list {
		if k.is&isWord == 0 {
			continue
		}
		var b strings.Builder
		for _, s := range t.symbols[k.first+1 : k.last-1] {
			b.WriteRune(rune(s))
		}
		out = append(out, b.String())
	}
	return out
}

func TestScanReadsWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                     nil,
		"The portal is DOWN":                   {"the", "portal", "is", "down"},
		"don't, don’t":                         {"don't", "don't"},
		"sooooo coooool":                       {"soo", "cool"},
		"Fußball Ärger":                        {"fußball", "ärger"},
		"see https://example.com/some/path ok": {"see", "ok"},
		"WWW.Example.com ok":                   {"ok"},
		"thanks @bob_1!":                       {"thanks"},
		"#fail":                                {"fail"},
		"<@U012|ana> hi <https://x.y|there>":   {"hi"},
		"a&amp;b":                              {"a", "b"},
		"```x = panic()``` broke":              {"broke"},
		"12.5% of 3,000":                       {"of"},
		"gr8 b4":                               {"gr8", "b4"},
		"\xff\xfebroken\x80utf":                {"broken", "utf"},
		"all:good":                             {"all", "good"},
	} {
		if got := words(text); !slices.Equal(got, want) {
			t.Errorf("words of %q: %q, want %q", text, got, want)
		}
	}
}

func TestScanTakesTheSameForTheSame(t *testing.T) {
	for _, same := range [][2]string{
		{"@ana", "@bob"}, {"http://a.b", "https://c.d/e?f"}, {"123", "4.5"}, {":)", ":-)"}, {":)", "=]"}, {":(", ":-(("}, {";)", ";-D"},
		{":tada:", "🎉"}, {":+1:", "👍🏽"}, {"❤", "❤️"}, {":-1:", "👎"}, {"GOOD", "GOOD"}, {"…", "..."},
	} {
		a, b := hashes(same[0]), hashes(same[1])
		if !slices.Equal(a, b) {
			t.Errorf("%q is %x, %q is %x, want them the same", same[0], a, same[1], b)
		}
	}
}

func TestScanSetsApart(t *testing.T) {
	different := []string{":)", ":(", ":D", ";)", ":/", "<3", "👍", "👎", "!", "!!", "?", "good", "#good", "@ana", "12", "http://a.b", "...", "."}
	for i, a := range different {
		for _, b := range different[:i] {
			if slices.Equal(hashes(a), hashes(b)) {
				t.Errorf("%q and %q are the same", a, b)
			}
		}
	}
}

func TestScanFlags(t *testing.T) {
	for _, test := range []struct {
		text string
		is   uint8
	}{
		{"isn't", isNegation}, {"DOWN", isCapital}, {"main.go", isCode}, {"x_y", isCode}, {"key=value", isCode}, {"😀", isPicture}, {"!", endsClause},
	} {
		if got := scanned(test.text).list[0].is; got&test.is == 0 {
			t.Errorf("%q is %b, want %b in it", test.text, got, test.is)
		}
	}
	if got := scanned("down.").list[0].is; got&isCode != 0 {
		t.Errorf("a word before a full stop is %b, want no code", got)
	}
}

// hostile are texts that ask for more than they should get.
func hostile() map[string]string {
	return map[string]string{
		"empty": "", "space": strings.Repeat(" ", 1<<20), "one letter": strings.Repeat("a", 1<<20), "one rune": strings.Repeat("é", 1<<19),
		"emoji": strings.Repeat("😀", 1<<18), "two emoji": strings.Repeat("😀🔥", 1<<17), "no UTF-8": strings.Repeat("\xff\xc3", 1<<19), "zeros": strings.Repeat("\x00", 1<<20),
		"million": strings.Repeat("I hate this horrible outage! ", 1<<20/29), "signs": strings.Repeat(":-", 1<<19), "angles": strings.Repeat("<@", 1<<19),
		"backquotes": strings.Repeat("```", 1<<18), "ampersands": strings.Repeat("&", 1<<20), "joiners": strings.Repeat("a\u200d", 1<<18), "colons": strings.Repeat(":a", 1<<19),
		"mixed": strings.Repeat("aé中🔥1!# ", 1<<16), "marks": "a" + strings.Repeat("\u0301", 1<<18), "capitals": strings.Repeat("AAAA ", 1<<18),
	}
}

func TestScanIsBounded(t *testing.T) {
	for name, text := range hostile() {
		got := scanned(text)
		if len(got.list) > maxTokens || len(got.symbols) > maxSymbols {
			t.Errorf("%s: %d tokens, %d symbols, want at most %d and %d", name, len(got.list), len(got.symbols), maxTokens, maxSymbols)
		}
	}
}

func TestNeutralTermsSayNothing(t *testing.T) {
	n, err := newNames([]string{"azure", "Front Door"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Azure is nice", "#azure is nice", "FRONT door is nice"} {
		k := tokens{names: n}
		k.scan(text)
		if k.list[0].hash != markName || len(k.list) != 3 {
			t.Errorf("%q has %d tokens, the first %x, want 3 with the mark of a name", text, len(k.list), k.list[0].hash)
		}
	}
	k := tokens{names: n}
	k.scan("front of the door")
	if k.list[0].hash == markName {
		t.Error("a part of a term is taken for it")
	}
}

func TestNeutralTermsAreChecked(t *testing.T) {
	for _, terms := range [][]string{{""}, {"one two three four five six seven"}, make([]string, mostNames+1)} {
		if _, err := newNames(terms); err == nil {
			t.Errorf("%d terms %.40q were taken, want an error", len(terms), terms)
		}
	}
}
