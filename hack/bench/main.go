// Command bench measures the scorer side by side with a bare copy and with what others score in streams, in one
// run on one real Kafka, and what scores texts and tells their languages side by side with libraries of others. See
// docs/benchmarks.md, which it writes.
//
//	go run ./bench [-rows a,b] [-events 500000] [-warm 3000000] [-duration 30s] [-data folder] [-out docs]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	events, warm     int
	settle, duration time.Duration
	rates            []int
	starts           int // at most
	note             string

	root, bin, dir string
	cluster        *cluster
	brokers        []int // their process ids
	texts          []string
	blocks         map[bool]*block // plain or not
	rivals         map[string]rival
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	b := &bench{rates: []int{100, 1000}, blocks: map[bool]*block{}}
	t := &textBench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var names, out, benchmarks string
	flags.StringVar(&names, "rows", "", "comma separated `names` of the rows to run, or beginnings of them; all if empty")
	flags.IntVar(&b.events, "events", 500_000, "records that a row drains from a cold start")
	flags.IntVar(&b.warm, "warm", 3_000_000, "records that it drains after these; 0 for none")
	flags.DurationVar(&b.duration, "duration", 30*time.Second, "how long each latency is measured; 0 not to measure any")
	flags.DurationVar(&b.settle, "settle", 5*time.Second, "how long before that it runs in")
	flags.IntVar(&b.starts, "starts", 5, "how often at most the time to the first output is measured")
	flags.StringVar(&t.data, "data", "", "`folder` of label<TAB>text files, as hack/train takes it, for the rows of texts; empty for none")
	flags.DurationVar(&t.seconds, "texts", 3*time.Second, "how long each row of texts runs")
	flags.StringVar(&b.note, "note", "", "a `sentence` for the table, such as what else the machine did")
	flags.StringVar(&out, "out", "", "`folder` of benchmarks.md and the plot; empty prints the tables only")
	flags.StringVar(&benchmarks, "benchmarks", "", "`file` with what go test -bench said, for a table of its own")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, chosenTexts, err := choose(names)
	if err != nil {
		return err
	}
	if b.duration == 0 {
		b.rates = nil
	}
	if b.root, err = broker.Root(); err != nil {
		return err
	}
	b.bin = filepath.Join(b.root, "bin", "bench")
	t.root, t.bin, t.note = b.root, b.bin, b.note
	return errors.Join(t.tell(ctx, chosenTexts, stdout, out), b.tell(ctx, chosen, benchmarks, stdout, out))
}

// tell runs rows of texts, prints what was found and writes it to the folder out, if there is one.
func (t *textBench) tell(ctx context.Context, chosen []textRow, stdout io.Writer, out string) error {
	if len(chosen) == 0 {
		return nil
	}
	report, err := t.all(ctx, chosen)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, report.markdown())
	if out == "" {
		return nil
	}
	return report.write(out)
}

// tell is the same for rows that go through Kafka.
func (b *bench) tell(ctx context.Context, chosen []row, benchmarks string, stdout io.Writer, out string) error {
	if len(chosen) == 0 {
		return nil
	}
	tests, err := readBenchmarks(benchmarks)
	if err != nil {
		return err
	}
	results, err := b.all(ctx, chosen)
	if err != nil {
		return err
	}
	report := b.report(ctx, results, tests)
	fmt.Fprintln(stdout, report.markdown())
	if out == "" {
		return nil
	}
	return report.write(out)
}

// choose returns the rows whose names begin with one of those.
func choose(names string) ([]row, []textRow, error) {
	wanted := strings.Split(names, ",")
	if names == "" {
		wanted = []string{""}
	}
	is := func(name string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(name, w) })
	}
	var known []string
	var chosen []row
	for _, r := range rows() {
		known = append(known, r.name)
		if is(r.name) {
			chosen = append(chosen, r)
		}
	}
	var texts []textRow
	for _, r := range textRows() {
		known = append(known, r.name)
		if is(r.name) {
			texts = append(texts, r)
		}
	}
	if len(chosen)+len(texts) == 0 {
		return nil, nil, fmt.Errorf("rows %q: name some of %s", names, strings.Join(known, ", "))
	}
	return chosen, texts, nil
}

// all runs the rows one after the other.
func (b *bench) all(ctx context.Context, chosen []row) ([]result, error) {
	var err error
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	b.prepare(ctx, chosen)
	// A broker as people run it, not the tests' quick starter: the optimizing compiler, G1 and a heap of 1 GB.
	kafka, err := broker.StartReal(ctx, broker.RealOptions{HeapMB: 1024, Java: []string{"-XX:TieredStopAtLevel=4", "-XX:-UseSerialGC", "-XX:+UseG1GC"}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = kafka.Stop(context.WithoutCancel(ctx)) }()
	if b.cluster, err = connect(kafka.Bootstrap()[0]); err != nil {
		return nil, err
	}
	defer b.cluster.client.Close()
	b.brokers = kafka.Pids()
	if b.texts, err = texts(filepath.Join(b.root, "hack", "demo", "corpus.tsv")); err != nil {
		return nil, err
	}
	for _, plain := range []bool{false, true} {
		if b.blocks[plain], err = newBlock(plain, b.texts); err != nil {
			return nil, err
		}
	}
	if err := b.cluster.warmUp(ctx); err != nil {
		return nil, err
	}
	return b.each(ctx, chosen)
}

func (b *bench) each(ctx context.Context, chosen []row) ([]result, error) {
	var results []result
	for _, r := range chosen {
		if missing := b.rivals[r.rival].missing; missing != "" {
			fmt.Fprintf(os.Stderr, "bench: SKIPPED %s: %s\n", r.name, missing)
			results = append(results, result{row: r, skipped: missing})
			continue
		}
		began := time.Now()
		res, err := b.run(ctx, r)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: FAILED %s: %v\n%s", r.name, err, b.lastLines(r))
			return results, fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s in %s: %s\n", r.name, time.Since(began).Round(time.Second), res.line())
		results = append(results, res)
	}
	return results, nil
}

// build builds our own programs; the bench's scorer has a backend more.
func (b *bench) build(ctx context.Context) error {
	for _, cmd := range [][]string{
		{"hack", "go", "build", "-o", b.bin + "/", "./bench/passthrough"},
		{"services", "go", "build", "-o", b.bin + "/", "./sentiment-scorer"},
		{"services", "go", "build", "-tags", "bench", "-o", filepath.Join(b.bin, "sentiment-scorer-bench"), "./sentiment-scorer"},
	} {
		c := exec.CommandContext(ctx, cmd[1], cmd[2:]...)
		c.Dir = filepath.Join(b.root, cmd[0])
		if out, err := c.CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", strings.Join(cmd[1:], " "), err), errors.New(string(out)))
		}
	}
	return nil
}

// lastLines is the end of what the row's members said.
func (b *bench) lastLines(r row) string {
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(b.dir, "*"+r.name+".*.log"))
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil {
			fmt.Fprintf(&out, "%s:\n%s\n", filepath.Base(f), data[max(0, len(data)-2000):])
		}
	}
	return out.String()
}
