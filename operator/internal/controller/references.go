package controller

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// poll is how old what was read of a Secret or ConfigMap may be. Nothing is watched: `get` on Secrets is enough.
const poll = 30 * time.Second

// references are the Secrets and ConfigMaps that were read lately. The zero value is ready for use.
type references struct {
	mu   sync.Mutex
	held map[referenced]held
}

type referenced struct {
	kind string
	name types.NamespacedName
}

type held struct {
	data map[string][]byte
	err  error
	at   time.Time
}

// missing is a reference to what is not there.
type missing struct {
	desired.Reference
	what string
}

func (m missing) Error() string {
	return fmt.Sprintf("%s: %s; create it, and the pipeline goes on by itself", m.Reference, m.what)
}

// lookup returns the value of a reference of a pipeline in namespace.
func (r *Reconciler) lookup(ctx context.Context, namespace string) func(desired.Reference) (string, error) {
	return func(ref desired.Reference) (string, error) {
		h := r.object(ctx, referenced{ref.Kind, types.NamespacedName{Namespace: namespace, Name: ref.Name}})
		if apierrors.IsNotFound(h.err) {
			return "", missing{ref, "the " + ref.Kind + " does not exist"}
		}
		if h.err != nil {
			return "", fmt.Errorf("read %s: %w", ref, h.err)
		}
		value, ok := h.data[ref.Key]
		if !ok {
			return "", missing{ref, "the " + ref.Kind + " has no such key"}
		}
		return string(value), nil
	}
}

func (r *Reconciler) object(ctx context.Context, of referenced) held {
	r.secrets.mu.Lock()
	h, ok := r.secrets.held[of]
	r.secrets.mu.Unlock()
	if ok && r.Now().Sub(h.at) < poll && h.err == nil {
		return h
	}
	h = held{at: r.Now()}
	h.data, h.err = r.data(ctx, of)
	r.secrets.mu.Lock()
	defer r.secrets.mu.Unlock()
	if r.secrets.held == nil {
		r.secrets.held = map[referenced]held{}
	}
	r.secrets.held[of] = h
	for key, old := range r.secrets.held {
		if r.Now().Sub(old.at) > 2*poll {
			delete(r.secrets.held, key)
		}
	}
	return h
}

func (r *Reconciler) data(ctx context.Context, of referenced) (map[string][]byte, error) {
	if of.kind == desired.KindSecret {
		s := &corev1.Secret{}
		err := r.Live.Get(ctx, of.name, s)
		return s.Data, err
	}
	m := &corev1.ConfigMap{}
	err := r.Live.Get(ctx, of.name, m)
	data := map[string][]byte{}
	for key, value := range m.Data {
		data[key] = []byte(value)
	}
	return data, err
}

// stamp puts on each Deployment's pods a hash of what they take from Secrets and ConfigMaps. What the shadow alone lacks is
// no error.
func (p *pass) stamp(ctx context.Context, objects []client.Object) error {
	var errs, shadows []error
	lookup := p.lookup(ctx, p.pipeline.Namespace)
	for _, o := range objects {
		d, ok := o.(*appsv1.Deployment)
		if !ok {
			continue
		}
		refs := desired.References(d)
		if len(refs) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, p.hashKey())
		for _, ref := range refs {
			value, err := lookup(ref)
			if desired.IsShadow(d) {
				shadows = append(shadows, err)
			} else {
				errs = append(errs, err)
			}
			fmt.Fprintf(mac, "%s %d ", ref, len(value))
			io.WriteString(mac, value)
		}
		if d.Spec.Template.Annotations == nil {
			d.Spec.Template.Annotations = map[string]string{}
		}
		d.Spec.Template.Annotations[desired.AnnotationReferences] = hex.EncodeToString(mac.Sum(nil)[:8])
	}
	p.holdShadow(errors.Join(shadows...))
	return errors.Join(errs...)
}

// hashKey is the operator's key, or the pipeline's UID.
func (p *pass) hashKey() []byte {
	if len(p.HashKey) > 0 {
		return p.HashKey
	}
	return []byte(cmp.Or(string(p.pipeline.UID), p.pipeline.Name))
}

// problemOf is what a condition says of err.
func problemOf(err error) *status.Problem {
	var m missing
	var c conflict
	switch {
	case errors.As(err, &m):
		return &status.Problem{Reason: status.ReasonMissing, Message: err.Error()}
	case errors.As(err, &c):
		return &status.Problem{Reason: status.ReasonConflict, Message: err.Error()}
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return &status.Problem{Reason: status.ReasonRejected, Message: err.Error()}
	}
	return &status.Problem{Reason: status.ReasonRejected, Message: "the API server did not do what was asked; it is tried again: " + err.Error()}
}
