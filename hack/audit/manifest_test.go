package audit

import (
	"strings"
	"testing"
)

func TestManifestNames(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       topicNames
		group      string
	}{
		{"defaults", "kind: FeedbackPipeline\nmetadata: {name: azure}",
			topicNames{"default.azure.feedback", "default.azure.scored", "default.azure.notifications", "default.azure.dead-letters"}, "default.azure.notifier.negative"},
		{"namespace", "kind: FeedbackPipeline\nmetadata: {name: azure, namespace: prod}",
			topicNames{"prod.azure.feedback", "prod.azure.scored", "prod.azure.notifications", "prod.azure.dead-letters"}, "prod.azure.notifier.negative"},
		{"prefix and names", "kind: FeedbackPipeline\nmetadata: {name: azure}\nspec: {topics: {prefix: p, names: {feedback: azurefeedback, deadLetters: dead}}}",
			topicNames{"azurefeedback", "p.scored", "p.notifications", "dead"}, "p.notifier.negative"},
	} {
		m, err := parseManifest([]byte(c.yaml))
		if err != nil {
			t.Errorf("%s: parseManifest = %v", c.name, err)
			continue
		}
		if got := m.topics(); got != c.want {
			t.Errorf("%s: topics = %v, want %v", c.name, got, c.want)
		}
		if got := m.group("negative"); got != c.group {
			t.Errorf("%s: group = %q, want %q", c.name, got, c.group)
		}
	}
}

func TestManifestThatCannotBeAudited(t *testing.T) {
	for yaml, want := range map[string]string{
		"kind: Secret":           "no document of kind FeedbackPipeline",
		"kind: FeedbackPipeline": "metadata.name is empty",
		"kind: [":                "read the manifest",
		"kind: FeedbackPipeline\nmetadata: {name: a}\n---\nkind: FeedbackPipeline\nmetadata: {name: b}":       `two pipelines, "a" and "b"`,
		"kind: FeedbackPipeline\nmetadata: {name: a}\nspec: {sources: [{name: m, twitter: {query: \"(x\"}}]}": "spec.sources[m].twitter.query",
	} {
		if _, err := parseManifest([]byte(yaml)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseManifest(%q) = %v, want an error with %q", yaml, err, want)
		}
	}
}
