package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2   // the command line or the environment is wrong
	exitInterrupted = 130 // stopped by a signal before all was done, as shells count it
)

// usageError is an error of the command line or the environment: nothing was tried.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// usagef returns a usageError: what is wrong, its value and what would be right.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// execute runs one command line and returns its exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var usage *usageError
	isUsage := errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command")
	if ctx.Err() != nil && !isUsage {
		fmt.Fprintln(a.err, "feedbackctl: interrupted")
		return exitInterrupted
	}
	text := "feedbackctl: " + strings.TrimSpace(err.Error())
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(a.err, safe(line))
	}
	if isUsage {
		fmt.Fprintf(a.err, "See %s --help.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// rootCommand is the command tree.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "feedbackctl",
		Short: "Look into a feedback pipeline, try it out and operate it",
		Long: `feedbackctl looks into a feedback pipeline, tries it out and operates it.

Results stand on stdout, one a line; all else stands on stderr. Secrets are read from the
environment alone, never from the command line.

Environment for all commands that read Kafka:
  KAFKA_BOOTSTRAP_SERVERS   host:port of the brokers, as --kafka
  FEEDBACK_PREFIX           prefix of the pipeline's topics, as --prefix
  TOPIC_FEEDBACK, ...       names of single topics that don't follow the prefix
  KAFKA_TLS_ENABLED, KAFKA_TLS_CA, KAFKA_TLS_CERTIFICATE, KAFKA_TLS_KEY,
  KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD,
  KAFKA_EVENT_HUBS_CONNECTION_STRING   as for the services

Exit status: 0 done, 1 failed, 2 the command line or the environment is wrong,
130 interrupted.`,
		Version:       version.Read().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(a.postCommand(), a.tailCommand(), a.scoreCommand(), a.evaluateCommand(), a.previewCommand(), a.compareCommand(), a.topicsCommand(), a.routeCommand(),
		a.deadLettersCommand(), a.replayCommand(), a.auditCommand(), a.healthCommand())
	return root
}

// arguments makes a wrong number of arguments a usageError.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}

// oneOf refuses a flag's value that is not in the list.
func oneOf(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("--%s %q: use one of %s", flag, value, strings.Join(allowed, ", "))
}

// exclude refuses a command line on which more than one of the flags stand.
func exclude(cmd *cobra.Command, flags ...string) error {
	var given []string
	for _, flag := range flags {
		if cmd.Flags().Changed(flag) {
			given = append(given, "--"+flag)
		}
	}
	if len(given) > 1 {
		return usagef("%s exclude each other: give one of them", strings.Join(given, " and "))
	}
	return nil
}

// complete offers fixed values for a flag in the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag's name is wrong: a mistake in this program
	}
}

// excludeAll refuses a command line on which one flag stands beside any of the others.
func excludeAll(cmd *cobra.Command, flag string, others ...string) error {
	for _, other := range others {
		if err := exclude(cmd, flag, other); err != nil {
			return err
		}
	}
	return nil
}
