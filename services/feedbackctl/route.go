package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slack-go/slack"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

func (a *app) routeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "route",
		Short: "Try out routes",
		Args:  arguments(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.routeTestCommand())
	return cmd
}

type routeOptions struct {
	manifest, name, routes   string
	source, author, language string
	score                    float64
	unscored                 bool
	output                   string
	given                    func(flag string) bool
}

func (a *app) routeTestCommand() *cobra.Command {
	var o routeOptions
	cmd := &cobra.Command{
		Use:   "test text",
		Short: "Tell which routes a text would hit, why, and the card it would make",
		Long: `test tells for each route of a pipeline whether a text would hit it and why, and shows the
card that would be posted, in Slack's markup. Nothing is posted and nothing is read from
Kafka.

The routes are those of a FeedbackPipeline manifest (--manifest, - is stdin) or of the
notifier's ROUTES (--routes, or the environment). The text is scored in process as the manifest's
scorer would, unless --score or --unscored is given; a service (azure, grpc, llm) is not asked, the
built-in models score in its place, and a note says so. With a manifest it is told as well whether
the source's own match takes the text in.`,
		Example: `  feedbackctl route test --manifest pipeline.yaml --source community "The portal is down again!"
  feedbackctl route test --manifest pipeline.yaml --source community --score 0.95 "Azure is great"
  kubectl get feedbackpipeline azure -o yaml | feedbackctl route test --manifest - "503s in westeurope, anyone else?"
  feedbackctl route test --manifest pipeline.yaml -o json "I hate it" | jq '.routes[] | select(.hit).route'`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.given = cmd.Flags().Changed
			if err := errors.Join(exclude(cmd, "score", "unscored"), exclude(cmd, "manifest", "routes")); err != nil {
				return err
			}
			return a.routeTest(cmd.Context(), o, args[0])
		},
	}
	f := cmd.Flags()
	a.routeFlags(cmd, &o.manifest, &o.name, &o.routes)
	f.StringVar(&o.source, "source", "", "source that the text comes from (default: the pipeline's first)")
	f.StringVar(&o.author, "author", "someone", "handle of who said it")
	f.StringVar(&o.language, "language", "", "language of the text (BCP 47); detected if not given")
	f.Float64Var(&o.score, "score", 0, "score of the text, instead of scoring it")
	f.BoolVar(&o.unscored, "unscored", false, "the text has no score")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
	return cmd
}

// routeReport is what -o json prints.
type routeReport struct {
	Sentiment scoreLine    `json:"sentiment"`
	Note      string       `json:"note,omitempty"` // what the sentiment is not
	Source    *sourceCheck `json:"source,omitempty"`
	Routes    []routeCheck `json:"routes"`
}

