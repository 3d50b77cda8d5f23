package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// textRow is one way to score texts or to tell their language, without Kafka.
type textRow struct {
	name      string // as ROWS has it
	title     string // as people read it
	program   string // the tests' binary that has it
	benchmark string // there, below BenchmarkRows
}

const (
	ownTests     = "sentiment.test"
	libraryTests = "languages.test"
)

// textRows are what is compared, in the order of the table.
func textRows() []textRow {
	return []textRow{
		{"scoring-builtin-tweet", "built-in, `tweet`, language known", ownTests, "builtin-tweet"},
		{"scoring-builtin-dev", "built-in, `dev`, language known", ownTests, "builtin-dev"},
		{"scoring-builtin-chat", "built-in, `chat`, language known", ownTests, "builtin-chat"},
		{"scoring-builtin-language", "built-in: language and `tweet`, as the scorer does it", ownTests, "builtin-language-and-tweet"},
		{"scoring-vader", "VADER (govader), language known", ownTests, "vader"},
		{"language-builtin", "built-in: language", ownTests, "language"},
		{"language-whatlanggo", "whatlanggo", libraryTests, "whatlanggo"},
		{"language-lingua-low", "lingua-go, low accuracy", libraryTests, "lingua-low"},
		{"language-lingua-high", "lingua-go", libraryTests, "lingua-high"},
	}
}

// textBench measures the rows of texts, each in a process of its own.
type textBench struct {
	root, bin string
	data      string // folder of label<TAB>text files, empty for none
	seconds   time.Duration
	note      string
}

// textResult is what was found of one row.
type textResult struct {
	row      textRow
	measures map[string]float64 // by the units that the benchmarks give
}

// textReport is what is told of a run.
type textReport struct {
	results []textResult
	head    []string // machine, versions, date
	noData  bool
}

