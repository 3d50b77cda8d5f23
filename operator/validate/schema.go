// Package validate reads a FeedbackPipeline manifest as an API server would: the same schema, the same
// defaults and the same CEL rules, from the same CustomResourceDefinition, without a server. Where a server
// drops a field that it does not know, this package refuses it.
package validate

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
)

// resource is the resource's schema in the three forms that checking takes.
type resource struct {
	structural *schema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// embedded is the schema of the CustomResourceDefinition that is built in. Building it fails only if that
// file is broken, which its tests show.
var embedded = sync.OnceValues(func() (*resource, error) { return newResource(crd.YAML) })

func newResource(definition []byte) (*resource, error) {
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(definition, &v1); err != nil {
		return nil, fmt.Errorf("read the CustomResourceDefinition: %w", err)
	}
	for _, version := range v1.Spec.Versions {
		if version.Name != v1alpha1.GroupVersion.Version {
			continue
		}
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			return nil, fmt.Errorf("convert the schema of %s: %w", version.Name, err)
		}
		structural, err := schema.NewStructural(&props)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", version.Name, err)
		}
		openAPI, _, err := validation.NewSchemaValidator(&props)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", version.Name, err)
		}
		return &resource{
			structural: structural,
			openAPI:    openAPI,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		}, nil
	}
	return nil, fmt.Errorf("the CustomResourceDefinition %s has no version %s", v1.Name, v1alpha1.GroupVersion.Version)
}

// prune removes what the schema does not know from obj and returns the paths of what it removed.
func (r *resource) prune(obj map[string]any) []string {
	return pruning.PruneWithOptions(obj, r.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

// fill sets the defaults of what obj leaves out.
func (r *resource) fill(obj map[string]any) {
	defaulting.PruneNonNullableNullsWithoutDefaults(obj, r.structural)
	defaulting.Default(obj, r.structural)
}

// check returns what the API server would refuse in obj, whose defaults are set. With old, obj is an update of it.
// Like the server it leaves the rules out if obj has not even the shape that they speak of.
func (r *resource) check(ctx context.Context, obj, old map[string]any) field.ErrorList {
	var errs field.ErrorList
	if old == nil {
		errs = validation.ValidateCustomResource(nil, obj, r.openAPI)
	} else {
		errs = validation.ValidateCustomResourceUpdate(nil, obj, old, r.openAPI)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, r.structural, obj)...)
	for _, e := range errs {
		switch e.Type {
		case field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return errs
		}
	}
	var before any
	if old != nil {
		before = old
	}
	broken, _ := r.rules.Validate(ctx, nil, r.structural, obj, before, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...)
}