// sourceCheck tells whether a source takes the text in.
type sourceCheck struct {
	Source   string   `json:"source"`
	Ingested bool     `json:"ingested"`
	Why      []reason `json:"why,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// routeCheck tells whether a route is hit.
type routeCheck struct {
	Route    string     `json:"route"`
	Hit      bool       `json:"hit"`
	Channel  string     `json:"channel,omitempty"`
	Delivery string     `json:"delivery,omitempty"`
	Why      []reason   `json:"why,omitempty"`
	Card     *card.Card `json:"card,omitempty"`
}

func (a *app) routeTest(ctx context.Context, o routeOptions, text string) error {
	if err := oneOf("output", o.output, "text", "json"); err != nil {
		return err
	}
	if err := checkLanguage(o.language); err != nil {
		return err
	}
	p, err := a.readPipeline(o)
	if err != nil {
		return err
	}
	scored, src, err := a.scoredEvent(ctx, o, p, text)
	if err != nil {
		return err
	}
	report := routeReport{Sentiment: newScoreLine(scored.GetSentiment())}
	if service := p.scorer.service(); service != "" && !o.given("score") && !o.unscored {
		report.Note = fmt.Sprintf("spec.scorer.%s is not asked by route test, the built-in models score in its place: give --score, such as one of feedbackctl score --address", service)
	}
	if src != nil {
		report.Source = checkSource(src, scored)
	}
	for _, r := range p.routes {
		report.Routes = append(report.Routes, checkRoute(r, scored))
	}
	if o.output == "json" {
		return writeJSON(a.out, report)
	}
	return printReport(a.out, report)
}

func (a *app) readPipeline(o routeOptions) (*pipeline, error) {
	switch {
	case o.manifest != "":
		return readManifest(a.in, o.manifest, o.name)
	case o.routes != "":
		return readRoutes(o.routes)
	}
	return nil, usagef("there are no routes to test: give --manifest pipeline.yaml, or --routes (or ROUTES) as the notifier has them")
}

// scoredEvent is the text as it would stand in the topic of scored events.
func (a *app) scoredEvent(ctx context.Context, o routeOptions, p *pipeline, text string) (*feedbackv1.ScoredEvent, *source, error) {
	if o.source == "" && len(p.sources) > 0 {
		o.source = p.sources[0].name
	}
	src, err := p.source(o.source)
	if err != nil {
		return nil, nil, err
	}
	now := timestamppb.New(a.now())
	event := &feedbackv1.Event{
		Id: "test:0", Source: o.source, Text: text, Language: o.language, CreatedAt: now, RevisedAt: now, IngestedAt: now,
		Author: &feedbackv1.Author{Handle: strings.TrimPrefix(o.author, "@")},
	}
	if src != nil {
		event.Kind = src.kind
		if len(src.channels) > 0 {
			event.Origin = &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{ChannelName: strings.TrimPrefix(src.channels[0], "#")}}
		}
	}
	s, err := o.sentiment(ctx, p.scorer, event)
	return &feedbackv1.ScoredEvent{Event: event, Sentiment: s, ScoredAt: now}, src, err
}

// sentiment is that of the backend, or what was given in its place.
func (o routeOptions) sentiment(ctx context.Context, scorer scorerSpec, e *feedbackv1.Event) (*feedbackv1.Sentiment, error) {
	backend, err := scorer.open()
	if err != nil {
		return nil, err
	}
	scored, err := backend.Score(ctx, []sentiment.Document{{Text: e.GetText(), Language: e.GetLanguage(), Kind: e.GetKind()}})
	if err != nil {
		return nil, err
	}
	s := scored[0]
	switch {
	case o.unscored && s.Score != nil:
		return sentiment.Unscored("given", s.GetLanguage(), feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, "as asked for by --unscored"), nil
	case o.given("score") && !(o.score >= 0 && o.score <= 1):
		return nil, usagef("--score %v: scores lie between 0 and 1", o.score)
	case o.given("score"):
		return &feedbackv1.Sentiment{Score: &o.score, Language: s.GetLanguage(), Model: "given"}, nil
	}
	return s, nil
}

func checkSource(src *source, s *feedbackv1.ScoredEvent) *sourceCheck {
	c := &sourceCheck{Source: src.name, Ingested: src.match.Event(s.GetEvent()), Why: explain(src.match, s)}
	if src.query != "" {
		c.Note = fmt.Sprintf("X itself decides by the query %s", src.query)
	}
	return c
}

func checkRoute(r route, s *feedbackv1.ScoredEvent) routeCheck {
	c := routeCheck{Route: r.name, Hit: r.match.Scored(s), Channel: r.channel, Delivery: r.delivery, Why: explain(r.match, s)}
	if c.Hit {
		built := card.Build(s, card.Options{Route: r.name, Keywords: r.match.Keywords})
		c.Card = &built
	}
	return c
}

func printReport(w io.Writer, report routeReport) error {
	var b strings.Builder
	s := report.Sentiment
	if s.Score == nil {
		fmt.Fprintf(&b, "not scored: %s (language %s)\n", s.Detail, s.Language)
	} else {
		fmt.Fprintf(&b, "%s (language %s, %s)\n", strings.TrimSpace(fmt.Sprintf("score %.4f %s", *s.Score, s.Label)), s.Language, s.Model)
	}
	if report.Note != "" {
		fmt.Fprintf(&b, "note: %s\n", report.Note)
	}
	if f := s.Fallback; f != nil {
		fmt.Fprintf(&b, "by the fallback: %s has not answered since %s\n", f.Backend, f.Since)
	}
	if src := report.Source; src != nil {
		verdict := "takes it in"
		if !src.Ingested {
			verdict = "leaves it out: no route will see it"
		}
		fmt.Fprintf(&b, "source %s %s\n", src.Source, verdict)
		printReasons(&b, src.Why)
		if src.Note != "" {
			fmt.Fprintf(&b, "    %s\n", src.Note)
		}
	}
	for _, r := range report.Routes {
		verdict := "not hit"
		if r.Hit {
			verdict = fmt.Sprintf("hit -> #%s (%s)", strings.TrimPrefix(r.Channel, "#"), r.Delivery)
		}
		fmt.Fprintf(&b, "route %s: %s\n", r.Route, verdict)
		printReasons(&b, r.Why)
		if r.Card != nil {
			printCard(&b, *r.Card)
		}
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(safe(line), " ")); err != nil {
			return err
		}
	}
	return nil
}

func printReasons(b *strings.Builder, why []reason) {
	for _, r := range why {
		mark := "yes"
		if !r.Holds {
			mark = "NO "
		}
		fmt.Fprintf(b, "    %s  %s\n", mark, safe(r.Words))
	}
}

// printCard prints the texts of a card's blocks, in Slack's markup.
func printCard(b *strings.Builder, c card.Card) {
	var texts []string
	for _, block := range c.Blocks {
		switch block := block.(type) {
		case *slack.SectionBlock:
			texts = append(texts, block.Text.Text)
		case *slack.ContextBlock:
			for _, element := range block.ContextElements.Elements {
				if text, ok := element.(*slack.TextBlockObject); ok {
					texts = append(texts, text.Text)
				}
			}
		}
	}
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			fmt.Fprintf(b, "    | %s\n", line)
		}
	}
}

// routeFlags adds --manifest, --name and --routes, which say which routes a command judges by.
func (a *app) routeFlags(cmd *cobra.Command, manifest, name, routes *string) {
	f := cmd.Flags()
	f.StringVarP(manifest, "manifest", "f", "", "file with a FeedbackPipeline; - is stdin")
	f.StringVar(name, "name", "", "which FeedbackPipeline of the file, if it holds several")
	f.StringVar(routes, "routes", a.env["ROUTES"], "routes as the notifier has them, JSON (default $ROUTES)")
	f.Lookup("routes").DefValue = ""
}
