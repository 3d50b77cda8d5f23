package desired_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*v1alpha1.FeedbackPipelineSpec)
		want   string // "" if accepted
	}{
		{"as it is", func(*v1alpha1.FeedbackPipelineSpec) {}, ""},
		{"source of no kind", func(s *v1alpha1.FeedbackPipelineSpec) { s.Sources[0].Slack = nil }, `spec.sources[0]: Invalid value: "community": a source has exactly one kind`},
		{"no backend", func(s *v1alpha1.FeedbackPipelineSpec) { s.Scorer = v1alpha1.Scorer{} }, "spec.scorer: "},
		{"no sink", func(s *v1alpha1.FeedbackPipelineSpec) { s.Routes[1].Slack = nil }, `spec.routes[1]: Invalid value: "positive": a route has exactly one sink`},
		{"unknown source", func(s *v1alpha1.FeedbackPipelineSpec) { s.Routes[1].Match.Sources[1] = "x" }, `spec.routes[1].match.sources[1]: Invalid value: "x"`},
		{"told where it is read", func(s *v1alpha1.FeedbackPipelineSpec) { s.Routes[2].Slack.Channel = "Feedback" }, `spec.routes[2].slack.channel: Invalid value: "Feedback": a channel is both`},
		{"told where it is read, beyond ASCII", func(s *v1alpha1.FeedbackPipelineSpec) {
			s.Sources[0].Slack.Channels[0], s.Routes[0].Slack.Channel = "ärger", "#ÄRGER"
		}, `spec.routes[0].slack.channel: Invalid value: "#ÄRGER": a channel is both`},
		{"read twice, beyond ASCII", func(s *v1alpha1.FeedbackPipelineSpec) {
			s.Sources[0].Slack.Channels[0], s.Sources[1].Slack.Channels[0] = "ärger", "ÄRGER"
		}, `spec.sources[1].slack.channels[0]: Invalid value: "ÄRGER": two sources read the same`},
		{"named twice", func(s *v1alpha1.FeedbackPipelineSpec) { s.Sources[0].Slack.Channels[1] = "FEEDBACK" }, `spec.sources[0].slack.channels[1]: Invalid value: "FEEDBACK": a source names`},
		{"app token twice", func(s *v1alpha1.FeedbackPipelineSpec) {
			s.Sources[1].Slack.Mode = v1alpha1.SlackSocketMode
			s.Sources[1].Slack.CredentialsSecretRef = s.Sources[0].Slack.CredentialsSecretRef
		}, `spec.sources[1].slack.credentialsSecretRef: Invalid value: "slack/app-token": two sources in SocketMode use the same app token twice`},
		{"two streams of one app", func(s *v1alpha1.FeedbackPipelineSpec) {
			s.Sources[2].Twitter.Mode = v1alpha1.TwitterStream
			s.Sources = append(s.Sources, *s.Sources[2].DeepCopy())
		}, `spec.sources[3].twitter.credentialsSecretRef: Invalid value: "x/bearer-token": two sources in Stream mode`},
		{"topic by two roles", func(s *v1alpha1.FeedbackPipelineSpec) { s.Topics.Names.DeadLetters = "azure.scored" }, `spec.topics.names.deadLetters: Invalid value: "azure.scored": two topics`},
		{"too much for a variable", func(s *v1alpha1.FeedbackPipelineSpec) {
			for i := range 64 {
				word := v1alpha1.Keyword(strings.Repeat("€", 120) + fmt.Sprint(i))
				s.Routes[0].Match.Keywords = append(s.Routes[0].Match.Keywords, word)
			}
			for range 5 {
				s.Routes = append(s.Routes, s.Routes[0])
			}
		}, "spec.routes: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := sample(t, "full", func(p *v1alpha1.FeedbackPipeline) { tt.change(&p.Spec) })
			err := desired.Validate(p)
			if tt.want == "" {
				if err != nil {
					t.Errorf("Validate = %v, want nil", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate = %v, want %s", err, tt.want)
			}
			if _, renderErr := desired.Render(p, desired.Options{}); renderErr == nil {
				t.Error("Render gives no error where Validate does")
			}
		})
	}
}

// TestSentencesAreTheSchemas holds both halves to the same words, by which validate knows them as one problem.
func TestSentencesAreTheSchemas(t *testing.T) {
	schema := strings.Join(strings.Fields(string(crd.YAML)), " ")
	for _, sentence := range desired.SchemaSentences {
		if !strings.Contains(schema, sentence) && !strings.Contains(schema, strings.ReplaceAll(sentence, "'", "''")) {
			t.Errorf("no rule of the schema says %q", sentence)
		}
	}
}
