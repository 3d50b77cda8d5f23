package v1alpha1

// ScorerFallback scores while the scorer's own backend does not answer. Each event that it scored says so, and the
// scorer's health is degraded meanwhile. What the backend refuses of single texts stays refused.
type ScorerFallback struct {
	// The models that are part of the scorer.
	// +required
	Builtin *BuiltinScorer `json:"builtin"`

	// For how long the backend does not answer before the fallback scores; events wait so long. More than one request to
	// the backend may take: 1s to 1h, default 10s.
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="after must be a duration from 1s to 1h, for example 10s"
	// +optional
	After Duration `json:"after,omitzero"`
}
