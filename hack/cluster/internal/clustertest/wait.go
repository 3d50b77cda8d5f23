package clustertest

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// Patience is how long what depends on nothing but this machine's speed may take: images that start, rollouts. A limit
// that is a promise of ours stands where it is tested.
const Patience = 5 * time.Minute

const interval = 500 * time.Millisecond

// Step says what has been seen, and after how long.
func (c *Cluster) Step(format string, args ...any) {
	c.Helper()
	c.Logf("%6.1fs  %s", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// Until waits for a condition, or ends the test; ok says what is instead, or what is seen with it.
func (c *Cluster) Until(what string, limit time.Duration, ok func(ctx context.Context) (string, bool)) {
	c.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(c.Context(), interval, limit, true, func(ctx context.Context) (done bool, _ error) {
		last, done = ok(ctx)
		return done, nil
	})
	if err != nil {
		c.Fatalf("after %s still not: %s; it is: %s", limit, what, last)
	}
	if last != "" {
		last = " (" + last + ")"
	}
	c.Step("%s%s", what, last)
}

// Well is what a condition says of an error: what it is, or that there is none.
func Well(err error) (string, bool) {
	if err != nil {
		return err.Error(), false
	}
	return "", true
}

// Quiet calls f until it returns nil, or ends the test.
func (c *Cluster) Quiet(limit time.Duration, f func(ctx context.Context) error) {
	c.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.Context(), interval, limit, true, func(ctx context.Context) (bool, error) {
		last = f(ctx)
		return last == nil, nil
	})
	if err != nil {
		c.Fatalf("not within %s: %v", limit, last)
	}
}

// Ready waits until the pipeline says that feedback flows.
func (c *Cluster) Ready(name string, limit time.Duration) {
	c.Helper()
	c.ReadyIn(c.Namespace, name, limit)
}

// ReadyIn is Ready for a pipeline of another namespace.
func (c *Cluster) ReadyIn(namespace, name string, limit time.Duration) {
	c.Helper()
	c.Until("FeedbackPipeline "+name+" is Ready", limit, func(ctx context.Context) (string, bool) {
		ready, err := c.Condition(ctx, namespace, name, v1alpha1.ConditionReady)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s %s: %s", ready.Status, ready.Reason, ready.Message), ready.Status == metav1.ConditionTrue
	})
}

// Condition is one of a pipeline's conditions. It is an error if it is absent, or not of the present spec.
func (c *Cluster) Condition(ctx context.Context, namespace, name, kind string) (metav1.Condition, error) {
	p := &v1alpha1.FeedbackPipeline{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p); err != nil {
		return metav1.Condition{}, err
	}
	condition := meta.FindStatusCondition(p.Status.Conditions, kind)
	switch {
	case condition == nil:
		return metav1.Condition{}, fmt.Errorf("without a condition %s", kind)
	case condition.ObservedGeneration != p.Generation:
		return *condition, fmt.Errorf("of generation %d, not of %d: %s %s: %s", condition.ObservedGeneration, p.Generation, condition.Status, condition.Reason, condition.Message)
	}
	return *condition, nil
}

// Edit changes a pipeline's spec, and does so again where somebody else was faster or the API server was away; what says
// how.
func (c *Cluster) Edit(name, what string, change func(*v1alpha1.FeedbackPipelineSpec)) {
	c.Helper()
	c.Until(what, time.Minute, func(ctx context.Context) (string, bool) {
		p := &v1alpha1.FeedbackPipeline{}
		err := c.Get(ctx, c.Key(name), p)
		if err == nil {
			change(&p.Spec)
			err = c.Update(ctx, p)
		}
		return Well(err)
	})
}
