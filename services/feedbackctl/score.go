package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// scoreBatch is how many lines are scored at a time, if as many are there.
const scoreBatch = 500

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
feedback.v1.SentimentScorerService at --address: a server of your own, or a sentiment-scorer with
any backend. The language of a text of which such a server names none is told by the detector here.
Of a line the first 64 KiB count; what is no UTF-8 is left out.`,
		Example: `  feedbackctl score "I love Azure" "The portal is down again!"
  feedbackctl score --kind dev -o tsv < comments.txt
  feedbackctl score --address localhost:9090 --language en < messages.txt
  feedbackctl score < messages.txt | jq -c 'select(has("score") and .score < 0.3)'
  feedbackctl score -o tsv < messages.txt | paste - messages.txt | awk -F '\t' '$1 != "" && $1 < 0.3'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.score(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "json", "json or tsv")
	o.flags(f)
	complete(cmd, "output", "json", "tsv")
	o.complete(cmd)
	return cmd
}

func (a *app) score(ctx context.Context, o scoreOptions, args []string) error {
	if err := oneOf("output", o.output, "json", "tsv"); err != nil {
		return err
	}
	kind, err := o.source()
	if err != nil {
		return err
	}
	backend, closeBackend, err := o.open()
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
