// Package v1alpha1 is the API group feedbackpipeline.dev: one resource, FeedbackPipeline, that declares
// where feedback comes from, how it is scored and who is told.
//
// What the API server accepts can be rendered: every default, bound and rule of the schema stands in the
// comments and markers of these types, and config/crd is generated from them. What a schema cannot say
// is in operator/desired.Validate.
//
// +kubebuilder:object:generate=true
// +groupName=feedbackpipeline.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

//go:generate controller-gen object paths=.
//go:generate controller-gen crd:maxDescLen=1000,allowDangerousTypes=true paths=. output:crd:dir=../../config/crd

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "feedbackpipeline.dev", Version: "v1alpha1"}

// Kind is the kind of a FeedbackPipeline.
const Kind = "FeedbackPipeline"

// AddToScheme adds the types of this package to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &FeedbackPipeline{}, &FeedbackPipelineList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
