// Package cases has, for each reason that a condition of a pipeline may bear, what the operator sees when it does. The
// table of reasons in docs/spec/feedbackpipeline.md is what status.Derive makes of it.
package cases

import (
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// Case is one reason.
type Case struct {
	// Condition bears the Reason.
	Condition, Reason string
	// Means is what it means and what to do, for people.
	Means string
	// spoil makes it so of a pipeline that is well.
	spoil func(*v1alpha1.FeedbackPipeline, *status.Observation)
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Derived returns the pipeline of the case, with its status.
func (c Case) Derived() *v1alpha1.FeedbackPipeline {
	p := &v1alpha1.FeedbackPipeline{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "feedback", Name: "azure", Generation: 7},
		Spec: v1alpha1.FeedbackPipelineSpec{
			Sources: []v1alpha1.Source{{Name: "community", Slack: &v1alpha1.SlackSource{}}, {Name: "mentions", Twitter: &v1alpha1.TwitterSource{}}},
			Routes:  []v1alpha1.Route{{Name: "negative"}},
		},
	}
	healthy := status.Component{State: v1alpha1.SourceHealthy, Seen: now, LastEvent: now.Add(-time.Minute)}
	o := status.Observation{
		Now: now, Topics: &status.Topics{Count: 5},
		Workloads: []status.Workload{{Name: "azure-scorer", Wanted: 1, Updated: 1, Available: 1, Total: 1, Observed: true}},
		Flow: &status.Flow{
			Components: map[string]status.Component{slack: healthy, x: healthy, desired.SentimentScorer: healthy, desired.Notifier: healthy},
			Groups:     []status.Group{{ID: "feedback.azure.sentiment-scorer"}},
		},
	}
	c.spoil(p, &o)
	p.Status = status.Derive(p, o)
	return p
}

const (
	slack = desired.SlackIngest + "/community"
	x     = desired.TwitterIngest + "/mentions"
	so    = "so"
)

func well(*v1alpha1.FeedbackPipeline, *status.Observation) {}

func suspended(p *v1alpha1.FeedbackPipeline, o *status.Observation) {
	p.Spec.Suspend, o.Flow = true, nil
}

// says has a component say something else of itself.
func says(component string, state v1alpha1.SourceState, reason string) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		c := o.Flow.Components[component]
		c.State, c.Reason, c.Message = state, reason, so
		o.Flow.Components[component] = c
	}
}

func starting(reason string) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Workloads[0].Available = 0
		if reason != status.ReasonRollingOut {
			o.Workloads[0].Problem = &status.Problem{Reason: reason, Message: so}
		}
	}
}

func refused(reason string) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Refused = &status.Problem{Reason: reason, Message: so}
	}
}

func kafka(reason string) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Topics = &status.Topics{Problem: &status.Problem{Reason: reason, Message: so}, Unreachable: reason == status.ReasonUnreachable}
		if reason != topics.ReasonShrink { // then nothing is read of the pipeline
			o.Flow = nil
		}
	}
}

func scaling(problem string, pending bool) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Autoscaling = &status.Autoscaling{Name: "azure-scorer", Pending: pending}
		if problem != "" {
			o.Autoscaling.Problem = &status.Problem{Reason: problem, Message: so}
		}
	}
}

// short is a scorer of which KEDA asks for more replicas than have room.
func short(p *v1alpha1.FeedbackPipeline, o *status.Observation) {
	scaling("", false)(p, o)
	w := &o.Workloads[0]
	w.Elastic, w.Asked, w.Short = true, w.Available+1, &status.Problem{Reason: status.ReasonUnschedulable, Message: so}
}

// shadowed gives the scorer a shadow that is well, and spoils it.
func shadowed(spoil func(*v1alpha1.FeedbackPipeline, *status.Observation)) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return func(p *v1alpha1.FeedbackPipeline, o *status.Observation) {
		p.Spec.Scorer.Shadow = &v1alpha1.ShadowScorer{}
		o.Workloads = append(o.Workloads, status.Workload{Name: "azure-shadow", Shadow: true, Wanted: 1, Updated: 1, Available: 1, Total: 1, Observed: true})
		o.Flow.Components[desired.ShadowScorer] = o.Flow.Components[desired.SentimentScorer]
		o.Flow.Groups = append(o.Flow.Groups, status.Group{ID: "feedback.azure.shadow-scorer", Shadow: true})
		spoil(p, o)
	}
}

// shadowLacks is what stands against the shadow before it is applied.
func shadowLacks(reason string) func(*v1alpha1.FeedbackPipeline, *status.Observation) {
	return shadowed(func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Shadow = &status.Problem{Reason: reason, Message: so}
	})
}

