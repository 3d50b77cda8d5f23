//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// prefix is what the names of the pipeline's topics and groups begin with.
func (s *scene) prefix() string { return s.Namespace + "." + pipeline + "." }

// delete deletes the pipeline and waits until it and its pods have gone.
func (s *scene) delete(limit time.Duration) {
	s.Helper()
	p, err := s.get(s.Context(), s.Namespace, pipeline)
	clustertest.Must(s.T, err)
	clustertest.Must(s.T, s.Delete(s.Context(), p))
	s.Until("the pipeline and its pods have gone", limit, func(ctx context.Context) (string, bool) {
		_, err := s.get(ctx, s.Namespace, pipeline)
		var pods corev1.PodList
		if left := s.List(ctx, &pods, client.InNamespace(s.Namespace), ofPipeline); left != nil {
			return left.Error(), false
		}
		return fmt.Sprintf("get: %v; %d pods", err, len(pods.Items)), apierrors.IsNotFound(err) && len(pods.Items) == 0
	})
}

// deleteRetaining: the default policy leaves topics and groups, and withdraws the claim on them.
func (s *scene) deleteRetaining() {
	state := s.prefix() + desired.RoleState
	var claims map[string]bool
	s.Quiet(time.Minute, func(ctx context.Context) (err error) { claims, err = s.claims(ctx, state); return err })
	if got := live(claims); len(got) != 1 {
		s.Errorf("claims on the topics: %v, want one", claims)
	}
	before := s.topics()
	s.delete(time.Minute)
	s.Until("the claim on the topics is withdrawn", time.Minute, func(ctx context.Context) (string, bool) {
		claims, err := s.claims(ctx, state)
		return fmt.Sprint(claims, err), err == nil && len(claims) == 1 && len(live(claims)) == 0
	})
	if after := s.topics(); len(before) != 5 || !slices.Equal(before, after) {
		s.Errorf("topics before %v and after %v, want the same five", before, after)
	}
}

// topics are the names of the pipeline's topics.
func (s *scene) topics() []string {
	s.Helper()
	var counts map[string]int
	s.Quiet(time.Minute, func(ctx context.Context) (err error) { counts, err = s.partitions(ctx, s.prefix()); return err })
	return slices.Sorted(maps.Keys(counts))
}

// applyAgain makes the pipeline anew on the topics that were left, this time to be deleted with them, and beside it the
// doomed one in a namespace of its own.
func (s *scene) applyAgain() {
	s.botTokens(firstToken, secondToken) // the Secrets of the two namespaces have one each
	s.spare = s.Restricted(prefix)
	s.tokens(s.spare)
	s.create(s.spare, doomed, nil)
	s.create(s.Namespace, pipeline, func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Topics.DeletionPolicy, spec.Topics.Partitions = v1alpha1.DeletionDelete, 6
	})
	s.Ready(pipeline, clustertest.Patience)
	s.ReadyIn(s.spare, doomed, clustertest.Patience)
}

// deleteAll: with deletionPolicy Delete topics and groups go with the pipeline.
func (s *scene) deleteAll() {
	s.delete(90 * time.Second)
	s.Until("no topic and no group is left", time.Minute, func(ctx context.Context) (string, bool) { // brokers learn of it a moment later
		topics, err := s.partitions(ctx, s.prefix())
		groups, failed := s.groups(ctx, s.prefix())
		return fmt.Sprint(topics, groups, err, failed), err == nil && failed == nil && len(topics)+len(groups) == 0
	})
}

// deleteNamespace: a namespace goes although its pipeline wants its topics deleted and Kafka is away.
func (s *scene) deleteNamespace() {
	clustertest.Must(s.T, s.kafka.Kill(1))
	ns := &corev1.Namespace{}
	ns.Name = s.spare
	clustertest.Must(s.T, s.Delete(s.Context(), ns))
	s.Until("the namespace has gone", 90*time.Second, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		return fmt.Sprintf("%v: %v", err, ns.Status.Conditions), apierrors.IsNotFound(err)
	})
}
