//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	conditions "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// editThreshold: what lies between the old threshold and the new one is not told before the edit, and told after it.
func (s *scene) editThreshold() {
	const between = "The azure docs of chapter %d confused me" // 0.34 by VADER
	before := s.say(fmt.Sprintf(between, 1))
	s.tells() // said later in the same channel
	if state := s.told.of(before, "negative"); state != feedbackv1.Notification_STATE_UNSPECIFIED {
		s.Errorf("told with scoreBelow 0.3: %s of %q, want a text between 0.3 and 0.4", state, fmt.Sprintf(between, 1))
	}
	s.change("scoreBelow is 0.4", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Routes[0].Match.ScoreBelow = new(0.4) })
	s.Ready(pipeline, clustertest.Patience)
	s.isTold(s.say(fmt.Sprintf(between, 2)), "negative", time.Minute)
}

// rotateToken gives the pipeline a second bot token by its Secret, and then has Slack revoke the first.
func (s *scene) rotateToken() {
	s.botTokens(firstToken, secondToken)
	old := s.stamps()
	s.Until("the Secret has the second token", 30*time.Second, func(ctx context.Context) (string, bool) {
		secret := &corev1.Secret{}
		err := s.Get(ctx, s.Key("slack"), secret)
		if err == nil {
			secret.Data["bot-token"] = []byte(secondToken)
			err = s.Update(ctx, secret)
		}
		return clustertest.Well(err)
	})
	s.Until("all that read the Secret are rolled out anew", 2*time.Minute, func(context.Context) (string, bool) {
		changed := 0
		for name, stamp := range s.stamps() {
			if stamp != old[name] {
				changed++
			}
		}
		return fmt.Sprintf("%d Deployments changed", changed), changed == 2 // slack-ingest and notifier
	})
	s.rolledOut()
	s.botTokens(secondToken)
	s.tells()
	s.Ready(pipeline, clustertest.Patience)
}

// botTokens are the bot tokens that Slack takes from now on.
func (s *scene) botTokens(tokens ...string) {
	s.Helper()
	s.ask("Slack takes "+strings.Join(tokens, " and "), http.MethodPost, "/sim/slack/tokens", map[string]any{"bot": tokens}, nil)
}

// stamps are the hashes of what the Deployments' pods take from Secrets, by the Deployments' names.
func (s *scene) stamps() map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, d := range s.deployments() {
		all[d.Name] = d.Spec.Template.Annotations[desired.AnnotationReferences]
	}
	return all
}

// deployments are those of the pipeline.
func (s *scene) deployments() []appsv1.Deployment {
	s.Helper()
	var list appsv1.DeploymentList
	s.Quiet(time.Minute, func(ctx context.Context) error {
		return s.List(ctx, &list, client.InNamespace(s.Namespace), ofPipeline)
	})
	return list.Items
}

// ofPipeline selects what belongs to the pipeline.
var ofPipeline = client.MatchingLabels{desired.LabelInstance: pipeline, desired.LabelPartOf: "feedback-pipeline"}

// rolledOut waits until nothing of an earlier rollout is left.
func (s *scene) rolledOut() {
	s.Helper()
	s.Until("the rollout is done", clustertest.Patience, func(context.Context) (string, bool) {
		for _, d := range s.deployments() {
			now := d.Status
			if now.ObservedGeneration < d.Generation || now.UpdatedReplicas < *d.Spec.Replicas || now.AvailableReplicas < *d.Spec.Replicas || now.Replicas > *d.Spec.Replicas {
				return fmt.Sprintf("%s has %d replicas, %d new, %d available", d.Name, now.Replicas, now.UpdatedReplicas, now.AvailableReplicas), false
			}
		}
		return "", true
	})
}

// sees is how long the status may take to tell of a fault, and of its end.
const sees = 45 * time.Second

