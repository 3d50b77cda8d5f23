// Command memory measures how much memory the programs take at most, as processes on a real Kafka, each told the memory
// limit that its container in a cluster has: when many events come at once after silence, when they start late on a
// backlog, when the records are as large as the broker takes, when the notifier has much to remember, and when a source
// has much history to read back or is flooded. It prints the table that docs/reliability.md has, and fails where a
// program took more than its container may. A trial of 0 is left out.
//
//	bin/memory [-records 200000] [-lag 200000] [-backlog 2000000] [-large 300] [-told 1000000] [-slack 50000] [-x 20000]
//	           [-limit 3m] [-logs folder]
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
	said    int  // messages or posts that a source has to take in
	source  string
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
	slack := flag.Int("slack", 50_000, "messages of one channel that slack-ingest reads back")
	x := flag.Int("x", 20_000, "posts that come over X's stream at once")
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
	limits, err := containers(root)
	if err != nil {
		return err
	}
	fmt.Println("trial                         events    text   read to the end   most that was resident, of what the container may take")
	var tooMuch []error
	for _, t := range []trial{
		{name: "at once after silence", records: *records, bytes: 120},
		{name: "late, on a backlog", records: *lag, bytes: 120, late: true},
		{name: "a week late", records: *backlog, bytes: 120, late: true, scored: true},
		{name: "late, on large records", records: *large, bytes: 900_000, late: true},
		{name: "remembering", told: *told, late: true},
		{name: "a channel's history", said: *slack, bytes: 120, late: true, source: "slack-ingest"},
		{name: "a burst of X's stream", said: *x, bytes: 120, source: "twitter-ingest"},
	} {
		if t.records+t.told+t.said == 0 {
			continue
		}
		w := &world{trial: t, ctx: ctx, bin: filepath.Join(root, "bin"), dir: *logs, limits: limits, servers: kafka.Bootstrap(), prefix: fmt.Sprintf("m%d", time.Now().UnixNano())}
		over, err := w.measure(*limit)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		tooMuch = append(tooMuch, over)
	}
	return errors.Join(tooMuch...)
}

// measure runs the trial and prints its row. over names the programs that took more than their containers may.
func (w *world) measure(limit time.Duration) (over, err error) {
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.connect(); err != nil {
		return nil, err
	}
	defer w.client.Close()
	for _, step := range w.steps() {
		if err := step(); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	after := ""
	if left := w.until(limit, w.left()); left != nil {
		after = fmt.Sprintf("not within %s: %v", limit, left)
	} else {
		after = time.Since(began).Round(time.Second).String()
	}
	row := fmt.Sprintf("%-28s %7d  %6d   %-15s", w.name, w.records+w.told+w.said, w.bytes, after)
	for _, p := range w.programs[1:] {
		most, err := peak(p.Pid())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, errors.Join(err, w.died()))
		}
		row += fmt.Sprintf("   %s %d of %d MB", p.name, most>>20, w.limits[p.name]>>20)
		if most > w.limits[p.name] {
			over = errors.Join(over, fmt.Errorf("%s: %s took %d MB, its container may take %d", w.name, p.name, most>>20, w.limits[p.name]>>20))
		}
	}
	fmt.Println(row)
	return over, nil
}

// connect makes the trial's topics.
func (w *world) connect() (err error) {
	w.client, err = kgo.NewClient(kgo.SeedBrokers(w.servers...), kgo.ProducerBatchMaxBytes(1_000_000), kgo.MaxBufferedRecords(5000),
		kgo.UnknownTopicRetries(-1)) // a topic that was just made is not known at once
	if err != nil {
		return err
	}
	var topics []desired.Topic
	for short, n := range map[string]int32{"feedback": partitions, "scored": partitions, "notifications": partitions, "dead-letters": 1, "state": 1} {
		topics = append(topics, desired.Topic{Name: w.prefix + "." + short, Partitions: n, ReplicationFactor: 1, Managed: true})
	}
	plan := executor.Plan{Kafka: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": strings.Join(w.servers, ",")}, Topics: topics}
	return executor.CreateTopics(w.ctx, plan, slog.New(slog.DiscardHandler))
}

// steps are what happens in the trial, in their order; then there is to be read what left tells.
func (w *world) steps() []func() error {
	switch {
	case w.source != "" && w.late:
		return []func() error{w.simulate, w.say, w.ingest}
	case w.source != "":
		return []func() error{w.simulate, w.ingest, w.say}
	case w.late:
		return []func() error{w.simulate, w.fill, w.tell, w.start}
	}
	return []func() error{w.simulate, w.start, w.fill}
}

// left returns what tells whether all was read.
func (w *world) left() func() error {
	switch {
	case w.source != "":
		return w.taken
	case w.told > 0:
		return w.remembered
	}
	return w.drained
}
