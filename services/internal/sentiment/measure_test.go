package sentiment

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// perGroup is how many texts of one language and kind are measured.
const perGroup = 300

type tally struct{ texts, right, english int }

// TestMeasure prints how often the language is told, if MEASURE_LANGUAGE names files (separated
// by commas) of lines "language<TAB>kind<TAB>text". It takes an equal share of every part of a
// file, and assumes English as the scorer does by default.
func TestMeasure(t *testing.T) {
	paths := os.Getenv("MEASURE_LANGUAGE")
	if paths == "" {
		t.Skip("MEASURE_LANGUAGE names no file to measure on")
	}
	identifier, err := NewIdentifier("en")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]*tally{}
	for group, texts := range readTexts(t, strings.Split(paths, ",")) {
		language, _, _ := strings.Cut(group, " ")
		for i := range min(len(texts), perGroup) {
			text := texts[i*len(texts)/min(len(texts), perGroup)]
			got := identifier.Identify(text, "").GetTag()
			for _, name := range []string{group, language + " all", lengthClass(text) + sideOf(language), sideOf(language) + "all"} {
				if groups[name] == nil {
					groups[name] = &tally{}
				}
				groups[name].add(got, language)
			}
			if os.Getenv("MEASURE_WRONG") != "" && (got == "en") != (language == "en") {
				t.Logf("%s taken for %s: %s", group, got, text)
			}
		}
	}
	report(t, groups)
}

func (g *tally) add(got, want string) {
	g.texts++
	if got == want {
		g.right++
	}
	if got == "en" {
		g.english++
	}
}

func sideOf(language string) string {
	if language == "en" {
		return " English "
	}
	return " not English "
}

func lengthClass(text string) string {
	switch n := len(strings.Fields(text)); {
	case n <= 3:
		return " 1-3 words"
	case n <= 7:
		return " 4-7 words"
	default:
		return " 8 and more words"
	}
}

func readTexts(t *testing.T, paths []string) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if columns := strings.SplitN(lines.Text(), "\t", 3); len(columns) == 3 {
				group := columns[0] + " " + columns[1]
				texts[group] = append(texts[group], columns[2])
			}
		}
		if err := cmp.Or(lines.Err(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func report(t *testing.T, groups map[string]*tally) {
	t.Helper()
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "group\ttexts\tright %\tas English %\t")
	for _, name := range names {
		g := groups[name]
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t\n", name, g.texts, percent(g.right, g.texts), percent(g.english, g.texts))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(whole) }
