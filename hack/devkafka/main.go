// Command devkafka is the embedded Kafka broker as a server: one broker without replication, TLS or users, for
// development on a cluster (the chart's devKafka). Its data stay in a folder, over restarts and kills.
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
	"syscall"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run serves until a signal, and returns the exit status.
func run(args []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	o := broker.EmbeddedOptions{Log: log, Full: func(err error) {
		if err != nil {
			log.Error("no records are taken", "error", err)
			return
		}
		log.Info("records are taken again")
	}}
	if version.Asked(args) {
		fmt.Println("devkafka", version.Read())
		return 0
	}
	flags := flag.NewFlagSet("devkafka", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Listen, "listen", ":9092", "`address` to listen on")
	flags.StringVar(&o.Advertise, "advertise", "localhost:9092", "`host:port` by which clients reach it")
	flags.StringVar(&o.DataDir, "data", "", "`folder` that keeps the data; empty: in memory")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "devkafka: unexpected argument %q; flags begin with -\n", flags.Arg(0))
		return 2
	}
	if err := serve(ctx, o); err != nil {
		log.Error("devkafka ends", "error", err)
		return 1
	}
	return 0
}

// serve runs the broker until ctx ends.
func serve(ctx context.Context, o broker.EmbeddedOptions) error {
	e, err := broker.StartEmbedded(ctx, o)
	if err != nil {
		return err
	}
	defer e.Stop()
	built := version.Read()
	o.Log.Info("serving Kafka's protocol", "version", built.Version, "revision", built.Revision, "listen", o.Listen, "advertise", o.Advertise, "data", o.DataDir)
	<-ctx.Done()
	return nil
}
