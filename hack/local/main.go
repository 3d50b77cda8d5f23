// Command local runs a FeedbackPipeline manifest on this machine: its Deployments as processes of bin/, with the
// Kafka, Slack and X that the manifest names.
//
//	go run ./local [-bin folder] [-data folder] [-kafka host:port] [-check] pipeline.yaml
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
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// readyLimit is how long the programs may take to become ready before we say why they are not.
const readyLimit = time.Minute

func main() { os.Exit(status(run(os.Args[1:], os.Stderr), os.Stderr)) }

// status is the exit status for what run returned.
func status(err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(stderr, "local:", err)
	return 1
}

// run runs the manifest until SIGINT or SIGTERM, and drains it.
func run(args []string, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "`folder` with the services' binaries")
	data := flags.String("data", ".local", "`folder` for logs")
	kafka := flags.String("kafka", "", "other brokers than the manifest's, `host:port,...`")
	check := flags.Bool("check", false, "only say whether the manifest is valid and can be run here")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("want one manifest: local [flags] pipeline.yaml")
	}
	m, err := executor.Read(flags.Arg(0)) //nolint:contextcheck // validation does no I/O
	if err != nil {
		return err
	}
	if *kafka != "" {
		m.UseKafka(strings.Split(*kafka, ","), false)
	}
	plan, err := executor.NewPlan(ctx, m, *bin)
	if err != nil {
		return err
	}
	if *check {
		fmt.Fprintf(stderr, "%s is valid: %d processes, %d topics\n", m.Path, len(plan.Programs), len(plan.Topics))
		return nil
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	e, err := executor.Start(ctx, plan, executor.Options{LogDir: filepath.Join(*data, "logs"), Log: log})
	if err != nil {
		return err
	}
	defer e.Stop()
	ready, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := e.WaitReady(ready); err != nil && ctx.Err() == nil {
		log.Warn("not ready, will go on trying", "err", err) // a cluster wouldn't give up either
	}
	for _, p := range e.Processes() {
		log.Info("runs", "process", p.Name, "pid", p.Pid, "listens", p.Listens, "log", p.Log)
	}
	<-ctx.Done()
	log.Info("draining")
	return nil
}
