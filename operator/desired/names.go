package desired

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// The programs, by the names of their folders under services/ and of their images.
const (
	SlackIngest     = "slack-ingest"
	TwitterIngest   = "twitter-ingest"
	SentimentScorer = "sentiment-scorer"
	Notifier        = "notifier"
)

// ShadowScorer is what the scorer's shadow is called, in its labels, its consumer group and its health: the program is
// SentimentScorer, but it must not be taken for the scorer.
const ShadowScorer = "shadow-scorer"

// Labels of what Render returns. All objects of a pipeline bear the first two; a source's bear the third.
const (
	// LabelInstance is the pipeline's name.
	LabelInstance = "app.kubernetes.io/instance"
	// LabelPartOf is "feedback-pipeline".
	LabelPartOf = "app.kubernetes.io/part-of"
	// LabelSource is the source's name.
	LabelSource = "feedbackpipeline.dev/source"

	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	labelManagedBy = "app.kubernetes.io/managed-by"
)

// IsShadow tells whether o is part of the scorer's shadow, without which a pipeline goes on.
func IsShadow(o metav1.Object) bool { return o.GetLabels()[labelComponent] == shadowComponent }

// maxName is what the name of a Service, and the host name of a pod, may have.
const maxName = 63

// Prefix is what the names of p's topics and consumer groups begin with: topics.prefix, or
// `<namespace>.<name>`.
func Prefix(p *v1alpha1.FeedbackPipeline) string {
	if p.Spec.Topics.Prefix != "" {
		return p.Spec.Topics.Prefix
	}
	return p.Namespace + "." + p.Name
}

// SourceName is the name of the objects that run a source of the pipeline, at most 63 characters. It ends in a
// hash of the two names, without which a + b-c and a-b + c would be the same.
func SourceName(pipeline, source string) string {
	return cut(pipeline+"-"+source, maxName-9) + "-" + hash(pipeline, "source", source)
}

// ComponentName is the name of the objects of a part that each pipeline has once (scorer, shadow, notifier, metrics), at
// most 63 characters: pipeline and component, shortened by a hash where that is too long.
func ComponentName(pipeline, component string) string {
	name := pipeline + "-" + component
	if len(name) <= maxName {
		return name
	}
	return cut(name, maxName-9) + "-" + hash(pipeline, "component", component)
}

// cut returns at most n bytes of s that still end in a letter or digit.
func cut(s string, n int) string {
	return strings.TrimRight(s[:min(n, len(s))], "-")
}

// hash is 8 characters that stand for parts and their order. No part holds a slash.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:4])
}

// channelName is a Slack channel as Slack compares them: without the leading # and in lower case.
func channelName(c v1alpha1.SlackChannel) string {
	return strings.ToLower(strings.TrimPrefix(string(c), "#"))
}
