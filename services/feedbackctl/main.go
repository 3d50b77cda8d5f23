// Command feedbackctl is what people use at a terminal and in scripts to look into a
// pipeline, to try it out and to operate it: it posts feedback, follows topics, scores texts,
// counts lag, tells which routes an event would hit, audits what the topics say, and handles
// dead letters and offsets.
//
// It guarantees that results alone stand on stdout, one a line and in the order of the
// input, and all else on stderr; that nothing read from a topic can control the terminal;
// and that nothing in Kafka is changed but by dead-letters redrive, dead-letters drop and
// replay, which say what they would do and ask.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		env: env.ToMap(os.Environ()), now: time.Now, zone: time.Local,
	}
	os.Exit(a.execute(ctx, os.Args[1:]))
}

// app is what a command has of the world.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      map[string]string
	now      func() time.Time
	zone     *time.Location // of the times that people read
}
