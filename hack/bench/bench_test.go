package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

func TestSpread(t *testing.T) {
	var all []time.Duration
	for i := 100; i > 0; i-- {
		all = append(all, time.Duration(i)*time.Millisecond)
	}
	got, want := newSpread(all), spread{p50: 51 * time.Millisecond, p95: 96 * time.Millisecond, p99: 100 * time.Millisecond, n: 100}
	if got != want {
		t.Errorf("newSpread(1..100 ms) = %+v, want %+v", got, want)
	}
}

func TestChoose(t *testing.T) {
	got, texts, err := choose("lexicon,spark-real")
	if err != nil || len(texts) > 0 {
		t.Fatalf("choose: %v and %v, want no rows of texts", texts, err)
	}
	var names []string
	for _, r := range got {
		names = append(names, r.name)
	}
	if want := []string{"lexicon-1", "lexicon-2", "spark-real-time"}; len(names) != len(want) || names[0] != want[0] || names[2] != want[2] {
		t.Errorf("choose = %v, want %v", names, want)
	}
	if got, texts, err := choose("scoring,language"); err != nil || len(got) > 0 || len(texts) != len(textRows()) {
		t.Errorf("choose(scoring,language) = %v, %v, %v, want all rows of texts and no others", got, texts, err)
	}
	if got, texts, err := choose(""); err != nil || len(got) != len(rows()) || len(texts) != len(textRows()) {
		t.Errorf("choose of nothing = %d and %d rows, %v, want all", len(got), len(texts), err)
	}
	if _, _, err := choose("flink"); err == nil {
		t.Error("choose(flink) = nil, want an error that names the rows")
	}
}

func TestReadBenchmarks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.txt")
	text := "pkg: example.org/a/stream\nBenchmarkLoop/a-batch=100-2   354   6436109 ns/op   77687 records/s   1509049 B/op   22530 allocs/op\nPASS\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readBenchmarks(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []benchmark{{
		name: "stream Loop/a-batch=100", time: "6436109 ns", bytes: "1509049", allocs: "22530", more: "77687 records/s",
		measures: map[string]float64{"ns/op": 6436109, "records/s": 77687, "B/op": 1509049, "allocs/op": 22530},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("readBenchmarks = %+v, want %+v", got, want)
	}
}

func TestTextReportIsWrittenBetweenItsLines(t *testing.T) {
	r := &textReport{head: []string{"a machine"}, noData: true, results: []textResult{{
		row:      textRow{title: "ours"},
		measures: map[string]float64{"texts/cpu-s": 212_345, "B/op": 0, "allocs/op": 0, "peak-MB": 41.6, "recall-own": 0.6171},
	}}}
	folder := t.TempDir()
	file := filepath.Join(folder, "benchmarks.md")
	around := "before\n" + textsMarkBegin + "\n%s" + textsMarkEnd + "\nbetween\n" + markBegin + "\nKafka's\n" + markEnd + "\n"
	if err := os.WriteFile(file, []byte(strings.Replace(around, "%s", "old\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.write(folder); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if want := strings.Replace(around, "%s", r.markdown(), 1); err != nil || string(got) != want {
		t.Errorf("file %q, %v, want %q", got, err, want)
	}
	if row := "| ours | 212k | 0, 0 | 42 | -, -, -, .617 | - |"; !strings.Contains(string(got), row) || !strings.Contains(string(got), "SKIPPED") {
		t.Errorf("file %q, want the row %q and what is skipped", got, row)
	}
}

// The batches that are made by hand are what a client reads back, in the partitions of their keys.
func TestBlocksCanBeRead(t *testing.T) {
	e, err := broker.StartEmbedded(t.Context(), broker.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	c, err := connect(e.Bootstrap()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.client.Close()
	topics, err := c.create(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	details, err := c.admin.ListTopics(t.Context(), topics.in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBlock(true, []string{"one", "two"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.append(t.Context(), details[topics.in], 2, b.batches[2][0]); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.ConsumeTopics(topics.in))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	n := 0
	for n < batchSize {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			if r.Partition != 2 || !bytes.HasPrefix(r.Key, []byte(idPrefix)) || len(r.Value) != 3 {
				t.Errorf("record %d of partition %d: %s = %s, want a key of ours with one or two", r.Offset, r.Partition, r.Key, r.Value)
			}
		})
	}
}
