// Command demo runs the whole feedback loop on this machine and shows it live: people talk in a simulated Slack and
// on a simulated X, and what they say goes through Kafka to a score and out to the right channel. It runs until Ctrl-C
// or for DURATION, drains, and ends with the auditor's ledger: status 0 only if nothing was lost or told twice.
//
// Every flag is an environment variable too: DURATION, PIPELINE, CORPUS, RATE, SIMULATOR, KAFKA, DATA, SEED.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// findings is how many of the auditor's findings are shown.
const findings = 20

type settings struct {
	loop.Options
	duration, drain time.Duration
}

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

// run is the command; it returns the exit status.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := parse(args, getenv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	s.Out = stdout
	s.Log = slog.New(slog.NewTextHandler(stderr, nil))
	talk, work, cancel := signals(stderr)
	defer cancel()
	ledger, err := play(talk, work, s)
	switch {
	case errors.Is(err, loop.ErrNoLedger):
		fmt.Fprintln(stdout, err)
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	for _, line := range ledger.Explain(findings) {
		fmt.Fprintln(stdout, line)
	}
	fmt.Fprintln(stdout, ledger)
	if !ledger.OK() {
		return 1
	}
	return 0
}

// signals gives two contexts: talk ends at the first Ctrl-C (or SIGTERM), work at the second.
func signals(stderr io.Writer) (talk, work context.Context, cancel func()) {
	work, stopWork := context.WithCancel(context.Background())
	talk, stopTalk := context.WithCancel(work)
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		fmt.Fprintln(stderr, "\ndraining; once more to stop without waiting for the rest to be told")
		stopTalk()
		<-c
		stopWork()
	}()
	return talk, work, func() { signal.Stop(c); stopWork() }
}

// play runs the loop until talk ends or the duration is over, and finishes it. All is stopped when it returns.
func play(talk, work context.Context, s settings) (audit.Ledger, error) {
	l, err := loop.Start(talk, s.Options)
	if err != nil {
		return audit.Ledger{}, err
	}
	defer l.Stop()
	if err := l.Traffic(talk, true); err != nil {
		return audit.Ledger{}, err
	}
	if s.duration > 0 {
		l.Say("for %s; Ctrl-C to end before\n", s.duration)
		var cancel context.CancelFunc
		talk, cancel = context.WithTimeout(talk, s.duration)
		defer cancel()
	} else {
		l.Say("until Ctrl-C\n")
	}
	<-talk.Done()
	return l.Finish(work, s.drain)
}

// parse reads flags, with the environment and then the repository's own files as defaults.
func parse(args []string, getenv func(string) string, stderr io.Writer) (settings, error) {
	root, err := broker.Root()
	if err != nil {
		root = "."
	}
	env := func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.Manifest, "pipeline", env("PIPELINE", filepath.Join(root, "hack/demo/pipeline.yaml")), "PIPELINE: `manifest` to run")
	flags.StringVar(&s.Corpus, "corpus", env("CORPUS", filepath.Join(root, "hack/demo/corpus.tsv")), "CORPUS: `file` of texts, one a line, or label<TAB>text")
	s.DataRoot = filepath.Join(root, ".demo")
	flags.StringVar(&s.DataDir, "data", env("DATA", ""), "DATA: `folder` that keeps records, history and logs (default: one of .demo for each pipeline)")
	flags.StringVar(&s.Bin, "bin", filepath.Join(root, "bin"), "`folder` with the services' binaries")
	duration := flags.String("duration", env("DURATION", "0s"), "DURATION: how long people talk; 0s: until Ctrl-C")
	rate := flags.String("rate", env("RATE", "5"), "RATE: posts a second")
	seed := flags.String("seed", env("SEED", "1"), "SEED: makes the same people say the same again")
	kafka := flags.String("kafka", env("KAFKA", ""), "KAFKA: `host:port,...` of a broker to use instead of the embedded one")
	simulator := flags.String("simulator", env("SIMULATOR", "on"), "SIMULATOR: on, or off for the real Slack and X")
	flags.DurationVar(&s.drain, "drain", 2*time.Minute, "how long to wait at the end until all is told")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var errs []error
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q is no flag: flags begin with -, and what stands behind it would be left out", flags.Arg(0)))
	}
	if s.duration, err = time.ParseDuration(*duration); err != nil || s.duration < 0 {
		errs = append(errs, fmt.Errorf("DURATION: %q; write it like 30s or 5m", *duration))
	}
	if s.Rate, err = strconv.ParseFloat(*rate, 64); err != nil || !(s.Rate > 0) || s.Rate > 1e6 {
		errs = append(errs, fmt.Errorf("RATE: %q; want posts a second, more than 0", *rate))
	}
	if s.Seed, err = strconv.ParseInt(*seed, 10, 64); err != nil {
		errs = append(errs, fmt.Errorf("SEED: %q; want a whole number", *seed))
	}
	switch strings.ToLower(*simulator) {
	case "on", "true", "1":
	case "off", "false", "0":
		s.NoSimulator = true
	default:
		errs = append(errs, fmt.Errorf("SIMULATOR: %q; want on or off", *simulator))
	}
	if *kafka != "" {
		s.Kafka = strings.Split(*kafka, ",")
	}
	if s.Corpus, err = filepath.Abs(s.Corpus); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}
