// Command audit prints the ledger of a pipeline that was fed by the simulator. It exits with 0 if
// nothing was lost, duplicated or misplaced, with 1 if something was, and with 2 if it could not tell.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
)

// maxFindings is how many findings are printed.
const maxFindings = 20

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command: the ledger goes to out, findings and errors to errs.
func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(errs)
	bootstrap := flags.String("bootstrap", "127.0.0.1:9092", "addresses of Kafka brokers, comma separated")
	manifest := flags.String("manifest", "demo/pipeline.yaml", "file of the FeedbackPipeline")
	simulator := flags.String("simulator", "http://127.0.0.1:8090", "base URL of the simulator")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	text, err := os.ReadFile(*manifest)
	if err != nil {
		fmt.Fprintf(errs, "audit: -manifest: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := audit.Run(ctx, audit.Options{Bootstrap: strings.Split(*bootstrap, ","), Manifest: text, Simulator: *simulator})
	if err != nil {
		fmt.Fprintf(errs, "audit: %v\n", err)
		return 2
	}
	for _, line := range l.Explain(maxFindings) {
		fmt.Fprintln(errs, line)
	}
	fmt.Fprintln(out, l)
	if !l.OK() {
		return 1
	}
	return 0
}
