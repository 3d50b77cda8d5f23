package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

const (
	// scoreBatch is how many lines are scored at a time, if as many are there.
	scoreBatch = 500
	// lineLimit is how much of a line is kept, in bytes: more than any backend reads.
	lineLimit = 64 << 10
)

type scoreOptions struct {
	backend, assume, language, kind string
	weights                         string
	neutral                         []string
	address                         string
	tls                             bool
	timeout                         time.Duration
	output                          string
}

func (a *app) scoreCommand() *cobra.Command {
	var o scoreOptions
	cmd := &cobra.Command{
		Use:   "score [text ...]",
		Short: "Score texts: arguments, or the lines of stdin",
		Long: `score says how positive texts are: its arguments, or the lines of stdin if there are
none. It answers a line for each, in their order, as soon as it has one.

With -o json a line is an object: score (0 very negative, 1 very positive; absent where the
text could not be scored), label, language, confidence of the language, model, and for a
text without a score reason and detail; fallback, with backend, reason and since, where a server's own
backend did not answer and another one scored. How far to trust it: docs/scoring.md. With -o tsv it is score<TAB>label<TAB>language; the
score and the label of a text without a score are empty.

It scores in its own process, as the sentiment-scorer does, or asks a server of
feedback.v1.SentimentScorerService at --address.`,
		Example: `  feedbackctl score "I love Azure" "The portal is down again!"
  feedbackctl score --kind dev -o tsv < comments.txt
  feedbackctl score --address localhost:9090 --language en < messages.txt
  feedbackctl score < messages.txt | jq -r 'select(.score < 0.3) | .label'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := excludeAll(cmd, "address", "backend", "assume-language", "neutral-terms", "weights"); err != nil {
				return err
			}
			return a.score(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "json", "json or tsv")
	f.StringVar(&o.language, "language", "", "language of the texts (BCP 47); detected if not given")
	o.flags(f)
	f.StringVar(&o.address, "address", "", "host:port of a scorer to ask by gRPC instead of scoring in process")
	f.BoolVar(&o.tls, "tls", false, "encrypt the connection to --address")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long --address may take for a batch")
	complete(cmd, "output", "json", "tsv")
	complete(cmd, "kind", textKinds...)
	complete(cmd, "backend", sentiment.Names()...)
	return cmd
}

func (a *app) score(ctx context.Context, o scoreOptions, args []string) error {
	if err := oneOf("output", o.output, "json", "tsv"); err != nil {
		return err
	}
	if err := checkLanguage(o.language); err != nil {
		return err
	}
	kind, err := o.source()
	if err != nil {
		return err
	}
	backend, closeBackend, err := openBackend(o)
	if err != nil {
		return err
	}
	defer closeBackend()
	out := bufio.NewWriterSize(a.out, 64<<10)
	s := &scoring{backend: backend, language: o.language, kind: kind, out: out, write: sentimentWriter(o.output)}
	if len(args) > 0 {
		err = s.batch(ctx, args)
	} else {
		if isTerminal(a.in) {
			fmt.Fprintln(a.err, "Reading texts from the terminal, one a line; end with Ctrl-D.")
		}
		err = s.lines(ctx, a.in)
	}
	if flushed := out.Flush(); err == nil { // what was scored before an error is told too
		err = flushed
	}
	return err
}

// isTerminal tells whether a person types what is read.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// textKinds are the kinds of text that --kind takes: those of the built-in models, and the sources that stand for one.
var textKinds = append(builtin.Kinds(), "slack", "x")

// flags adds those that choose what scores in process.
func (o *scoreOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.kind, "kind", "", "kind of the texts: tweet, dev or chat, or their source: x (as tweet) or slack (as chat)")
	f.StringVar(&o.backend, "backend", sentiment.BuiltinName, "what scores in process: "+strings.Join(sentiment.Names(), ", "))
	f.StringVar(&o.assume, "assume-language", "en", "language of a text whose language is not known, in process; none for none")
	f.StringSliceVar(&o.neutral, "neutral-terms", nil, "words that carry no sentiment, such as a product's name (builtin)")
	f.StringVar(&o.weights, "weights", "", "folder of weights that hack/train wrote, in the place of the program's own (builtin)")
}

// options are those of the backend in process.
func (o *scoreOptions) options() sentiment.Options {
	s := sentiment.Options{AssumeLanguage: o.assume, NeutralTerms: o.neutral, Weights: o.weights}
	switch o.kind {
	case "slack":
		s.Kind = builtin.Chat.String()
	case "x":
		s.Kind = builtin.Tweet.String()
	default:
		s.Kind = o.kind
	}
	return s
}

// checkLanguage refuses a --language that is none: otherwise that of the texts would be detected, as if nothing were fixed.
func checkLanguage(tag string) error {
	if _, err := sentiment.AssumedLanguage(tag); err != nil {
		return usagef("--language %q is no language: use a BCP 47 tag such as en, or leave it out to have it detected", tag)
	}
	return nil
}

// source checks --kind, and is the kind of source that it stands for where a scorer is asked by gRPC, which chooses its
// model by that.
func (o *scoreOptions) source() (feedbackv1.SourceKind, error) {
	if o.kind == "" {
		return feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, nil
	}
	if err := oneOf("kind", o.kind, textKinds...); err != nil || o.address == "" {
		return feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, err
	}
	switch o.kind {
	case "slack":
		return feedbackv1.SourceKind_SOURCE_KIND_SLACK, nil
	case "x":
		return feedbackv1.SourceKind_SOURCE_KIND_X, nil
	}
	return 0, usagef("--kind %s: a scorer that is asked by gRPC chooses by the source: use slack or x", o.kind)
}

func openBackend(o scoreOptions) (sentiment.Backend, func(), error) {
	if o.address != "" {
		r, err := dialScorer(o.address, o.tls, o.timeout)
		if err != nil {
			return nil, nil, err
		}
		return r, r.close, nil
	}
	backend, err := sentiment.Open(o.backend, o.options())
	if err != nil {
		return nil, nil, &usageError{err}
	}
	return backend, func() {}, nil
}

// scoring writes a line for each text.
type scoring struct {
	backend  sentiment.Backend
	language string
	kind     feedbackv1.SourceKind
	out      *bufio.Writer
	write    func(io.Writer, *feedbackv1.Sentiment) error
}

// batch scores texts and writes a line for each, in their order.
func (s *scoring) batch(ctx context.Context, texts []string) error {
	documents := make([]sentiment.Document, len(texts))
	for i, text := range texts {
		documents[i] = sentiment.Document{Text: text, Language: s.language, Kind: s.kind}
	}
	sentiments, err := s.backend.Score(ctx, documents)
	if err != nil {
		return err
	}
	for _, sentiment := range sentiments {
		if err := s.write(s.out, sentiment); err != nil {
			return err
		}
	}
	return nil
}

// lines scores the lines of in until its end: the first that comes and what else is there, so
// that a line typed is answered at once and a file goes in batches.
func (s *scoring) lines(ctx context.Context, in io.Reader) error {
	lines, readErr := readLines(ctx, in)
	for {
		first, ok := s.next(ctx, lines)
		if !ok {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return <-readErr
		}
		batch := append(make([]string, 0, scoreBatch), first)
		for len(batch) < scoreBatch {
			line, ok := ready(lines)
			if !ok {
				break
			}
			batch = append(batch, line)
		}
		if err := s.batch(ctx, batch); err != nil {
			return err
		}
		if len(lines) == 0 { // whoever waits for the answer gets it before more is read
			if err := s.out.Flush(); err != nil {
				return err
			}
		}
	}
}

func (s *scoring) next(ctx context.Context, lines <-chan string) (string, bool) {
	select {
	case line, ok := <-lines:
		return line, ok
	case <-ctx.Done():
		return "", false
	}
}

func ready(lines <-chan string) (string, bool) {
	select {
	case line, ok := <-lines:
		return line, ok
	default:
		return "", false
	}
}

// readLines sends the lines of in without their ends, of each at most lineLimit bytes. The
// last one may lack its end. After the channel is closed, the other one gives the read error.
func readLines(ctx context.Context, in io.Reader) (<-chan string, <-chan error) {
	lines := make(chan string, 2*scoreBatch)
	result := make(chan error, 1)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, lineLimit)
		for {
			line, err := readLine(r)
			if err == nil || line != "" {
				select {
				case lines <- strings.TrimSuffix(line, "\r"):
				case <-ctx.Done():
					result <- ctx.Err()
					return
				}
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				result <- err
				return
			}
		}
	}()
	return lines, result
}

// readLine returns the next line, or as much of it as lineLimit allows, without its end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	text := strings.TrimSuffix(string(line), "\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return text, fmt.Errorf("read stdin: %w", err)
	}
	return text, err
}
