package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// The parts of docs/benchmarks.md that a run writes lie between these lines: what went through Kafka, and texts alone.
const (
	markBegin      = "<!-- make bench writes from here -->"
	markEnd        = "<!-- to here -->"
	textsMarkBegin = "<!-- make bench writes the rows of texts from here -->"
	textsMarkEnd   = "<!-- rows of texts to here -->"
	plotFile       = "images/benchmarks.svg"
)

// report is what is told of a run.
type report struct {
	results    []result
	benchmarks []benchmark
	head       []string // machine, versions, date
}

func (b *bench) report(ctx context.Context, results []result, benchmarks []benchmark) *report {
	versions := []string{"Apache Kafka " + broker.Version, runtime.Version(), "kafka-go " + moduleVersion(ctx, filepath.Join(b.root, "services"), "github.com/segmentio/kafka-go")}
	for _, r := range []struct{ name, title string }{{"streams", "Kafka Streams"}, {"spark", "Spark"}} {
		if v := b.rivals[r.name].version; v != "" {
			versions = append(versions, r.title+" "+v)
		}
	}
	bytes := b.blocks[false].bytes / int64(b.blocks[false].records)
	plain := b.blocks[true].bytes / int64(b.blocks[true].records)
	head := []string{
		fmt.Sprintf("%s, %s, %s.", time.Now().UTC().Format("2006-01-02"), machine(), strings.Join(versions, ", ")),
		fmt.Sprintf("One broker on the same machine, %d partitions, acks=all, no compression. %d records cold, %d warm; keys and values of %d bytes "+
			"on average and six headers (the plain texts of the rivals: %d bytes and none).", partitions, b.events, b.warm, bytes, plain),
	}
	head = append(head, fmt.Sprintf("Latencies over %s after %s; starts measured at most %d times a row.", b.duration, b.settle, b.starts))
	if b.note != "" {
		head = append(head, "**"+b.note+"**")
	}
	return &report{results: results, benchmarks: benchmarks, head: head}
}

// moduleVersion is the version of a module that those in a folder are built with.
func moduleVersion(ctx context.Context, folder, module string) string {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return "?"
	}
	return string(bytes.TrimSpace(out))
}

func machine() string {
	model := runtime.GOARCH
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.GOOS)
}

// markdown is the table.
func (r *report) markdown() string {
	var out strings.Builder
	for _, h := range r.head {
		fmt.Fprintln(&out, h)
	}
	fmt.Fprint(&out, "\n| row | members | cold, records/s | warm, records/s | p50 / p95 / p99 at 100/s, ms | at 1,000/s, ms | start to first output, s | peak memory, MB | CPU-seconds, cold (broker's) |\n"+
		"|---|---|---|---|---|---|---|---|---|\n")
	cold, warm := r.bare()
	for _, res := range r.results {
		if res.skipped != "" {
			fmt.Fprintf(&out, "| %s | SKIPPED: %s |||||||\n", res.row.title, strings.ReplaceAll(res.skipped, "|", "/"))
			continue
		}
		fmt.Fprintf(&out, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", res.row.title, res.row.members, rate(res.cold, cold), rate(res.warm, warm),
			res.latency[100], res.latency[1000], figure(res.firstOutput().Seconds(), "%.2f"), figure(float64(res.rss>>20), "%.0f"), fmt.Sprintf("%.1f (%.1f)", res.cpu, res.brokerCPU))
	}
	fmt.Fprintln(&out, "\nPercentages are of the faster bare copy in the same run.")
	if len(r.benchmarks) > 0 {
		fmt.Fprint(&out, "\n| `go test -bench` | a round | bytes, a round | allocations | |\n|---|---|---|---|---|\n")
		for _, b := range r.benchmarks {
			fmt.Fprintln(&out, b)
		}
	}
	return out.String()
}

// bare are the rates of the faster bare copy, cold and warm; 0 where none was measured.
func (r *report) bare() (cold, warm float64) {
	for _, res := range r.results {
		if strings.HasPrefix(res.row.name, "passthrough") {
			cold, warm = max(cold, res.cold), max(warm, res.warm)
		}
	}
	return cold, warm
}

// rate is a rate and what part of the bare one it is.
func rate(v, bare float64) string {
	switch {
	case v == 0:
		return "-"
	case bare == 0:
		return thousands(v)
	}
	return fmt.Sprintf("%s (%.0f %%)", thousands(v), 100*v/bare)
}

func thousands(v float64) string { return fmt.Sprintf("%.0fk", v/1000) }

func figure(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// String is the three figures in milliseconds.
func (s spread) String() string {
	if s.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%s / %s / %s", ms(s.p50), ms(s.p95), ms(s.p99))
}

func ms(d time.Duration) string {
	v := float64(d.Microseconds()) / 1000
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// firstOutput is the median of the starts.
func (r result) firstOutput() time.Duration {
	if len(r.start) == 0 {
		return 0
	}
	return r.start[len(r.start)/2]
}

// line is the result in one line, for the terminal.
func (r result) line() string {
	return fmt.Sprintf("cold %s/s with %.1f CPU-s (broker %.1f), warm %s/s; at 100/s %s ms, at 1000/s %s ms; start %.2f s; %d MB",
		thousands(r.cold), r.cpu, r.brokerCPU, thousands(r.warm), r.latency[100], r.latency[1000], r.firstOutput().Seconds(), r.rss>>20)
}

// write puts the tables into benchmarks.md of the folder, and the plot beside it.
func (r *report) write(folder string) error {
	text := r.markdown() + "\n![Throughput and latency](" + plotFile + ")\n"
	if err := writeBetween(filepath.Join(folder, "benchmarks.md"), markBegin, markEnd, text); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, plotFile), []byte(r.plot()), 0o644) //nolint:gosec // for all to read
}

// write puts the table into benchmarks.md of the folder.
func (r *textReport) write(folder string) error {
	return writeBetween(filepath.Join(folder, "benchmarks.md"), textsMarkBegin, textsMarkEnd, r.markdown())
}

// writeBetween puts text between two lines of a file.
func writeBetween(file, begin, end, text string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(data), begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return errors.New(file + ": the lines between which the table goes are missing: " + begin + " and " + end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+text+end+after), 0o644) //nolint:gosec // for all to read
}