// revokeToken has Slack refuse the bot token: the status says so in time, and in time that all is well again.
func (s *scene) revokeToken() {
	began := time.Now()
	s.ask("the bot token is revoked", http.MethodPost, "/sim/faults", map[string]any{"kind": "revoke", "target": "bot"}, nil)
	s.Until("the status says that the token is refused", sees, func(ctx context.Context) (string, bool) {
		p, err := s.get(ctx, s.Namespace, pipeline)
		if err != nil {
			return err.Error(), false
		}
		return refused(p)
	})
	refusedAfter := time.Since(began)
	began = time.Now()
	s.ask("the bot token is restored", http.MethodPost, "/sim/faults", map[string]any{"kind": "restore", "target": "bot"}, nil)
	s.Ready(pipeline, sees)
	s.note = fmt.Sprintf(" (the status said refused after %.0f s, Ready again after %.0f s)", refusedAfter.Seconds(), time.Since(began).Seconds())
	s.tells()
}

// refused tells whether source, notifier and Ready say that the token is refused.
func refused(p *v1alpha1.FeedbackPipeline) (string, bool) {
	var is []string
	all := true
	for _, kind := range []string{v1alpha1.ConditionSourcesHealthy, v1alpha1.ConditionNotifierHealthy, v1alpha1.ConditionReady} {
		c := conditions.FindStatusCondition(p.Status.Conditions, kind)
		if c == nil {
			return "no condition " + kind, false
		}
		is = append(is, fmt.Sprintf("%s %s %s", kind, c.Status, c.Reason))
		all = all && c.Status == metav1.ConditionFalse && c.Reason == "TokenRefused"
	}
	return strings.Join(is, ", "), all
}

// growPartitions: topics grow, and what is written to the new partitions is read.
func (s *scene) growPartitions() {
	s.change("partitions are 6", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Topics.Partitions = 6 })
	s.Until("all topics but state have 6 partitions", time.Minute, func(ctx context.Context) (string, bool) {
		counts, err := s.partitions(ctx, s.Namespace+"."+pipeline+".")
		if err != nil {
			return err.Error(), false
		}
		grown := 0
		for _, n := range counts {
			if n == 6 {
				grown++
			}
		}
		return fmt.Sprint(counts), grown == 4 && len(counts) == 5
	})
	s.Ready(pipeline, clustertest.Patience)
	for range 3 { // some of them fall into new partitions
		s.tells()
	}
}

// scaleScorer: three replicas share the partitions, then one has all again.
func (s *scene) scaleScorer() {
	for _, n := range []int32{3, 1} {
		s.change(fmt.Sprintf("the scorer's replicas are %d", n), func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Scorer.Replicas = new(n) })
		s.Until(fmt.Sprintf("%d members of the scorer's group have the 6 partitions", n), 2*time.Minute, func(ctx context.Context) (string, bool) {
			shares, err := s.shares(ctx, s.Namespace+"."+pipeline+"."+desired.SentimentScorer)
			if err != nil {
				return err.Error(), false
			}
			sum := 0
			for _, share := range shares {
				sum += share
			}
			return fmt.Sprint(shares), len(shares) == int(n) && sum == 6
		})
		s.Ready(pipeline, clustertest.Patience)
		s.tells()
	}
}

// suspend: nothing runs, people talk on, and after the resume what they said is told.
func (s *scene) suspend() {
	s.change("the pipeline is suspended", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Suspend = true })
	s.Until("nothing of the pipeline runs, and its status says Suspended", time.Minute, func(ctx context.Context) (string, bool) {
		var pods corev1.PodList
		if err := s.List(ctx, &pods, client.InNamespace(s.Namespace), ofPipeline); err != nil {
			return err.Error(), false
		}
		p, err := s.get(ctx, s.Namespace, pipeline)
		if err != nil {
			return err.Error(), false
		}
		c := conditions.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		return fmt.Sprintf("%d pods, Ready %v", len(pods.Items), c), len(pods.Items) == 0 && c != nil && c.Reason == "Suspended"
	})
	missed := s.say(s.angry())
	s.more(10 * rate)
	s.change("the pipeline is resumed", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Suspend = false })
	s.Ready(pipeline, clustertest.Patience)
	s.isTold(missed, "negative", time.Minute)
}
