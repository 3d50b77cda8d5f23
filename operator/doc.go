// Package operator is the root of the module that knows Kubernetes: api/v1alpha1 is the resource, config/crd its
// generated schema, desired what a pipeline asks for, validate an API server's judgement without an API server.
package operator
