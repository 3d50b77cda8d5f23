// Command memory measures how much memory the scorer and the notifier take at most, as processes on a real Kafka: when
// many events come at once after silence, when they start late on a backlog, when the records are as large as the
// broker takes, and when the notifier has much to remember. It prints the table that docs/reliability.md has.
//
//	bin/memory [-records 200000] [-lag 200000] [-backlog 2000000] [-large 300] [-told 1000000] [-limit 3m] [-logs folder]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

const partitions = 6

// trial is one thing to measure.
type trial struct {
	name    string
	records int
	bytes   int  // of each event's text
	late    bool // the programs start when the records are there already
	scored  bool // as many scored events lie there, too
	told    int  // outcomes that the notifier has to remember
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

func run() error {
	records := flag.Int("records", 200_000, "events that come at once after silence")
	lag := flag.Int("lag", 200_000, "events that lie there when the programs start")
	large := flag.Int("large", 300, "events of 900 kB that lie there when the programs start")
	backlog := flag.Int("backlog", 2_000_000, "events that lie there, scored and not, when the programs start: a week's lag")
	told := flag.Int("told", 1_000_000, "outcomes that the notifier remembers when it starts")
	limit := flag.Duration("limit", 3*time.Minute, "how long each trial may take to be read to the end")
	logs := flag.String("logs", "", "folder in which the programs' logs stay; else they go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := broker.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "memory-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if *logs == "" {
		*logs = dir
	}
	kafka, err := broker.StartReal(ctx, broker.RealOptions{DataDir: filepath.Join(dir, "kafka"), HeapMB: 512})
	if err != nil {
		return err
	}
	defer func() { _ = kafka.Stop(context.WithoutCancel(ctx)) }()
	fmt.Println("trial                         events   text    sentiment-scorer   notifier    read to the end after")
	for _, t := range []trial{
		{name: "at once after silence", records: *records, bytes: 120},
		{name: "late, on a backlog", records: *lag, bytes: 120, late: true},
		{name: "a week late", records: *backlog, bytes: 120, late: true, scored: true},
		{name: "late, on large records", records: *large, bytes: 900_000, late: true},
		{name: "remembering", told: *told, late: true},
	} {
		if t.records+t.told == 0 {
			continue
		}
		w := &world{trial: t, ctx: ctx, bin: filepath.Join(root, "bin"), dir: *logs, servers: kafka.Bootstrap(), prefix: fmt.Sprintf("m%d", time.Now().UnixNano())}
		if err := w.measure(*limit); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// measure runs the trial and prints its row.
func (w *world) measure(limit time.Duration) (err error) {
	defer func() { err = errors.Join(err, w.stop()) }()
	w.client, err = kgo.NewClient(kgo.SeedBrokers(w.servers...), kgo.ProducerBatchMaxBytes(1_000_000), kgo.MaxBufferedRecords(5000),
		kgo.UnknownTopicRetries(-1)) // a topic that was just made is not known at once
	if err != nil {
		return err
	}
	defer w.client.Close()
	var topics []desired.Topic
	for short, n := range map[string]int32{"feedback": partitions, "scored": partitions, "notifications": partitions, "dead-letters": 1, "state": 1} {
		topics = append(topics, desired.Topic{Name: w.prefix + "." + short, Partitions: n, ReplicationFactor: 1, Managed: true})
	}
	plan := executor.Plan{Kafka: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": strings.Join(w.servers, ",")}, Topics: topics}
	if err := executor.CreateTopics(w.ctx, plan, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	steps := []func() error{w.start, w.fill}
	if w.late {
		steps = []func() error{w.fill, w.tell, w.start}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	began := time.Now()
	left := w.drained(limit)
	if w.told > 0 {
		left = w.remembered(limit)
	}
	after := time.Since(began).Round(time.Second).String()
	if left != nil {
		after = fmt.Sprintf("not within %s: %v", limit, left)
	}
	scorer, err := peak(w.programs[1].Pid())
	if err != nil {
		return err
	}
	notifier, err := peak(w.programs[2].Pid())
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %7d  %6d  %11d MB  %8d MB    %s\n", w.name, w.records+w.told, w.bytes, scorer>>20, notifier>>20, after)
	return nil
}