func (t *textBench) all(ctx context.Context, chosen []textRow) (*textReport, error) {
	folder, err := os.MkdirTemp("", "bench-texts-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	timing, err := t.prepare(ctx, folder)
	if err != nil {
		return nil, err
	}
	r := &textReport{noData: t.data == "", head: []string{
		fmt.Sprintf("%s, %s, %s. Each row ran for %s of one goroutine on %s, in a process of its own; a core's rate is by the time that the process computed.",
			time.Now().UTC().Format("2006-01-02"), machine(), t.versions(ctx), t.seconds, timing),
	}}
	if t.note != "" {
		r.head = append(r.head, "**"+t.note+"**")
	}
	if r.noData {
		fmt.Fprintln(os.Stderr, "bench: SKIPPED how right the rows are on public texts: DATA names no folder of them")
	}
	for _, row := range chosen {
		began := time.Now()
		measures, err := t.run(ctx, row, folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s in %s: %.0f texts/s of one core\n", row.name, time.Since(began).Round(time.Second), measures["texts/cpu-s"])
		r.results = append(r.results, textResult{row, measures})
	}
	return r, nil
}

// prepare builds the programs and writes the texts to a folder. It returns which texts the time is taken on.
func (t *textBench) prepare(ctx context.Context, folder string) (string, error) {
	for _, cmd := range [][]string{
		{"services", "go", "test", "-c", "-o", filepath.Join(t.bin, ownTests), "./internal/sentiment"},
		{"hack", "go", "test", "-c", "-tags", "bench", "-o", filepath.Join(t.bin, libraryTests), "./bench/languages"},
	} {
		if out, err := t.command(ctx, cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			return "", errors.Join(fmt.Errorf("%s: %w", strings.Join(cmd[1:], " "), err), errors.New(string(out)))
		}
	}
	timing, named := filepath.Join(t.root, "hack", "demo", "corpus.tsv"), "the demo's texts"
	if t.data != "" {
		data, err := filepath.Abs(t.data)
		if err != nil {
			return "", err
		}
		if out, err := t.command(ctx, "hack", "./train", "--data", data, "--aside", folder).CombinedOutput(); err != nil {
			return "", errors.Join(fmt.Errorf("take apart the texts of %s: %w", t.data, err), errors.New(string(out)))
		}
		if tweets := filepath.Join(folder, "tweet.tsv"); fileExists(tweets) {
			timing, named = tweets, "the tweets that were put aside"
		}
	}
	texts, err := os.ReadFile(timing)
	if err != nil {
		return "", err
	}
	return named, os.WriteFile(filepath.Join(folder, "timing.tsv"), texts, 0o600)
}

func fileExists(path string) bool { _, err := os.Stat(path); return err == nil }

func (t *textBench) command(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join(t.root, module)
	return cmd
}

func (t *textBench) versions(ctx context.Context) string {
	versions := []string{runtime.Version()}
	for _, m := range []struct{ in, path, name string }{
		{"services", "github.com/jonreiter/govader", "govader"}, {"hack", "github.com/abadojack/whatlanggo", "whatlanggo"}, {"hack", "github.com/pemistahl/lingua-go", "lingua-go"},
	} {
		versions = append(versions, m.name+" "+moduleVersion(ctx, filepath.Join(t.root, m.in), m.path))
	}
	return strings.Join(versions, ", ")
}

// run runs one row and returns what it measured.
func (t *textBench) run(ctx context.Context, row textRow, folder string) (map[string]float64, error) {
	cmd := t.command(ctx, ".", filepath.Join(t.bin, row.program), "-test.run", "^$", "-test.bench", "^BenchmarkRows$/^"+row.benchmark+"$",
		"-test.benchtime", t.seconds.String())
	cmd.Env = append(os.Environ(), "BENCH_TEXTS="+folder)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, errors.Join(err, errors.New(string(out)))
	}
	for _, b := range parseBenchmarks(string(out)) {
		if strings.HasSuffix(b.name, "/"+row.benchmark) && b.measures["texts/cpu-s"] > 0 {
			return b.measures, nil
		}
	}
	return nil, fmt.Errorf("%s measured nothing:\n%s", row.program, out)
}

// markdown is the table.
func (r *textReport) markdown() string {
	var out strings.Builder
	for _, h := range r.head {
		fmt.Fprintln(&out, h)
	}
	fmt.Fprint(&out, "\n| row | texts/s of one core | bytes, allocations a text | peak memory, MB | macro recall: tweets, developers, Reddit, our chat texts | languages told rightly, under 20 characters |\n"+
		"|---|---|---|---|---|---|\n")
	for _, res := range r.results {
		m := res.measures
		fmt.Fprintf(&out, "| %s | %s | %.0f, %.0f | %.0f | %s | %s |\n", res.row.title, rounded(m["texts/cpu-s"]), m["B/op"], m["allocs/op"], m["peak-MB"],
			r.shares(m, "recall-tweet", "recall-dev", "recall-chat", "recall-own"), r.shares(m, "right", "right-short"))
	}
	if r.noData {
		fmt.Fprintln(&out, "\nSKIPPED: how right the rows are on public texts; DATA named no folder of them.")
	}
	return out.String()
}

// shares are measures from 0 to 1 in one cell, - for those that there are none of.
func (r *textReport) shares(measures map[string]float64, units ...string) string {
	var cells []string
	some := false
	for _, unit := range units {
		v, ok := measures[unit]
		some = some || ok
		if !ok {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, strings.TrimPrefix(fmt.Sprintf("%.3f", v), "0"))
	}
	if !some {
		return "-"
	}
	return strings.Join(cells, ", ")
}

// rounded is a rate with three digits.
func rounded(v float64) string {
	switch {
	case v >= 100_000:
		return fmt.Sprintf("%.0fk", v/1000)
	case v >= 10_000:
		return fmt.Sprintf("%.1fk", v/1000)
	case v >= 1000:
		return fmt.Sprintf("%.2fk", v/1000)
	}
	return fmt.Sprintf("%.0f", v)
}
