// Package crd holds the CustomResourceDefinition of FeedbackPipeline as it is generated from
// operator/api/v1alpha1, for those who apply it and those who validate by it without an API server.
package crd

import _ "embed" // for YAML

// YAML is the CustomResourceDefinition.
//
//go:embed feedbackpipeline.dev_feedbackpipelines.yaml
var YAML []byte
