package desired_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func seconds(n int) v1alpha1.Duration {
	return v1alpha1.Duration{Duration: metav1.Duration{Duration: time.Duration(n) * time.Second}}
}

func byServer(secure *v1alpha1.ClientTLS) v1alpha1.Scorer {
	return v1alpha1.Scorer{Backend: v1alpha1.Backend{GRPC: &v1alpha1.GRPCScorer{Address: "scorer.nlp:9090", Timeout: seconds(2), MaxDocuments: 50, TLS: secure}}}
}

func byAzure() v1alpha1.Scorer {
	return v1alpha1.Scorer{Backend: v1alpha1.Backend{Azure: &v1alpha1.AzureScorer{
		Endpoint: "https://a.example", API: "Language", Timeout: seconds(10),
		CredentialsSecretRef: v1alpha1.AzureReference{Name: "azure", Key: "key"},
	}}}
}

func byModel() v1alpha1.Scorer {
	return v1alpha1.Scorer{Backend: v1alpha1.Backend{LLM: &v1alpha1.LLMScorer{
		Endpoint: "https://a.example/v1", Model: "m", TokensPerDay: 1_000_000, KeyHeader: "api-key", APIVersion: "2024-10-21",
		Timeout: seconds(30), MaxDocuments: 20, Concurrency: 4, CredentialsSecretRef: &v1alpha1.LLMReference{Name: "openai", Key: "key"},
		TLS: &v1alpha1.ClientTLS{CARef: &v1alpha1.CAReference{Kind: "Secret", Name: "ca", Key: "ca.crt"}},
	}}}
}

func withFallback(s v1alpha1.Scorer) v1alpha1.Scorer {
	s.Fallback = &v1alpha1.ScorerFallback{After: seconds(20), Builtin: &v1alpha1.BuiltinScorer{
		AssumeLanguage: "en", SlackKind: v1alpha1.TextDev, XKind: v1alpha1.TextTweet, NeutralTerms: []string{"azure", "teams"},
	}}
	return s
}

// said is a variable in a line: its value, or where it is taken from.
func said(v corev1.EnvVar) string {
	switch {
	case v.ValueFrom == nil:
		return v.Name + "=" + v.Value
	case v.ValueFrom.SecretKeyRef != nil:
		return v.Name + "<-Secret " + v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
	}
	return v.Name + "<-ConfigMap " + v.ValueFrom.ConfigMapKeyRef.Name + "/" + v.ValueFrom.ConfigMapKeyRef.Key
}

func TestEachBackendIsToldItsSettings(t *testing.T) {
	secure := &v1alpha1.ClientTLS{
		CARef:                      &v1alpha1.CAReference{Kind: "ConfigMap", Name: "ca", Key: "ca.crt"},
		ClientCertificateSecretRef: &v1alpha1.ClientCertificateReference{Name: "client", CertificateKey: "tls.crt", PrivateKeyKey: "tls.key"},
	}
	for _, c := range []struct {
		name   string
		scorer v1alpha1.Scorer
		want   []string
	}{
		{"vader", v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{AssumeLanguage: "de"}}}, []string{"SCORER_BACKEND=vader", "SCORER_ASSUME_LANGUAGE=de"}},
		{"server", byServer(nil), []string{"SCORER_BACKEND=grpc", "SCORER_GRPC_ADDRESS=scorer.nlp:9090", "SCORER_GRPC_TIMEOUT=2s", "SCORER_GRPC_MAX_DOCUMENTS=50"}},
		{"server over TLS", byServer(secure), []string{
			"SCORER_BACKEND=grpc", "SCORER_GRPC_ADDRESS=scorer.nlp:9090", "SCORER_GRPC_TIMEOUT=2s", "SCORER_GRPC_MAX_DOCUMENTS=50",
			"SCORER_GRPC_TLS_ENABLED=true", "SCORER_GRPC_TLS_CA<-ConfigMap ca/ca.crt",
			"SCORER_GRPC_TLS_CERTIFICATE<-Secret client/tls.crt", "SCORER_GRPC_TLS_KEY<-Secret client/tls.key",
		}},
		{"Azure", byAzure(), []string{
			"SCORER_BACKEND=azure", "SCORER_AZURE_ENDPOINT=https://a.example", "SCORER_AZURE_API=Language", "SCORER_AZURE_TIMEOUT=10s",
			"SCORER_AZURE_KEY<-Secret azure/key",
		}},
		{"language model", byModel(), []string{
			"SCORER_BACKEND=llm", "SCORER_LLM_ENDPOINT=https://a.example/v1", "SCORER_LLM_MODEL=m", "SCORER_LLM_DAILY_BUDGET=1000000",
			"SCORER_LLM_KEY_HEADER=api-key", "SCORER_LLM_API_VERSION=2024-10-21", "SCORER_LLM_TIMEOUT=30s", "SCORER_LLM_MAX_DOCUMENTS=20",
			"SCORER_LLM_CONCURRENCY=4", "SCORER_LLM_KEY<-Secret openai/key", "SCORER_LLM_TLS_CA<-Secret ca/ca.crt",
		}},
		{"language model of one's own", v1alpha1.Scorer{Backend: v1alpha1.Backend{LLM: &v1alpha1.LLMScorer{
			Endpoint: "http://ollama:11434/v1", Model: "m", TokensPerDay: 50_000, Timeout: seconds(30), MaxDocuments: 1, Concurrency: 1,
		}}}, []string{
			"SCORER_BACKEND=llm", "SCORER_LLM_ENDPOINT=http://ollama:11434/v1", "SCORER_LLM_MODEL=m", "SCORER_LLM_DAILY_BUDGET=50000",
			"SCORER_LLM_TIMEOUT=30s", "SCORER_LLM_MAX_DOCUMENTS=1", "SCORER_LLM_CONCURRENCY=1",
		}},
		{"Azure with a fallback", withFallback(byAzure()), []string{
			"SCORER_BACKEND=azure", "SCORER_AZURE_ENDPOINT=https://a.example", "SCORER_AZURE_API=Language", "SCORER_AZURE_TIMEOUT=10s",
			"SCORER_AZURE_KEY<-Secret azure/key", "SCORER_FALLBACK=builtin", "SCORER_FALLBACK_AFTER=20s", "SCORER_ASSUME_LANGUAGE=en",
			"SCORER_BUILTIN_SLACK_KIND=dev", "SCORER_BUILTIN_X_KIND=tweet", "SCORER_BUILTIN_NEUTRAL_TERMS=azure,teams",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, "smallest", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer = c.scorer })
			var got []string
			for _, container := range containers(render(t, p)) {
				if container.Name != desired.SentimentScorer {
					continue
				}
				for _, v := range container.Env {
					if strings.HasPrefix(v.Name, "SCORER_") {
						got = append(got, said(v))
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
