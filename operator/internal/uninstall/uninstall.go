// Package uninstall takes leave of the pipelines before the operator goes: nobody would be left to take off their
// finalizer, and who deletes a pipeline then, or its namespace, would wait for ever.
//
// It guarantees: once it has returned nil, no pipeline that the operator ran has the finalizer, and the operator is not
// there to put it on again.
package uninstall

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
)

// every is how often is looked whether something has gone.
const every = 500 * time.Millisecond

// Options say of what to take leave.
type Options struct {
	// Operator is the Deployment of the operator.
	Operator types.NamespacedName
	// Namespaces are those in which it runs pipelines; empty: all.
	Namespaces []string
	// Delete deletes the pipelines, while the operator is there to delete their topics. False lets them be.
	Delete bool
	// Patience is how long the operator may take for the deletions. What is left then goes without it.
	Patience time.Duration
}

// Run is the subcommand, by its arguments. It ends by itself.
func Run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster: run in a pod, or set KUBECONFIG: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	api, err := client.New(cluster, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	return TakeLeave(ctx, api, o, out)
}

func parse(args []string, out io.Writer) (Options, error) {
	var o Options
	var deployment, namespaces string
	f := flag.NewFlagSet("operator uninstall", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&deployment, "deployment", "", "the operator's Deployment, as `namespace/name`")
	f.StringVar(&namespaces, "namespaces", "", "the namespaces in which it runs pipelines, comma separated; empty: all")
	f.BoolVar(&o.Delete, "delete", false, "delete the pipelines, and with them the topics of those that say so")
	f.DurationVar(&o.Patience, "patience", 75*time.Second, "how long the operator may take for the deletions")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	namespace, name, ok := strings.Cut(deployment, "/")
	if !ok || namespace == "" || name == "" {
		return o, fmt.Errorf("-deployment %q: write namespace/name of the operator's Deployment", deployment)
	}
	o.Operator = types.NamespacedName{Namespace: namespace, Name: name}
	o.Namespaces = strings.FieldsFunc(namespaces, func(c rune) bool { return c == ',' })
	return o, nil
}

// TakeLeave lets go of all: pipelines deleted, if they shall be -> operator stopped -> finalizers taken off what is left.
func TakeLeave(ctx context.Context, api client.Client, o Options, out io.Writer) error {
	all, err := pipelines(ctx, api, o.Namespaces)
	if meta.IsNoMatchError(err) {
		fmt.Fprintln(out, "the cluster does not know FeedbackPipelines: nothing to do")
		return nil
	}
	if err != nil {
		return err
	}
	if o.Delete {
		if err := deleteAll(ctx, api, o, all, out); err != nil {
			return err
		}
	}
	if err := stop(ctx, api, o.Operator); err != nil {
		return fmt.Errorf("stop the operator %s: %w", o.Operator, err)
	}
	fmt.Fprintln(out, "the operator is stopped")
	if all, err = pipelines(ctx, api, o.Namespaces); err != nil {
		return err
	}
	return letGo(ctx, api, all, out)
}

// WithNamespace is for an operator that has stopped: if the namespace in which it ran is being deleted, it will not come
// back, and finalizers are taken off all pipelines that it ran. Kubernetes ends a namespace's pods before it deletes
// the rest, so that nobody else could. One that may not look at its namespace does nothing.
func WithNamespace(ctx context.Context, api client.Client, own string, namespaces []string, out io.Writer) error {
	ns := &corev1.Namespace{}
	if err := api.Get(ctx, types.NamespacedName{Name: own}, ns); err != nil {
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("look at the operator's namespace %s: %w", own, err)
	}
	if ns.DeletionTimestamp.IsZero() {
		return nil
	}
	all, err := pipelines(ctx, api, namespaces)
	if err != nil {
		return err
	}
	return letGo(ctx, api, all, out)
}

// pipelines are those that the operator runs.
func pipelines(ctx context.Context, api client.Client, namespaces []string) ([]v1alpha1.FeedbackPipeline, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var all []v1alpha1.FeedbackPipeline
	for _, ns := range namespaces {
		var list v1alpha1.FeedbackPipelineList
		if err := api.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
	}
	return all, nil
}

// deleteAll deletes pipelines and waits until the operator has let them go, or for as long as it may take.
func deleteAll(ctx context.Context, api client.Client, o Options, all []v1alpha1.FeedbackPipeline, out io.Writer) error {
	for i := range all {
		p := &all[i]
		if err := client.IgnoreNotFound(api.Delete(ctx, p)); err != nil {
			return fmt.Errorf("delete %s/%s: %w", p.Namespace, p.Name, err)
		}
		fmt.Fprintf(out, "%s/%s is deleted\n", p.Namespace, p.Name)
	}
	err := wait.PollUntilContextTimeout(ctx, every, o.Patience, true, func(ctx context.Context) (bool, error) {
		left, err := pipelines(ctx, api, o.Namespaces)
		return len(left) == 0 && err == nil, nil // an API server that does not answer now may answer later
	})
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(out, "the operator has not let all of them go within %s; their topics may be left\n", o.Patience)
	}
	return ctx.Err()
}

// stop scales the operator to nothing and waits until its pods have gone. One that is not there is stopped.
func stop(ctx context.Context, api client.Client, name types.NamespacedName) error {
	d := &appsv1.Deployment{}
	if err := api.Get(ctx, name, d); err != nil {
		return client.IgnoreNotFound(err)
	}
	if err := api.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":0}}`))); err != nil {
		return client.IgnoreNotFound(err)
	}
	return wait.PollUntilContextCancel(ctx, every, true, func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		err := api.List(ctx, &pods, client.InNamespace(name.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))
		return len(pods.Items) == 0, err
	})
}

// letGo takes the finalizer off.
func letGo(ctx context.Context, api client.Client, all []v1alpha1.FeedbackPipeline, out io.Writer) error {
	var errs []error
	for i := range all {
		p := &all[i]
		old := p.DeepCopy()
		if !controllerutil.RemoveFinalizer(p, controller.Finalizer) {
			continue
		}
		if err := client.IgnoreNotFound(api.Patch(ctx, p, client.MergeFrom(old))); err != nil {
			errs = append(errs, fmt.Errorf("let %s/%s go: %w", p.Namespace, p.Name, err))
			continue
		}
		fmt.Fprintf(out, "%s/%s may be deleted without the operator; its topics stay then\n", p.Namespace, p.Name)
	}
	return errors.Join(errs...)
}
