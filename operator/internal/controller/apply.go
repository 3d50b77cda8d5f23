package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// annotationApplied is a hash of what was applied last. With it, what has left the spec is known without a request.
const annotationApplied = "feedbackpipeline.dev/applied"

// conflict is an object that bears a name of ours and is somebody else's.
type conflict struct{ kind, name, owner string }

func (c conflict) Error() string {
	return fmt.Sprintf("%s %s exists and is not this pipeline's (%s); delete or rename it, or rename the pipeline", c.kind, c.name, c.owner)
}

// apply makes o what it shall be, if it is not: it is the pipeline's, and the live one is absent or the pipeline's too.
func (p *pass) apply(ctx context.Context, o client.Object) error {
	want, err := p.applied(o)
	if err != nil {
		return err
	}
	live, err := p.current(ctx, o)
	if err != nil {
		return err
	}
	if live != nil && converged(want, live) {
		return nil
	}
	if err = p.handOver(ctx, want, live); err == nil {
		err = p.send(ctx, want, FieldOwner)
	}
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", want.GetKind(), want.GetName(), err)
	}
	return nil
}

// send applies want in the name of a field owner. The answer is read as an object of want's own type: to read its own
// writes, the client keeps a cache of what it writes, and of an unstructured object that would be a second one. What
// has no type here is not cached at all.
func (p *pass) send(ctx context.Context, want *unstructured.Unstructured, owner client.FieldOwner) error {
	text, err := want.MarshalJSON()
	if err != nil {
		return err
	}
	options := []client.PatchOption{owner, client.ForceOwnership}
	var answer client.Object = want.DeepCopy()
	if typed, err := p.Scheme().New(want.GroupVersionKind()); err != nil {
		options = append(options, client.DisableReadYourWritesConsistency)
	} else if o, ok := typed.(client.Object); ok {
		o.SetNamespace(want.GetNamespace())
		o.SetName(want.GetName())
		answer = o
	}
	return p.Patch(ctx, answer, client.RawPatch(types.ApplyPatchType, text), options...)
}

// applied returns o as it is sent: with its owner and its hash, without what only a server knows.
func (p *pass) applied(o client.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(u.Object, "spec", "template", "metadata", "creationTimestamp")
	u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(p.pipeline, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))})
	text, err := json.Marshal(u.Object)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotationApplied] = hex.EncodeToString(sum[:8])
	u.SetAnnotations(annotations)
	return u, nil
}

// current returns the live object of o's kind and name, nil if there is none, a conflict if it is not the pipeline's.
// The cache holds only what bears the operator's label, so absence is asked of the API server.
func (p *pass) current(ctx context.Context, o client.Object) (*unstructured.Unstructured, error) {
	key := client.ObjectKeyFromObject(o)
	live := blank(o)
	err := p.Get(ctx, key, live)
	if apierrors.IsNotFound(err) {
		err = p.Live.Get(ctx, key, live)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	kind := o.GetObjectKind().GroupVersionKind().Kind
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, key.Name, err)
	}
	if !metav1.IsControlledBy(live, p.pipeline) {
		return nil, conflictOf(kind, live)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	return &unstructured.Unstructured{Object: content}, err
}

// conflictOf is the conflict with live, which is somebody else's.
func conflictOf(kind string, live client.Object) conflict {
	owner := "it has no owner"
	if c := metav1.GetControllerOf(live); c != nil {
		owner = fmt.Sprintf("it belongs to %s %s", c.Kind, c.Name)
	}
	return conflict{kind, live.GetName(), owner}
}

func blank(o client.Object) client.Object {
	empty, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(client.Object)
	if !ok {
		panic(fmt.Sprintf("%T is no object", o)) // o's own type
	}
	return empty
}

// converged tells whether live is what was applied, and nobody has changed it since.
func converged(want, live *unstructured.Unstructured) bool {
	return want.GetAnnotations()[annotationApplied] == live.GetAnnotations()[annotationApplied] &&
		within(map[string]any{"metadata": want.Object["metadata"], "spec": want.Object["spec"]}, live.Object)
}

// within tells whether all that want says stands in live, which may say more: defaults, and what others own.
func within(want, live any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		for key, value := range want {
			ok = ok && within(value, have[key])
		}
		return ok
	case []any:
		have, ok := live.([]any)
		return ok && listWithin(want, have)
	case nil:
		return true
	}
	return reflect.DeepEqual(want, live)
}

// listWithin compares lists of named things by their names, others element by element.
func listWithin(want, live []any) bool {
	named := map[any]any{}
	for _, element := range live {
		if m, ok := element.(map[string]any); ok && m["name"] != nil {
			named[m["name"]] = m
		}
	}
	for i, element := range want {
		m, ok := element.(map[string]any)
		switch {
		case ok && m["name"] != nil:
			if !within(element, named[m["name"]]) {
				return false
			}
		case len(want) != len(live) || !within(element, live[i]):
			return false
		}
	}
	return true
}

// workloads applies all objects and deletes those of the pipeline that are no longer wanted. One that fails does not
// keep the others from being applied; nothing is deleted then.
func (p *pass) workloads(ctx context.Context, objects []client.Object) error {
	var errs []error
	for _, o := range objects {
		if desired.IsShadow(o) {
			p.applyShadow(ctx, o)
		} else {
			errs = append(errs, p.apply(ctx, o))
		}
	}
	if err := errors.Join(errs...); err != nil {
		p.saw.Refused = problemOf(err)
		return retriable(err)
	}
	return p.prune(ctx, objects)
}

// retriable is err, nil where trying again at once is of no use.
func retriable(err error) error {
	var c conflict
	if errors.As(err, &c) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return err
}
