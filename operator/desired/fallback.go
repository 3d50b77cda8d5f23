package desired

import "github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"

// fallback sets what scores while the backend does not answer; nil is nothing.
func (e *environment) fallback(f *v1alpha1.ScorerFallback) {
	if f == nil || f.Builtin == nil {
		return
	}
	e.set("SCORER_FALLBACK", "builtin")
	e.set("SCORER_FALLBACK_AFTER", f.After.String())
	e.builtin(*f.Builtin)
}
