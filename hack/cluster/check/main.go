// Command check looks at an installed chart from inside the cluster, for `helm test`: the API server has the resource
// and refuses a wrong one, the operator serves its metrics to those who may see them alone, and, with the demo, the
// pipeline is Ready and its channels have been told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// settings are what to look at.
type settings struct {
	namespace string        // where pipelines may be made
	metrics   string        // the operator's metrics; empty: not served
	pipeline  string        // that shall be Ready; empty: none
	simulator string        // whose channels shall have been told; empty: none
	timeout   time.Duration // for all of it
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run looks at everything and returns the exit status: 1 if anything is not as it shall be.
func run(args []string, out, stderr io.Writer) int {
	if version.Asked(args) {
		fmt.Fprintln(out, "check", version.Read())
		return 0
	}
	var s settings
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.namespace, "namespace", "default", "`namespace` in which pipelines are run")
	flags.StringVar(&s.metrics, "metrics", "", "`address` of the operator's metrics; empty: not looked at")
	flags.StringVar(&s.pipeline, "pipeline", "", "`name` of a pipeline that shall be Ready; empty: none")
	flags.StringVar(&s.simulator, "simulator", "", "`address` of the simulator whose channels shall have been told; empty: none")
	flags.DurationVar(&s.timeout, "timeout", 3*time.Minute, "how long all of it may take")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		fmt.Fprintln(stderr, "check: run it in a pod, as helm test does:", err)
		return 1
	}
	api, err := client.New(config, client.Options{})
	if err != nil {
		fmt.Fprintln(stderr, "check:", err)
		return 1
	}
	fmt.Fprintln(out, "check", version.Read())
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if err := all(ctx, s, api, config.BearerTokenFile, out); err != nil {
		fmt.Fprintln(stderr, "check:", err)
		return 1
	}
	return 0
}

// all looks at one thing after another, and ends at the first that is wrong.
func all(ctx context.Context, s settings, api client.Client, tokenFile string, out io.Writer) error {
	steps := []struct {
		what string
		on   bool
		do   func() error
	}{
		{"the API server has the resource, and refuses a wrong one", true, func() error { return refused(ctx, api, s.namespace) }},
		{"metrics are served to those alone who may see them", s.metrics != "", func() error { return scraped(ctx, s.metrics, tokenFile) }},
		{"the pipeline is Ready", s.pipeline != "", func() error { return ready(ctx, api, s.namespace, s.pipeline) }},
		{"channels have been told", s.simulator != "", func() error { return told(ctx, s.simulator) }},
	}
	for _, step := range steps {
		if !step.on {
			continue
		}
		began := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(out, "ok  %s (%s)\n", step.what, time.Since(began).Round(time.Millisecond))
	}
	return nil
}
