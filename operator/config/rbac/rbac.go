// Package rbac holds what the operator may do.
package rbac

import (
	_ "embed"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

//go:embed rules.yaml
var text []byte

// Rules are the operator's rights, by where they are granted.
type Rules struct {
	// Pipelines are for every namespace in which it runs pipelines.
	Pipelines []rbacv1.PolicyRule `json:"pipelines"`
	// Leader are for its own namespace.
	Leader []rbacv1.PolicyRule `json:"leader"`
	// Metrics are for the whole cluster, where metrics are served behind authentication.
	Metrics []rbacv1.PolicyRule `json:"metrics"`
}

// Load returns the rules of rules.yaml.
func Load() (Rules, error) {
	var r Rules
	return r, yaml.UnmarshalStrict(text, &r)
}
