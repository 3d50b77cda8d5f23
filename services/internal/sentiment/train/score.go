package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// evaluateWeights prints what the weights and VADER reach on the texts put aside, set by set.
func evaluateWeights(ctx context.Context, o *options, d *data, out io.Writer) error {
	w, err := builtin.Load(o.weights)
	if err != nil {
		return err
	}
	vader, err := sentiment.Open(sentiment.VaderName, sentiment.Options{AssumeLanguage: builtin.English})
	if err != nil {
		return err
	}
	fmt.Fprint(out, "Texts that were put aside, in their known language. ", figureHead)
	for _, s := range d.sets {
		texts := slices.DeleteFunc(slices.Clone(s.texts), func(t text) bool { return !t.aside })
		if len(texts) == 0 || !slices.Contains(worldLanguages, s.domain) && !slices.Contains(builtin.Kinds(), s.domain) {
			continue
		}
		fmt.Fprint(out, newFigure(s.domain+": "+s.name, judgeBuiltin(w, s.domain, texts)).row())
		if !slices.Contains(builtin.Kinds(), s.domain) {
			continue
		}
		judged, err := judgeBackend(ctx, vader, texts)
		if err != nil {
			return err
		}
		fmt.Fprint(out, newFigure(s.domain+": "+s.name+", VADER", judged).row())
	}
	if err := printMeasured(ctx, out, w, vader); err != nil {
		return err
	}
	if len(d.spoken) > 0 {
		printLanguages(out, w, d.spoken)
	}
	return nil
}

func printLanguages(out io.Writer, w *builtin.Weights, texts []spoken) {
	began := time.Now()
	groups := judgeLanguages(w, texts, builtin.English)
	rate := float64(groups["all"].texts) / time.Since(began).Seconds()
	fmt.Fprintf(out, "\nLanguages of texts put aside, English assumed where nothing is told; %.0f texts/s.\n\n| | texts | right |\n|---|---|---|\n", rate)
	for _, k := range sorted(groups) {
		fmt.Fprintf(out, "| %s | %d | %.1f %% |\n", k, groups[k].texts, 100*groups[k].share())
	}
}

func judgeBuiltin(w *builtin.Weights, domain string, texts []text) []evaluate.Judged {
	kind, isKind := builtin.ParseKind(domain)
	language := domain
	if isKind {
		language = builtin.English
	}
	reader := w.NewReader()
	out := make([]evaluate.Judged, len(texts))
	for i, t := range texts {
		out[i] = evaluate.Judged{Text: t.text, Want: t.label}
		if !reader.Read(t.text) {
			continue
		}
		if r, ok := reader.Score(kind, language); ok {
			p := r.Probabilities
			out[i].Scored, out[i].Got, out[i].Score = true, r.Class, p.Score()
			out[i].P = &[evaluate.Labels]float64{float64(p[0]), float64(p[1]), float64(p[2])}
		}
	}
	return out
}

func judgeBackend(ctx context.Context, b sentiment.Backend, texts []text) ([]evaluate.Judged, error) {
	documents := make([]sentiment.Document, len(texts))
	for i, t := range texts {
		documents[i] = sentiment.Document{Text: t.text, Language: builtin.English}
	}
	sentiments, err := b.Score(ctx, documents)
	if err != nil {
		return nil, err
	}
	out := make([]evaluate.Judged, len(texts))
	for i, s := range sentiments {
		out[i] = evaluate.Judged{
			Text: texts[i].text, Want: texts[i].label, Scored: s.Score != nil, Score: s.GetScore(),
			Got: int(s.GetLabel() - feedbackv1.Label_LABEL_NEGATIVE),
		}
	}
	return out, nil
}
