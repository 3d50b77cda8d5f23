package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

const (
	// staleAfter is how old a health record may be: it is written every 10 s.
	staleAfter = 30 * time.Second
	// goneAfter is from when on an instance that nothing is heard of, while others of its component are, is taken for
	// one that ended without a word and was replaced.
	goneAfter = time.Hour
)

// healthOptions are the flags of health.
type healthOptions struct {
	*connection
	output, manifest, name string
	all                    bool
}

func (a *app) healthCommand() *cobra.Command {
	o := healthOptions{}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Show how each component is, and what to do where it is not well",
		Long: `health shows how the components of a pipeline are, as each of them writes it into the state
topic every 10 s: a line for each condition that is not good, with its reason, for how long it
has been so, and what to do; and one for each instance with which all is well.

AGE is for how long the condition has been as it is; HEARD how long ago the instance was last
heard of; EVENT how long ago it handled an event, which may be long where nobody says anything.
An instance that was not heard of for more than 30 s is unknown: it hangs, has crashed, or
cannot write to Kafka. One that was not heard of for an hour, while others of its component
are, has been replaced, and is left out.

With a manifest (--manifest; it gives the prefix as well, unless --prefix does) a component
that ought to be there and was never heard of is shown too.

The exit status is 0 only if there is something and all of it is good; the scorer's shadow
(shadow-scorer) is shown and does not count, for the pipeline does without it. With -o json it is one
array with an object for each line: component, instance, condition, level (good, degraded,
failed, unknown), reason, message, since, observedAt, lastEventAt.`,
		Example: `  feedbackctl health --kafka localhost:9092 --manifest pipeline.yaml
  feedbackctl health --all
  feedbackctl health -o json | jq -r '.[] | select(.level != "good") | .reason'`,
		Args: arguments(cobra.NoArgs),
	}
	o.connection = a.connectionFlags(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	cmd.Flags().StringVarP(&o.manifest, "manifest", "f", "", "file with a FeedbackPipeline; - is stdin")
	cmd.Flags().StringVar(&o.name, "name", "", "the FeedbackPipeline's name, where the file holds several")
	cmd.Flags().BoolVar(&o.all, "all", false, "a line for each condition, good ones and replaced instances too")
	complete(cmd, "output", "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.health(cmd.Context(), o) }
	return cmd
}

// healthLine is a condition of an instance, or the instance as a whole.
type healthLine struct {
	Component   string     `json:"component"`
	Instance    string     `json:"instance,omitempty"`
	Condition   string     `json:"condition,omitempty"`
	Level       string     `json:"level"`
	Reason      string     `json:"reason"`
	Message     string     `json:"message,omitempty"`
	Since       *time.Time `json:"since,omitempty"`
	ObservedAt  *time.Time `json:"observedAt,omitempty"`
	LastEventAt *time.Time `json:"lastEventAt,omitempty"`
}

func (a *app) health(ctx context.Context, o healthOptions) error {
	if err := oneOf("output", o.output, "text", "json"); err != nil {
		return err
	}
	var wanted []string
	if o.manifest != "" {
		p, err := readManifest(a.in, o.manifest, o.name)
		if err != nil {
			return err
		}
		o.prefix, o.named, wanted = or(o.prefix, p.prefix), p.topics, p.components()
	}
	client, topic, err := a.reading(ctx, o.connection, "state")
	if err != nil {
		return err
	}
	defer client.Close()
	reports, err := readHealth(ctx, client, topic)
	if err != nil {
		return err
	}
	lines, bad := judgeHealth(reports, wanted, topic, a.now(), o.all)
	if o.output == "json" {
		err = writeJSON(a.out, lines)
	} else {
		err = printHealth(a.out, lines, a.now())
	}
	switch {
	case err != nil:
		return err
	case len(lines) == 0:
		return fmt.Errorf("nothing was ever heard of a component in %s: check --prefix, and that the pipeline runs", topic)
	case bad > 0:
		return fmt.Errorf("%d of %d are not good", bad, len(lines))
	}
	return nil
}

// components are those that the pipeline ought to have.
func (p *pipeline) components() []string {
	var all []string
	for _, s := range p.sources {
		kind := "slack-ingest/"
		if s.kind == feedbackv1.SourceKind_SOURCE_KIND_X {
			kind = "twitter-ingest/"
		}
		all = append(all, kind+s.name)
	}
	all = append(all, "sentiment-scorer")
	if p.scorer.Shadow != nil {
		all = append(all, shadowScorer)
	}
	return append(all, "notifier")
}

// shadowScorer is what the scorer's shadow calls itself.
const shadowScorer = "shadow-scorer"

// readHealth reads the newest health of each instance, in the order of components and instances.
func readHealth(ctx context.Context, client *kafka.Client, topic string) ([]*feedbackv1.Health, error) {
	newest := map[string]*feedbackv1.Health{}
	err := client.Scan(ctx, topic, func(r kafka.Record) error {
		key := string(r.Key)
		if !strings.HasPrefix(key, "health/") {
			return nil
		}
		delete(newest, key) // a clean stop leaves no value
		if len(r.Value) == 0 {
			return nil
		}
		h, err := feedback.DecodeHealth(r)
		if err != nil { // whoever wrote it is not well: it is shown, and unknown
			component, instance := key[len("health/"):], ""
			if at := strings.LastIndex(component, "/"); at >= 0 {
				component, instance = component[:at], component[at+1:]
			}
			h = &feedbackv1.Health{Component: component, Instance: instance}
		}
		newest[key] = h
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	var out []*feedbackv1.Health
	for _, h := range newest {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b *feedbackv1.Health) int {
		return cmp.Or(cmp.Compare(a.GetComponent(), b.GetComponent()), cmp.Compare(a.GetInstance(), b.GetInstance()))
	})
	return out, nil
}

// judgeHealth gives the lines to be shown at now, and how many of them, the shadow's apart, are not good.
func judgeHealth(reports []*feedbackv1.Health, wanted []string, topic string, now time.Time, all bool) (lines []healthLine, bad int) {
	heard := map[string]bool{} // components of which something was heard lately
	for _, h := range reports {
		if now.Sub(h.GetObservedAt().AsTime()) <= staleAfter {
			heard[h.GetComponent()] = true
		}
	}
	known := map[string]bool{}
	for _, h := range reports {
		known[h.GetComponent()] = true
		silent := now.Sub(h.GetObservedAt().AsTime())
		switch line := instanceLine(h); {
		case silent <= staleAfter:
			lines = append(lines, conditionLines(h, line, all)...)
		case silent > goneAfter && heard[h.GetComponent()]:
			if all {
				line.Level, line.Reason, line.Message = "good", "Replaced", "it ended without a word, and others are there; its record stays until somebody deletes its key"
				lines = append(lines, line)
			}
		default:
			line.Level, line.Reason = "unknown", "Silent"
			line.Message = fmt.Sprintf("nothing was heard of it for %s: see whether the process runs, hangs (restart it) or cannot write to %s (its log says so)", age(silent), topic)
			lines = append(lines, line)
		}
	}
	for _, component := range wanted {
		if !known[component] {
			lines = append(lines, healthLine{Component: component, Level: "unknown", Reason: "Missing",
				Message: "nothing was ever heard of it, or it was stopped: see whether it runs, and its log"})
		}
	}
	for _, l := range lines {
		if l.Level != "good" && l.Component != shadowScorer {
			bad++
		}
	}
	return lines, bad
}

// instanceLine is what is known of an instance as a whole.
func instanceLine(h *feedbackv1.Health) healthLine {
	l := healthLine{Component: h.GetComponent(), Instance: h.GetInstance(), Level: "good", Reason: "Good"}
	if h.GetObservedAt().IsValid() {
		at := h.GetObservedAt().AsTime()
		l.ObservedAt = &at
	}
	if h.GetLastEventAt().IsValid() {
		at := h.GetLastEventAt().AsTime()
		l.LastEventAt = &at
	}
	return l
}

// conditionLines are the instance's conditions that are to be shown; if there is none, the instance.
func conditionLines(h *feedbackv1.Health, instance healthLine, all bool) []healthLine {
	var out []healthLine
	for _, c := range h.GetConditions() {
		if c.GetLevel() == feedbackv1.Health_LEVEL_GOOD && !all {
			continue
		}
		l := instance
		since := c.GetSince().AsTime()
		l.Condition, l.Reason, l.Message, l.Since = c.GetName(), c.GetReason(), c.GetMessage(), &since
		l.Level = strings.ToLower(strings.TrimPrefix(c.GetLevel().String(), "LEVEL_"))
		out = append(out, l)
	}
	if len(out) == 0 {
		out = append(out, instance)
	}
	return out
}

func printHealth(out io.Writer, lines []healthLine, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tINSTANCE\tLEVEL\tCONDITION\tREASON\tAGE\tHEARD\tEVENT\tMESSAGE")
	ago := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return age(now.Sub(*t))
	}
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", safe(l.Component), safe(or(l.Instance, "-")), l.Level, safe(or(l.Condition, "-")),
			safe(l.Reason), ago(l.Since), ago(l.ObservedAt), ago(l.LastEventAt), safe(l.Message))
	}
	return w.Flush()
}
