// Command kafka runs a Kafka broker on this machine: for one command (exec), or until it is stopped (start, stop).
//
//	go run ./kafka exec [-embedded] [-brokers n] [-tls] [-sasl] [-acls] [-optional] -- go test ./...
//	go run ./kafka start [-brokers n] [-tls] [-sasl] [-acls] [-data folder]; go run ./kafka env; go run ./kafka stop
//
// The command, or whoever reads `env`, finds the broker by the KAFKA_TEST_* variables of package broker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

const usage = `usage: kafka <command>

  exec [flags] -- command args...  start a broker, run the command with KAFKA_TEST_* in its environment, stop the
                                   broker whatever happens, end with the command's status
  start [flags]                    start Apache Kafka in the background and print its environment
  env [-data folder]               print the environment of the one in the background
  stop [-data folder]              stop the one in the background and keep its data
  available                        say whether Apache Kafka can run here, and if not, what is missing (status 1)

Run a command with -h for its flags.
`

// exitUnavailable is the status where Apache Kafka cannot run here (sysexits' EX_UNAVAILABLE).
const exitUnavailable = 69

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	broker.RealOptions
	embedded, optional bool
}

// run executes one command line and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var o options
	flags := flag.NewFlagSet("kafka "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.DataDir, "data", "", "`folder` that keeps the data (exec: a temporary one; else .cache/kafka/running)")
	if args[0] == "exec" || args[0] == "start" {
		flags.IntVar(&o.Brokers, "brokers", 1, "1 or 3")
		flags.BoolVar(&o.TLS, "tls", false, "add listeners with TLS and with client certificates")
		flags.BoolVar(&o.SASL, "sasl", false, "add listeners with SASL PLAIN and SCRAM")
		flags.BoolVar(&o.ACLs, "acls", false, "allow only what ACLs grant, but to those of the plain listener and the SASL user")
		flags.StringVar(&o.Host, "host", "", "IP `address` of this machine on which clients elsewhere reach it (127.0.0.1)")
		flags.IntVar(&o.HeapMB, "heap", 256, "heap of each broker in `MB`")
	}
	if args[0] == "exec" {
		flags.BoolVar(&o.embedded, "embedded", false, "use the embedded broker instead of Apache Kafka")
		flags.BoolVar(&o.optional, "optional", false, "where Apache Kafka cannot run, print SKIPPED and why, and end with status 0")
	}
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	var err error
	switch args[0] {
	case "exec":
		return execute(ctx, o, flags.Args(), stdout, stderr)
	case "start":
		err = start(ctx, o, stdout, stderr)
	case "env":
		err = env(o, stdout)
	case "stop":
		err = stopRunning(ctx, o, stderr)
	case "available":
		if reason, ok := broker.Available(ctx); !ok {
			err = errors.New(reason)
		}
	default:
		fmt.Fprintf(stderr, "kafka: unknown command %q\n\n%s", args[0], usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "kafka:", err)
		return 1
	}
	return 0
}

// instance is what Embedded and Real have in common here.
type instance struct {
	env  []string
	stop func() error
}

func execute(ctx context.Context, o options, command []string, stdout, stderr io.Writer) int {
	if len(command) == 0 {
		fmt.Fprintln(stderr, "kafka: exec: no command; put it after --")
		return 2
	}
	if reason, ok := broker.Available(ctx); !ok && !o.embedded {
		if o.optional {
			fmt.Fprintf(stderr, "SKIPPED on Apache Kafka: %s\nwas to run: %s\n", reason, strings.Join(command, " "))
			return 0
		}
		fmt.Fprintln(stderr, "kafka:", reason)
		return exitUnavailable
	}
	b, err := open(ctx, o)
	if err != nil {
		fmt.Fprintln(stderr, "kafka:", err)
		return 1
	}
	status := child(ctx, b.env, command, stdout, stderr)
	if err := b.stop(); err != nil {
		fmt.Fprintln(stderr, "kafka:", err)
		return max(status, 1)
	}
	return status
}

func open(ctx context.Context, o options) (instance, error) {
	if o.embedded {
		e, err := broker.StartEmbedded(ctx, broker.EmbeddedOptions{DataDir: o.DataDir})
		if err != nil {
			return instance{}, err
		}
		return instance{env: e.Env(), stop: func() error { e.Stop(); return nil }}, nil
	}
	r, err := broker.StartReal(ctx, o.RealOptions)
	if err != nil {
		return instance{}, err
	}
	return instance{env: r.Env(), stop: func() error { return r.Stop(context.WithoutCancel(ctx)) }}, nil
}

// child runs the command to its end. On Ctrl-C the terminal tells it too; on SIGTERM we do. It may take a minute then.
func child(ctx context.Context, env, command []string, stdout, stderr io.Writer) int {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintf(stderr, "kafka: %s: %v\n", command[0], err)
		return 1
	}
}

func start(ctx context.Context, o options, stdout, stderr io.Writer) error {
	dir, err := dataDir(o)
	if err != nil {
		return err
	}
	o.DataDir, o.Detached = dir, true
	r, err := broker.StartReal(ctx, o.RealOptions)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "Apache Kafka %s runs, its data and logs are in %s\n", broker.Version, dir)
	printEnv(stdout, r.Env())
	return nil
}

func env(o options, stdout io.Writer) error {
	a, _, err := attach(o)
	if err != nil {
		return err
	}
	if len(a.Running()) == 0 {
		return errors.New("it does not run: start it")
	}
	printEnv(stdout, a.Env())
	return nil
}

func stopRunning(ctx context.Context, o options, stderr io.Writer) error {
	a, dir, err := attach(o)
	if err != nil {
		return err
	}
	if err := a.Stop(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "Apache Kafka is stopped, its data stay in %s\n", dir)
	return nil
}

func attach(o options) (*broker.Attached, string, error) {
	dir, err := dataDir(o)
	if err != nil {
		return nil, "", err
	}
	a, err := broker.Attach(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("no cluster was ever started in %s", dir)
	}
	return a, dir, err
}

func dataDir(o options) (string, error) {
	if o.DataDir != "" {
		return o.DataDir, nil
	}
	root, err := broker.Root()
	return filepath.Join(root, ".cache", "kafka", "running"), err
}

// printEnv prints lines for a shell's eval. No value has a quote in it.
func printEnv(w io.Writer, env []string) {
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(w, "export %s='%s'\n", name, value)
	}
}