// All are the cases, in the order of the documentation.
var All = []Case{
	{v1alpha1.ConditionReady, status.ReasonFlowing, "feedback flows", well},
	{v1alpha1.ConditionReady, status.ReasonDegraded, "it flows, but late or in part: the message says what is degraded", says(x, v1alpha1.SourceDegraded, "BudgetSpent")},
	{v1alpha1.ConditionReady, status.ReasonDegraded, "with ScoredByFallback in its message: the [fallback](../backends.md#fallback) scores, as the scorer's backend does not answer", says(desired.SentimentScorer, v1alpha1.SourceDegraded, "ScoredByFallback")},
	{v1alpha1.ConditionReady, "BackendNotAnswering", "or another word of the scorer that has **failed**: nothing is scored, and events wait; the message has the remedy", says(desired.SentimentScorer, v1alpha1.SourceFailed, "BackendNotAnswering")},
	{v1alpha1.ConditionReady, status.ReasonSuspended, "`spec.suspend` is set; `WorkloadsReady` is True once all replicas have gone", suspended},
	{v1alpha1.ConditionReady, status.ReasonStuck, "the scorer's group has lag and has committed nothing for 2 minutes: see the scorer's log", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Flow.Groups[0] = status.Group{ID: "feedback.azure.sentiment-scorer", Lag: 9, Stuck: now.Add(-status.StuckAfter)}
	}},

	{v1alpha1.ConditionTopicsReady, status.ReasonAsDesired, "all topics are as the spec says", well},
	{v1alpha1.ConditionTopicsReady, status.ReasonDrifted, "somebody else changed a topic: what is the operator's is set back, what only a person can change is named", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) { o.Topics.Drift = []string{so} }},
	{v1alpha1.ConditionTopicsReady, status.ReasonNotChecked, "the topics were not looked at yet, because something comes first", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) { o.Topics, o.Flow = nil, nil }},
	{v1alpha1.ConditionTopicsReady, status.ReasonUnreachable, "no broker answers, or none is trusted: the message has the network's or TLS's error and which field to check. Workloads are left as they are", kafka(status.ReasonUnreachable)},
	{v1alpha1.ConditionTopicsReady, status.ReasonDenied, "the broker refuses the user, its password, or what its [ACLs](../acls.md) do not allow", kafka(status.ReasonDenied)},
	{v1alpha1.ConditionTopicsReady, status.ReasonRefused, "a broker answered no, and the message says to what, such as a replication factor above the number of brokers", kafka(status.ReasonRefused)},
	{v1alpha1.ConditionTopicsReady, status.ReasonNotOwner, "another pipeline claimed the topics first: use another prefix, or take over from a cluster that has gone by the annotation that the message names", kafka(status.ReasonNotOwner)},
	{v1alpha1.ConditionTopicsReady, topics.ReasonMissing, "a topic that the operator does not manage does not exist", kafka(topics.ReasonMissing)},
	{v1alpha1.ConditionTopicsReady, topics.ReasonUnsuitable, "a topic that exists would lose or mix up what the pipeline keeps in it", kafka(topics.ReasonUnsuitable)},
	{v1alpha1.ConditionTopicsReady, topics.ReasonShrink, "`topics.partitions` is below what the topics have; all else of the spec is applied, and feedback goes on", kafka(topics.ReasonShrink)},

	{v1alpha1.ConditionWorkloadsReady, status.ReasonAvailable, "all Deployments are available", well},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonRollingOut, "some replicas are not yet as the spec says", starting(status.ReasonRollingOut)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonImagePull, "the kubelet cannot have the image: its name, or `podTemplate.imagePullSecrets`", starting(status.ReasonImagePull)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonCrashLoop, "a container ends again and again: `kubectl logs --previous`", starting(status.ReasonCrashLoop)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonQuota, "the namespace's ResourceQuota leaves no room", starting(status.ReasonQuota)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonUnschedulable, "no node takes the pod: resources, nodeSelector, tolerations, affinity", starting(status.ReasonUnschedulable)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonDeadline, "a Deployment made no progress for 10 minutes, and nothing more is known of its pods", starting(status.ReasonDeadline)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonRejected, "the API server or an admission controller refuses an object or its pods, with the message", refused(status.ReasonRejected)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonInvalid, "the spec cannot be rendered; what runs is left as it is", refused(status.ReasonInvalid)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonMissing, "a Secret, a ConfigMap or a key in one does not exist; what runs is left as it is, and goes on once it is there", refused(status.ReasonMissing)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonConflict, "an object of a name that the pipeline needs is somebody else's", refused(status.ReasonConflict)},
	{v1alpha1.ConditionWorkloadsReady, status.ReasonNotChecked, "the Deployments cannot be listed, for longer than 30 s", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Workloads, o.Unlisted, o.UnlistedSince = nil, errors.New(so), now.Add(-status.HoldDown)
	}},

	{v1alpha1.ConditionSourcesHealthy, status.ReasonHealthy, "every source that is not suspended is healthy", well},
	{v1alpha1.ConditionSourcesHealthy, "TokenRefused", "or another word of the source that has **failed**; the message has the remedy", says(slack, v1alpha1.SourceFailed, "TokenRefused")},
	{v1alpha1.ConditionSourcesHealthy, "BudgetSpent", "or another word of a source that is **degraded**: it works, late or in part", says(x, v1alpha1.SourceDegraded, "BudgetSpent")},
	{v1alpha1.ConditionSourcesHealthy, status.ReasonNoHealth, "nothing was heard of a source for a minute, or the state topic cannot be read for 30 s", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) { delete(o.Flow.Components, slack) }},
	{v1alpha1.ConditionSourcesHealthy, status.ReasonSuspended, "all sources are suspended, each by itself; what is in the topics is still scored and told", func(p *v1alpha1.FeedbackPipeline, _ *status.Observation) {
		for i := range p.Spec.Sources {
			p.Spec.Sources[i].Suspend = true
		}
	}},

	{v1alpha1.ConditionNotifierHealthy, status.ReasonHealthy, "every route's channel can be told", well},
	{v1alpha1.ConditionNotifierHealthy, "ChannelArchived", "or another word of the notifier that has **failed**", says(desired.Notifier, v1alpha1.SourceFailed, "ChannelArchived")},
	{v1alpha1.ConditionNotifierHealthy, status.ReasonOverdue, "events of a route should have been told already: its channel, Slack's limits", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		c := o.Flow.Components[desired.Notifier]
		c.Overdue = []string{"negative"}
		o.Flow.Components[desired.Notifier] = c
	}},
	{v1alpha1.ConditionNotifierHealthy, status.ReasonNoHealth, "nothing was heard of the notifier for a minute", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		delete(o.Flow.Components, desired.Notifier)
	}},

	{v1alpha1.ConditionShadowHealthy, status.ReasonHealthy, "the shadow scores what the scorer scores; the message says how far it is behind", shadowed(well)},
	{v1alpha1.ConditionShadowHealthy, status.ReasonDegraded, "it runs, but late or in part, or its backend has failed once: the message says why", shadowed(says(desired.ShadowScorer, v1alpha1.SourceDegraded, "BackendFailed"))},
	{v1alpha1.ConditionShadowHealthy, "HandlerFailed", "or another word of the shadow that has **failed**, of its workload or of its topic, as above: the pipeline goes on without it", shadowed(says(desired.ShadowScorer, v1alpha1.SourceFailed, "HandlerFailed"))},
	{v1alpha1.ConditionShadowHealthy, status.ReasonMissing, "a Secret that only the shadow needs does not exist", shadowLacks(status.ReasonMissing)},
	{v1alpha1.ConditionShadowHealthy, status.ReasonStuck, "the shadow has lag and has committed nothing for 2 minutes: see its log", shadowed(func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Flow.Groups[1] = status.Group{ID: "feedback.azure.shadow-scorer", Shadow: true, Lag: 9, Stuck: now.Add(-status.StuckAfter)}
	})},
	{v1alpha1.ConditionShadowHealthy, status.ReasonNoHealth, "nothing was heard of the shadow for a minute", shadowed(func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		delete(o.Flow.Components, desired.ShadowScorer)
	})},
	{v1alpha1.ConditionShadowHealthy, status.ReasonSuspended, "the pipeline is suspended", shadowed(suspended)},

	{v1alpha1.ConditionAutoscaling, status.ReasonAutoscaled, "KEDA sets the scorer's replicas", scaling("", false)},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerHeld, "KEDA sets the scorer's replicas, and adds none: the scorer waits for its backend or its budget, as more would", func(_ *v1alpha1.FeedbackPipeline, o *status.Observation) {
		o.Autoscaling = &status.Autoscaling{Name: "azure-scorer", Held: true}
	}},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerNew, "KEDA has not yet looked at the ScaledObject", scaling("", true)},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerFails, "KEDA cannot scale, with its message", scaling(status.ReasonScalerFails, false)},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerInactive, "KEDA's HorizontalPodAutoscaler has not had the lag, or could not scale, for a minute: KEDA's operator or its metrics server does not run", scaling(status.ReasonScalerInactive, false)},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerShort, "replicas that KEDA asks for don't come up, with the reason: no node has room, a quota, an image; the others score", short},
	{v1alpha1.ConditionAutoscaling, status.ReasonScalerStays, "the ScaledObject is being deleted and stays", scaling(status.ReasonScalerStays, false)},
	{v1alpha1.ConditionAutoscaling, status.ReasonNoKEDA, "KEDA is not installed; `scorer.autoscaling.minReplicas` run", scaling(status.ReasonNoKEDA, false)},
}
