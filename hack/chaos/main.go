// Command chaos runs the whole feedback loop on this machine and breaks one part after another while people talk on:
// processes, brokers, the network, Slack and X. What is broken, when and for how long follows from a seed. At the end
// everything is mended and drained, and the auditor judges: status 0 only if nothing was lost and nothing was told
// twice, whatever was broken. It says too for how long nothing moved after each kind of fault, and judges nobody by it.
//
// Every flag is an environment variable too: SEED, DURATION, RATE, BROKERS, ONLY, TOGETHER, SEEDS, PIPELINE, CORPUS,
// DATA.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// findings is how many of the auditor's findings are shown.
const findings = 50

// settings says what to run and for how long.
type settings struct {
	seed     uint64
	duration time.Duration // of the talking
	drain    time.Duration // at most, at the end
	rate     float64       // posts a second
	brokers  int           // 1 or 3 of Apache Kafka; 0: the embedded broker
	only     []string      // kinds of faults; empty: all
	together int           // faults at a time, 1 or 2
	again    []finding     // runs to make once more instead
	manifest string
	corpus   string
	bin      string
	dataDir  string
	out      io.Writer
}

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

// run is the command; it returns the exit status.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := parse(args, getenv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	s.out = stdout
	temporary := s.dataDir == ""
	if temporary {
		if s.dataDir, err = os.MkdirTemp("", "chaos-"); err != nil {
			fmt.Fprintln(stderr, "chaos:", err)
			return 1
		}
	}
	ok, err := judged(ctx, s)
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\nlogs and data are in %s\n", err, s.dataDir)
		return 1
	}
	if !ok {
		fmt.Fprintf(stdout, "FAILED; logs and data are in %s\n", s.dataDir)
		return 1
	}
	if temporary {
		_ = os.RemoveAll(s.dataDir)
	}
	return 0
}

// judged makes the run, or those that failed once, prints what came of it and tells whether it was clean.
func judged(ctx context.Context, s settings) (bool, error) {
	if len(s.again) > 0 {
		return again(ctx, s, s.again, s.out), nil
	}
	r, err := play(ctx, s)
	if err != nil {
		return false, err
	}
	r.print(s.out)
	if !r.ok() {
		fmt.Fprintf(s.out, "once more with SEED=%d\n", s.seed)
	}
	return r.ok(), nil
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
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.String("seed", env("SEED", strconv.Itoa(1+rand.IntN(99_999))), "SEED: decides what is broken, when and for how long; default: any")
	duration := flags.String("duration", env("DURATION", "5m"), "DURATION: how long people talk and things break")
	rate := flags.String("rate", env("RATE", "200"), "RATE: posts a second")
	brokers := flags.String("brokers", env("BROKERS", "3"), "BROKERS: of Apache Kafka, 3 or 1; 0: the embedded broker")
	only := flags.String("only", env("ONLY", ""), "ONLY: `kinds` of faults, comma separated; default: all")
	seeds := flags.String("seeds", env("SEEDS", ""), "SEEDS: `numbers`, comma separated, or all: once more the runs that failed before, as they were")
	together := flags.String("together", env("TOGETHER", "1"), "TOGETHER: faults at a time; 2: always two at once")
	flags.StringVar(&s.manifest, "pipeline", env("PIPELINE", filepath.Join(root, "hack/chaos/pipeline.yaml")), "PIPELINE: `manifest` to run")
	flags.StringVar(&s.corpus, "corpus", env("CORPUS", filepath.Join(root, "hack/demo/corpus.tsv")), "CORPUS: `file` of texts, one a line, or label<TAB>text")
	flags.StringVar(&s.dataDir, "data", env("DATA", ""), "DATA: `folder` for records, history and logs; default: a temporary one, kept if the run failed")
	flags.StringVar(&s.bin, "bin", filepath.Join(root, "bin"), "`folder` with the services' binaries")
	flags.DurationVar(&s.drain, "drain", 10*time.Minute, "how long to wait at the end until all is told")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var errs []error
	if s.seed, err = strconv.ParseUint(*seed, 10, 64); err != nil {
		errs = append(errs, fmt.Errorf("SEED: %q; want a whole number", *seed))
	}
	if s.duration, err = time.ParseDuration(*duration); err != nil || s.duration <= 0 {
		errs = append(errs, fmt.Errorf("DURATION: %q; write it like 60s or 5m", *duration))
	}
	if s.rate, err = strconv.ParseFloat(*rate, 64); err != nil || !(s.rate > 0) || s.rate > 2000 {
		errs = append(errs, fmt.Errorf("RATE: %q; want posts a second, more than 0 and at most 2000", *rate))
	}
	if s.brokers, err = strconv.Atoi(*brokers); err != nil || s.brokers != 0 && s.brokers != 1 && s.brokers != 3 {
		errs = append(errs, fmt.Errorf("BROKERS: %q; want 3, 1, or 0 for the embedded one", *brokers))
	}
	if s.together, err = strconv.Atoi(*together); err != nil || s.together < 1 || s.together > 2 {
		errs = append(errs, fmt.Errorf("TOGETHER: %q; want 1 or 2", *together))
	}
	if *seeds != "" {
		s.again, err = chosen(*seeds)
		errs = append(errs, err)
	}
	if *only != "" {
		s.only = strings.Split(*only, ",")
		errs = append(errs, known(s.only))
	}
	if s.corpus, err = filepath.Abs(s.corpus); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}
