package desired

import (
	"strconv"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// backend sets what scores, and how. A spec without one, which validation refuses, is scored by the default.
func (e *environment) backend(s v1alpha1.Backend) {
	switch {
	case s.Vader != nil:
		e.set("SCORER_BACKEND", "vader")
		e.set("SCORER_ASSUME_LANGUAGE", s.Vader.AssumeLanguage)
	case s.GRPC != nil:
		e.grpcBackend(*s.GRPC)
	case s.Azure != nil:
		e.azureBackend(*s.Azure)
	case s.LLM != nil:
		e.llmBackend(*s.LLM)
	case s.Builtin != nil:
		e.set("SCORER_BACKEND", "builtin")
		e.builtin(*s.Builtin)
	}
}

// builtin is how the built-in models score, as the backend or as its fallback.
func (e *environment) builtin(b v1alpha1.BuiltinScorer) {
	e.set("SCORER_ASSUME_LANGUAGE", b.AssumeLanguage)
	e.set("SCORER_BUILTIN_SLACK_KIND", string(b.SlackKind))
	e.set("SCORER_BUILTIN_X_KIND", string(b.XKind))
	e.set("SCORER_BUILTIN_NEUTRAL_TERMS", strings.Join(b.NeutralTerms, ","))
}

// grpcBackend is which server scores.
func (e *environment) grpcBackend(g v1alpha1.GRPCScorer) {
	e.set("SCORER_BACKEND", "grpc")
	e.set("SCORER_GRPC_ADDRESS", g.Address)
	e.set("SCORER_GRPC_TIMEOUT", g.Timeout.String())
	e.set("SCORER_GRPC_MAX_DOCUMENTS", strconv.Itoa(int(g.MaxDocuments)))
	if g.TLS != nil {
		e.set("SCORER_GRPC_TLS_ENABLED", "true")
		e.tls("SCORER_GRPC_TLS_", *g.TLS)
	}
}

// azureBackend is which Azure resource scores.
func (e *environment) azureBackend(a v1alpha1.AzureScorer) {
	e.set("SCORER_BACKEND", "azure")
	e.set("SCORER_AZURE_ENDPOINT", a.Endpoint)
	e.set("SCORER_AZURE_API", a.API)
	e.set("SCORER_AZURE_TIMEOUT", a.Timeout.String())
	e.secret("SCORER_AZURE_KEY", a.CredentialsSecretRef.Name, a.CredentialsSecretRef.Key)
}

// llmBackend is which language model scores.
func (e *environment) llmBackend(l v1alpha1.LLMScorer) {
	e.set("SCORER_BACKEND", "llm")
	e.set("SCORER_LLM_ENDPOINT", l.Endpoint)
	e.set("SCORER_LLM_MODEL", l.Model)
	e.set("SCORER_LLM_DAILY_BUDGET", strconv.FormatInt(l.TokensPerDay, 10))
	e.set("SCORER_LLM_KEY_HEADER", l.KeyHeader)
	e.set("SCORER_LLM_API_VERSION", l.APIVersion)
	e.set("SCORER_LLM_TIMEOUT", l.Timeout.String())
	e.set("SCORER_LLM_MAX_DOCUMENTS", strconv.Itoa(int(l.MaxDocuments)))
	e.set("SCORER_LLM_CONCURRENCY", strconv.Itoa(int(l.Concurrency)))
	if ref := l.CredentialsSecretRef; ref != nil {
		e.secret("SCORER_LLM_KEY", ref.Name, ref.Key)
	}
	if l.TLS != nil {
		e.tls("SCORER_LLM_TLS_", *l.TLS)
	}
}
